//! Notes to every node over one database: Postgres' own LISTEN and NOTIFY.

use sqlx::postgres::PgListener;

use super::Postgres;
use crate::catalog::CatalogError;

/// Notes of every node, our own too, from now on.
#[derive(Debug)]
pub struct Notes(PgListener);

impl Notes {
    /// The next note; `None`: the connection was lost, and maybe notes with it.
    pub async fn next(&mut self) -> Result<Option<String>, CatalogError> {
        Ok(self.0.try_recv().await?.map(|note| note.payload().to_owned()))
    }

    /// Whether the other side is still there: a connection that broke somewhere on the way is as quiet as one without
    /// notes.
    pub async fn check(&mut self) -> Result<(), CatalogError> {
        sqlx::query("SELECT 1").execute(&mut self.0).await?;
        Ok(())
    }
}

impl Postgres {
    /// Sends notes, in this order.
    pub(in crate::catalog) async fn send_notes(&self, notes: &[String]) -> Result<(), CatalogError> {
        let send = sqlx::query("SELECT pg_notify($1, note) FROM unnest($2::text[]) AS notes (note)");
        send.bind(&self.channel).bind(notes).execute(&self.pool).await?;
        Ok(())
    }

    pub(in crate::catalog) async fn notes(&self) -> Result<Notes, CatalogError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        // Whoever listens begins anew.
        listener.eager_reconnect(false);
        listener.listen(&self.channel).await?;
        Ok(Notes(listener))
    }
}

/// The channel of the nodes that share a schema. Its name may have 63 bytes, and so may the schema's.
pub(super) fn channel(schema: &str) -> String {
    format!("tintype_{}", &blake3::hash(schema.as_bytes()).to_hex()[..16])
}

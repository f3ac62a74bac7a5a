//! Jobs and kinksters, as the owner of the tables: the caller was held against the rows before.

use sqlx::postgres::PgTransaction;

use super::Postgres;
use crate::catalog::CatalogError;

crate::catalog::jobs::store::job_store!(Postgres, " FOR UPDATE SKIP LOCKED");

/// Held while a node looks how much room there is. Any number that nobody else uses.
const LOCK: i64 = 0x7469_6e74_7970_6502;

impl Postgres {
    pub(super) async fn begin_read(&self) -> Result<PgTransaction<'static>, CatalogError> {
        self.begin().await
    }

    /// What is counted here must not be counted twice at once.
    async fn begin_alone(&self) -> Result<PgTransaction<'static>, CatalogError> {
        let mut tx = self.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
        Ok(tx)
    }
}

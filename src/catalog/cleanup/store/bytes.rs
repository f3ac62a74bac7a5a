//! Bytes: whose they are, and which nobody needs any more.

macro_rules! bytes {
    ($database:ident) => {
        use time::OffsetDateTime;
        use uuid::Uuid;

        use super::audit::log;
        use super::{forgotten, stale};
        use crate::catalog::cleanup::{Actor, NewAudit};
        use crate::catalog::{CatalogError, StaleBlob, $database};

        impl $database {
            pub(in crate::catalog) async fn blob_store(&self) -> Result<Option<Uuid>, CatalogError> {
                let mut tx = self.begin_read().await?;
                Ok(sqlx::query_scalar("SELECT id FROM blob_store").fetch_optional(&mut *tx).await?)
            }

            pub(in crate::catalog) async fn claim_blob_store(
                &self,
                id: Uuid,
                replace: bool,
            ) -> Result<Uuid, CatalogError> {
                let mut tx = self.begin().await?;
                let insert = "INSERT INTO blob_store (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
                sqlx::query(insert).bind(id).execute(&mut *tx).await?;
                if replace {
                    sqlx::query("UPDATE blob_store SET id = $1").bind(id).execute(&mut *tx).await?;
                }
                let id = sqlx::query_scalar("SELECT id FROM blob_store").fetch_one(&mut *tx).await?;
                tx.commit().await?;
                Ok(id)
            }

            pub(in crate::catalog) async fn note_orphans(
                &self,
                orphans: &[StaleBlob],
                since: OffsetDateTime,
                entries: &[NewAudit],
            ) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                for orphan in orphans {
                    stale(&mut tx, &orphan.bucket, orphan.version, since).await?;
                }
                for entry in entries {
                    log(&mut tx, entry).await?;
                }
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn forget_stale(
                &self,
                blobs: &[StaleBlob],
                actor: Actor,
                run: Option<Uuid>,
            ) -> Result<u64, CatalogError> {
                let mut tx = self.begin().await?;
                let forgotten = forgotten(&mut tx, blobs).await?;
                for entry in NewAudit::of_bytes(actor, run, &forgotten) {
                    log(&mut tx, &entry).await?;
                }
                tx.commit().await?;
                Ok(forgotten.len() as u64)
            }
        }
    };
}

pub(in crate::catalog) use bytes;

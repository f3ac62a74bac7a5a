//! What can be brought back, and is.

macro_rules! restoring {
    ($database:ident) => {
        use std::collections::HashSet;

        use uuid::Uuid;

        use super::audit::log;
        use super::give_back;
        use crate::catalog::cleanup::rows::removed;
        use crate::catalog::cleanup::{Actor, AuditAction, NewAudit, Removed, Restored};
        use crate::catalog::columns::micros;
        use crate::catalog::{CatalogError, now, $database};
        use crate::object::BucketName;

        impl $database {
            pub(in crate::catalog) async fn removed_by(&self, run: Uuid) -> Result<Vec<Removed>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM removed_objects WHERE run = $1 AND restored_at IS NULL \
                    AND restorable_until > $2 ORDER BY name";
                let query = sqlx::query(select).bind(run).bind(micros(now()));
                query.fetch_all(&mut *tx).await?.iter().map(removed).collect()
            }

            pub(in crate::catalog) async fn restore(
                &self,
                removed: &Removed,
                actor: Actor,
            ) -> Result<Restored, CatalogError> {
                let mut tx = self.begin().await?;
                let object = &removed.object;
                let mark = "UPDATE removed_objects SET restored_at = $3 WHERE bucket_id = $1 AND version = $2 \
                    AND restored_at IS NULL AND restorable_until > $3";
                let mark = sqlx::query(mark).bind(object.id.bucket.as_str()).bind(object.version).bind(micros(now()));
                if mark.execute(&mut *tx).await?.rows_affected() == 0 {
                    return Ok(Restored::Gone);
                }
                match give_back(&mut tx, object).await {
                    Ok(()) => {}
                    // Undone with the transaction.
                    Err(CatalogError::ObjectExists) => return Ok(Restored::Taken),
                    Err(CatalogError::NoBucket) => return Ok(Restored::NoBucket),
                    Err(error) => return Err(error),
                }
                let entry = NewAudit::of(actor, AuditAction::Restored, removed.run, object, "brought back by hand");
                log(&mut tx, &entry).await?;
                let count = sqlx::query("UPDATE cleanup_runs SET restored = restored + 1 WHERE id = $1");
                count.bind(removed.run).execute(&mut *tx).await?;
                tx.commit().await?;
                Ok(Restored::Back(Box::new(object.clone())))
            }

            pub(in crate::catalog) async fn restored_versions(
                &self,
                bucket: &BucketName,
            ) -> Result<HashSet<Uuid>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT version FROM removed_objects WHERE bucket_id = $1 AND restored_at IS NOT NULL";
                let versions = sqlx::query_scalar(select).bind(bucket.as_str()).fetch_all(&mut *tx).await?;
                Ok(versions.into_iter().collect())
            }

            pub(in crate::catalog) async fn prune_restored(&self) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                let forget = "DELETE FROM removed_objects WHERE restored_at IS NOT NULL AND NOT EXISTS \
                    (SELECT 1 FROM objects AS o WHERE o.bucket_id = removed_objects.bucket_id \
                    AND o.version = removed_objects.version)";
                sqlx::query(forget).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }
        }
    };
}

pub(in crate::catalog) use restoring;

//! What an upstream removes and takes back: noted before it is asked and after.

macro_rules! elsewhere {
    ($database:ident) => {
        use uuid::Uuid;

        use super::audit::log;
        use super::removals::keep_row;
        use super::{happened, stale};
        use crate::catalog::cleanup::rows::removed;
        use crate::catalog::cleanup::{Actor, AuditAction, NewAudit, Removed};
        use crate::catalog::columns::micros;
        use crate::catalog::types::EventKind;
        use crate::catalog::{CatalogError, now, $database};

        impl $database {
            pub(in crate::catalog) async fn note_pending(&self, removed: &Removed) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                keep_row(&mut tx, removed, Some(removed.removed_at)).await?;
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn pending_removals(&self) -> Result<Vec<Removed>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM removed_objects WHERE pending_since IS NOT NULL AND restored_at IS NULL \
                    AND restorable_until > $1 ORDER BY bucket_id, name";
                let query = sqlx::query(select).bind(micros(now()));
                query.fetch_all(&mut *tx).await?.iter().map(removed).collect()
            }

            pub(in crate::catalog) async fn note_gone(
                &self,
                removed: &Removed,
                actor: Actor,
                reason: &str,
            ) -> Result<(), CatalogError> {
                let (mut tx, object) = (self.begin().await?, &removed.object);
                keep_row(&mut tx, removed, None).await?;
                happened(&mut tx, EventKind::Deleted, object).await?;
                log(&mut tx, &NewAudit::of(actor, AuditAction::Removed, removed.run, object, reason)).await?;
                let count = "UPDATE cleanup_runs SET removed = removed + 1, bytes = bytes + $2 WHERE id = $1";
                sqlx::query(count).bind(removed.run).bind(object.size as i64).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn note_back(
                &self,
                removed: &Removed,
                actor: Actor,
                reason: &str,
                version: Uuid,
            ) -> Result<bool, CatalogError> {
                let (mut tx, object) = (self.begin().await?, &removed.object);
                let mark = "UPDATE removed_objects SET restored_at = $3, version = $4 WHERE bucket_id = $1 \
                    AND version = $2 AND restored_at IS NULL AND pending_since IS NULL";
                let mark = sqlx::query(mark).bind(object.id.bucket.as_str()).bind(object.version).bind(micros(now()));
                if mark.bind(version).execute(&mut *tx).await?.rows_affected() == 0 {
                    return Ok(false);
                }
                stale(&mut tx, &object.id.bucket, object.version, now()).await?;
                happened(&mut tx, EventKind::Created, object).await?;
                log(&mut tx, &NewAudit::of(actor, AuditAction::Restored, removed.run, object, reason)).await?;
                let count = sqlx::query("UPDATE cleanup_runs SET restored = restored + 1 WHERE id = $1");
                count.bind(removed.run).execute(&mut *tx).await?;
                tx.commit().await?;
                Ok(true)
            }
        }
    };
}

pub(in crate::catalog) use elsewhere;

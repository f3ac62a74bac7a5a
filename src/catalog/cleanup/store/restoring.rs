//! What can be brought back, and is.

macro_rules! restoring {
    ($database:ident) => {
        use std::collections::HashSet;

        use uuid::Uuid;

        use super::audit::log;
        use super::give_back;
        use crate::catalog::cleanup::rows::removed;
        use crate::auth::{Caller, Role};
        use crate::catalog::cleanup::{Actor, AuditAction, NewAudit, Removed, Restored, remover};
        use crate::catalog::columns::micros;
        use crate::catalog::{CatalogError, now, $database};
        use crate::object::{BucketName, ObjectKey};

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

        impl $database {
            pub(in crate::catalog) async fn removed_by(&self, run: Uuid) -> Result<Vec<Removed>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM removed_objects WHERE run = $1 AND restored_at IS NULL \
                    AND restorable_until > $2 ORDER BY name";
                let query = sqlx::query(select).bind(run).bind(micros(now()));
                query.fetch_all(&mut *tx).await?.iter().map(removed).collect()
            }

            pub(in crate::catalog) async fn removed_named(
                &self,
                caller: &Caller,
                bucket: &BucketName,
                keys: &[ObjectKey],
                version: Option<Uuid>,
            ) -> Result<Vec<Removed>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let remover = (caller.role != Role::Service).then(|| remover(caller));
                let select = "SELECT * FROM removed_objects WHERE bucket_id = $1 AND name = $2 \
                    AND restored_at IS NULL AND pending_since IS NULL AND restorable_until > $3 \
                    AND ($4 IS NULL OR remover = $4) AND ($5 IS NULL OR version = $5) ORDER BY removed_at DESC LIMIT 1";
                let (time, mut found) = (micros(now()), Vec::new());
                for key in keys {
                    let query = sqlx::query(select).bind(bucket.as_str()).bind(key.as_str()).bind(time);
                    let row = query.bind(remover.as_deref()).bind(version).fetch_optional(&mut *tx).await?;
                    found.extend(row.as_ref().map(removed).transpose()?);
                }
                Ok(found)
            }

            pub(in crate::catalog) async fn restore(
                &self,
                removed: &Removed,
                actor: Actor,
            ) -> Result<Restored, CatalogError> {
                self.bring_back(removed, actor, None).await
            }

            pub(in crate::catalog) async fn undo(
                &self,
                removed: &Removed,
                caller: &Caller,
            ) -> Result<Restored, CatalogError> {
                let restored = self.bring_back(removed, Actor::of(caller), Some(caller)).await?;
                // What has its name now is perhaps not theirs to know of.
                if restored == Restored::Taken && self.object(caller, &removed.object.id).await.is_err() {
                    return Ok(Restored::Gone);
                }
                Ok(restored)
            }

            /// `caller`: who has to be able to remove it again, else it is gone for them.
            async fn bring_back(
                &self,
                removed: &Removed,
                actor: Actor,
                caller: Option<&Caller>,
            ) -> Result<Restored, CatalogError> {
                let mut tx = self.begin().await?;
                let object = &removed.object;
                if !let_go(&mut tx, removed).await? {
                    return Ok(Restored::Gone);
                }
                match give_back(&mut tx, object).await {
                    Ok(()) => {}
                    // Undone with the transaction.
                    Err(CatalogError::ObjectExists) => return Ok(Restored::Taken),
                    Err(CatalogError::NoBucket) => return Ok(Restored::NoBucket),
                    Err(error) => return Err(error),
                }
                if let Some(caller) = caller
                    && !self.may_remove(&mut tx, caller, object).await?
                {
                    return Ok(Restored::Gone);
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

        /// What is removed may be brought back by this: `false`, where its time is over or it is back already.
        async fn let_go(connection: &mut Connection, removed: &Removed) -> Result<bool, CatalogError> {
            // Brought back by hand from retention: then no rule removes it again. Else it is as if nothing had happened.
            const MARK: &str = "UPDATE removed_objects SET restored_at = $3 WHERE bucket_id = $1 AND version = $2 \
                AND restored_at IS NULL AND restorable_until > $3 AND run = $4";
            const MARK_AGAIN: &str = "UPDATE removed_objects SET restored_at = restored_before, restored_before = NULL, \
                remover = NULL WHERE bucket_id = $1 AND version = $2 AND restored_at IS NULL AND restorable_until > $3 \
                AND run = $4 AND restored_before IS NOT NULL";
            const FORGET: &str = "DELETE FROM removed_objects WHERE bucket_id = $1 AND version = $2 \
                AND restored_at IS NULL AND restorable_until > $3 AND run = $4";
            let statements: &[&'static str] = if removed.remover.is_none() { &[MARK] } else { &[MARK_AGAIN, FORGET] };
            let id = &removed.object.id;
            for statement in statements {
                let change = sqlx::query(*statement).bind(id.bucket.as_str()).bind(removed.object.version);
                let change = change.bind(micros(now())).bind(removed.run);
                if change.execute(&mut *connection).await?.rows_affected() == 1 {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    };
}

pub(in crate::catalog) use restoring;

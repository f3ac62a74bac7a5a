//! What is removed: with all that says that nothing points at it.

macro_rules! removals {
    ($database:ident) => {
        use serde_json::Value;
        use time::OffsetDateTime;

        use super::audit::log;
        use super::turns::renew;
        use super::{look, object, references, settle, stale, take};
        use crate::catalog::cleanup::rows::removed;
        use crate::catalog::cleanup::{Actor, AuditAction, NewAudit, Removed, Retire, Seen};
        use crate::catalog::columns::micros;
        use crate::catalog::{$database, CatalogError, Object, now};
        use crate::config::ColumnName;
        use crate::object::{BucketName, ObjectId};
        use crate::transform::Pointed;

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

        impl $database {
            pub(in crate::catalog) async fn objects_after(
                &self,
                bucket: &BucketName,
                after: &str,
                limit: u32,
            ) -> Result<Vec<Object>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM objects WHERE bucket_id = $1 AND name > $2 ORDER BY name LIMIT $3";
                let query = sqlx::query(select).bind(bucket.as_str()).bind(after).bind(i64::from(limit));
                query.fetch_all(&mut *tx).await?.iter().map(object).collect()
            }

            pub(in crate::catalog) async fn read_references(
                &self,
                columns: &[ColumnName],
                pointed: &mut Pointed,
            ) -> Result<Seen, CatalogError> {
                let mut tx = self.begin_read().await?;
                let seen = look(&mut tx).await?;
                references(&mut tx, columns, &Seen::nothing(), pointed).await?;
                Ok(seen)
            }

            pub(in crate::catalog) async fn retire(
                &self,
                retire: &Retire<'_>,
                columns: &[ColumnName],
                seen: &Seen,
                pointed: &mut Pointed,
            ) -> Result<Vec<Object>, CatalogError> {
                // Each time one object less.
                loop {
                    if let Some(removed) = self.try_retire(retire, columns, seen, pointed).await? {
                        return Ok(removed);
                    }
                }
            }

            /// `None`: a row shows one of them since it was read, and nothing is removed.
            async fn try_retire(
                &self,
                retire: &Retire<'_>,
                columns: &[ColumnName],
                seen: &Seen,
                pointed: &mut Pointed,
            ) -> Result<Option<Vec<Object>>, CatalogError> {
                let mut tx = self.begin().await?;
                if !renew(&mut tx, retire.run, retire.until).await? {
                    return Err(CatalogError::Superseded);
                }
                settle(&mut tx).await?;
                let mut removed = Vec::new();
                for retiree in retire.objects {
                    let id = ObjectId::new(retire.bucket.clone(), retiree.key.clone());
                    if pointed.is_pointed_at(&id) {
                        continue;
                    }
                    let Some(object) = take(&mut tx, &id, retiree.version).await? else { continue };
                    keep_row(&mut tx, &Removed::now(retire, object.clone()), None).await?;
                    let entry = NewAudit::of(retire.actor, AuditAction::Removed, retire.run, &object, &retiree.reason);
                    log(&mut tx, &entry).await?;
                    removed.push(object);
                }
                let bytes: u64 = removed.iter().map(|object| object.size).sum();
                let count = "UPDATE cleanup_runs SET removed = removed + $2, bytes = bytes + $3 WHERE id = $1";
                let count = sqlx::query(count).bind(retire.run).bind(removed.len() as i64).bind(bytes as i64);
                count.execute(&mut *tx).await?;
                // As late as can be: who writes other tables than ours does not wait for us.
                references(&mut tx, columns, seen, pointed).await?;
                if removed.iter().any(|object| pointed.is_pointed_at(&object.id)) {
                    tx.rollback().await?;
                    return Ok(None);
                }
                tx.commit().await?;
                Ok(Some(removed))
            }

            pub(in crate::catalog) async fn expire_removed(&self, limit: u32) -> Result<u64, CatalogError> {
                let mut tx = self.begin().await?;
                let delete = "DELETE FROM removed_objects WHERE restored_at IS NULL AND restorable_until <= $1 \
                    AND (bucket_id, version) IN (SELECT bucket_id, version FROM removed_objects \
                    WHERE restored_at IS NULL AND restorable_until <= $1 ORDER BY restorable_until LIMIT $2) RETURNING *";
                let query = sqlx::query(delete).bind(micros(now())).bind(i64::from(limit));
                let rows = query.fetch_all(&mut *tx).await?;
                let expired: Vec<Removed> = rows.iter().map(removed).collect::<Result<_, _>>()?;
                for Removed { run, remover, object, removed_at, restorable_until, is_pending } in &expired {
                    // What somebody removed is kept no longer than if it could not have been brought back.
                    let since = if remover.is_some() { removed_at } else { restorable_until };
                    stale(&mut tx, &object.id.bucket, object.version, *since).await?;
                    // Nothing was removed; or so many are every day, and the line of their bytes names them.
                    if *is_pending || remover.is_some() {
                        continue;
                    }
                    let reason = "the time in which it could be brought back is over";
                    let entry = NewAudit::of(Actor::Schedule, AuditAction::Expired, *run, object, reason);
                    log(&mut tx, &entry).await?;
                }
                tx.commit().await?;
                Ok(expired.len() as u64)
            }
        }

        pub(in super::super) const KEEP: &str = "INSERT INTO removed_objects (bucket_id, version, run, id, name, owner_id, \
            size, etag, mime_type, cache_control, user_metadata, created_at, updated_at, last_accessed_at, removed_at, \
            restorable_until, pending_since, remover)";
        /// An upstream's is here already of a run that broke off: a version that was brought back no rule removes again.
        /// Somebody may.
        pub(in super::super) const KEPT_ALREADY: &str = "ON CONFLICT (bucket_id, version) DO UPDATE SET run = excluded.run, \
            removed_at = excluded.removed_at, restorable_until = excluded.restorable_until, \
            pending_since = excluded.pending_since, remover = excluded.remover, \
            restored_before = CASE WHEN excluded.remover IS NULL THEN removed_objects.restored_before \
                ELSE removed_objects.restored_at END, \
            restored_at = CASE WHEN excluded.remover IS NULL THEN removed_objects.restored_at END";

        /// `pending`: since when it is not known whether it is removed.
        pub(in super::super) async fn keep_row(
            connection: &mut Connection,
            removed: &Removed,
            pending: Option<OffsetDateTime>,
        ) -> Result<(), CatalogError> {
            let insert = format!("{KEEP} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
                $17, $18) {KEPT_ALREADY}");
            let object = &removed.object;
            let user_metadata = object.user_metadata.clone().map(|map| Value::Object(map).to_string());
            sqlx::query(sqlx::AssertSqlSafe(insert))
                .bind(object.id.bucket.as_str())
                .bind(object.version)
                .bind(removed.run)
                .bind(object.row)
                .bind(object.id.key.as_str())
                .bind(object.owner.as_deref())
                .bind(object.size as i64)
                .bind(&object.etag)
                .bind(&object.mime_type)
                .bind(&object.cache_control)
                .bind(user_metadata)
                .bind(micros(object.created_at))
                .bind(micros(object.updated_at))
                .bind(micros(object.last_accessed_at))
                .bind(micros(removed.removed_at))
                .bind(micros(removed.restorable_until))
                .bind(pending.map(micros))
                .bind(removed.remover.as_deref())
                .execute(connection)
                .await?;
            Ok(())
        }
    };
}

pub(in crate::catalog) use removals;

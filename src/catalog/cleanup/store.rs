//! The statements, once for both databases: their texts are the same, and so are the types of the columns.

/// Writes the operations of retention for one database.
///
/// `$database` has `begin` and `begin_read`; beside it are `take` and `give_back`, which move a row of `objects` with its
/// event, `happened`, which notes an event alone, `look`, `settle` and `references`,
/// which read what points at objects, `stale` and `forgotten`; `$connection` and `$row` are sqlx's types.
macro_rules! cleanup_store {
    ($database:ident, $connection:ty, $row:ty) => {
        use std::collections::HashSet;

        use serde_json::{Map, Value};
        use sqlx::Row;
        use time::OffsetDateTime;
        use uuid::Uuid;

        use super::$database;
        use super::rows;
        use crate::auth::{Caller, Role};
        use crate::catalog::cleanup::{
            Actor, Audit, AuditAction, AuditQuery, CleanupRun, NewAudit, NewRun, Removed, Restored, Retire, RunCounts,
            RunState, Seen, remover,
        };
        use crate::catalog::{CatalogError, Object, StaleBlob, bucket_name, now, object_key};
        use crate::config::ColumnName;
        use crate::object::{BucketName, ObjectId, ObjectKey};
        use crate::transform::Pointed;

        impl $database {
            pub(in crate::catalog) async fn begin_run(&self, new: &NewRun) -> Result<bool, CatalogError> {
                let mut tx = self.begin().await?;
                let time = micros(now());
                if let Some(first) = new.first_due {
                    let plan = sqlx::query("UPDATE cleanup_turn SET due_at = $1 WHERE due_at = 0");
                    plan.bind(micros(first)).execute(&mut *tx).await?;
                }
                let due_by = if new.first_due.is_some() { time } else { i64::MAX };
                let take = "UPDATE cleanup_turn SET run = $1, lease_until = $2 WHERE lease_until < $3 AND due_at <= $4";
                let take = sqlx::query(take).bind(new.id).bind(micros(new.until)).bind(time).bind(due_by);
                let is_ours = take.execute(&mut *tx).await?.rows_affected() == 1;
                if is_ours {
                    let bury = "UPDATE cleanup_runs SET state = 'failed', ended_at = $1 WHERE state = 'running'";
                    sqlx::query(bury).bind(time).execute(&mut *tx).await?;
                    let insert = "INSERT INTO cleanup_runs (id, actor, state, started_at) VALUES ($1, $2, 'running', $3)";
                    let insert = sqlx::query(insert).bind(new.id).bind(new.actor.as_str()).bind(time);
                    insert.execute(&mut *tx).await?;
                }
                tx.commit().await?;
                Ok(is_ours)
            }

            pub(in crate::catalog) async fn renew_run(
                &self,
                run: Uuid,
                until: OffsetDateTime,
            ) -> Result<bool, CatalogError> {
                let mut tx = self.begin().await?;
                let is_ours = renew(&mut tx, run, until).await?;
                tx.commit().await?;
                Ok(is_ours)
            }

            pub(in crate::catalog) async fn end_run(
                &self,
                run: Uuid,
                state: RunState,
                due: Option<OffsetDateTime>,
            ) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                let give = "UPDATE cleanup_turn SET run = NULL, lease_until = 0, due_at = coalesce($2, due_at) WHERE run = $1";
                sqlx::query(give).bind(run).bind(due.map(micros)).execute(&mut *tx).await?;
                let end = "UPDATE cleanup_runs SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'running'";
                sqlx::query(end).bind(run).bind(state.as_str()).bind(micros(now())).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn cleanup_runs(&self, limit: u32) -> Result<Vec<CleanupRun>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let query = sqlx::query("SELECT * FROM cleanup_runs ORDER BY id DESC LIMIT $1").bind(i64::from(limit));
                query.fetch_all(&mut *tx).await?.iter().map(run_of).collect()
            }

            pub(in crate::catalog) async fn cleanup_totals(&self) -> Result<RunCounts, CatalogError> {
                let mut tx = self.begin_read().await?;
                let sums = "SELECT CAST(coalesce(sum(listed), 0) AS BIGINT) AS listed, \
                    CAST(coalesce(sum(removed), 0) AS BIGINT) AS removed, \
                    CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes, \
                    CAST(coalesce(sum(refused), 0) AS BIGINT) AS refused, \
                    CAST(coalesce(sum(restored), 0) AS BIGINT) AS restored FROM cleanup_runs";
                counts_of(&sqlx::query(sums).fetch_one(&mut *tx).await?)
            }

            pub(in crate::catalog) async fn knows_rule(
                &self,
                bucket: &BucketName,
                rule: &str,
            ) -> Result<bool, CatalogError> {
                let mut tx = self.begin_read().await?;
                let query = sqlx::query("SELECT 1 FROM cleanup_rules WHERE bucket_id = $1 AND rule = $2");
                Ok(query.bind(bucket.as_str()).bind(rule).fetch_optional(&mut *tx).await?.is_some())
            }

            pub(in crate::catalog) async fn note_rule(
                &self,
                bucket: &BucketName,
                rule: &str,
                run: Uuid,
            ) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                let upsert = "INSERT INTO cleanup_rules (bucket_id, rule, run) VALUES ($1, $2, $3) \
                    ON CONFLICT (bucket_id) DO UPDATE SET rule = excluded.rule, run = excluded.run";
                sqlx::query(upsert).bind(bucket.as_str()).bind(rule).bind(run).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn objects_after(
                &self,
                bucket: &BucketName,
                after: &str,
                limit: u32,
            ) -> Result<Vec<Object>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM objects WHERE bucket_id = $1 AND name > $2 ORDER BY name LIMIT $3";
                let query = sqlx::query(select).bind(bucket.as_str()).bind(after).bind(i64::from(limit));
                query.fetch_all(&mut *tx).await?.iter().map(rows::object).collect()
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

            pub(in crate::catalog) async fn removed_by(&self, run: Uuid) -> Result<Vec<Removed>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM removed_objects WHERE run = $1 AND restored_at IS NULL \
                    AND restorable_until > $2 ORDER BY name";
                let query = sqlx::query(select).bind(run).bind(micros(now()));
                query.fetch_all(&mut *tx).await?.iter().map(removed_of).collect()
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
                    found.extend(row.as_ref().map(removed_of).transpose()?);
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
                query.fetch_all(&mut *tx).await?.iter().map(removed_of).collect()
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

            pub(in crate::catalog) async fn restored_versions(
                &self,
                bucket: &BucketName,
            ) -> Result<HashSet<Uuid>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT version FROM removed_objects WHERE bucket_id = $1 AND restored_at IS NOT NULL";
                let versions = sqlx::query_scalar(select).bind(bucket.as_str()).fetch_all(&mut *tx).await?;
                Ok(versions.into_iter().collect())
            }

            pub(in crate::catalog) async fn expire_removed(&self, limit: u32) -> Result<u64, CatalogError> {
                let mut tx = self.begin().await?;
                let delete = "DELETE FROM removed_objects WHERE restored_at IS NULL AND restorable_until <= $1 \
                    AND (bucket_id, version) IN (SELECT bucket_id, version FROM removed_objects \
                    WHERE restored_at IS NULL AND restorable_until <= $1 ORDER BY restorable_until LIMIT $2) RETURNING *";
                let query = sqlx::query(delete).bind(micros(now())).bind(i64::from(limit));
                let rows = query.fetch_all(&mut *tx).await?;
                let expired: Vec<Removed> = rows.iter().map(removed_of).collect::<Result<_, _>>()?;
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

            pub(in crate::catalog) async fn note_audit(&self, entries: &[NewAudit]) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                for entry in entries {
                    log(&mut tx, entry).await?;
                    let count = match (entry.action, entry.run) {
                        (AuditAction::Listed, Some(run)) => Some(("listed = listed + 1", run)),
                        (AuditAction::Refused, Some(run)) if entry.name.is_none() => Some(("refused = refused + 1", run)),
                        _ => None,
                    };
                    if let Some((change, run)) = count {
                        let update = format!("UPDATE cleanup_runs SET {change} WHERE id = $1");
                        sqlx::query(sqlx::AssertSqlSafe(update)).bind(run).execute(&mut *tx).await?;
                    }
                }
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn audit(&self, query: &AuditQuery) -> Result<Vec<Audit>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT a.*, (SELECT r.restorable_until FROM removed_objects AS r \
                    WHERE a.action = 'removed' AND r.bucket_id = a.bucket_id AND r.version = a.version \
                    AND r.run = a.run AND r.restored_at IS NULL AND r.restorable_until > $5) AS restorable_until \
                    FROM audit AS a WHERE ($1 IS NULL OR a.run = $1) AND ($2 IS NULL OR a.bucket_id = $2) \
                    AND ($3 IS NULL OR a.ordinal < $3) ORDER BY a.ordinal DESC LIMIT $4";
                let query = sqlx::query(select)
                    .bind(query.run)
                    .bind(query.bucket.as_ref().map(BucketName::as_str))
                    .bind(query.before)
                    .bind(i64::from(query.limit))
                    .bind(micros(now()));
                query.fetch_all(&mut *tx).await?.iter().map(audit_of).collect()
            }

            pub(in crate::catalog) async fn prune_audit(&self, before: OffsetDateTime) -> Result<(), CatalogError> {
                let mut tx = self.begin().await?;
                sqlx::query("DELETE FROM audit WHERE at < $1").bind(micros(before)).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
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

        /// Prolongs the turn, which nobody else takes before the transaction's end.
        async fn renew(connection: &mut $connection, run: Uuid, until: OffsetDateTime) -> Result<bool, CatalogError> {
            let renew = sqlx::query("UPDATE cleanup_turn SET lease_until = $2 WHERE run = $1");
            Ok(renew.bind(run).bind(micros(until)).execute(connection).await?.rows_affected() == 1)
        }

        const KEEP: &str = "INSERT INTO removed_objects (bucket_id, version, run, id, name, owner_id, size, etag, mime_type, \
            cache_control, user_metadata, created_at, updated_at, last_accessed_at, removed_at, restorable_until, \
            pending_since, remover)";
        /// An upstream's is here already of a run that broke off: a version that was brought back no rule removes again.
        /// Somebody may.
        const KEPT_ALREADY: &str = "ON CONFLICT (bucket_id, version) DO UPDATE SET run = excluded.run, \
            removed_at = excluded.removed_at, restorable_until = excluded.restorable_until, \
            pending_since = excluded.pending_since, remover = excluded.remover, \
            restored_before = CASE WHEN excluded.remover IS NULL THEN removed_objects.restored_before \
                ELSE removed_objects.restored_at END, \
            restored_at = CASE WHEN excluded.remover IS NULL THEN removed_objects.restored_at END";

        /// What is removed may be brought back by this: `false`, where its time is over or it is back already.
        async fn let_go(connection: &mut $connection, removed: &Removed) -> Result<bool, CatalogError> {
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

        /// `pending`: since when it is not known whether it is removed.
        async fn keep_row(
            connection: &mut $connection,
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

        async fn log(connection: &mut $connection, entry: &NewAudit) -> Result<(), CatalogError> {
            let insert = "INSERT INTO audit (at, actor, action, run, bucket_id, name, version, size, reason) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            sqlx::query(insert)
                .bind(micros(now()))
                .bind(entry.actor.as_str())
                .bind(entry.action.as_str())
                .bind(entry.run)
                .bind(entry.bucket.as_ref().map(BucketName::as_str))
                .bind(entry.name.as_ref().map(crate::object::ObjectKey::as_str))
                .bind(entry.version)
                .bind(entry.size.map(|size| size as i64))
                .bind(&entry.reason)
                .execute(connection)
                .await?;
            Ok(())
        }

        /// Microseconds since the epoch, as times are stored.
        fn micros(time: OffsetDateTime) -> i64 {
            (time.unix_timestamp_nanos() / 1000) as i64
        }

        fn time_of(row: &$row, column: &str) -> Result<OffsetDateTime, CatalogError> {
            let micros: i64 = row.try_get(column)?;
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
                .map_err(|error| CatalogError::Broken(error.to_string()))
        }

        fn number(row: &$row, column: &str) -> Result<u64, CatalogError> {
            Ok(row.try_get::<i64, _>(column)? as u64)
        }

        fn counts_of(row: &$row) -> Result<RunCounts, CatalogError> {
            Ok(RunCounts {
                listed: number(row, "listed")?,
                removed: number(row, "removed")?,
                bytes: number(row, "bytes")?,
                refused: number(row, "refused")?,
                restored: number(row, "restored")?,
            })
        }

        fn run_of(row: &$row) -> Result<CleanupRun, CatalogError> {
            let is_over = row.try_get::<Option<i64>, _>("ended_at")?.is_some();
            Ok(CleanupRun {
                id: row.try_get("id")?,
                actor: Actor::parse(row.try_get("actor")?)?,
                state: RunState::parse(row.try_get("state")?)?,
                started_at: time_of(row, "started_at")?,
                ended_at: if is_over { Some(time_of(row, "ended_at")?) } else { None },
                counts: counts_of(row)?,
            })
        }

        fn audit_of(row: &$row) -> Result<Audit, CatalogError> {
            let bucket: Option<&str> = row.try_get("bucket_id")?;
            let name: Option<&str> = row.try_get("name")?;
            let entry = NewAudit {
                actor: Actor::parse(row.try_get("actor")?)?,
                action: AuditAction::parse(row.try_get("action")?)?,
                run: row.try_get("run")?,
                bucket: bucket.map(bucket_name).transpose()?,
                name: name.map(object_key).transpose()?,
                version: row.try_get("version")?,
                size: row.try_get::<Option<i64>, _>("size")?.map(|size| size as u64),
                reason: row.try_get("reason")?,
            };
            let can_come_back = row.try_get::<Option<i64>, _>("restorable_until")?.is_some();
            let restorable_until = can_come_back.then(|| time_of(row, "restorable_until")).transpose()?;
            Ok(Audit { ordinal: row.try_get("ordinal")?, at: time_of(row, "at")?, entry, restorable_until })
        }

        fn removed_of(row: &$row) -> Result<Removed, CatalogError> {
            let user_metadata: Option<&str> = row.try_get("user_metadata")?;
            let user_metadata = user_metadata.map(serde_json::from_str::<Map<String, Value>>).transpose();
            let object = Object {
                row: row.try_get("id")?,
                id: ObjectId::new(bucket_name(row.try_get("bucket_id")?)?, object_key(row.try_get("name")?)?),
                owner: row.try_get("owner_id")?,
                version: row.try_get("version")?,
                size: number(row, "size")?,
                etag: row.try_get("etag")?,
                mime_type: row.try_get("mime_type")?,
                cache_control: row.try_get("cache_control")?,
                user_metadata: user_metadata.map_err(|error| CatalogError::Broken(error.to_string()))?,
                created_at: time_of(row, "created_at")?,
                updated_at: time_of(row, "updated_at")?,
                last_accessed_at: time_of(row, "last_accessed_at")?,
            };
            Ok(Removed {
                run: row.try_get("run")?,
                remover: row.try_get("remover")?,
                object,
                removed_at: time_of(row, "removed_at")?,
                restorable_until: time_of(row, "restorable_until")?,
                is_pending: row.try_get::<Option<i64>, _>("pending_since")?.is_some(),
            })
        }
    };
}

pub(in crate::catalog) use cleanup_store;

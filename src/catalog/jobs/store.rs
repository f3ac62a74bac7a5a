//! The statements, once for both databases: their texts are the same, and so are the types of the columns.

/// Writes the operations on jobs and kinksters for one database.
///
/// `$database` has `begin` and `begin_read`, `begin_alone` (nobody else decides what there is room for) and `write_object`;
/// `$connection` and `$row` are sqlx's types, `$lock` is what a claim adds to its SELECT.
macro_rules! job_store {
    ($database:ident, $connection:ty, $row:ty, $lock:literal) => {
        use serde_json::Value;
        use sqlx::Row;
        use time::OffsetDateTime;
        use uuid::Uuid;

        use super::$database;
        use crate::auth::Caller;
        use crate::catalog::jobs::{
            Answered, AvatarWrite, Begun, Budget, Claim, Ended, Enqueued, Failure, Job, JobQuery, JobState, JobStep, Kinkster,
            KinksterChange, KinksterMatch, Lease, NewJob, Painted, Placed, Quota, QuotaExceeded, Revival, Sitter, Spent, Stored, Uploaded,
        };
        use crate::catalog::{CatalogError, NewObject, Put, now};

        const MINUTE: i64 = 60 * 1_000_000;

        const CLAIM: &str = concat!(
            "UPDATE jobs SET state = 'running', worker = $1, lease_until = $2, attempts = attempts + 1, \
             updated_at = $3 WHERE id = (SELECT id FROM jobs AS next \
             WHERE ((state = 'queued' AND due_at <= $3) OR (state = 'running' AND lease_until < $3)) \
             AND (attempts < $4 OR storage_url IS NOT NULL) \
             AND (SELECT count(*) FROM jobs AS same WHERE same.user_id = next.user_id AND same.state = 'running' \
             AND same.lease_until >= $3) < $5 \
             AND (SELECT count(*) FROM jobs AS busy WHERE busy.state = 'running' AND busy.lease_until >= $3) < $6 \
             ORDER BY priority DESC, due_at, id LIMIT 1",
            $lock,
            ") RETURNING *"
        );

        /// Under another name than before: whoever was storing a cancelled picture may be taking it back.
        const REVIVE: &str = "UPDATE jobs SET state = 'queued', step = 'generating', attempts = 0, due_at = $2, \
            deadline_at = $3, admitted_at = CASE WHEN config IS NULL THEN $2 ELSE admitted_at END, code = NULL, \
            error = NULL, finished_at = NULL, updated_at = $2, seq = seq + 1, revivals = revivals + 1, \
            storage_path = CASE WHEN state = 'cancelled' THEN NULL ELSE storage_path END WHERE id = $1 RETURNING *";

        impl $database {
            pub(in crate::catalog) async fn enqueue_job(
                &self,
                new: NewJob,
                budget: &Budget,
            ) -> Result<Enqueued, CatalogError> {
                let mut tx = self.begin_alone().await?;
                let known = sqlx::query("SELECT * FROM jobs WHERE user_id = $1 AND idempotency_key = $2");
                let known = known.bind(&new.user).bind(&new.idempotency_key).fetch_optional(&mut *tx).await?;
                if let Some(row) = &known {
                    let fingerprint: String = row.try_get("fingerprint")?;
                    let is_same = fingerprint == new.fingerprint;
                    return Ok(if is_same { Enqueued::Known(Box::new(job(row)?)) } else { Enqueued::OtherRequest });
                }
                if let Some(kinkster) = new.kinkster.filter(|_| new.claims_kinkster)
                    && !claim_kinkster(&mut tx, kinkster, &new.user).await?
                {
                    return Ok(Enqueued::NotTheirs);
                }
                if let Some(refused) = too_often(&mut tx, &new.user, budget).await? {
                    return Ok(Enqueued::Refused(refused));
                }
                if let Some(refused) = refused(&mut tx, &new.user, new.estimate, budget).await? {
                    return Ok(Enqueued::Refused(refused));
                }
                note_admission(&mut tx, &new.user).await?;
                let row = insert(&mut tx, &new).await?;
                tx.commit().await?;
                Ok(Enqueued::New(Box::new(row)))
            }

            pub(in crate::catalog) async fn revive_job(
                &self,
                revival: Revival,
                budget: &Budget,
            ) -> Result<Enqueued, CatalogError> {
                let mut tx = self.begin_alone().await?;
                let row = sqlx::query("SELECT * FROM jobs WHERE id = $1").bind(revival.job);
                let Some(row) = row.fetch_optional(&mut *tx).await? else { return Ok(Enqueued::NotTheirs) };
                let known = job(&row)?;
                if !matches!(known.state, JobState::Error | JobState::Cancelled) {
                    return Ok(Enqueued::Known(Box::new(known)));
                }
                if let Some(kinkster) = known.kinkster.filter(|_| revival.claims_kinkster)
                    && !claim_kinkster(&mut tx, kinkster, &known.user).await?
                {
                    return Ok(Enqueued::NotTheirs);
                }
                if row.try_get::<i64, _>("revivals")? >= i64::from(budget.revivals_per_job) {
                    return Ok(Enqueued::WornOut);
                }
                let mut refusal = too_often(&mut tx, &known.user, budget).await?;
                // Nothing is painted again where the answer is kept.
                if refusal.is_none() && known.answered.is_none() {
                    refusal = refused(&mut tx, &known.user, row.try_get::<i64, _>("estimate")? as u64, budget).await?;
                }
                if let Some(refused) = refusal {
                    return Ok(Enqueued::Refused(refused));
                }
                note_admission(&mut tx, &known.user).await?;
                let query = sqlx::query(REVIVE).bind(revival.job).bind(micros(now())).bind(micros(revival.deadline_at));
                let revived = job(&query.fetch_one(&mut *tx).await?)?;
                tx.commit().await?;
                Ok(Enqueued::New(Box::new(revived)))
            }

            pub(in crate::catalog) async fn spent_today(&self) -> Result<Spent, CatalogError> {
                let mut tx = self.begin_read().await?;
                let row = today(&mut tx, "").await?;
                Ok(Spent {
                    pictures: row.try_get::<i64, _>("pictures")? as u64,
                    money: row.try_get::<i64, _>("money")? as u64,
                })
            }

            pub(in crate::catalog) async fn painted(
                &self,
                since: OffsetDateTime,
                user: Option<&str>,
            ) -> Result<Vec<Painted>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT user_id, admitted_at / 86400000000 AS day, count(*) AS jobs, \
                    CAST(sum(CASE WHEN state = 'completed' THEN 1 ELSE 0 END) AS BIGINT) AS completed, \
                    CAST(sum(CASE WHEN state IN ('error', 'cancelled') THEN 1 ELSE 0 END) AS BIGINT) AS failed, \
                    CAST(sum(paints) AS BIGINT) AS pictures, CAST(sum(spent) AS BIGINT) AS money FROM jobs \
                    WHERE admitted_at >= $1 AND ($2 IS NULL OR user_id = $2) GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 20000";
                let query = sqlx::query(select).bind(micros(since)).bind(user);
                query.fetch_all(&mut *tx).await?.iter().map(painted).collect()
            }

            pub(in crate::catalog) async fn job(&self, id: Uuid) -> Result<Option<Job>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let query = sqlx::query("SELECT * FROM jobs WHERE id = $1").bind(id);
                query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()
            }

            pub(in crate::catalog) async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM jobs WHERE ($1 IS NULL OR user_id = $1) AND ($2 IS NULL OR state = $2) \
                    AND ($3 IS NULL OR kinkster_id = $3) AND ($4 IS NULL OR id < $4) ORDER BY id DESC LIMIT $5";
                let query = sqlx::query(select)
                    .bind(&query.user)
                    .bind(query.state.map(JobState::as_str))
                    .bind(query.kinkster)
                    .bind(query.before)
                    .bind(i64::from(query.limit));
                query.fetch_all(&mut *tx).await?.iter().map(job).collect()
            }

            pub(in crate::catalog) async fn fresh_jobs(
                &self,
                sitter: &Sitter,
                since: OffsetDateTime,
                limit: u32,
            ) -> Result<Vec<Job>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let theirs = match sitter {
                    Sitter::User(_) => "user_id = $1 AND kinkster_id IS NULL",
                    Sitter::Kinkster(_) => "kinkster_id = $1",
                };
                let select = format!(
                    "SELECT * FROM jobs WHERE {theirs} AND (state IN ('queued', 'running') OR finished_at >= $2) \
                     ORDER BY id DESC LIMIT $3"
                );
                let query = sqlx::query(sqlx::AssertSqlSafe(select));
                let query = match sitter {
                    Sitter::User(user) => query.bind(user),
                    Sitter::Kinkster(id) => query.bind(id),
                };
                let query = query.bind(micros(since)).bind(i64::from(limit));
                query.fetch_all(&mut *tx).await?.iter().map(job).collect()
            }

            pub(in crate::catalog) async fn count_jobs(&self) -> Result<Vec<(JobState, u64)>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let rows = sqlx::query("SELECT state, count(*) AS jobs FROM jobs GROUP BY state").fetch_all(&mut *tx);
                let count = |row: &$row| Ok((state(row)?, row.try_get::<i64, _>("jobs")? as u64));
                rows.await?.iter().map(count).collect()
            }

            pub(in crate::catalog) async fn claim_job(&self, claim: &Claim) -> Result<Option<Job>, CatalogError> {
                let mut tx = self.begin_alone().await?;
                let query = sqlx::query(CLAIM)
                    .bind(claim.worker)
                    .bind(micros(claim.until))
                    .bind(micros(now()))
                    .bind(i64::from(claim.attempts))
                    .bind(i64::from(claim.crowd.running_per_user))
                    .bind(i64::from(claim.crowd.running));
                let claimed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(claimed)
            }

            pub(in crate::catalog) async fn renew_job(
                &self,
                lease: Lease,
                until: OffsetDateTime,
            ) -> Result<bool, CatalogError> {
                let mut tx = self.begin().await?;
                let renew =
                    "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND worker = $2 AND state = 'running'";
                let query = sqlx::query(renew).bind(lease.job).bind(lease.worker).bind(micros(until));
                let renewed = query.execute(&mut *tx).await?.rows_affected() == 1;
                tx.commit().await?;
                Ok(renewed)
            }

            pub(in crate::catalog) async fn advance_job(
                &self,
                lease: Lease,
                step: JobStep,
            ) -> Result<Option<Job>, CatalogError> {
                let change = held("step = $4, seq = seq + 1");
                let mut tx = self.begin().await?;
                let query = sqlx::query(sqlx::AssertSqlSafe(change)).bind(lease.job).bind(lease.worker);
                let query = query.bind(micros(now())).bind(step.as_str());
                let changed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn begin_paint(
                &self,
                lease: Lease,
                budget: &Budget,
            ) -> Result<Begun, CatalogError> {
                let mut tx = self.begin_alone().await?;
                let held_by = "SELECT * FROM jobs WHERE id = $1 AND worker = $2 AND state = 'running'";
                let query = sqlx::query(held_by).bind(lease.job).bind(lease.worker);
                let Some(row) = query.fetch_optional(&mut *tx).await? else { return Ok(Begun::Lost) };
                let known = job(&row)?;
                // The first time was counted when it was taken on.
                if known.paints > 0 {
                    let estimate = row.try_get::<i64, _>("estimate")? as u64;
                    if let Some(refused) = refused(&mut tx, &known.user, estimate, budget).await? {
                        return Ok(Begun::Refused(refused));
                    }
                }
                let paint = held(
                    "admitted_at = CASE WHEN paints > 0 THEN $3 ELSE admitted_at END, paints = paints + 1, \
                     spent = spent + estimate, step = 'generating', seq = seq + 1",
                );
                let query = sqlx::query(sqlx::AssertSqlSafe(paint)).bind(lease.job).bind(lease.worker);
                let begun = job(&query.bind(micros(now())).fetch_one(&mut *tx).await?)?;
                tx.commit().await?;
                Ok(Begun::Job(Box::new(begun)))
            }

            pub(in crate::catalog) async fn forgive_paint(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                self.change_held(lease, "paints = paints - 1, spent = spent - estimate").await
            }

            pub(in crate::catalog) async fn forget_answer(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                self.change_held(lease, "config = NULL, provider_url = NULL").await
            }

            pub(in crate::catalog) async fn finish_job(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                let finish = "state = 'completed', worker = NULL, lease_until = NULL, code = NULL, error = NULL, \
                    finished_at = $3, seq = seq + 1";
                self.change_held(lease, finish).await
            }

            pub(in crate::catalog) async fn release_job(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                let release = "state = 'queued', worker = NULL, lease_until = NULL, due_at = $3, \
                    attempts = attempts - 1, seq = seq + 1";
                self.change_held(lease, release).await
            }

            /// Changes a job that the worker still holds.
            async fn change_held(&self, lease: Lease, change: &str) -> Result<Option<Job>, CatalogError> {
                let mut tx = self.begin().await?;
                let query = sqlx::query(sqlx::AssertSqlSafe(held(change))).bind(lease.job).bind(lease.worker);
                let query = query.bind(micros(now()));
                let changed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn note_answer(
                &self,
                lease: Lease,
                answered: &Answered,
            ) -> Result<Option<Job>, CatalogError> {
                let change = held(
                    "config = $4, provider_url = $5, spent = CASE WHEN config IS NULL AND CAST($6 AS BIGINT) IS NOT NULL \
                     THEN spent - estimate + CAST($6 AS BIGINT) ELSE spent END",
                );
                let mut tx = self.begin().await?;
                let query = sqlx::query(sqlx::AssertSqlSafe(change))
                    .bind(lease.job)
                    .bind(lease.worker)
                    .bind(micros(now()))
                    .bind(answered.config.to_string())
                    .bind(&answered.provider_url)
                    .bind(answered.cost.map(|cost| cost as i64));
                let changed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn put_avatar(
                &self,
                caller: &Caller,
                new: NewObject,
                write: &AvatarWrite,
            ) -> Result<Put, CatalogError> {
                let mut tx = self.begin().await?;
                if let Some(kinkster) = write.kinkster.filter(|_| write.claims_kinkster)
                    && !claim_kinkster(&mut tx, kinkster, &write.user).await?
                {
                    return Err(CatalogError::Denied);
                }
                let put = self.write_object(&mut tx, caller, new, false).await?;
                note_stored(&mut tx, &put, write).await?;
                if let Some(kinkster) = write.kinkster {
                    note_avatar(&mut tx, kinkster, write).await?;
                }
                tx.commit().await?;
                Ok(put)
            }

            pub(in crate::catalog) async fn note_place(
                &self,
                lease: Lease,
                placed: &Placed,
                url: Option<&str>,
            ) -> Result<Option<Job>, CatalogError> {
                let change = held("storage_path = $4, mime_type = $5, size = $6, storage_url = $7");
                let uploaded = placed.uploaded.as_ref();
                let mut tx = self.begin().await?;
                let query = sqlx::query(sqlx::AssertSqlSafe(change))
                    .bind(lease.job)
                    .bind(lease.worker)
                    .bind(micros(now()))
                    .bind(&placed.path)
                    .bind(uploaded.map(|uploaded| uploaded.mime_type.as_str()))
                    .bind(uploaded.map(|uploaded| uploaded.size as i64))
                    .bind(url);
                let changed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn fail_job(
                &self,
                lease: Lease,
                failure: &Failure,
                due: Option<OffsetDateTime>,
            ) -> Result<Option<Job>, CatalogError> {
                let fail = "state = 'error', worker = NULL, lease_until = NULL, code = $4, error = $5, \
                    due_at = coalesce($6, due_at), finished_at = $3, seq = seq + 1";
                let mut tx = self.begin().await?;
                let query = sqlx::query(sqlx::AssertSqlSafe(held(fail))).bind(lease.job).bind(lease.worker);
                let query = query.bind(micros(now())).bind(&failure.code).bind(&failure.text).bind(due.map(micros));
                let changed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn postpone_job(
                &self,
                lease: Lease,
                due: OffsetDateTime,
                failure: &Failure,
            ) -> Result<Option<Job>, CatalogError> {
                let postpone = "state = 'queued', worker = NULL, lease_until = NULL, due_at = $4, code = $5, error = $6";
                let mut tx = self.begin().await?;
                let query = sqlx::query(sqlx::AssertSqlSafe(held(postpone))).bind(lease.job).bind(lease.worker);
                let query = query.bind(micros(now())).bind(micros(due)).bind(&failure.code).bind(&failure.text);
                let changed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn release_all_jobs(&self) -> Result<u64, CatalogError> {
                let mut tx = self.begin().await?;
                // Not an attempt given back: a job that kills its worker must end.
                let release = "UPDATE jobs SET lease_until = 0 WHERE state = 'running'";
                let released = sqlx::query(release).execute(&mut *tx).await?.rows_affected();
                tx.commit().await?;
                Ok(released)
            }

            pub(in crate::catalog) async fn cancel_job(&self, id: Uuid) -> Result<Option<Ended>, CatalogError> {
                let mut tx = self.begin().await?;
                let cancel = "UPDATE jobs SET state = 'cancelled', worker = NULL, lease_until = NULL, \
                    code = 'cancelled', error = 'Cancelled', finished_at = $2, updated_at = $2, seq = seq + 1 \
                    WHERE id = $1 AND state IN ('queued', 'running') AND storage_url IS NULL AND mime_type IS NULL \
                    RETURNING *";
                let query = sqlx::query(cancel).bind(id).bind(micros(now()));
                if let Some(row) = query.fetch_optional(&mut *tx).await? {
                    let cancelled = job(&row)?;
                    tx.commit().await?;
                    return Ok(Some(Ended::Cancelled(Box::new(cancelled))));
                }
                let query = sqlx::query("SELECT * FROM jobs WHERE id = $1").bind(id);
                let known = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                Ok(known.map(|job| Ended::TooLate(Box::new(job))))
            }

            pub(in crate::catalog) async fn bury_jobs(&self, attempts: u32) -> Result<Vec<Job>, CatalogError> {
                let mut tx = self.begin().await?;
                let end = "UPDATE jobs SET state = 'error', worker = NULL, lease_until = NULL, finished_at = $1, \
                    updated_at = $1, seq = seq + 1, code = $2, error = $3 WHERE storage_url IS NULL \
                    AND (state = 'queued' OR (state = 'running' AND lease_until < $1)) AND ";
                let late = format!("{end} config IS NULL AND deadline_at < $1 RETURNING *");
                let late = sqlx::query(sqlx::AssertSqlSafe(late)).bind(micros(now())).bind("deadline");
                let mut rows = late.bind("It was not painted in time; please try again").fetch_all(&mut *tx).await?;
                let given_up = format!("{end} attempts >= $4 RETURNING *");
                let given_up = sqlx::query(sqlx::AssertSqlSafe(given_up)).bind(micros(now())).bind("abandoned");
                let given_up = given_up.bind("It could not be finished; please try again").bind(i64::from(attempts));
                rows.extend(given_up.fetch_all(&mut *tx).await?);
                let buried = rows.iter().map(job).collect();
                tx.commit().await?;
                buried
            }

            pub(in crate::catalog) async fn kinkster(&self, id: Uuid) -> Result<Option<Kinkster>, CatalogError> {
                let mut tx = self.begin_read().await?;
                find_kinkster(&mut tx, id).await
            }

            pub(in crate::catalog) async fn kinksters(
                &self,
                user: &str,
                limit: u32,
                offset: u32,
            ) -> Result<Vec<Kinkster>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM kinksters WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2 OFFSET $3";
                let query = sqlx::query(select).bind(user).bind(i64::from(limit)).bind(i64::from(offset));
                query.fetch_all(&mut *tx).await?.iter().map(kinkster).collect()
            }

            pub(in crate::catalog) async fn pictured_kinksters(
                &self,
                after: Option<Uuid>,
                limit: u32,
            ) -> Result<Vec<Kinkster>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let select = "SELECT * FROM kinksters WHERE avatar_url IS NOT NULL AND ($1 IS NULL OR id > $1) \
                    ORDER BY id LIMIT $2";
                let query = sqlx::query(select).bind(after).bind(i64::from(limit));
                query.fetch_all(&mut *tx).await?.iter().map(kinkster).collect()
            }

            pub(in crate::catalog) async fn put_kinkster(
                &self,
                id: Uuid,
                user: &str,
                change: &KinksterChange,
            ) -> Result<Kinkster, CatalogError> {
                let mut tx = self.begin().await?;
                if !claim_kinkster(&mut tx, id, user).await? {
                    return Err(CatalogError::Denied);
                }
                let old = find_kinkster(&mut tx, id).await?.unwrap_or_else(|| Kinkster::new(id, user, now()));
                let changed = old.changed(change, now());
                write_kinkster(&mut tx, &changed).await?;
                tx.commit().await?;
                Ok(changed)
            }

            pub(in crate::catalog) async fn change_kinkster(
                &self,
                matching: KinksterMatch<'_>,
                change: &KinksterChange,
            ) -> Result<Option<Kinkster>, CatalogError> {
                let mut tx = self.begin().await?;
                // Written to before it is read: nobody else changes it in between.
                let hold = "UPDATE kinksters SET updated_at = $4 WHERE id = $1 AND ($2 IS NULL OR user_id = $2) \
                    AND ($3 IS NULL OR avatar_url = $3)";
                let query = sqlx::query(hold).bind(matching.id).bind(matching.user).bind(matching.avatar_url);
                if query.bind(micros(now())).execute(&mut *tx).await?.rows_affected() == 0 {
                    return Ok(None);
                }
                let Some(old) = find_kinkster(&mut tx, matching.id).await? else { return Ok(None) };
                let changed = old.changed(change, now());
                write_kinkster(&mut tx, &changed).await?;
                tx.commit().await?;
                Ok(Some(changed))
            }

            pub(in crate::catalog) async fn remove_kinkster(
                &self,
                id: Uuid,
                user: Option<&str>,
            ) -> Result<bool, CatalogError> {
                let mut tx = self.begin().await?;
                let delete = "DELETE FROM kinksters WHERE id = $1 AND ($2 IS NULL OR user_id = $2)";
                let removed = sqlx::query(delete).bind(id).bind(user).execute(&mut *tx).await?.rows_affected() == 1;
                tx.commit().await?;
                Ok(removed)
            }
        }

        /// A change of a job that its worker still holds: `$1` the job, `$2` the worker, `$3` the time.
        fn held(change: &str) -> String {
            format!(
                "UPDATE jobs SET {change}, updated_at = $3 WHERE id = $1 AND worker = $2 AND state = 'running' RETURNING *"
            )
        }

        async fn insert(connection: &mut $connection, new: &NewJob) -> Result<Job, CatalogError> {
            let insert = "INSERT INTO jobs (id, user_id, kinkster_id, idempotency_key, fingerprint, request, priority, \
                state, step, seq, attempts, admitted_at, due_at, deadline_at, estimate, paints, spent, created_at, \
                updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', 'generating', 0, 0, $8, $8, $9, $10, 0, 0, \
                $8, $8) RETURNING *";
            let query = sqlx::query(insert)
                .bind(Uuid::now_v7())
                .bind(&new.user)
                .bind(new.kinkster)
                .bind(&new.idempotency_key)
                .bind(&new.fingerprint)
                .bind(new.request.to_string())
                .bind(new.priority)
                .bind(micros(now()))
                .bind(micros(new.deadline_at))
                .bind(new.estimate as i64);
            job(&query.fetch_one(connection).await?)
        }

        /// Whether the user asks too often.
        async fn too_often(
            connection: &mut $connection,
            user: &str,
            budget: &Budget,
        ) -> Result<Option<QuotaExceeded>, CatalogError> {
            let time = micros(now());
            let minute = "SELECT count(*) AS asked, min(admitted_at) AS first FROM admissions \
                WHERE user_id = $1 AND admitted_at > $2";
            let row = sqlx::query(minute).bind(user).bind(time - MINUTE).fetch_one(connection).await?;
            if row.try_get::<i64, _>("asked")? < i64::from(budget.per_user_per_minute) {
                return Ok(None);
            }
            let first: Option<i64> = row.try_get("first")?;
            let wait = first.map_or(MINUTE, |first| (first + MINUTE - time).clamp(1, MINUTE));
            let retry_after = std::time::Duration::from_micros(wait as u64);
            Ok(Some(QuotaExceeded { quota: Quota::UserMinute, retry_after }))
        }

        /// Notes that the user asked for something; what is older than the rate looks back is forgotten.
        async fn note_admission(connection: &mut $connection, user: &str) -> Result<(), CatalogError> {
            let time = micros(now());
            let forget = sqlx::query("DELETE FROM admissions WHERE admitted_at <= $1").bind(time - MINUTE);
            forget.execute(&mut *connection).await?;
            let note = sqlx::query("INSERT INTO admissions (user_id, admitted_at) VALUES ($1, $2)");
            note.bind(user).bind(time).execute(connection).await?;
            Ok(())
        }

        /// Which of the day's limits one more picture would pass.
        async fn refused(
            connection: &mut $connection,
            user: &str,
            estimate: u64,
            budget: &Budget,
        ) -> Result<Option<QuotaExceeded>, CatalogError> {
            let time = now();
            let midnight = time.replace_time(time::Time::MIDNIGHT);
            let until_midnight = (midnight + time::Duration::DAY - time).unsigned_abs();
            let exceeded = |quota, retry_after| Some(QuotaExceeded { quota, retry_after });
            let row = today(connection, user).await?;
            if row.try_get::<i64, _>("own")? >= i64::from(budget.per_user_per_day) {
                return Ok(exceeded(Quota::UserDay, until_midnight));
            }
            if row.try_get::<i64, _>("pictures")? >= i64::from(budget.per_day) {
                return Ok(exceeded(Quota::Day, until_midnight));
            }
            if row.try_get::<i64, _>("money")? as u64 + estimate > budget.spent_per_day {
                return Ok(exceeded(Quota::Money, until_midnight));
            }
            Ok(None)
        }

        fn painted(row: &$row) -> Result<Painted, CatalogError> {
            let count = |name: &str| row.try_get::<i64, _>(name).map(|count| count as u64);
            Ok(Painted {
                user: row.try_get("user_id")?,
                day: row.try_get("day")?,
                jobs: count("jobs")?,
                completed: count("completed")?,
                failed: count("failed")?,
                pictures: count("pictures")?,
                money: count("money")?,
            })
        }

        /// What was painted today, by all as `pictures` and by the user as `own`, and what that may have cost as `money`.
        async fn today(connection: &mut $connection, user: &str) -> Result<$row, CatalogError> {
            let midnight = now().replace_time(time::Time::MIDNIGHT);
            let day = "SELECT CAST(coalesce(sum(pictures), 0) AS BIGINT) AS pictures, \
                CAST(coalesce(sum(CASE WHEN user_id = $2 THEN pictures ELSE 0 END), 0) AS BIGINT) AS own, \
                CAST(coalesce(sum(money), 0) AS BIGINT) AS money FROM (SELECT user_id, \
                CASE WHEN paints > 0 THEN paints WHEN state IN ('queued', 'running') THEN 1 ELSE 0 END AS pictures, \
                CASE WHEN paints > 0 THEN spent WHEN state IN ('queued', 'running') THEN estimate ELSE 0 END AS money \
                FROM jobs WHERE admitted_at >= $1) AS today";
            Ok(sqlx::query(day).bind(micros(midnight)).bind(user).fetch_one(connection).await?)
        }

        /// Whether the kinkster is this user's; one that nobody has becomes so.
        async fn claim_kinkster(
            connection: &mut $connection,
            id: Uuid,
            user: &str,
        ) -> Result<bool, CatalogError> {
            let insert = "INSERT INTO kinksters (id, user_id, is_active, created_at, updated_at) \
                VALUES ($1, $2, $3, $4, $4) ON CONFLICT (id) DO NOTHING";
            let query = sqlx::query(insert).bind(id).bind(user).bind(true).bind(micros(now()));
            query.execute(&mut *connection).await?;
            let owner = sqlx::query_scalar("SELECT user_id FROM kinksters WHERE id = $1").bind(id);
            let owner: Option<String> = owner.fetch_optional(&mut *connection).await?;
            Ok(owner.as_deref() == Some(user))
        }

        async fn find_kinkster(
            connection: &mut $connection,
            id: Uuid,
        ) -> Result<Option<Kinkster>, CatalogError> {
            let query = sqlx::query("SELECT * FROM kinksters WHERE id = $1").bind(id);
            query.fetch_optional(connection).await?.as_ref().map(kinkster).transpose()
        }

        async fn write_kinkster(connection: &mut $connection, row: &Kinkster) -> Result<(), CatalogError> {
            let update = "UPDATE kinksters SET name = $2, avatar_url = $3, avatar_prompt = $4, \
                avatar_generation_config = $5, is_active = $6, updated_at = $7 WHERE id = $1";
            sqlx::query(update)
                .bind(row.id)
                .bind(&row.name)
                .bind(&row.avatar_url)
                .bind(&row.avatar_prompt)
                .bind(row.avatar_generation_config.as_ref().map(Value::to_string))
                .bind(row.is_active)
                .bind(micros(row.updated_at))
                .execute(connection)
                .await?;
            Ok(())
        }

        /// Step 2 of the job, if it is still this worker's.
        async fn note_stored(
            connection: &mut $connection,
            put: &Put,
            write: &AvatarWrite,
        ) -> Result<(), CatalogError> {
            let Some(lease) = write.lease else { return Ok(()) };
            let change = held("storage_url = $4, storage_path = $5, mime_type = $6, size = $7");
            let query = sqlx::query(sqlx::AssertSqlSafe(change))
                .bind(lease.job)
                .bind(lease.worker)
                .bind(micros(now()))
                .bind(&write.url)
                .bind(put.object.id.key.as_str())
                .bind(&put.object.mime_type)
                .bind(put.object.size as i64);
            query.fetch_optional(connection).await?.map(drop).ok_or(CatalogError::Superseded)
        }

        /// The avatar columns. A kinkster that was removed meanwhile stays removed.
        async fn note_avatar(
            connection: &mut $connection,
            kinkster: Uuid,
            write: &AvatarWrite,
        ) -> Result<(), CatalogError> {
            let update = "UPDATE kinksters SET avatar_url = $3, avatar_prompt = coalesce($4, avatar_prompt), \
                avatar_generation_config = coalesce($5, avatar_generation_config), updated_at = $6 \
                WHERE id = $1 AND user_id = $2 AND ($7 IS NULL OR avatar_url = $7)";
            let query = sqlx::query(update)
                .bind(kinkster)
                .bind(&write.user)
                .bind(&write.url)
                .bind(&write.prompt)
                .bind(write.config.as_ref().map(Value::to_string))
                .bind(micros(now()))
                .bind(&write.instead_of);
            match query.execute(connection).await?.rows_affected() {
                0 if write.instead_of.is_some() => Err(CatalogError::Superseded),
                _ => Ok(()),
            }
        }

        /// Microseconds since the epoch, as times are stored.
        fn micros(time: OffsetDateTime) -> i64 {
            (time.unix_timestamp_nanos() / 1000) as i64
        }

        fn time_of(micros: i64) -> Result<OffsetDateTime, CatalogError> {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
                .map_err(|error| CatalogError::Broken(error.to_string()))
        }

        fn json(text: &str) -> Result<Value, CatalogError> {
            serde_json::from_str(text).map_err(|error| CatalogError::Broken(error.to_string()))
        }

        fn state(row: &$row) -> Result<JobState, CatalogError> {
            let text: String = row.try_get("state")?;
            JobState::parse(&text).ok_or_else(|| CatalogError::Broken(format!("`{text}` is no state of a job")))
        }

        fn job(row: &$row) -> Result<Job, CatalogError> {
            let time = |column: &str| time_of(row.try_get(column)?);
            let text = |column: &str| row.try_get::<Option<String>, _>(column);
            let provider_url = text("provider_url")?;
            let answered = match text("config")? {
                Some(config) => Some(Answered { config: json(&config)?, provider_url, cost: None }),
                None => None,
            };
            let size = row.try_get::<Option<i64>, _>("size")?.unwrap_or(0) as u64;
            let uploaded = text("mime_type")?.map(|mime_type| Uploaded { mime_type, size });
            let placed = text("storage_path")?.map(|path| Placed { path, uploaded });
            let stored = match (text("storage_url")?, &placed) {
                (Some(url), Some(Placed { path, uploaded: Some(Uploaded { mime_type, size }) })) => {
                    Some(Stored { url, path: path.clone(), mime_type: mime_type.clone(), size: *size })
                }
                _ => None,
            };
            let failure = text("code")?.zip(text("error")?).map(|(code, text)| Failure { code, text });
            Ok(Job {
                id: row.try_get("id")?,
                user: row.try_get("user_id")?,
                kinkster: row.try_get("kinkster_id")?,
                request: json(row.try_get("request")?)?,
                priority: row.try_get("priority")?,
                state: state(row)?,
                step: JobStep::parse(row.try_get("step")?)?,
                seq: row.try_get("seq")?,
                attempts: row.try_get::<i64, _>("attempts")? as u32,
                due_at: time("due_at")?,
                deadline_at: time("deadline_at")?,
                worker: row.try_get("worker")?,
                paints: row.try_get::<i64, _>("paints")? as u32,
                spent: row.try_get::<i64, _>("spent")? as u64,
                answered,
                stored,
                placed,
                failure,
                created_at: time("created_at")?,
                updated_at: time("updated_at")?,
                finished_at: row.try_get::<Option<i64>, _>("finished_at")?.map(time_of).transpose()?,
            })
        }

        fn kinkster(row: &$row) -> Result<Kinkster, CatalogError> {
            let config: Option<String> = row.try_get("avatar_generation_config")?;
            Ok(Kinkster {
                id: row.try_get("id")?,
                user: row.try_get("user_id")?,
                name: row.try_get("name")?,
                avatar_url: row.try_get("avatar_url")?,
                avatar_prompt: row.try_get("avatar_prompt")?,
                avatar_generation_config: config.as_deref().map(json).transpose()?,
                is_active: row.try_get("is_active")?,
                created_at: time_of(row.try_get("created_at")?)?,
                updated_at: time_of(row.try_get("updated_at")?)?,
            })
        }
    };
}

pub(in crate::catalog) use job_store;

//! How jobs are taken by workers and given back.

macro_rules! leases {
    ($database:ident, $lock:literal) => {
        use sqlx::AssertSqlSafe;
        use sqlx::query::Query;
        use time::OffsetDateTime;

        use crate::catalog::columns::micros;
        use crate::catalog::jobs::rows::job;
        use crate::catalog::jobs::{Claim, Failure, Job, Lease};
        use crate::catalog::{$database, CatalogError, now};

        /// A statement about one job.
        pub(super) type Held = Query<'static, sqlx::$database, <sqlx::$database as sqlx::Database>::Arguments>;

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

        impl $database {
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

            pub(in crate::catalog) async fn postpone_job(
                &self,
                lease: Lease,
                due: OffsetDateTime,
                failure: &Failure,
            ) -> Result<Option<Job>, CatalogError> {
                let postpone = "state = 'queued', worker = NULL, lease_until = NULL, due_at = $4, code = $5, error = $6";
                let bind = |query: Held| query.bind(micros(due)).bind(&failure.code).bind(&failure.text);
                self.change_held(lease, postpone, bind).await
            }

            pub(in crate::catalog) async fn release_job(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                let release = "state = 'queued', worker = NULL, lease_until = NULL, due_at = $3, \
                    attempts = attempts - 1, seq = seq + 1";
                self.change_held(lease, release, |query| query).await
            }

            pub(in crate::catalog) async fn release_all_jobs(&self) -> Result<u64, CatalogError> {
                let mut tx = self.begin().await?;
                // Not an attempt given back: a job that kills its worker must end.
                let release = "UPDATE jobs SET lease_until = 0 WHERE state = 'running'";
                let released = sqlx::query(release).execute(&mut *tx).await?.rows_affected();
                tx.commit().await?;
                Ok(released)
            }

            /// Changes a job that the worker still holds; `bind` gives the change its values, from `$4` on.
            pub(super) async fn change_held(
                &self,
                lease: Lease,
                change: &str,
                bind: impl FnOnce(Held) -> Held,
            ) -> Result<Option<Job>, CatalogError> {
                let mut tx = self.begin().await?;
                let query = bind(held(lease, change));
                let changed = query.fetch_optional(&mut *tx).await?.as_ref().map(job).transpose()?;
                tx.commit().await?;
                Ok(changed)
            }
        }

        /// A change of a job that its worker still holds: `$1` the job, `$2` the worker, `$3` the time.
        pub(super) fn held(lease: Lease, change: &str) -> Held {
            let update = format!(
                "UPDATE jobs SET {change}, updated_at = $3 WHERE id = $1 AND worker = $2 AND state = 'running' RETURNING *"
            );
            sqlx::query(AssertSqlSafe(update)).bind(lease.job).bind(lease.worker).bind(micros(now()))
        }
    };
}

pub(in crate::catalog) use leases;

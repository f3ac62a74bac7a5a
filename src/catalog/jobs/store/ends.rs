//! How jobs end.

macro_rules! ends {
    ($database:ident) => {
        use sqlx::AssertSqlSafe;
        use time::OffsetDateTime;
        use uuid::Uuid;

        use super::leases::Held;
        use crate::catalog::columns::micros;
        use crate::catalog::jobs::rows::job;
        use crate::catalog::jobs::{Ended, Failure, Job, Lease};
        use crate::catalog::{$database, CatalogError, now};

        impl $database {
            pub(in crate::catalog) async fn finish_job(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                let finish = "state = 'completed', worker = NULL, lease_until = NULL, code = NULL, error = NULL, \
                    finished_at = $3, seq = seq + 1";
                self.change_held(lease, finish, |query| query).await
            }

            pub(in crate::catalog) async fn fail_job(
                &self,
                lease: Lease,
                failure: &Failure,
                due: Option<OffsetDateTime>,
            ) -> Result<Option<Job>, CatalogError> {
                let fail = "state = 'error', worker = NULL, lease_until = NULL, code = $4, error = $5, \
                    due_at = coalesce($6, due_at), finished_at = $3, seq = seq + 1";
                let bind = |query: Held| query.bind(&failure.code).bind(&failure.text).bind(due.map(micros));
                self.change_held(lease, fail, bind).await
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
                let late = sqlx::query(AssertSqlSafe(late)).bind(micros(now())).bind("deadline");
                let mut rows = late.bind("It was not painted in time; please try again").fetch_all(&mut *tx).await?;
                let given_up = format!("{end} attempts >= $4 RETURNING *");
                let given_up = sqlx::query(AssertSqlSafe(given_up)).bind(micros(now())).bind("abandoned");
                let given_up = given_up.bind("It could not be finished; please try again").bind(i64::from(attempts));
                rows.extend(given_up.fetch_all(&mut *tx).await?);
                let buried = rows.iter().map(job).collect();
                tx.commit().await?;
                buried
            }
        }
    };
}

pub(in crate::catalog) use ends;

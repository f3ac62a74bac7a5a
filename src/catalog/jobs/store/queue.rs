//! How jobs come: noted, or queued again.

macro_rules! queue {
    ($database:ident) => {
        use uuid::Uuid;

        use super::budget::{note_admission, refused, too_often};
        use super::kinksters::claim_kinkster;
        use crate::catalog::columns::{Columns, micros};
        use crate::catalog::jobs::rows::job;
        use crate::catalog::jobs::{Budget, Enqueued, Job, JobState, NewJob, Revival};
        use crate::catalog::{$database, CatalogError, now};

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

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
                    let is_same = row.text("fingerprint")? == new.fingerprint;
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
                if row.number("revivals")? >= i64::from(budget.revivals_per_job) {
                    return Ok(Enqueued::WornOut);
                }
                let mut refusal = too_often(&mut tx, &known.user, budget).await?;
                // Nothing is painted again where the answer is kept.
                if refusal.is_none() && known.answered.is_none() {
                    refusal = refused(&mut tx, &known.user, row.count("estimate")?, budget).await?;
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
        }

        async fn insert(connection: &mut Connection, new: &NewJob) -> Result<Job, CatalogError> {
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
    };
}

pub(in crate::catalog) use queue;

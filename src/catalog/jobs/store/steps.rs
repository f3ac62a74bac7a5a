//! How far a worker is with the job that it holds, up to the commit point.

macro_rules! steps {
    ($database:ident) => {
        use serde_json::Value;
        use uuid::Uuid;

        use super::budget::refused;
        use super::kinksters::claim_kinkster;
        use super::leases::{Held, held};
        use crate::auth::Caller;
        use crate::catalog::columns::{Columns, micros};
        use crate::catalog::jobs::rows::job;
        use crate::catalog::jobs::{Answered, AvatarWrite, Begun, Budget, Job, JobStep, Lease, Placed};
        use crate::catalog::{$database, CatalogError, NewObject, Put, now};

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

        impl $database {
            pub(in crate::catalog) async fn advance_job(
                &self,
                lease: Lease,
                step: JobStep,
            ) -> Result<Option<Job>, CatalogError> {
                self.change_held(lease, "step = $4, seq = seq + 1", |query| query.bind(step.as_str())).await
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
                    let estimate = row.count("estimate")?;
                    if let Some(refused) = refused(&mut tx, &known.user, estimate, budget).await? {
                        return Ok(Begun::Refused(refused));
                    }
                }
                let paint = "admitted_at = CASE WHEN paints > 0 THEN $3 ELSE admitted_at END, paints = paints + 1, \
                    spent = spent + estimate, step = 'generating', seq = seq + 1";
                let begun = job(&held(lease, paint).fetch_one(&mut *tx).await?)?;
                tx.commit().await?;
                Ok(Begun::Job(Box::new(begun)))
            }

            pub(in crate::catalog) async fn forgive_paint(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                self.change_held(lease, "paints = paints - 1, spent = spent - estimate", |query| query).await
            }

            pub(in crate::catalog) async fn note_answer(
                &self,
                lease: Lease,
                answered: &Answered,
            ) -> Result<Option<Job>, CatalogError> {
                let change = "config = $4, provider_url = $5, spent = CASE WHEN config IS NULL \
                    AND CAST($6 AS BIGINT) IS NOT NULL THEN spent - estimate + CAST($6 AS BIGINT) ELSE spent END";
                let bind = |query: Held| {
                    let query = query.bind(answered.config.to_string()).bind(&answered.provider_url);
                    query.bind(answered.cost.map(|cost| cost as i64))
                };
                self.change_held(lease, change, bind).await
            }

            pub(in crate::catalog) async fn forget_answer(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
                self.change_held(lease, "config = NULL, provider_url = NULL", |query| query).await
            }

            pub(in crate::catalog) async fn note_place(
                &self,
                lease: Lease,
                placed: &Placed,
                url: Option<&str>,
            ) -> Result<Option<Job>, CatalogError> {
                let change = "storage_path = $4, mime_type = $5, size = $6, storage_url = $7";
                let bind = |query: Held| {
                    let uploaded = placed.uploaded.as_ref();
                    let query = query.bind(&placed.path).bind(uploaded.map(|uploaded| uploaded.mime_type.as_str()));
                    query.bind(uploaded.map(|uploaded| uploaded.size as i64)).bind(url)
                };
                self.change_held(lease, change, bind).await
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
        }

        /// Step 2 of the job, if it is still this worker's.
        async fn note_stored(
            connection: &mut Connection,
            put: &Put,
            write: &AvatarWrite,
        ) -> Result<(), CatalogError> {
            let Some(lease) = write.lease else { return Ok(()) };
            let query = held(lease, "storage_url = $4, storage_path = $5, mime_type = $6, size = $7")
                .bind(&write.url)
                .bind(put.object.id.key.as_str())
                .bind(&put.object.mime_type)
                .bind(put.object.size as i64);
            query.fetch_optional(connection).await?.map(drop).ok_or(CatalogError::Superseded)
        }

        /// The avatar columns. A kinkster that was removed meanwhile stays removed.
        async fn note_avatar(
            connection: &mut Connection,
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
    };
}

pub(in crate::catalog) use steps;

//! Whose turn it is, and what was done in each.

macro_rules! turns {
    ($database:ident) => {
        use time::OffsetDateTime;
        use uuid::Uuid;

        use crate::catalog::cleanup::{CleanupRun, NewRun, RunCounts, RunState, rows};
        use crate::catalog::columns::micros;
        use crate::catalog::{CatalogError, now, $database};
        use crate::object::BucketName;

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

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
                    let insert =
                        "INSERT INTO cleanup_runs (id, actor, state, started_at) VALUES ($1, $2, 'running', $3)";
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
                let give =
                    "UPDATE cleanup_turn SET run = NULL, lease_until = 0, due_at = coalesce($2, due_at) WHERE run = $1";
                sqlx::query(give).bind(run).bind(due.map(micros)).execute(&mut *tx).await?;
                let end = "UPDATE cleanup_runs SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'running'";
                sqlx::query(end).bind(run).bind(state.as_str()).bind(micros(now())).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }

            pub(in crate::catalog) async fn cleanup_runs(&self, limit: u32) -> Result<Vec<CleanupRun>, CatalogError> {
                let mut tx = self.begin_read().await?;
                let query = sqlx::query("SELECT * FROM cleanup_runs ORDER BY id DESC LIMIT $1").bind(i64::from(limit));
                query.fetch_all(&mut *tx).await?.iter().map(rows::run).collect()
            }

            pub(in crate::catalog) async fn cleanup_totals(&self) -> Result<RunCounts, CatalogError> {
                let mut tx = self.begin_read().await?;
                let sums = "SELECT CAST(coalesce(sum(listed), 0) AS BIGINT) AS listed, \
                    CAST(coalesce(sum(removed), 0) AS BIGINT) AS removed, \
                    CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes, \
                    CAST(coalesce(sum(refused), 0) AS BIGINT) AS refused, \
                    CAST(coalesce(sum(restored), 0) AS BIGINT) AS restored FROM cleanup_runs";
                rows::counts(&sqlx::query(sums).fetch_one(&mut *tx).await?)
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
        }

        /// Prolongs the turn, which nobody else takes before the transaction's end.
        pub(super) async fn renew(
            connection: &mut Connection,
            run: Uuid,
            until: OffsetDateTime,
        ) -> Result<bool, CatalogError> {
            let renew = sqlx::query("UPDATE cleanup_turn SET lease_until = $2 WHERE run = $1");
            Ok(renew.bind(run).bind(micros(until)).execute(connection).await?.rows_affected() == 1)
        }
    };
}

pub(in crate::catalog) use turns;

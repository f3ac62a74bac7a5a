//! Jobs to look at.

macro_rules! listing {
    ($database:ident) => {
        use sqlx::AssertSqlSafe;
        use time::OffsetDateTime;
        use uuid::Uuid;

        use crate::catalog::columns::{Columns, micros};
        use crate::catalog::jobs::rows::{job, state};
        use crate::catalog::jobs::{Job, JobQuery, JobState, Sitter};
        use crate::catalog::{CatalogError, $database};

        impl $database {
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
                let query = sqlx::query(AssertSqlSafe(select));
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
                rows.await?.iter().map(|row| Ok((state(row)?, row.count("jobs")?))).collect()
            }
        }
    };
}

pub(in crate::catalog) use listing;

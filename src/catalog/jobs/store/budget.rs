//! What was painted, and whether there is room for more.

macro_rules! budget {
    ($database:ident) => {
        use time::{Duration, OffsetDateTime, Time};

        use crate::catalog::columns::{Columns, micros};
        use crate::catalog::jobs::{Budget, Painted, Quota, QuotaExceeded, Spent, rows};
        use crate::catalog::{$database, CatalogError, now};

        type Connection = <sqlx::$database as sqlx::Database>::Connection;

        const MINUTE: i64 = 60 * 1_000_000;

        impl $database {
            pub(in crate::catalog) async fn spent_today(&self) -> Result<Spent, CatalogError> {
                let mut tx = self.begin_read().await?;
                let row = today(&mut tx, "").await?;
                Ok(Spent { pictures: row.count("pictures")?, money: row.count("money")? })
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
                query.fetch_all(&mut *tx).await?.iter().map(rows::painted).collect()
            }
        }

        /// Whether the user asks too often.
        pub(super) async fn too_often(
            connection: &mut Connection,
            user: &str,
            budget: &Budget,
        ) -> Result<Option<QuotaExceeded>, CatalogError> {
            let time = micros(now());
            let minute = "SELECT count(*) AS asked, min(admitted_at) AS first FROM admissions \
                WHERE user_id = $1 AND admitted_at > $2";
            let row = sqlx::query(minute).bind(user).bind(time - MINUTE).fetch_one(connection).await?;
            if row.number("asked")? < i64::from(budget.per_user_per_minute) {
                return Ok(None);
            }
            let first = row.optional_number("first")?;
            let wait = first.map_or(MINUTE, |first| (first + MINUTE - time).clamp(1, MINUTE));
            let retry_after = std::time::Duration::from_micros(wait as u64);
            Ok(Some(QuotaExceeded { quota: Quota::UserMinute, retry_after }))
        }

        /// Notes that the user asked for something; what is older than the rate looks back is forgotten.
        pub(super) async fn note_admission(connection: &mut Connection, user: &str) -> Result<(), CatalogError> {
            let time = micros(now());
            let forget = sqlx::query("DELETE FROM admissions WHERE admitted_at <= $1").bind(time - MINUTE);
            forget.execute(&mut *connection).await?;
            let note = sqlx::query("INSERT INTO admissions (user_id, admitted_at) VALUES ($1, $2)");
            note.bind(user).bind(time).execute(connection).await?;
            Ok(())
        }

        /// Which of the day's limits one more picture would pass.
        pub(super) async fn refused(
            connection: &mut Connection,
            user: &str,
            estimate: u64,
            budget: &Budget,
        ) -> Result<Option<QuotaExceeded>, CatalogError> {
            let time = now();
            let midnight = time.replace_time(Time::MIDNIGHT);
            let until_midnight = (midnight + Duration::DAY - time).unsigned_abs();
            let exceeded = |quota, retry_after| Some(QuotaExceeded { quota, retry_after });
            let row = today(connection, user).await?;
            if row.count("own")? >= u64::from(budget.per_user_per_day) {
                return Ok(exceeded(Quota::UserDay, until_midnight));
            }
            if row.count("pictures")? >= u64::from(budget.per_day) {
                return Ok(exceeded(Quota::Day, until_midnight));
            }
            if row.count("money")? + estimate > budget.spent_per_day {
                return Ok(exceeded(Quota::Money, until_midnight));
            }
            Ok(None)
        }

        /// What was painted today, by all as `pictures` and by the user as `own`, and what that may have cost as `money`.
        async fn today(connection: &mut Connection, user: &str) -> Result<<sqlx::$database as sqlx::Database>::Row, CatalogError> {
            let midnight = now().replace_time(Time::MIDNIGHT);
            let day = "SELECT CAST(coalesce(sum(pictures), 0) AS BIGINT) AS pictures, \
                CAST(coalesce(sum(CASE WHEN user_id = $2 THEN pictures ELSE 0 END), 0) AS BIGINT) AS own, \
                CAST(coalesce(sum(money), 0) AS BIGINT) AS money FROM (SELECT user_id, \
                CASE WHEN paints > 0 THEN paints WHEN state IN ('queued', 'running') THEN 1 ELSE 0 END AS pictures, \
                CASE WHEN paints > 0 THEN spent WHEN state IN ('queued', 'running') THEN estimate ELSE 0 END AS money \
                FROM jobs WHERE admitted_at >= $1) AS today";
            Ok(sqlx::query(day).bind(micros(midnight)).bind(user).fetch_one(connection).await?)
        }
    };
}

pub(in crate::catalog) use budget;

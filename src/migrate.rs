//! SQL for a Supabase's own Postgres: buckets, policies, functions. Files of `deploy/supabase/migrations`, which
//! psql runs as well, with a ledger of what was done.
//!
//! The tables of our own catalogue are another matter: [`crate::catalog::Catalog::open_postgres`] makes these itself.

mod error;
mod ledger;
mod parts;
mod survey;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use time::OffsetDateTime;
use url::Url;

pub use error::MigrateError;
pub use survey::{BucketRow, Survey};

use crate::secret::Secret;

/// One pair of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    pub number: i32,
    pub name: &'static str,
    up: &'static str,
    down: &'static str,
}

macro_rules! migration {
    ($number:literal, $name:literal, $stem:literal) => {
        Migration {
            number: $number,
            name: $name,
            up: include_str!(concat!("../deploy/supabase/migrations/", $stem, ".up.sql")),
            down: include_str!(concat!("../deploy/supabase/migrations/", $stem, ".down.sql")),
        }
    };
}

/// In the order in which they are applied.
pub const MIGRATIONS: [Migration; 6] = [
    migration!(1, "own_schema", "0001_own_schema"),
    migration!(2, "buckets", "0002_buckets"),
    migration!(3, "object_policies", "0003_object_policies"),
    migration!(4, "kinksters", "0004_kinksters"),
    migration!(5, "topic_policies", "0005_topic_policies"),
    migration!(6, "functions", "0006_functions"),
];

impl Migration {
    /// What the ledger keeps of the file that was applied.
    pub fn checksum(&self) -> String {
        blake3::hash(self.up.as_bytes()).to_hex().to_string()
    }
}

impl std::fmt::Display for Migration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:04} {}", self.number, self.name)
    }
}

/// A migration and when it was applied, if it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub migration: Migration,
    pub applied_at: Option<OffsetDateTime>,
}

/// What is done with functions that somebody has edited since they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edits {
    /// They are named, and nothing is done.
    Keep,
    Overwrite,
}

/// Longest wait for a lock that somebody else holds. Any number of milliseconds that a person would wait.
const LOCK_PATIENCE: &str = "30s";
/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// The database that is brought up to date, over one connection.
#[derive(Debug)]
pub struct Database {
    connection: PgConnection,
    place: String,
    user: String,
}

impl Database {
    pub async fn connect(url: &Secret) -> Result<Self, MigrateError> {
        let is_postgres = |url: &Url| matches!(url.scheme(), "postgres" | "postgresql");
        Url::parse(url.reveal()).ok().filter(is_postgres).ok_or(MigrateError::Url)?;
        // The text of the error may hold the URL, and the URL holds the password.
        let options = PgConnectOptions::from_str(url.reveal()).map_err(|_| MigrateError::Url)?;
        let options = options
            .application_name("tintype migrate")
            // A pooler in front of Postgres may answer each transaction by another server.
            .statement_cache_capacity(0);
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let place = format!("{}:{}/{database}", options.get_host(), options.get_port());
        let user = options.get_username().to_owned();
        let connected = tokio::time::timeout(PATIENCE, options.connect()).await;
        let connection = connected
            .map_err(|_| sqlx::Error::PoolTimedOut)
            .flatten()
            .map_err(|error| MigrateError::unreachable(&place, &user, &error))?;
        Ok(Self { connection, place, user })
    }

    /// `host:port/database`: what may be shown of the URL.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Every migration, and when it was applied. Changes nothing.
    pub async fn status(&mut self) -> Result<Vec<Step>, MigrateError> {
        let applied = ledger::read(&mut self.connection).await?;
        ledger::check(&applied)?;
        let applied_at =
            |migration: &Migration| applied.iter().find(|row| row.number == migration.number).map(|row| row.since);
        Ok(MIGRATIONS.iter().map(|one| Step { migration: *one, applied_at: applied_at(one) }).collect())
    }

    /// Applies what was applied once more, from this version's files: it does no harm, and makes anew what somebody
    /// removed.
    pub async fn again(&mut self, edits: Edits, mut told: impl FnMut(&Migration)) -> Result<(), MigrateError> {
        for migration in &MIGRATIONS {
            let mut tx = self.connection.begin().await?;
            ledger::lock(&mut tx).await?;
            ledger::check_known(&ledger::read(&mut tx).await?)?;
            make(&mut tx, migration, &self.user, edits).await?;
            tx.commit().await?;
            told(migration);
        }
        Ok(())
    }

    /// Applies what is pending, each in a transaction of its own, and tells of each when it is done.
    pub async fn up(&mut self, mut told: impl FnMut(&Migration)) -> Result<(), MigrateError> {
        for migration in &MIGRATIONS {
            let mut tx = self.connection.begin().await?;
            ledger::lock(&mut tx).await?;
            if apply(&mut tx, migration, &self.user).await? {
                tx.commit().await?;
                told(migration);
            }
        }
        Ok(())
    }

    /// Tries what is pending in one transaction, and takes all of it back.
    pub async fn try_up(&mut self, mut told: impl FnMut(&Migration)) -> Result<(), MigrateError> {
        let mut tx = self.connection.begin().await?;
        ledger::lock(&mut tx).await?;
        for migration in &MIGRATIONS {
            if apply(&mut tx, migration, &self.user).await? {
                told(migration);
            }
        }
        Ok(tx.rollback().await?)
    }

    /// Takes the last so many back, the last first, whichever version's files they were applied from.
    pub async fn down(
        &mut self,
        count: usize,
        edits: Edits,
        mut told: impl FnMut(&Migration),
    ) -> Result<(), MigrateError> {
        for _ in 0..count {
            let mut tx = self.connection.begin().await?;
            ledger::lock(&mut tx).await?;
            let applied = ledger::read(&mut tx).await?;
            ledger::check_known(&applied)?;
            let Some(last) = MIGRATIONS.iter().rev().find(|one| applied.iter().any(|row| row.number == one.number))
            else {
                return Ok(());
            };
            parts::guard(&mut tx, last, edits).await?;
            parts::forget(&mut tx, last).await?;
            ledger::forget(&mut tx, last).await?;
            run(&mut tx, last, last.down, &self.user).await?;
            tx.commit().await?;
            told(last);
        }
        Ok(())
    }

    /// Lets `validate_avatar_url` know where avatars are shown from. Nothing is taken away: rows may point at where a server
    /// was before.
    pub async fn add_origins(&mut self, origins: &[String]) -> Result<(), MigrateError> {
        let add = "INSERT INTO tintype.avatar_origins (origin, kind) SELECT unnest($1::text[]), 'stored' ON CONFLICT DO NOTHING";
        sqlx::query(add).persistent(false).bind(origins).execute(&mut self.connection).await?;
        Ok(())
    }

    /// What is there and what is missing.
    pub async fn survey(&mut self) -> Result<Survey, MigrateError> {
        survey::take(&mut self.connection).await
    }
}

/// Whether it was pending. It is noted with what it did or not at all.
async fn apply(connection: &mut PgConnection, migration: &Migration, user: &str) -> Result<bool, MigrateError> {
    let applied = ledger::read(connection).await?;
    ledger::check(&applied)?;
    if applied.iter().any(|row| row.number == migration.number) {
        return Ok(false);
    }
    make(connection, migration, user, Edits::Keep).await?;
    Ok(true)
}

/// Runs the file, and notes what it did.
async fn make(
    connection: &mut PgConnection,
    migration: &Migration,
    user: &str,
    edits: Edits,
) -> Result<(), MigrateError> {
    parts::guard(connection, migration, edits).await?;
    run(connection, migration, migration.up, user).await?;
    parts::note(connection, migration).await?;
    ledger::note(connection, migration).await
}

async fn run(
    connection: &mut PgConnection,
    migration: &Migration,
    script: &'static str,
    user: &str,
) -> Result<(), MigrateError> {
    let done = sqlx::raw_sql(AssertSqlSafe(script)).execute(connection).await;
    done.map(drop).map_err(|error| MigrateError::of_script(migration, user, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_one_of_the_list() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/supabase/migrations");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let names = MIGRATIONS.iter().map(|one| format!("{:04}_{}", one.number, one.name));
        let listed: Vec<String> =
            names.flat_map(|name| [format!("{name}.down.sql"), format!("{name}.up.sql")]).collect();
        assert_eq!(files, listed);
        for (index, one) in MIGRATIONS.iter().enumerate() {
            assert_eq!(one.number as usize, index + 1);
        }
    }
}

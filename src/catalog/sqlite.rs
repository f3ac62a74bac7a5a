//! The catalogue in one SQLite file beside the data.
//!
//! One connection writes, so that writers wait for each other instead of failing; a few others read. The rules of the
//! configuration are held against the rows inside the transaction that reads or changes them.

mod buckets;
mod change;
mod cleanup;
mod deliveries;
mod jobs;
mod objects;
mod outbox;
mod rows;
mod uploads;
mod usage;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite as Database, SqliteTransaction};

pub(super) use rows::found;

use super::CatalogError;
use super::listing;
use super::select::Reader;
use super::types::{Entry, ListQuery, Listing, PageQuery};
use crate::auth::{Caller, Operation, RuleBook};
use crate::object::BucketName;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/catalog/sqlite/migrations");

/// Connections that read.
const READERS: u32 = 4;
/// How long a reader or writer waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// SQLite beside the data.
#[derive(Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    rules: RuleBook,
}

impl Sqlite {
    /// Opens the file, which is made where it is missing, and brings its tables up to date.
    pub async fn open(path: &Path, rules: RuleBook) -> Result<Self, CatalogError> {
        let opened = Self::connect(path, rules, true).await?;
        MIGRATIONS.run(&opened.writer).await?;
        Ok(opened)
    }

    /// Opens a file that a server has made, and makes nothing in it.
    pub async fn look_into(path: &Path, rules: RuleBook) -> Result<Self, CatalogError> {
        let opened = Self::connect(path, rules, false).await?;
        let applied = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success");
        let applied: Vec<i64> = applied.fetch_all(&opened.readers).await.unwrap_or_default();
        if MIGRATIONS.iter().all(|one| applied.contains(&one.version)) {
            Ok(opened)
        } else {
            Err(CatalogError::NotSetUp("its tables are an older version's".to_owned()))
        }
    }

    async fn connect(path: &Path, rules: RuleBook, make: bool) -> Result<Self, CatalogError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(make)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With less, a power cut may undo what was acknowledged.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE);
        let writer = pool(1).connect_with(options.clone()).await?;
        let readers = pool(READERS).connect_with(options.pragma("query_only", "on")).await?;
        Ok(Self { writer, readers, rules })
    }

    /// A transaction that may write: the only one at its time.
    pub(super) async fn begin(&self) -> Result<SqliteTransaction<'static>, CatalogError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// For tests that fill tables by hand.
    #[cfg(test)]
    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(super) async fn list(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &ListQuery,
    ) -> Result<Vec<Entry>, CatalogError> {
        let reach = self.rules.of(bucket).reach(caller, Operation::Select);
        let mut tx = self.readers.begin().await?;
        listing::list(&mut Reader::Sqlite(&mut tx), bucket, &reach, query).await
    }

    pub(super) async fn list_pages(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &PageQuery,
    ) -> Result<Listing, CatalogError> {
        let reach = self.rules.of(bucket).reach(caller, Operation::Select);
        let mut tx = self.readers.begin().await?;
        listing::list_pages(&mut Reader::Sqlite(&mut tx), bucket, &reach, query).await
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // A file does not hang up.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

//! Facts about buckets and objects: who owns what, which bytes are the current ones, and what happened.
//!
//! One closed set of databases: SQLite beside the data (default), or Postgres. Every operation takes the
//! [`crate::auth::Caller`] for whom it is done: SQLite evaluates [`crate::auth::RuleSet`] in the same transaction, Postgres
//! sets the claims and lets its row-level security decide. What changes an object writes its [`Event`] in the same
//! transaction (the outbox), so that a crash between the two loses nothing.

mod buckets;
mod cleanup;
mod columns;
mod deliveries;
mod error;
mod jobs;
mod level;
mod listing;
mod notes;
mod objects;
mod outbox;
mod postgres;
mod select;
mod sqlite;
#[cfg(test)]
mod tests;
mod types;
mod uploads;
mod usage;

use std::path::Path;

use time::OffsetDateTime;

pub use cleanup::{
    Actor, Audit, AuditAction, AuditQuery, CleanupRun, NewAudit, NewRun, Removed, Restored, Retire, Retiree, RunCounts,
    RunState, Seen, Undo,
};
pub use deliveries::{Backlog, Delivery, HandOver, NewDelivery};
pub use error::CatalogError;
pub use jobs::{
    Answered, AvatarWrite, Begun, Budget, Claim, Crowd, Ended, Enqueued, Failure, Job, JobQuery, JobState, JobStep,
    Kinkster, KinksterChange, KinksterMatch, Lease, NewJob, Painted, Placed, Quota, QuotaExceeded, Revival, Sitter,
    Spent, Stored, Uploaded,
};
pub use notes::NOTE_BYTES;
pub use postgres::{Notes, Postgres};
pub use sqlite::Sqlite;
pub use types::{
    Amount, Bucket, BucketChange, BucketOrder, BucketQuery, BucketSettings, Copied, Direction, Entry, Event, EventKind,
    Folder, ListQuery, Listing, NewBucket, NewObject, NewUpload, Object, PageQuery, Put, SortBy, StaleBlob, Upload,
    Usage,
};

use crate::auth::RuleBook;
use crate::config::Secret;
use crate::object::{BucketName, ObjectKey};

/// The time as both databases keep it: in whole microseconds.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_microsecond(now.microsecond()).unwrap_or(now)
}

fn bucket_name(text: &str) -> Result<BucketName, CatalogError> {
    BucketName::parse(text).map_err(|error| CatalogError::Broken(format!("{text:?}: {error}")))
}

fn object_key(text: &str) -> Result<ObjectKey, CatalogError> {
    ObjectKey::parse(text).map_err(|error| CatalogError::Broken(format!("{text:?}: {error}")))
}

/// The database of buckets and objects.
#[derive(Debug)]
pub enum Catalog {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// The same call on whichever database it is. The futures of Postgres are boxed: they are large, and would be part of
/// every request's.
macro_rules! either {
    ($catalog:expr, $name:ident($($argument:expr),*)) => {
        match $catalog {
            Catalog::Sqlite(sqlite) => sqlite.$name($($argument),*).await,
            Catalog::Postgres(postgres) => Box::pin(postgres.$name($($argument),*)).await,
        }
    };
}
use either;

impl Catalog {
    /// SQLite in this file, under these rules.
    pub async fn open_sqlite(path: &Path, rules: RuleBook) -> Result<Self, CatalogError> {
        Ok(Self::Sqlite(Sqlite::open(path, rules).await?))
    }

    /// The same, of a file and tables that are there.
    pub async fn look_into_sqlite(path: &Path, rules: RuleBook) -> Result<Self, CatalogError> {
        Ok(Self::Sqlite(Sqlite::look_into(path, rules).await?))
    }

    /// Postgres, in this schema of its own (`tintype` if nothing else is said). The rules are written into it, for the
    /// policies that it is set up with; the operator may replace these.
    pub async fn open_postgres(url: &Secret, schema: &str, rules: &RuleBook) -> Result<Self, CatalogError> {
        Ok(Self::Postgres(Postgres::open(url, schema, Some(rules)).await?))
    }

    /// Makes the tables, and leaves the rules to the servers: until one was there, nobody but the service may do anything.
    pub async fn set_up_postgres(url: &Secret, schema: &str) -> Result<Self, CatalogError> {
        Ok(Self::Postgres(Postgres::open(url, schema, None).await?))
    }

    /// Postgres beside the servers that share it: their tables and their rules stay as they are.
    pub async fn join_postgres(url: &Secret, schema: &str) -> Result<Self, CatalogError> {
        Ok(Self::Postgres(Postgres::join(url, schema).await?))
    }
}

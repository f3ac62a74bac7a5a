//! Facts about buckets and objects: who owns what, which bytes are the current ones, and what happened.
//!
//! One closed set of databases: SQLite beside the data (default), or Postgres. Every operation takes the [`Caller`] for
//! whom it is done: SQLite evaluates [`crate::auth::RuleSet`] in the same transaction, Postgres sets the claims and lets
//! its row-level security decide. What changes an object writes its [`Event`] in the same transaction (the outbox), so
//! that a crash between the two loses nothing.

mod cleanup;
mod deliveries;
mod jobs;
mod level;
mod listing;
mod notes;
mod postgres;
mod select;
mod sqlite;
#[cfg(test)]
mod tests;
mod types;

use std::collections::HashSet;
use std::path::Path;

use sqlx::migrate::MigrateError;
use time::OffsetDateTime;
use uuid::Uuid;

pub use cleanup::{
    Actor, Audit, AuditAction, AuditQuery, CleanupRun, NewAudit, NewRun, Removed, Restored, Retire, Retiree, RunCounts,
    RunState, Seen, Undo,
};
pub use deliveries::{Backlog, Delivery, HandOver, NewDelivery};
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

use crate::auth::{Caller, RuleBook};
use crate::config::Secret;
use crate::object::{BucketName, ObjectId, ObjectKey};

/// Why the catalogue did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Unknown, or not for this caller to see.
    #[error("there is no such bucket")]
    NoBucket,
    /// Unknown, or not for this caller to see.
    #[error("there is no such object")]
    NoObject,
    #[error("the bucket exists")]
    BucketExists,
    #[error("the object exists")]
    ObjectExists,
    #[error("the bucket is not empty")]
    NotEmpty,
    /// The rules, or the database's policies, say no.
    #[error("this caller may not do that")]
    Denied,
    /// The job is another worker's by now, or was cancelled.
    #[error("the job is not this worker's any more")]
    Superseded,
    /// The database is down or too slow.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    /// No server has made or renewed the tables yet.
    #[error("{0}; start a server once, or run `tintype migrate --own`")]
    NotSetUp(String),
    #[error("the database answered nonsense: {0}")]
    Broken(String),
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection could be had in time".to_owned()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            sqlx::Error::Database(database) => Self::of_code(&database.code().unwrap_or_default(), &error),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl CatalogError {
    /// By the database's own code: five characters of Postgres, or a number of SQLite.
    fn of_code(code: &str, error: &sqlx::Error) -> Self {
        match code {
            // Insufficient privilege, row-level security included.
            "42501" => Self::Denied,
            // Connections, deadlocks, timeouts, a server that starts or stops or is full.
            "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "53300" => {
                Self::Unavailable(error.to_string())
            }
            code if code.starts_with("08") => Self::Unavailable(error.to_string()),
            // Busy, locked, full, or a disk that fails.
            "5" | "6" | "10" | "13" | "14" | "261" | "517" => Self::Unavailable(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<MigrateError> for CatalogError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Broken(other.to_string()),
        }
    }
}

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

// The futures of Postgres are boxed: they are large, and would be part of every request's.
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

    /// The buckets that the caller may see.
    pub async fn buckets(&self, caller: &Caller, query: &BucketQuery) -> Result<Vec<Bucket>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.buckets(caller, query).await,
            Self::Postgres(postgres) => Box::pin(postgres.buckets(caller, query)).await,
        }
    }

    /// A bucket that the caller may see; `NoBucket` otherwise.
    pub async fn bucket(&self, caller: &Caller, name: &BucketName) -> Result<Bucket, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.bucket(caller, name).await,
            Self::Postgres(postgres) => Box::pin(postgres.bucket(caller, name)).await,
        }
    }

    /// A bucket, as the operator sees it.
    pub async fn find_bucket(&self, name: &BucketName) -> Result<Option<Bucket>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.find_bucket(name).await,
            Self::Postgres(postgres) => Box::pin(postgres.find_bucket(name)).await,
        }
    }

    /// Every bucket by name, as the operator sees them.
    pub async fn all_buckets(&self) -> Result<Vec<Bucket>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.all_buckets().await,
            Self::Postgres(postgres) => Box::pin(postgres.all_buckets()).await,
        }
    }

    /// Makes a bucket: `BucketExists`, `Denied`.
    pub async fn create_bucket(&self, caller: &Caller, new: NewBucket) -> Result<Bucket, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.create_bucket(caller, new).await,
            Self::Postgres(postgres) => Box::pin(postgres.create_bucket(caller, new)).await,
        }
    }

    /// Changes a bucket's columns: `NoBucket`, `Denied`.
    pub async fn update_bucket(
        &self,
        caller: &Caller,
        name: &BucketName,
        change: BucketChange,
    ) -> Result<Bucket, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.update_bucket(caller, name, change).await,
            Self::Postgres(postgres) => Box::pin(postgres.update_bucket(caller, name, change)).await,
        }
    }

    /// Removes an empty bucket: `NoBucket`, `NotEmpty`, `Denied`.
    pub async fn delete_bucket(&self, caller: &Caller, name: &BucketName) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.delete_bucket(caller, name).await,
            Self::Postgres(postgres) => Box::pin(postgres.delete_bucket(caller, name)).await,
        }
    }

    /// Makes the bucket be as declared, as the operator: at every start.
    pub async fn declare_bucket(&self, new: NewBucket) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.declare_bucket(new).await,
            Self::Postgres(postgres) => Box::pin(postgres.declare_bucket(new)).await,
        }
    }

    /// Whether [`Self::put`] would be allowed now, before any byte is written: `NoBucket`, `Denied`, `ObjectExists`.
    pub async fn may_put(&self, caller: &Caller, id: &ObjectId, upsert: bool) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.may_put(caller, id, upsert).await,
            Self::Postgres(postgres) => Box::pin(postgres.may_put(caller, id, upsert)).await,
        }
    }

    /// Makes a written version the current one; what it replaces is stale from then on.
    pub async fn put(&self, caller: &Caller, new: NewObject, upsert: bool) -> Result<Put, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.put(caller, new, upsert).await,
            Self::Postgres(postgres) => Box::pin(postgres.put(caller, new, upsert)).await,
        }
    }

    /// An object that the caller may see; `NoObject` otherwise.
    pub async fn object(&self, caller: &Caller, id: &ObjectId) -> Result<Object, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.object(caller, id).await,
            Self::Postgres(postgres) => Box::pin(postgres.object(caller, id)).await,
        }
    }

    /// An object, as the operator sees it: for public buckets.
    pub async fn find_object(&self, id: &ObjectId) -> Result<Option<Object>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.find_object(id).await,
            Self::Postgres(postgres) => Box::pin(postgres.find_object(id)).await,
        }
    }

    /// One level of what the caller may see; nothing where there is no such bucket.
    pub async fn list(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &ListQuery,
    ) -> Result<Vec<Entry>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.list(caller, bucket, query).await,
            Self::Postgres(postgres) => Box::pin(postgres.list(caller, bucket, query)).await,
        }
    }

    /// A page of what the caller may see; nothing where there is no such bucket.
    pub async fn list_pages(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &PageQuery,
    ) -> Result<Listing, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.list_pages(caller, bucket, query).await,
            Self::Postgres(postgres) => Box::pin(postgres.list_pages(caller, bucket, query)).await,
        }
    }

    /// Removes those that exist and that the caller may remove, and says which. `undo`: for how long they may be brought
    /// back by [`Self::undo`]; until then their bytes are kept, else they are stale at once.
    pub async fn remove(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        keys: &[ObjectKey],
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.remove(caller, bucket, keys, undo).await,
            Self::Postgres(postgres) => Box::pin(postgres.remove(caller, bucket, keys, undo)).await,
        }
    }

    /// Removes up to `limit` objects that the caller may remove; the bucket is empty for them once none comes back.
    pub async fn empty_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        limit: u32,
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.empty_bucket(caller, bucket, limit, undo).await,
            Self::Postgres(postgres) => Box::pin(postgres.empty_bucket(caller, bucket, limit, undo)).await,
        }
    }

    /// Gives an object another name. In another bucket its bytes lie under a version of their own: `moved`.
    pub async fn rename(
        &self,
        caller: &Caller,
        from: &ObjectId,
        to: &ObjectId,
        moved: Option<Copied>,
    ) -> Result<Object, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.rename(caller, from, to, moved).await,
            Self::Postgres(postgres) => Box::pin(postgres.rename(caller, from, to, moved)).await,
        }
    }

    /// What happened and is not finished yet, oldest first.
    pub async fn events(&self, limit: u32) -> Result<Vec<Event>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.events(limit).await,
            Self::Postgres(postgres) => Box::pin(postgres.events(limit)).await,
        }
    }

    /// Forgets an event that everyone has been told of.
    pub async fn finish_event(&self, id: Uuid) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.finish_event(id).await,
            Self::Postgres(postgres) => Box::pin(postgres.finish_event(id)).await,
        }
    }

    /// Up to `limit` bytes that have been stale since before this time, oldest first, without the first `skipped`.
    pub async fn stale_blobs(
        &self,
        before: OffsetDateTime,
        skipped: u64,
        limit: u32,
    ) -> Result<Vec<StaleBlob>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.stale_blobs(before, skipped, limit).await,
            Self::Postgres(postgres) => Box::pin(postgres.stale_blobs(before, skipped, limit)).await,
        }
    }

    /// Which of these versions are current, stale, restorable or being uploaded; the others' bytes are nobody's.
    pub async fn known_versions(&self, bucket: &BucketName, versions: &[Uuid]) -> Result<HashSet<Uuid>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.known_versions(bucket, versions).await,
            Self::Postgres(postgres) => Box::pin(postgres.known_versions(bucket, versions)).await,
        }
    }

    /// Notes a resumable upload; [`Self::may_put`] comes before it.
    pub async fn begin_upload(&self, caller: &Caller, new: NewUpload) -> Result<Upload, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin_upload(caller, new).await,
            Self::Postgres(postgres) => Box::pin(postgres.begin_upload(caller, new)).await,
        }
    }

    /// A resumable upload that is not finished.
    pub async fn upload(&self, version: Uuid) -> Result<Option<Upload>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.upload(version).await,
            Self::Postgres(postgres) => Box::pin(postgres.upload(version)).await,
        }
    }

    /// Moves the offset, if it is still where it is expected.
    pub async fn advance_upload(&self, version: Uuid, expected: u64, reached: u64) -> Result<bool, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.advance_upload(version, expected, reached).await,
            Self::Postgres(postgres) => Box::pin(postgres.advance_upload(version, expected, reached)).await,
        }
    }

    /// Gives an upload up; its bytes are stale from then on. [`Self::put`] of its version finishes it instead.
    pub async fn forget_upload(&self, version: Uuid) -> Result<bool, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.forget_upload(version).await,
            Self::Postgres(postgres) => Box::pin(postgres.forget_upload(version)).await,
        }
    }

    /// Uploads that were not finished in time, oldest first.
    pub async fn expired_uploads(&self, at: OffsetDateTime, limit: u32) -> Result<Vec<Upload>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.expired_uploads(at, limit).await,
            Self::Postgres(postgres) => Box::pin(postgres.expired_uploads(at, limit)).await,
        }
    }

    /// What is stored, by bucket and by owner.
    pub async fn usage(&self) -> Result<Usage, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.usage().await,
            Self::Postgres(postgres) => Box::pin(postgres.usage()).await,
        }
    }

    /// What lies in a folder of a bucket, at every depth.
    pub async fn folder(&self, bucket: &BucketName, folder: &str) -> Result<Folder, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.folder(bucket, folder).await,
            Self::Postgres(postgres) => Box::pin(postgres.folder(bucket, folder)).await,
        }
    }

    /// The largest objects of a bucket, largest first.
    pub async fn largest(&self, bucket: &BucketName, limit: u32) -> Result<Vec<Object>, CatalogError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.largest(bucket, limit).await,
            Self::Postgres(postgres) => Box::pin(postgres.largest(bucket, limit)).await,
        }
    }
}

//! Facts about buckets and objects: who owns what, which bytes are the current ones, and what happened.
//!
//! One closed set of databases: SQLite beside the data (default), or Postgres. Every operation takes the [`Caller`] for
//! whom it is done: SQLite evaluates [`crate::auth::RuleSet`] in the same transaction, Postgres sets the claims and lets
//! its row-level security decide. What changes an object writes its [`Event`] in the same transaction (the outbox), so
//! that a crash between the two loses nothing.

mod types;

pub use types::{
    Bucket, BucketChange, BucketOrder, BucketQuery, BucketSettings, Direction, Entry, Event, EventKind, ListQuery,
    Listing, NewBucket, NewObject, Object, PageQuery, Put, SortBy, StaleBlob,
};

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
    /// The database is down or too slow.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    #[error("the database answered nonsense: {0}")]
    Broken(String),
}

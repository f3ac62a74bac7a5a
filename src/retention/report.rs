//! What a run did, or would do.

use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::object::{BucketName, ObjectKey};

/// What became of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is to go.
    Nothing,
    /// The rule is new: what would go is in the audit log.
    Listed,
    Removed,
    /// Already one object would be more than a run may remove.
    Refused,
    WouldList,
    WouldRemove,
    WouldRefuse,
}

/// An object that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Goes {
    pub name: ObjectKey,
    pub version: Uuid,
    pub size: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    pub reason: String,
}

/// One bucket with a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BucketReport {
    pub bucket: BucketName,
    /// Pictures kept of each character.
    pub keep: u32,
    pub outcome: Outcome,
    /// In the bucket, before.
    pub objects: u64,
    /// What goes or went, or would.
    pub goes: Vec<Goes>,
    /// Of those.
    pub bytes: u64,
    /// What waits for later runs: together it would be more than a run may remove.
    pub left: u64,
    /// Beyond the newest, and kept because something points at them.
    pub pointed_at: u64,
    /// Beyond the newest, and kept because they are young.
    pub young: u64,
    /// Beyond the newest, and kept because they were brought back.
    pub restored: u64,
}

/// What else went, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Freed {
    /// Replaced and removed versions whose time of grace, or of restoring, was over.
    pub versions: u64,
    /// Uploads that were not finished in time.
    pub uploads: u64,
    /// Files that no object names: noted, and removed once a removed object could not be brought back any more.
    pub files: u64,
    pub bytes: u64,
    /// Files that could not be removed.
    pub failed: u64,
    /// Why files that no object names are not even noted.
    pub kept: Option<Kept>,
}

/// Why files that no object names stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The blobs are not known to be this catalogue's.
    Foreign,
    /// More than a run may take for left over.
    TooMany { files: u64 },
}

/// What a run did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `None`: it only looked.
    pub run: Option<Uuid>,
    pub buckets: Vec<BucketReport>,
    pub freed: Freed,
}

//! What the catalogue holds of retention.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::auth::{Caller, Role};
use crate::catalog::{CatalogError, Object, StaleBlob};
use crate::object::{BucketName, ObjectKey};

/// Why it went, in the audit log.
pub(in crate::catalog) const DELETED: &str = "deleted through the storage API";

/// Versions named in one line of the audit log.
const LINE: usize = 100;

/// Who had something removed or brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A server, because it was time.
    Schedule,
    /// The command line.
    Operator,
    /// A service key, through the API.
    Service,
    /// Anybody else, through the API.
    User,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Ended,
    /// It broke off; what it had removed by then is removed, and can be restored.
    Failed,
}

/// What the audit log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditAction {
    /// A dry run would have removed it.
    Listed,
    Removed,
    Restored,
    /// A run did not remove what it would have, or did not restore it.
    Refused,
    /// The bytes of a removed object went.
    Expired,
}

/// How much a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Objects that a dry run would have removed.
    pub listed: u64,
    pub removed: u64,
    /// Of the removed objects.
    pub bytes: u64,
    /// Buckets of which nothing was removed because it would have been too much.
    pub refused: u64,
    pub restored: u64,
}

/// A row of `cleanup_runs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanupRun {
    /// Version 7: in the order in which they began.
    pub id: Uuid,
    pub actor: Actor,
    pub state: RunState,
    pub started_at: OffsetDateTime,
    pub ended_at: Option<OffsetDateTime>,
    pub counts: RunCounts,
}

/// A wish for the turn. There is one in the whole fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRun {
    pub id: Uuid,
    pub actor: Actor,
    /// Until when the turn is held without a sign of life.
    pub until: OffsetDateTime,
    /// Set: only when the schedule says so; the first time, from then on.
    pub first_due: Option<OffsetDateTime>,
}

/// A row of `audit`, to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAudit {
    pub actor: Actor,
    pub action: AuditAction,
    pub run: Option<Uuid>,
    pub bucket: Option<BucketName>,
    pub name: Option<ObjectKey>,
    pub version: Option<Uuid>,
    pub size: Option<u64>,
    pub reason: String,
}

/// A row of `audit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// In the order in which it was written.
    pub ordinal: i64,
    pub at: OffsetDateTime,
    pub entry: NewAudit,
    /// Of a removed object of ours: until when it can be brought back.
    pub restorable_until: Option<OffsetDateTime>,
}

/// Which rows of `audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    pub run: Option<Uuid>,
    pub bucket: Option<BucketName>,
    /// Only what was written before this one.
    pub before: Option<i64>,
    pub limit: u32,
}

/// An object that a run is to remove, if it is still this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retiree {
    pub key: ObjectKey,
    pub version: Uuid,
    pub reason: String,
}

/// A batch of a run.
#[derive(Clone, Debug)]
pub struct Retire<'a> {
    pub run: Uuid,
    pub actor: Actor,
    /// The turn is prolonged with every batch.
    pub until: OffsetDateTime,
    pub restorable_until: OffsetDateTime,
    pub bucket: &'a BucketName,
    pub objects: &'a [Retiree],
}

/// When what points at objects was read: only what was written since has to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// By our clock.
    pub at: OffsetDateTime,
    /// Postgres': the oldest transaction that may have been under way then.
    pub(in crate::catalog) transaction: Option<String>,
}

/// A row's time is that of the server that wrote it, from before it was written: one whose clock is behind, or that waited.
const LATE: Duration = Duration::hours(1);

impl Seen {
    /// Read at this time, as far as clocks tell.
    pub fn at(at: OffsetDateTime) -> Self {
        Self { at, transaction: None }
    }

    /// Nothing was read yet.
    pub fn nothing() -> Self {
        Self::at(OffsetDateTime::UNIX_EPOCH)
    }

    /// Rows that were written earlier are as they were read.
    pub(in crate::catalog) fn rows_since(&self) -> OffsetDateTime {
        if self.at == OffsetDateTime::UNIX_EPOCH { self.at } else { self.at - LATE }
    }
}

/// How long whoever removes objects through the API may bring them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undo {
    /// Names what is removed together.
    pub run: Uuid,
    pub until: OffsetDateTime,
}

/// A row of `removed_objects` that can still be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Of retention, or what names a removal through the API.
    pub run: Uuid,
    /// Who removed it through the API; `None`: a run of retention.
    pub remover: Option<String>,
    pub object: Object,
    pub removed_at: OffsetDateTime,
    pub restorable_until: OffsetDateTime,
    /// An upstream was to remove it, and it is not known yet whether it has.
    pub is_pending: bool,
}

/// What became of an object that was to be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    Back(Box<Object>),
    /// There is another object of that name by now.
    Taken,
    NoBucket,
    /// Its time is over, or it is back already.
    Gone,
}

impl Actor {
    /// The name in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Operator => "operator",
            Self::Service => "service",
            Self::User => "user",
        }
    }

    pub(in crate::catalog) fn of(caller: &Caller) -> Self {
        if caller.role == Role::Service { Self::Service } else { Self::User }
    }

    pub(in crate::catalog) fn parse(text: &str) -> Result<Self, CatalogError> {
        let all = [Self::Schedule, Self::Operator, Self::Service, Self::User];
        let found = all.into_iter().find(|actor| actor.as_str() == text);
        found.ok_or_else(|| CatalogError::Broken(format!("`{text}` is no actor")))
    }
}

impl RunState {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }

    pub(in crate::catalog) fn parse(text: &str) -> Result<Self, CatalogError> {
        let found = [Self::Running, Self::Ended, Self::Failed].into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| CatalogError::Broken(format!("`{text}` is no state of a run")))
    }
}

impl AuditAction {
    const ALL: [Self; 5] = [Self::Listed, Self::Removed, Self::Restored, Self::Refused, Self::Expired];

    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Removed => "removed",
            Self::Restored => "restored",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }

    pub(in crate::catalog) fn parse(text: &str) -> Result<Self, CatalogError> {
        let found = Self::ALL.into_iter().find(|action| action.as_str() == text);
        found.ok_or_else(|| CatalogError::Broken(format!("`{text}` is no action")))
    }
}

impl Removed {
    /// An object of this batch, as it is removed now.
    pub fn now(retire: &Retire<'_>, object: Object) -> Self {
        let (run, restorable_until) = (retire.run, retire.restorable_until);
        let removed_at = OffsetDateTime::now_utc();
        Self { run, remover: None, object, removed_at, restorable_until, is_pending: false }
    }

    /// An object that this caller removes now, and may bring back.
    pub(in crate::catalog) fn by(caller: &Caller, undo: Undo, object: Object) -> Self {
        let Undo { run, until } = undo;
        let (removed_at, remover) = (OffsetDateTime::now_utc(), Some(remover(caller)));
        Self { run, remover, object, removed_at, restorable_until: until, is_pending: false }
    }
}

impl Undo {
    /// From now on for as long; none for no time at all, nor for one that no calendar has.
    pub fn within(time: std::time::Duration) -> Option<Self> {
        let until = OffsetDateTime::now_utc().checked_add(time.try_into().ok()?)?;
        (!time.is_zero()).then(|| Self { run: Uuid::now_v7(), until })
    }
}

/// Names a caller to whom what they removed is to be given back: nobody can choose a role and a subject so that they
/// together look like those of somebody else.
pub(in crate::catalog) fn remover(caller: &Caller) -> String {
    serde_json::json!([caller.role.as_str(), caller.subject.as_deref()]).to_string()
}

impl NewAudit {
    /// What is told of an object that was removed through the API.
    pub(in crate::catalog) fn of_removal(caller: &Caller, removed: &Removed) -> Self {
        Self::of(Actor::of(caller), AuditAction::Removed, removed.run, &removed.object, DELETED)
    }

    /// What is told of bytes whose time is over: a line for up to 100 versions of a bucket.
    pub(in crate::catalog) fn of_bytes(actor: Actor, run: Option<Uuid>, blobs: &[StaleBlob]) -> Vec<Self> {
        let mut by_bucket: BTreeMap<&BucketName, Vec<String>> = BTreeMap::new();
        for blob in blobs {
            by_bucket.entry(&blob.bucket).or_default().push(blob.version.to_string());
        }
        let lines =
            by_bucket.iter().flat_map(|(bucket, versions)| versions.chunks(LINE).map(move |line| (bucket, line)));
        let entry = |(bucket, versions): (&&BucketName, &[String])| Self {
            actor,
            action: AuditAction::Expired,
            run,
            bucket: Some((*bucket).clone()),
            name: None,
            version: None,
            size: None,
            reason: format!("bytes of {} versions whose time was over: {}", versions.len(), versions.join(" ")),
        };
        lines.map(entry).collect()
    }

    /// What is told of a whole object.
    pub fn of(actor: Actor, action: AuditAction, run: Uuid, object: &Object, reason: &str) -> Self {
        Self {
            actor,
            action,
            run: Some(run),
            bucket: Some(object.id.bucket.clone()),
            name: Some(object.id.key.clone()),
            version: Some(object.version),
            size: Some(object.size),
            reason: reason.to_owned(),
        }
    }
}

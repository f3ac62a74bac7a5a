//! Retention: whose turn it is, what was removed and can be brought back, and the log of it.
//!
//! A removed object leaves its row for `removed_objects` in one transaction with its event and its line in the log; its
//! bytes stay known until their time is over, and are stale from then on.

pub(super) mod rows;
pub(super) mod store;
mod types;

use std::collections::HashSet;

use time::OffsetDateTime;
use uuid::Uuid;

pub use types::{
    Actor, Audit, AuditAction, AuditQuery, CleanupRun, NewAudit, NewRun, Removed, Restored, Retire, Retiree, RunCounts,
    RunState, Seen, Undo,
};
pub(super) use types::{DELETED, remover};

use super::{Catalog, CatalogError, Object, StaleBlob, either};
use crate::auth::Caller;
use crate::config::ColumnName;
use crate::object::{BucketName, ObjectKey};
use crate::transform::Pointed;

impl Catalog {
    /// Takes the turn; `false`: another run has it, or it is not time yet.
    pub async fn begin_run(&self, new: &NewRun) -> Result<bool, CatalogError> {
        either!(self, begin_run(new))
    }

    /// Prolongs the turn; `false`: it is another run's by now.
    pub async fn renew_run(&self, run: Uuid, until: OffsetDateTime) -> Result<bool, CatalogError> {
        either!(self, renew_run(run, until))
    }

    /// Gives the turn back. `due`: when the schedule goes on, if this run was its.
    pub async fn end_run(&self, run: Uuid, state: RunState, due: Option<OffsetDateTime>) -> Result<(), CatalogError> {
        either!(self, end_run(run, state, due))
    }

    /// Newest first.
    pub async fn cleanup_runs(&self, limit: u32) -> Result<Vec<CleanupRun>, CatalogError> {
        either!(self, cleanup_runs(limit))
    }

    /// What all runs did together.
    pub async fn cleanup_totals(&self) -> Result<RunCounts, CatalogError> {
        either!(self, cleanup_totals())
    }

    /// Whether the bucket's rule has had its dry run.
    pub async fn knows_rule(&self, bucket: &BucketName, rule: &str) -> Result<bool, CatalogError> {
        either!(self, knows_rule(bucket, rule))
    }

    /// Notes that the bucket's rule has had its dry run.
    pub async fn note_rule(&self, bucket: &BucketName, rule: &str, run: Uuid) -> Result<(), CatalogError> {
        either!(self, note_rule(bucket, rule, run))
    }

    /// Up to `limit` objects of a bucket in the order of their names, as the operator sees them.
    pub async fn objects_after(
        &self,
        bucket: &BucketName,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Object>, CatalogError> {
        either!(self, objects_after(bucket, after, limit))
    }

    /// Tells `pointed` every URL that a row shows an object by: the characters' own, those of jobs under way, and these
    /// columns, which only Postgres has; there also `public.kinksters.avatar_url`, if there is one. A column that cannot be
    /// read as a whole is an error.
    pub async fn read_references(&self, columns: &[ColumnName], pointed: &mut Pointed) -> Result<Seen, CatalogError> {
        either!(self, read_references(columns, pointed))
    }

    /// Removes those objects of a batch that are still the same and that nothing points at, and says which.
    /// What points at them was read before, and only what was written since is read again, last of all. `Superseded`: the
    /// turn is another run's by now, and nothing is removed.
    pub async fn retire(
        &self,
        retire: &Retire<'_>,
        columns: &[ColumnName],
        seen: &Seen,
        pointed: &mut Pointed,
    ) -> Result<Vec<Object>, CatalogError> {
        either!(self, retire(retire, columns, seen, pointed))
    }

    /// What can still be brought back of a run, by name.
    pub async fn removed_by(&self, run: Uuid) -> Result<Vec<Removed>, CatalogError> {
        either!(self, removed_by(run))
    }

    /// Brings an object back, row and all. No rule removes this version again.
    pub async fn restore(&self, removed: &Removed, actor: Actor) -> Result<Restored, CatalogError> {
        either!(self, restore(removed, actor))
    }

    /// What this caller may ask to have back: what they removed themselves, or whatever it is for the service. The newest
    /// of each name; `version`: only that one.
    pub async fn removed_named(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        keys: &[ObjectKey],
        version: Option<Uuid>,
    ) -> Result<Vec<Removed>, CatalogError> {
        either!(self, removed_named(caller, bucket, keys, version))
    }

    /// Brings an object back for a caller, if they may remove it again. What was removed through the API is then as if
    /// nothing had happened.
    pub async fn undo(&self, removed: &Removed, caller: &Caller) -> Result<Restored, CatalogError> {
        either!(self, undo(removed, caller))
    }

    /// Notes what an upstream is about to be asked to remove, and whose bytes are kept here by now.
    pub async fn note_pending(&self, removed: &Removed) -> Result<(), CatalogError> {
        either!(self, note_pending(removed))
    }

    /// What may or may not have been removed by an upstream, of all runs.
    pub async fn pending_removals(&self) -> Result<Vec<Removed>, CatalogError> {
        either!(self, pending_removals())
    }

    /// Notes that an upstream has removed an object: with its event and its line in the log.
    pub async fn note_gone(&self, removed: &Removed, actor: Actor, reason: &str) -> Result<(), CatalogError> {
        either!(self, note_gone(removed, actor, reason))
    }

    /// Notes that an object is back at its upstream, as this version: no rule removes that one. The bytes kept here are
    /// stale from then on. `false`: it is noted already, or its time is over.
    pub async fn note_back(
        &self,
        removed: &Removed,
        actor: Actor,
        reason: &str,
        version: Uuid,
    ) -> Result<bool, CatalogError> {
        either!(self, note_back(removed, actor, reason, version))
    }

    /// Versions of a bucket that were brought back.
    pub async fn restored_versions(&self, bucket: &BucketName) -> Result<HashSet<Uuid>, CatalogError> {
        either!(self, restored_versions(bucket))
    }

    /// Lets go of up to `limit` removed objects whose time is over: their bytes are stale from then on.
    pub async fn expire_removed(&self, limit: u32) -> Result<u64, CatalogError> {
        either!(self, expire_removed(limit))
    }

    /// The id that lies beside the blobs that are this catalogue's.
    pub async fn blob_store(&self) -> Result<Option<Uuid>, CatalogError> {
        either!(self, blob_store())
    }

    /// Notes whose the blobs are, unless it is known already or `replace`; which id it is from now on.
    pub async fn claim_blob_store(&self, id: Uuid, replace: bool) -> Result<Uuid, CatalogError> {
        either!(self, claim_blob_store(id, replace))
    }

    /// Bytes that nothing names are stale from `since` on, with their lines in the log.
    pub async fn note_orphans(
        &self,
        orphans: &[StaleBlob],
        since: OffsetDateTime,
        entries: &[NewAudit],
    ) -> Result<(), CatalogError> {
        either!(self, note_orphans(orphans, since, entries))
    }

    /// Forgets stale bytes that are gone, with their lines in the log: one for many.
    pub async fn forget_stale(
        &self,
        blobs: &[StaleBlob],
        actor: Actor,
        run: Option<Uuid>,
    ) -> Result<u64, CatalogError> {
        either!(self, forget_stale(blobs, actor, run))
    }

    /// Writes into the audit log, and counts what is only listed or refused for the run.
    pub async fn note_audit(&self, entries: &[NewAudit]) -> Result<(), CatalogError> {
        either!(self, note_audit(entries))
    }

    /// Newest first.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<Audit>, CatalogError> {
        either!(self, audit(query))
    }

    /// Forgets what the audit log tells of times before this.
    pub async fn prune_audit(&self, before: OffsetDateTime) -> Result<(), CatalogError> {
        either!(self, prune_audit(before))
    }

    /// Forgets which versions were brought back that are no object's of ours any more.
    pub async fn prune_restored(&self) -> Result<(), CatalogError> {
        either!(self, prune_restored())
    }
}

//! Rows of retention to types.

use super::{Actor, Audit, AuditAction, CleanupRun, NewAudit, Removed, RunCounts, RunState};
use crate::catalog::columns::{self, Columns};
use crate::catalog::{CatalogError, bucket_name, object_key};

pub(in crate::catalog) fn counts(row: &impl Columns) -> Result<RunCounts, CatalogError> {
    Ok(RunCounts {
        listed: row.count("listed")?,
        removed: row.count("removed")?,
        bytes: row.count("bytes")?,
        refused: row.count("refused")?,
        restored: row.count("restored")?,
    })
}

pub(in crate::catalog) fn run(row: &impl Columns) -> Result<CleanupRun, CatalogError> {
    Ok(CleanupRun {
        id: row.id("id")?,
        actor: Actor::parse(&row.text("actor")?)?,
        state: RunState::parse(&row.text("state")?)?,
        started_at: row.time("started_at")?,
        ended_at: row.optional_time("ended_at")?,
        counts: counts(row)?,
    })
}

pub(in crate::catalog) fn audit(row: &impl Columns) -> Result<Audit, CatalogError> {
    let entry = NewAudit {
        actor: Actor::parse(&row.text("actor")?)?,
        action: AuditAction::parse(&row.text("action")?)?,
        run: row.optional_id("run")?,
        bucket: row.optional_text("bucket_id")?.as_deref().map(bucket_name).transpose()?,
        name: row.optional_text("name")?.as_deref().map(object_key).transpose()?,
        version: row.optional_id("version")?,
        size: row.optional_count("size")?,
        reason: row.text("reason")?,
    };
    let restorable_until = row.optional_time("restorable_until")?;
    Ok(Audit { ordinal: row.number("ordinal")?, at: row.time("at")?, entry, restorable_until })
}

pub(in crate::catalog) fn removed(row: &impl Columns) -> Result<Removed, CatalogError> {
    Ok(Removed {
        run: row.id("run")?,
        remover: row.optional_text("remover")?,
        object: columns::object(row)?,
        removed_at: row.time("removed_at")?,
        restorable_until: row.time("restorable_until")?,
        is_pending: row.optional_time("pending_since")?.is_some(),
    })
}

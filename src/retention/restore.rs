//! Bringing back what a run removed.

use serde::Serialize;
use uuid::Uuid;

use super::{Retention, RetentionError};
use crate::catalog::{Actor, AuditAction, NewAudit, Removed};
use crate::object::{BucketName, ObjectKey};

/// An object that is back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IsBack {
    pub bucket: BucketName,
    pub name: ObjectKey,
}

/// An object that is not back, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaysAway {
    pub bucket: BucketName,
    pub name: ObjectKey,
    pub reason: &'static str,
}

/// What was brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    pub run: Uuid,
    pub restored: Vec<IsBack>,
    pub bytes: u64,
    pub refused: Vec<StaysAway>,
}

impl RestoreReport {
    /// What is back.
    pub fn objects(&self) -> Vec<(BucketName, ObjectKey)> {
        self.restored.iter().map(|back| (back.bucket.clone(), back.name.clone())).collect()
    }
}

impl Retention {
    /// Brings back what can be of a run: rows, bytes, owners as they were. What is newer under the same name stays.
    pub async fn restore(&self, run: Uuid) -> Result<RestoreReport, RetentionError> {
        let removed = self.catalog.removed_by(run).await?;
        if removed.is_empty() {
            return Err(RetentionError::NothingToRestore);
        }
        let mut report = RestoreReport { run, restored: Vec::new(), bytes: 0, refused: Vec::new() };
        for removed in removed {
            match self.holdings.bring_back(&removed).await? {
                Ok(()) => {
                    report.bytes += removed.object.size;
                    let id = removed.object.id;
                    report.restored.push(IsBack { bucket: id.bucket, name: id.key });
                }
                Err(reason) => {
                    self.note_refused(&removed, reason).await?;
                    let id = removed.object.id;
                    report.refused.push(StaysAway { bucket: id.bucket, name: id.key, reason });
                }
            }
        }
        Ok(report)
    }

    async fn note_refused(&self, removed: &Removed, reason: &str) -> Result<(), RetentionError> {
        let entry = NewAudit::of(Actor::Operator, AuditAction::Refused, removed.run, &removed.object, reason);
        Ok(self.catalog.note_audit(&[entry]).await?)
    }
}

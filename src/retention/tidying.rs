//! What goes beside old pictures: replaced versions, unfinished uploads, bytes that no row names.

use uuid::Uuid;

use super::report::Freed;
use super::turn::Turn;
use super::{Retention, RetentionError};
use crate::blobs::Stray;
use crate::bucket::{Tidied, remove_expired, remove_orphans, remove_stale, remove_stray_uploads};
use crate::catalog::{Actor, AuditAction, NewAudit, Upload};

/// Lines of the audit log written at once.
const BATCH: usize = 500;

impl Retention {
    /// What every run does at its end; `turn`: whose run it is, else it is only counted.
    pub(super) async fn tidy(&self, turn: Option<&Turn>) -> Result<Freed, RetentionError> {
        let (catalog, blobs, age) = (&self.catalog, &self.blobs, self.settings.stray_age);
        let only_look = turn.is_none();
        let versions = if only_look { 0 } else { remove_stale(catalog, blobs, self.settings.grace).await? };
        let expired = match &self.buckets {
            // Those that are being written are known here.
            Some(buckets) if !only_look => buckets.expire_uploads().await?,
            _ => remove_expired(catalog, blobs, age, only_look).await?,
        };
        let strays = remove_stray_uploads(catalog, blobs, only_look).await?;
        if !only_look {
            blobs.sweep_incoming(age).map_err(crate::blobs::BlobError::from)?;
        }
        let orphans = remove_orphans(catalog, blobs, age, only_look).await?;
        let freed = Freed {
            versions,
            uploads: (expired.len() + strays.len()) as u64,
            files: orphans.blobs.len() as u64,
            bytes: orphans.blobs.iter().map(|stray| stray.size).sum(),
            failed: orphans.failed,
        };
        if let Some(turn) = turn {
            self.log_tidied(turn, &expired, &strays, &orphans).await?;
        }
        Ok(freed)
    }

    async fn log_tidied(
        &self,
        turn: &Turn,
        expired: &[Upload],
        strays: &[Uuid],
        orphans: &Tidied,
    ) -> Result<(), RetentionError> {
        let uploads = expired.iter().map(|upload| removed_upload(turn.actor, Some(turn.run), upload));
        let files = strays.iter().map(|stray| NewAudit {
            reason: "the file of an upload that has no row".to_owned(),
            version: Some(*stray),
            ..removed(turn.actor, Some(turn.run))
        });
        let bytes = orphans.blobs.iter().map(|stray| removed_stray(turn, stray));
        let entries: Vec<NewAudit> = uploads.chain(files).chain(bytes).collect();
        for batch in entries.chunks(BATCH) {
            self.catalog.note_audit(batch).await?;
        }
        Ok(())
    }

    /// What a server does every minute.
    pub(super) async fn keep_storage(&self) {
        if let Err(error) = remove_stale(&self.catalog, &self.blobs, self.settings.grace).await {
            tracing::warn!(%error, "replaced bytes could not be removed; they are tried again");
        }
        let Some(buckets) = &self.buckets else { return };
        match buckets.expire_uploads().await {
            Ok(expired) => {
                let entries: Vec<NewAudit> =
                    expired.iter().map(|upload| removed_upload(Actor::Schedule, None, upload)).collect();
                if let Err(error) = self.catalog.note_audit(&entries).await {
                    tracing::warn!(%error, "expired uploads are missing in the audit log");
                }
            }
            Err(error) => tracing::warn!(%error, "expired uploads could not be removed; they are tried again"),
        }
    }
}

fn removed(actor: Actor, run: Option<Uuid>) -> NewAudit {
    NewAudit {
        actor,
        action: AuditAction::Removed,
        run,
        bucket: None,
        name: None,
        version: None,
        size: None,
        reason: String::new(),
    }
}

fn removed_upload(actor: Actor, run: Option<Uuid>, upload: &Upload) -> NewAudit {
    NewAudit {
        bucket: Some(upload.object.bucket.clone()),
        name: Some(upload.object.key.clone()),
        version: Some(upload.version),
        size: Some(upload.offset),
        reason: "an upload that was not finished in time".to_owned(),
        ..removed(actor, run)
    }
}

fn removed_stray(turn: &Turn, stray: &Stray) -> NewAudit {
    NewAudit {
        bucket: Some(stray.bucket.clone()),
        version: Some(stray.version),
        size: Some(stray.size),
        reason: "bytes that no object names".to_owned(),
        ..removed(turn.actor, Some(turn.run))
    }
}

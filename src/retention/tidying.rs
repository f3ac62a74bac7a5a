//! What goes beside old pictures: replaced versions, unfinished uploads, bytes that no row names.

use time::OffsetDateTime;

use super::report::{Freed, Kept};
use super::turn::Turn;
use super::{Retention, RetentionError};
use crate::blobs::Stray;
use crate::bucket::{
    By, Claim, FOREIGN, Orphans, Swept, claim, find_orphans, remove_expired, remove_halves, remove_stale,
    remove_stray_uploads,
};
use crate::catalog::{AuditAction, NewAudit, StaleBlob};

/// Lines of the audit log written at once.
const BATCH: usize = 500;

impl Retention {
    /// What every run does at its end; `turn`: whose run it is, else it is only counted.
    pub(super) async fn tidy(&self, turn: Option<&Turn>, force: bool) -> Result<Freed, RetentionError> {
        let (catalog, blobs, age) = (&self.catalog, &self.blobs, self.settings.stray_age);
        let by = turn.map(|turn| By { actor: turn.actor, run: Some(turn.run) });
        let stale = match by {
            None => Swept::default(),
            Some(by) => remove_stale(catalog, blobs, self.settings.grace, by).await?,
        };
        let mut uploads = match (&self.buckets, by) {
            // Those that are being written are known here.
            (Some(buckets), Some(by)) => buckets.expire_uploads(by).await?,
            _ => remove_expired(catalog, blobs, age, by).await?,
        };
        if let Some(by) = by {
            remove_halves(catalog, blobs, age, by).await?;
        }
        let is_ours = claim(catalog, blobs, by.is_none()).await? == Claim::Ours;
        if is_ours {
            uploads += remove_stray_uploads(catalog, blobs, by).await?;
        }
        let failed = stale.failed + uploads.failed;
        if failed > 0 {
            self.note_kept(by, &format!("{failed} files could not be removed; they are tried again")).await?;
        }
        let freed = Freed { versions: stale.removed, uploads: uploads.removed, failed, ..Freed::default() };
        if is_ours {
            return self.tidy_orphans(by, force, freed).await;
        }
        self.told.call_once(|| tracing::warn!("retention: {FOREIGN}"));
        self.note_kept(by, FOREIGN).await?;
        Ok(Freed { kept: Some(Kept::Foreign), ..freed })
    }

    /// Bytes that no row names are noted as stale, and stay for as long as a removed object could be brought back: the
    /// catalogue may be an old copy of the right one.
    async fn tidy_orphans(&self, by: Option<By>, force: bool, freed: Freed) -> Result<Freed, RetentionError> {
        let Orphans { found, among } = find_orphans(&self.catalog, &self.blobs, self.settings.stray_age).await?;
        let (count, most) = (found.len() as u64, self.settings.most_percent);
        if !force && count * 100 > among * u64::from(most) {
            let reason = format!(
                "no object names {count} of {among} files, and one run takes {most} % at most for left over: all of \
                 them stay; --force takes all"
            );
            tracing::warn!("retention: {reason}");
            self.note_kept(by, &reason).await?;
            return Ok(Freed { kept: Some(Kept::TooMany { files: count }), ..freed });
        }
        if let Some(by) = by {
            let since = OffsetDateTime::now_utc() + self.settings.restorable;
            for batch in found.chunks(BATCH) {
                let blob = |stray: &Stray| StaleBlob { bucket: stray.bucket.clone(), version: stray.version };
                let entries: Vec<NewAudit> = batch.iter().map(|stray| noted(by, stray)).collect();
                self.catalog.note_orphans(&batch.iter().map(blob).collect::<Vec<_>>(), since, &entries).await?;
            }
        }
        Ok(Freed { files: count, bytes: found.iter().map(|stray| stray.size).sum(), ..freed })
    }

    /// Notes what was not done, and why.
    async fn note_kept(&self, by: Option<By>, reason: &str) -> Result<(), RetentionError> {
        let Some(by) = by else { return Ok(()) };
        let entry = NewAudit { action: AuditAction::Refused, ..by.removed(reason) };
        Ok(self.catalog.note_audit(&[entry]).await?)
    }

    /// What a server does every minute.
    pub(super) async fn keep_storage(&self) {
        if let Err(error) = remove_stale(&self.catalog, &self.blobs, self.settings.grace, By::SERVER).await {
            tracing::warn!(%error, "replaced bytes could not be removed; they are tried again");
        }
        let Some(buckets) = &self.buckets else { return };
        if let Err(error) = buckets.expire_uploads(By::SERVER).await {
            tracing::warn!(%error, "unfinished uploads could not be removed; they are tried again");
        }
        // Here, too: servers without a schedule write into the log as well.
        if let Err(error) = self.catalog.prune_audit(OffsetDateTime::now_utc() - self.settings.audited).await {
            tracing::warn!(%error, "the audit log could not be shortened");
        }
    }
}

fn noted(by: By, stray: &Stray) -> NewAudit {
    NewAudit {
        action: AuditAction::Listed,
        bucket: Some(stray.bucket.clone()),
        version: Some(stray.version),
        size: Some(stray.size),
        ..by.removed("bytes that no object names; they go after retention.restore_days")
    }
}

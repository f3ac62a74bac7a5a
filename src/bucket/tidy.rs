//! Removing bytes that nobody needs: replaced versions after their time of grace, uploads that were not finished in time,
//! and what a crash left.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{BucketError, Buckets};
use crate::blobs::{Blobs, Stray};
use crate::catalog::{self, Actor, AuditAction, Catalog, NewAudit};
use crate::object::BucketName;

/// Versions removed at once, and lines of the audit log written at once.
const BATCH: u32 = 500;
/// Files named in one line of the audit log.
const LINE: usize = 100;

/// In whose name something is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    pub actor: Actor,
    pub run: Option<Uuid>,
}

/// What went, and what could not be removed: that is tried again by whoever comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub removed: u64,
    pub failed: u64,
}

/// Blobs that no row names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    pub found: Vec<Stray>,
    /// Blobs that were looked at.
    pub among: u64,
}

impl By {
    /// A server's, between its runs.
    pub const SERVER: Self = Self { actor: Actor::Schedule, run: None };

    /// Something that is not there any more.
    pub fn removed(self, reason: impl Into<String>) -> NewAudit {
        NewAudit {
            actor: self.actor,
            action: AuditAction::Removed,
            run: self.run,
            bucket: None,
            name: None,
            version: None,
            size: None,
            reason: reason.into(),
        }
    }
}

impl std::ops::AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.removed += other.removed;
        self.failed += other.failed;
    }
}

/// Removes the bytes of versions that have been stale for longer than `grace`; among them are those of removed objects,
/// once nobody can bring these back any more. What cannot be removed does not keep the rest.
pub async fn remove_stale(catalog: &Catalog, blobs: &Blobs, grace: Duration, by: By) -> Result<Swept, BucketError> {
    while catalog.expire_removed(BATCH).await? == u64::from(BATCH) {}
    let (mut swept, before) = (Swept::default(), OffsetDateTime::now_utc() - grace);
    loop {
        // Those that stayed come first again.
        let due = catalog.stale_blobs(before, swept.failed, BATCH).await?;
        let mut gone = Vec::new();
        for blob in &due {
            match blobs.remove(&blob.bucket, blob.version).await {
                Ok(()) => gone.push(blob.clone()),
                Err(error) => {
                    tracing::warn!(%error, bucket = %blob.bucket, version = %blob.version, "bytes could not be removed");
                    swept.failed += 1;
                }
            }
        }
        swept.removed += catalog.forget_stale(&gone, by.actor, by.run).await?;
        if due.len() < BATCH as usize {
            return Ok(swept);
        }
    }
}

impl Buckets {
    /// Removes resumable uploads that were not finished in time, but for those that are being written.
    pub async fn expire_uploads(&self, by: By) -> Result<Swept, BucketError> {
        let mut swept = Swept::default();
        for upload in self.catalog.expired_uploads(OffsetDateTime::now_utc(), BATCH).await? {
            if let Ok(_turn) = self.turn(upload.version) {
                swept += expire(&self.catalog, &self.blobs, &upload, by).await?;
            }
        }
        Ok(swept)
    }
}

/// Removes resumable uploads that were not finished in time, for a process beside the server: those whose last part may
/// still be arriving are left to it. In nobody's name they are counted.
pub async fn remove_expired(
    catalog: &Catalog,
    blobs: &Blobs,
    age: Duration,
    by: Option<By>,
) -> Result<Swept, BucketError> {
    let expired = catalog.expired_uploads(OffsetDateTime::now_utc() - age, u32::MAX).await?;
    let Some(by) = by else { return Ok(Swept { removed: expired.len() as u64, failed: 0 }) };
    let mut swept = Swept::default();
    for upload in &expired {
        swept += expire(catalog, blobs, upload, by).await?;
    }
    Ok(swept)
}

/// An upload whose file stays is forgotten nevertheless: its file is a stray from then on.
async fn expire(catalog: &Catalog, blobs: &Blobs, upload: &catalog::Upload, by: By) -> Result<Swept, BucketError> {
    let entry = NewAudit {
        bucket: Some(upload.object.bucket.clone()),
        name: Some(upload.object.key.clone()),
        version: Some(upload.version),
        size: Some(upload.offset),
        ..by.removed("an upload that was not finished in time")
    };
    catalog.note_audit(&[entry]).await?;
    match give_up(catalog, blobs, upload).await {
        Ok(()) => Ok(Swept { removed: 1, failed: 0 }),
        Err(BucketError::Blob(error)) => {
            tracing::warn!(%error, upload = %upload.version, "an upload could not be removed");
            Ok(Swept { removed: 0, failed: 1 })
        }
        Err(error) => Err(error),
    }
}

/// Removes files of resumable uploads that have no row: a row is there before its file. In nobody's name they are counted.
/// To be asked of the catalogue whose blobs these are alone.
pub async fn remove_stray_uploads(catalog: &Catalog, blobs: &Blobs, by: Option<By>) -> Result<Swept, BucketError> {
    let (mut gone, mut failed) = (Vec::new(), 0);
    for upload in blobs.uploads()? {
        if catalog.upload(upload).await?.is_some() {
            continue;
        }
        match if by.is_some() { blobs.discard(upload).await } else { Ok(()) } {
            Ok(()) => gone.push(upload.to_string()),
            Err(error) => {
                tracing::warn!(%error, %upload, "a file that no upload has could not be removed");
                failed += 1;
            }
        }
    }
    if let Some(by) = by {
        let line =
            |files: &[String]| by.removed(format!("{} files that no upload has: {}", files.len(), files.join(" ")));
        catalog.note_audit(&gone.chunks(LINE).map(line).collect::<Vec<_>>()).await?;
    }
    Ok(Swept { removed: gone.len() as u64, failed })
}

/// Removes what arrived only in part and was left by a process that ended. Nothing younger than `age` is touched.
pub async fn remove_halves(catalog: &Catalog, blobs: &Blobs, age: Duration, by: By) -> Result<(), BucketError> {
    let removed = blobs.sweep_incoming(age).map_err(crate::blobs::BlobError::from)?;
    if removed > 0 {
        catalog.note_audit(&[by.removed(format!("{removed} files that had arrived only in part"))]).await?;
    }
    Ok(())
}

/// Forgets an upload, then removes its bytes.
pub(super) async fn give_up(catalog: &Catalog, blobs: &Blobs, upload: &catalog::Upload) -> Result<(), BucketError> {
    catalog.forget_upload(upload.version).await?;
    Ok(blobs.discard(upload.version).await?)
}

/// Finds bytes that no row names, and removes nothing.
///
/// Nothing younger than `age` is looked at: it may belong to an upload whose row is being written.
pub async fn find_orphans(catalog: &Catalog, blobs: &Blobs, age: Duration) -> Result<Orphans, BucketError> {
    let before = SystemTime::now() - age;
    let mut orphans = Orphans::default();
    let mut batches = blobs.written_before(before).try_chunks(BATCH as usize);
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| error.1)?;
        orphans.among += batch.len() as u64;
        orphans.found.extend(unknown(catalog, batch).await?);
    }
    Ok(orphans)
}

/// Those that no row names.
pub(super) async fn unknown(catalog: &Catalog, batch: Vec<Stray>) -> Result<Vec<Stray>, BucketError> {
    let mut by_bucket: HashMap<BucketName, Vec<Stray>> = HashMap::new();
    for stray in batch {
        by_bucket.entry(stray.bucket.clone()).or_default().push(stray);
    }
    let mut unknown = Vec::new();
    for (bucket, strays) in by_bucket {
        let versions: Vec<Uuid> = strays.iter().map(|stray| stray.version).collect();
        let known = catalog.known_versions(&bucket, &versions).await?;
        unknown.extend(strays.into_iter().filter(|stray| !known.contains(&stray.version)));
    }
    Ok(unknown)
}

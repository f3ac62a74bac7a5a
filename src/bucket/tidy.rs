//! Removing bytes that nobody needs: replaced versions after their time of grace, uploads that were not finished in time,
//! and what a crash left.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{BucketError, Buckets};
use crate::blobs::{Blobs, Stray};
use crate::catalog::{self, Catalog};
use crate::object::BucketName;

/// Stale versions removed at once.
const BATCH: u32 = 500;

/// What tidying did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Blobs removed.
    pub blobs: Vec<Stray>,
    /// Blobs that could not be removed.
    pub failed: u64,
}

/// Removes the bytes of versions that have been stale for longer than `grace`; among them are those of removed objects,
/// once nobody can bring these back any more.
pub async fn remove_stale(catalog: &Catalog, blobs: &Blobs, grace: Duration) -> Result<u64, BucketError> {
    let mut count = 0;
    while catalog.expire_removed(BATCH).await? == u64::from(BATCH) {}
    loop {
        let due = catalog.stale_blobs(OffsetDateTime::now_utc() - grace, BATCH).await?;
        for blob in &due {
            blobs.remove(&blob.bucket, blob.version).await?;
        }
        catalog.forget_stale(&due).await?;
        count += due.len() as u64;
        if due.len() < BATCH as usize {
            return Ok(count);
        }
    }
}

impl Buckets {
    /// Removes resumable uploads that were not finished in time, but for those that are being written.
    pub async fn expire_uploads(&self) -> Result<Vec<catalog::Upload>, BucketError> {
        let mut expired = Vec::new();
        for upload in self.catalog.expired_uploads(OffsetDateTime::now_utc(), BATCH).await? {
            if let Ok(_turn) = self.turn(upload.version) {
                give_up(&self.catalog, &self.blobs, &upload).await?;
                expired.push(upload);
            }
        }
        Ok(expired)
    }
}

/// Removes resumable uploads that were not finished in time, for a process beside the server: those whose last part may
/// still be arriving are left to it. With `only_look` they are listed.
pub async fn remove_expired(
    catalog: &Catalog,
    blobs: &Blobs,
    age: Duration,
    only_look: bool,
) -> Result<Vec<catalog::Upload>, BucketError> {
    let expired = catalog.expired_uploads(OffsetDateTime::now_utc() - age, u32::MAX).await?;
    for upload in expired.iter().filter(|_| !only_look) {
        give_up(catalog, blobs, upload).await?;
    }
    Ok(expired)
}

/// Removes files of resumable uploads that have no row: a row is there before its file. With `only_look` they are listed.
pub async fn remove_stray_uploads(catalog: &Catalog, blobs: &Blobs, only_look: bool) -> Result<Vec<Uuid>, BucketError> {
    let mut strays = Vec::new();
    for upload in blobs.uploads()? {
        if catalog.upload(upload).await?.is_none() {
            if !only_look {
                blobs.discard(upload).await?;
            }
            strays.push(upload);
        }
    }
    Ok(strays)
}

/// Forgets an upload, then removes its bytes.
pub(super) async fn give_up(catalog: &Catalog, blobs: &Blobs, upload: &catalog::Upload) -> Result<(), BucketError> {
    catalog.forget_upload(upload.version).await?;
    Ok(blobs.discard(upload.version).await?)
}

/// Finds bytes that no row names, and removes them unless `only_look`.
///
/// Nothing younger than `age` is touched: it may belong to an upload whose row is being written.
pub async fn remove_orphans(
    catalog: &Catalog,
    blobs: &Blobs,
    age: Duration,
    only_look: bool,
) -> Result<Tidied, BucketError> {
    let before = SystemTime::now() - age;
    let mut tidied = Tidied::default();
    let mut batches = blobs.written_before(before).try_chunks(BATCH as usize);
    while let Some(batch) = batches.next().await {
        for stray in unknown(catalog, batch.map_err(|error| error.1)?).await? {
            if !only_look && blobs.remove(&stray.bucket, stray.version).await.is_err() {
                tidied.failed += 1;
            } else {
                tidied.blobs.push(stray);
            }
        }
    }
    Ok(tidied)
}

/// Those that no row names.
async fn unknown(catalog: &Catalog, batch: Vec<Stray>) -> Result<Vec<Stray>, BucketError> {
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

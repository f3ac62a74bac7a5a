//! Removing bytes that nobody needs: replaced versions after their time of grace, and what a crash left.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use uuid::Uuid;

use super::BucketError;
use crate::blobs::{Blobs, Stray};
use crate::catalog::Catalog;
use crate::object::BucketName;

/// Stale versions removed at once.
const BATCH: u32 = 500;
/// What tidying did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Blobs removed.
    pub blobs: u64,
    pub bytes: u64,
    /// Blobs that could not be removed.
    pub failed: u64,
}

/// Removes the bytes of versions that have been stale for longer than `grace`.
pub async fn remove_stale(catalog: &Catalog, blobs: &Blobs, grace: Duration) -> Result<u64, BucketError> {
    let mut count = 0;
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
    let mut by_bucket: HashMap<BucketName, Vec<Stray>> = HashMap::new();
    for stray in blobs.written_before(before).await? {
        by_bucket.entry(stray.bucket.clone()).or_default().push(stray);
    }
    let mut tidied = Tidied::default();
    for (bucket, strays) in by_bucket {
        for batch in strays.chunks(BATCH as usize) {
            let versions: Vec<Uuid> = batch.iter().map(|stray| stray.version).collect();
            let known = catalog.known_versions(&bucket, &versions).await?;
            for stray in batch.iter().filter(|stray| !known.contains(&stray.version)) {
                if !only_look && blobs.remove(&bucket, stray.version).await.is_err() {
                    tidied.failed += 1;
                    continue;
                }
                tidied.blobs += 1;
                tidied.bytes += stray.size;
            }
        }
    }
    Ok(tidied)
}

//! What happened, and which bytes nobody needs any more.

use std::collections::HashSet;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Catalog, CatalogError, Event, StaleBlob, either};
use crate::object::BucketName;

impl Catalog {
    /// What happened and is not finished yet, oldest first.
    pub async fn events(&self, limit: u32) -> Result<Vec<Event>, CatalogError> {
        either!(self, events(limit))
    }

    /// Forgets an event that everyone has been told of.
    pub async fn finish_event(&self, id: Uuid) -> Result<(), CatalogError> {
        either!(self, finish_event(id))
    }

    /// Up to `limit` bytes that have been stale since before this time, oldest first, without the first `skipped`.
    pub async fn stale_blobs(
        &self,
        before: OffsetDateTime,
        skipped: u64,
        limit: u32,
    ) -> Result<Vec<StaleBlob>, CatalogError> {
        either!(self, stale_blobs(before, skipped, limit))
    }

    /// Which of these versions are current, stale, restorable or being uploaded; the others' bytes are nobody's.
    pub async fn known_versions(&self, bucket: &BucketName, versions: &[Uuid]) -> Result<HashSet<Uuid>, CatalogError> {
        either!(self, known_versions(bucket, versions))
    }
}

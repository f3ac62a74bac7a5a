//! Our own buckets as a source: the catalogue says which bytes are the current ones, the blobs hold them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::error::SourceError;
use super::validators::Validators;
use super::{Opened, Original};
use crate::auth::Caller;
use crate::blobs::{BlobError, Blobs};
use crate::catalog::{Catalog, CatalogError, Object, PageQuery};
use crate::object::{BucketName, ObjectId, ObjectKey};

/// Keys read from the catalogue at once.
const PAGE: u32 = 1000;

/// The buckets whose bytes are ours.
#[derive(Clone, Debug)]
pub struct EmbeddedSource {
    catalog: Arc<Catalog>,
    blobs: Blobs,
    /// How long an answer holds without asking: every write of ours ends it at once.
    inward: Duration,
}

impl EmbeddedSource {
    pub fn new(catalog: Arc<Catalog>, blobs: Blobs, inward: Duration) -> Self {
        Self { catalog, blobs, inward }
    }

    /// Whether reading an original is reading a file of this machine.
    pub fn is_local(&self) -> bool {
        self.blobs.is_local()
    }

    pub(super) async fn open(
        &self,
        object: &ObjectId,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Opened, SourceError> {
        let found = self.catalog.find_object(object).await.map_err(|error| failure(&error))?;
        let Some(found) = found else { return Err(SourceError::Missing) };
        let validators = validators(&found);
        if known.is_some_and(|known| known.etag == validators.etag) {
            let cache_control = Some(found.cache_control);
            return Ok(Opened::Unchanged { inward: self.inward, cache_control, keep: true });
        }
        if found.size > limit {
            return Err(SourceError::TooManyBytes { limit });
        }
        let bytes = self.blobs.read(&object.bucket, found.version, limit).await.map_err(unreadable)?;
        Ok(Opened::Changed(Original {
            bytes,
            validators,
            content_type: Some(found.mime_type),
            cache_control: Some(found.cache_control),
            inward: self.inward,
            keep: true,
        }))
    }

    pub(super) fn list(&self, bucket: &BucketName, prefix: &str) -> BoxStream<'static, Result<ObjectKey, SourceError>> {
        let first = PageQuery { prefix: prefix.to_owned(), limit: PAGE, ..PageQuery::default() };
        let (catalog, bucket) = (Arc::clone(&self.catalog), bucket.clone());
        let pages = stream::try_unfold(Some(first), move |query| {
            let (catalog, bucket) = (Arc::clone(&catalog), bucket.clone());
            async move {
                let Some(query) = query else { return Ok::<_, SourceError>(None) };
                let page = catalog.list_pages(&Caller::service(), &bucket, &query).await;
                let page = page.map_err(|error| failure(&error))?;
                let next = page.next.map(|after| PageQuery { after: Some(after), ..query });
                let keys = page.objects.into_iter().map(|object| Ok(object.id.key));
                Ok(Some((stream::iter(keys), next)))
            }
        });
        pages.try_flatten().boxed()
    }

    pub(super) async fn check(&self) -> Result<(), SourceError> {
        self.catalog.all_buckets().await.map(drop).map_err(|error| failure(&error))
    }
}

/// Attributes change with the row and the bytes with the version: both are in the tag.
fn validators(object: &Object) -> Validators {
    Validators {
        etag: Some(format!("{}-{}", object.version, object.updated_at.unix_timestamp_nanos() / 1000)),
        last_modified: Some(SystemTime::from(object.updated_at)),
        size: Some(object.size),
    }
}

fn failure(error: &CatalogError) -> SourceError {
    match error {
        CatalogError::Unavailable(text) => SourceError::Unreachable(text.clone()),
        other => SourceError::Internal(other.to_string()),
    }
}

fn unreadable(error: BlobError) -> SourceError {
    match error {
        BlobError::Missing => SourceError::Incomplete("the row has no bytes".to_owned()),
        BlobError::TooLarge { limit } => SourceError::TooManyBytes { limit },
        BlobError::Store(error) => SourceError::Unreachable(error.to_string()),
        other => SourceError::Internal(other.to_string()),
    }
}

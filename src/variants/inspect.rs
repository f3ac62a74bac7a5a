//! What the store holds, for those who look after it.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStoreExt};
use serde::Serialize;

use super::layout::{RECORD, bucket_of, object_path};
use super::{StoreError, VariantStore, file};
use crate::object::{BucketName, ObjectId};

/// Files looked into at once: each may be a request to a store far away.
const READ_AT_ONCE: usize = 16;
/// Most files of one object that are looked into.
const MOST: usize = 1000;

/// How much is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    pub files: u64,
    /// As they are, not in whole blocks.
    pub bytes: u64,
}

impl Held {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// A variant as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVariant {
    /// Of the original, as [`crate::object::VersionId`] is written.
    pub version: String,
    /// What was made, as [`super::Made`] is written.
    pub made: String,
    /// Without the file's own header.
    pub bytes: u64,
    /// `None`: the file is damaged, or gone by now.
    pub content_type: Option<String>,
}

impl VariantStore {
    /// Files and their bytes by bucket, as far as they are known. Looks at every entry of the index.
    pub fn by_bucket(&self) -> BTreeMap<BucketName, Held> {
        let mut buckets: BTreeMap<BucketName, Held> = BTreeMap::new();
        for (path, bytes) in &self.index {
            if let Some(bucket) = bucket_of(&path) {
                buckets.entry(bucket).or_default().add(u64::from(bytes));
            }
        }
        buckets
    }

    /// Every variant of an object in the store, of whatever version.
    pub async fn of_object(&self, object: &ObjectId) -> Result<Vec<StoredVariant>, StoreError> {
        let listed = self.list(Some(&object_path(object)));
        let files = listed.try_filter(|meta| std::future::ready(meta.location.filename() != Some(RECORD)));
        let files: Vec<ObjectMeta> = files.take(MOST).try_collect().await?;
        let looked =
            futures_util::stream::iter(files).map(|meta| self.looked_into(meta)).buffer_unordered(READ_AT_ONCE);
        let mut variants: Vec<StoredVariant> = looked.filter_map(std::future::ready).collect().await;
        variants.sort_by(|one, other| (&one.version, &one.made).cmp(&(&other.version, &other.made)));
        Ok(variants)
    }

    async fn looked_into(&self, meta: ObjectMeta) -> Option<StoredVariant> {
        let parts: Vec<_> = meta.location.parts().collect();
        let [_, _, version, made] = parts.as_slice() else { return None };
        let head = self.store.get_range(&meta.location, 0..meta.size.min(file::HEAD_BYTES)).await.ok();
        let described = head.as_deref().and_then(file::described);
        let header_bytes = described.map_or(0, |(_, bytes)| bytes);
        Some(StoredVariant {
            version: version.as_ref().to_owned(),
            made: made.as_ref().to_owned(),
            bytes: meta.size.saturating_sub(header_bytes),
            content_type: described.map(|(content_type, _)| content_type.to_owned()),
        })
    }
}

//! Removing objects.

use std::sync::Arc;

use super::{BucketError, Buckets};
use crate::auth::Caller;
use crate::catalog::{CatalogError, Object};
use crate::object::{BucketName, ObjectId, ObjectKey};

/// Objects that are removed in one transaction when a bucket is emptied.
const BATCH: u32 = 1000;

impl Buckets {
    /// Removes those of the objects that are there and that the caller may remove, and says which.
    pub async fn remove(
        self: &Arc<Self>,
        caller: &Caller,
        bucket: &BucketName,
        keys: &[ObjectKey],
    ) -> Result<Vec<Object>, BucketError> {
        let (buckets, caller, bucket, keys) = (Arc::clone(self), caller.clone(), bucket.clone(), keys.to_vec());
        self.owned(async move {
            let removed = buckets.catalog.remove(&caller, &bucket, &keys, buckets.undo()).await?;
            for object in &removed {
                buckets.gone(&object.id, object.version).await;
            }
            Ok(removed)
        })
        .await
    }

    /// Removes one object.
    ///
    /// # Errors
    /// [`CatalogError::NoObject`] where it is not there, and [`CatalogError::Denied`] where it is not for this caller to
    /// remove.
    pub async fn remove_one(self: &Arc<Self>, caller: &Caller, object: &ObjectId) -> Result<Object, BucketError> {
        let removed = self.remove(caller, &object.bucket, std::slice::from_ref(&object.key)).await?;
        match removed.into_iter().next() {
            Some(object) => Ok(object),
            // There, and there still: then it was the rules.
            None if self.catalog.find_object(object).await?.is_some() => Err(CatalogError::Denied.into()),
            None => Err(CatalogError::NoObject.into()),
        }
    }

    /// Removes every object of a bucket, in batches.
    pub async fn empty(self: &Arc<Self>, caller: &Caller, bucket: &BucketName) -> Result<u64, BucketError> {
        let (buckets, caller, bucket) = (Arc::clone(self), caller.clone(), bucket.clone());
        self.owned(async move {
            let (mut count, undo) = (0, buckets.undo());
            loop {
                let removed = buckets.catalog.empty_bucket(&caller, &bucket, BATCH, undo).await?;
                for object in &removed {
                    buckets.gone(&object.id, object.version).await;
                }
                count += removed.len() as u64;
                if removed.len() < BATCH as usize {
                    return Ok(count);
                }
            }
        })
        .await
    }
}

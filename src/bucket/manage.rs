//! Making, changing and removing buckets.

use std::sync::Arc;

use super::{BucketError, Buckets};
use crate::auth::Caller;
use crate::catalog::{Bucket, BucketChange, CatalogError, NewBucket};
use crate::object::BucketName;
use crate::purge::Scope;

impl Buckets {
    pub async fn create_bucket(self: &Arc<Self>, caller: &Caller, bucket: NewBucket) -> Result<Bucket, BucketError> {
        if self.book.is_configured(&bucket.id) {
            return Err(CatalogError::BucketExists.into());
        }
        let (buckets, caller) = (Arc::clone(self), caller.clone());
        self.owned(async move {
            let made = buckets.catalog.create_bucket(&caller, bucket).await?;
            buckets.refresh_book().await?;
            Ok(made)
        })
        .await
    }

    /// Changes a bucket. One that becomes private is so before this returns.
    pub async fn update_bucket(
        self: &Arc<Self>,
        caller: &Caller,
        name: &BucketName,
        change: BucketChange,
    ) -> Result<Bucket, BucketError> {
        let (buckets, caller, name) = (Arc::clone(self), caller.clone(), name.clone());
        self.owned(async move {
            let changed = buckets.catalog.update_bucket(&caller, &name, change).await?;
            buckets.refresh_book().await?;
            Ok(changed)
        })
        .await
    }

    pub async fn delete_bucket(self: &Arc<Self>, caller: &Caller, name: &BucketName) -> Result<(), BucketError> {
        let (buckets, caller, name) = (Arc::clone(self), caller.clone(), name.clone());
        self.owned(async move {
            buckets.catalog.delete_bucket(&caller, &name).await?;
            buckets.refresh_book().await?;
            buckets.purge(Scope::Bucket(name)).await;
            Ok(())
        })
        .await
    }
}

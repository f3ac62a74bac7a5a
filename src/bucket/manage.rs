//! Making, changing and removing buckets.

use super::{BucketError, Buckets};
use crate::auth::Caller;
use crate::catalog::{Bucket, BucketChange, CatalogError, NewBucket};
use crate::object::BucketName;
use crate::purge::Scope;

impl Buckets {
    pub async fn create_bucket(&self, caller: &Caller, bucket: NewBucket) -> Result<Bucket, BucketError> {
        if self.book.is_configured(&bucket.id) {
            return Err(CatalogError::BucketExists.into());
        }
        let made = self.catalog.create_bucket(caller, bucket).await?;
        self.refresh_book().await?;
        Ok(made)
    }

    /// Changes a bucket. One that becomes private is so before this returns.
    pub async fn update_bucket(
        &self,
        caller: &Caller,
        name: &BucketName,
        change: BucketChange,
    ) -> Result<Bucket, BucketError> {
        let changed = self.catalog.update_bucket(caller, name, change).await?;
        self.refresh_book().await?;
        Ok(changed)
    }

    pub async fn delete_bucket(&self, caller: &Caller, name: &BucketName) -> Result<(), BucketError> {
        self.catalog.delete_bucket(caller, name).await?;
        self.refresh_book().await?;
        self.purge(Scope::Bucket(name.clone())).await;
        Ok(())
    }
}

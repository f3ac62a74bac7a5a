//! Buckets.

use super::{Bucket, BucketChange, BucketQuery, Catalog, CatalogError, NewBucket, either};
use crate::auth::Caller;
use crate::object::BucketName;

impl Catalog {
    /// The buckets that the caller may see.
    pub async fn buckets(&self, caller: &Caller, query: &BucketQuery) -> Result<Vec<Bucket>, CatalogError> {
        either!(self, buckets(caller, query))
    }

    /// A bucket that the caller may see; `NoBucket` otherwise.
    pub async fn bucket(&self, caller: &Caller, name: &BucketName) -> Result<Bucket, CatalogError> {
        either!(self, bucket(caller, name))
    }

    /// A bucket, as the operator sees it.
    pub async fn find_bucket(&self, name: &BucketName) -> Result<Option<Bucket>, CatalogError> {
        either!(self, find_bucket(name))
    }

    /// Every bucket by name, as the operator sees them.
    pub async fn all_buckets(&self) -> Result<Vec<Bucket>, CatalogError> {
        either!(self, all_buckets())
    }

    /// Makes a bucket: `BucketExists`, `Denied`.
    pub async fn create_bucket(&self, caller: &Caller, new: NewBucket) -> Result<Bucket, CatalogError> {
        either!(self, create_bucket(caller, new))
    }

    /// Changes a bucket's columns: `NoBucket`, `Denied`.
    pub async fn update_bucket(
        &self,
        caller: &Caller,
        name: &BucketName,
        change: BucketChange,
    ) -> Result<Bucket, CatalogError> {
        either!(self, update_bucket(caller, name, change))
    }

    /// Removes an empty bucket: `NoBucket`, `NotEmpty`, `Denied`.
    pub async fn delete_bucket(&self, caller: &Caller, name: &BucketName) -> Result<(), CatalogError> {
        either!(self, delete_bucket(caller, name))
    }

    /// Makes the bucket be as declared, as the operator: at every start.
    pub async fn declare_bucket(&self, new: NewBucket) -> Result<(), CatalogError> {
        either!(self, declare_bucket(new))
    }
}

//! What is stored.

use super::{Catalog, CatalogError, Folder, Object, Usage, either};
use crate::object::BucketName;

impl Catalog {
    /// What is stored, by bucket and by owner.
    pub async fn usage(&self) -> Result<Usage, CatalogError> {
        either!(self, usage())
    }

    /// What lies in a folder of a bucket, at every depth.
    pub async fn folder(&self, bucket: &BucketName, folder: &str) -> Result<Folder, CatalogError> {
        either!(self, folder(bucket, folder))
    }

    /// The largest objects of a bucket, largest first.
    pub async fn largest(&self, bucket: &BucketName, limit: u32) -> Result<Vec<Object>, CatalogError> {
        either!(self, largest(bucket, limit))
    }
}

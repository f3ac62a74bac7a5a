//! Objects: which version is the current one, and who may see and change it.

use super::{
    Catalog, CatalogError, Copied, Entry, ListQuery, Listing, NewObject, Object, PageQuery, Put, Undo, either,
};
use crate::auth::Caller;
use crate::object::{BucketName, ObjectId, ObjectKey};

impl Catalog {
    /// Whether [`Self::put`] would be allowed now, before any byte is written: `NoBucket`, `Denied`, `ObjectExists`.
    pub async fn may_put(&self, caller: &Caller, id: &ObjectId, upsert: bool) -> Result<(), CatalogError> {
        either!(self, may_put(caller, id, upsert))
    }

    /// Makes a written version the current one; what it replaces is stale from then on.
    pub async fn put(&self, caller: &Caller, new: NewObject, upsert: bool) -> Result<Put, CatalogError> {
        either!(self, put(caller, new, upsert))
    }

    /// An object that the caller may see; `NoObject` otherwise.
    pub async fn object(&self, caller: &Caller, id: &ObjectId) -> Result<Object, CatalogError> {
        either!(self, object(caller, id))
    }

    /// An object, as the operator sees it: for public buckets.
    pub async fn find_object(&self, id: &ObjectId) -> Result<Option<Object>, CatalogError> {
        either!(self, find_object(id))
    }

    /// One level of what the caller may see; nothing where there is no such bucket.
    pub async fn list(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &ListQuery,
    ) -> Result<Vec<Entry>, CatalogError> {
        either!(self, list(caller, bucket, query))
    }

    /// A page of what the caller may see; nothing where there is no such bucket.
    pub async fn list_pages(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &PageQuery,
    ) -> Result<Listing, CatalogError> {
        either!(self, list_pages(caller, bucket, query))
    }

    /// Removes those that exist and that the caller may remove, and says which. `undo`: for how long they may be brought
    /// back by [`Self::undo`]; until then their bytes are kept, else they are stale at once.
    pub async fn remove(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        keys: &[ObjectKey],
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        either!(self, remove(caller, bucket, keys, undo))
    }

    /// Removes up to `limit` objects that the caller may remove; the bucket is empty for them once none comes back.
    pub async fn empty_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        limit: u32,
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        either!(self, empty_bucket(caller, bucket, limit, undo))
    }

    /// Gives an object another name. In another bucket its bytes lie under a version of their own: `moved`.
    pub async fn rename(
        &self,
        caller: &Caller,
        from: &ObjectId,
        to: &ObjectId,
        moved: Option<Copied>,
    ) -> Result<Object, CatalogError> {
        either!(self, rename(caller, from, to, moved))
    }
}

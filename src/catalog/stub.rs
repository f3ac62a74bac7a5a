#![allow(unused, clippy::all, clippy::pedantic)]
use super::*;
use crate::auth::{Caller, RuleBook};
use crate::config::Secret;
use crate::object::*;
use std::collections::HashSet;
use std::path::Path;
use time::OffsetDateTime;
use uuid::Uuid;
type R<T> = Result<T, CatalogError>;
#[derive(Clone, Debug)]
pub enum Catalog {
    A,
}
impl Catalog {
    pub async fn open_sqlite(path: &Path, rules: RuleBook) -> R<Self> {
        todo!()
    }
    pub async fn open_postgres(url: &Secret, schema: &str, rules: RuleBook) -> R<Self> {
        todo!()
    }
    pub async fn buckets(&self, c: &Caller, q: &BucketQuery) -> R<Vec<Bucket>> {
        todo!()
    }
    pub async fn bucket(&self, c: &Caller, b: &BucketName) -> R<Bucket> {
        todo!()
    }
    pub async fn find_bucket(&self, b: &BucketName) -> R<Option<Bucket>> {
        todo!()
    }
    pub async fn all_buckets(&self) -> R<Vec<Bucket>> {
        todo!()
    }
    pub async fn create_bucket(&self, c: &Caller, b: NewBucket) -> R<Bucket> {
        todo!()
    }
    pub async fn update_bucket(&self, c: &Caller, b: &BucketName, x: BucketChange) -> R<Bucket> {
        todo!()
    }
    pub async fn delete_bucket(&self, c: &Caller, b: &BucketName) -> R<()> {
        todo!()
    }
    pub async fn declare_bucket(&self, b: NewBucket) -> R<()> {
        todo!()
    }
    pub async fn may_put(&self, c: &Caller, o: &ObjectId, upsert: bool) -> R<()> {
        todo!()
    }
    pub async fn put(&self, c: &Caller, o: NewObject, upsert: bool) -> R<Put> {
        todo!()
    }
    pub async fn object(&self, c: &Caller, o: &ObjectId) -> R<Object> {
        todo!()
    }
    pub async fn find_object(&self, o: &ObjectId) -> R<Option<Object>> {
        todo!()
    }
    pub async fn list(&self, c: &Caller, b: &BucketName, q: &ListQuery) -> R<Vec<Entry>> {
        todo!()
    }
    pub async fn list_pages(&self, c: &Caller, b: &BucketName, q: &PageQuery) -> R<Listing> {
        todo!()
    }
    pub async fn remove(&self, c: &Caller, b: &BucketName, k: &[ObjectKey]) -> R<Vec<Object>> {
        todo!()
    }
    pub async fn empty_bucket(&self, c: &Caller, b: &BucketName, n: u32) -> R<Vec<Object>> {
        todo!()
    }
    pub async fn rename(&self, c: &Caller, f: &ObjectId, t: &ObjectId, m: Option<Uuid>) -> R<Object> {
        todo!()
    }
    pub async fn events(&self, n: u32) -> R<Vec<Event>> {
        todo!()
    }
    pub async fn finish_event(&self, id: Uuid) -> R<()> {
        todo!()
    }
    pub async fn stale_blobs(&self, before: OffsetDateTime, n: u32) -> R<Vec<StaleBlob>> {
        todo!()
    }
    pub async fn forget_stale(&self, b: &[StaleBlob]) -> R<()> {
        todo!()
    }
    pub async fn known_versions(&self, b: &BucketName, v: &[Uuid]) -> R<HashSet<Uuid>> {
        todo!()
    }
}

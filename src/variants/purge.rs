//! Removing what a purge names from the store.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;

use super::layout::{RECORD, bucket_path, folder_of, object_path};
use super::{StoreError, VariantStore};
use crate::object::{BucketName, ObjectId};
use crate::purge::Scope;

/// Records read at once: each may be a request to a store far away.
const READ_AT_ONCE: usize = 16;

impl VariantStore {
    /// Removes the bytes of everything the scope names; `key_of` reads the object's key out of a version record.
    /// Returns the number of files removed.
    pub async fn purge(&self, scope: &Scope, key_of: impl Fn(&[u8]) -> Option<ObjectId>) -> Result<u64, StoreError> {
        let prefix = match scope {
            Scope::All => None,
            Scope::Bucket(bucket) => Some(bucket_path(bucket)),
            Scope::Object(bucket, key) => Some(object_path(&ObjectId::new(bucket.clone(), key.clone()))),
            Scope::Prefix(bucket, _) => {
                let matches = |record: &[u8]| key_of(record).is_none_or(|object| scope.matches(&object));
                let paths = self.paths_by_record(bucket, matches).await?;
                return self.remove_all(paths).await;
            }
        };
        let paths = self.list(prefix.as_ref()).map_ok(|meta| meta.location).try_collect().await?;
        self.remove_all(paths).await
    }

    /// The files of the objects whose record matches. Those of objects without a record (it was evicted, or is damaged)
    /// may be anyone's and are among them: too much is made again, too little would be served on.
    async fn paths_by_record(
        &self,
        bucket: &BucketName,
        matches: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<Path>, StoreError> {
        let mut objects: HashMap<Path, Vec<Path>> = HashMap::new();
        let mut listed = std::pin::pin!(self.list(Some(&bucket_path(bucket))));
        while let Some(meta) = listed.try_next().await? {
            objects.entry(folder_of(&meta.location)).or_default().push(meta.location);
        }
        let named = stream::iter(objects.into_values()).map(|paths| async {
            let record = match paths.iter().find(|path| path.filename() == Some(RECORD)) {
                Some(path) => self.read(path).await,
                None => None,
            };
            if record.is_none_or(|record| matches(&record)) { paths } else { Vec::new() }
        });
        Ok(named.buffer_unordered(READ_AT_ONCE).concat().await)
    }
}

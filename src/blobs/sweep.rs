//! Finding bytes that nobody names: what a crash left between writing bytes and writing their row.

use std::time::{Duration, SystemTime};

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::ObjectMeta;
use uuid::Uuid;

use super::{BlobError, Blobs, INCOMING, OBJECTS, Place};
use crate::object::BucketName;

/// A blob as the disk or the store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    pub bucket: BucketName,
    pub version: Uuid,
    pub size: u64,
}

impl Blobs {
    /// Every blob written before `before`, for comparing with the catalogue. What is no blob of ours is passed over.
    pub fn written_before(&self, before: SystemTime) -> BoxStream<'static, Result<Stray, BlobError>> {
        match &self.place {
            Place::Disk => {
                let root = self.root.join(OBJECTS);
                let listed = tokio::task::spawn_blocking(move || on_disk(&root, before));
                let listed =
                    listed.map(|listed| listed.map_err(|error| BlobError::File(std::io::Error::other(error)))?);
                listed.map_ok(|strays| stream::iter(strays).map(Ok)).try_flatten_stream().boxed()
            }
            // Never the whole list at once: there may be millions.
            Place::Store(store) => {
                let old = move |meta: ObjectMeta| {
                    let is_old = SystemTime::from(meta.last_modified) < before;
                    let named = meta.location.as_ref().rsplit_once('/').filter(|_| is_old);
                    named.and_then(|(bucket, version)| stray(bucket, version, meta.size))
                };
                let listed = store.list(None).map_err(BlobError::from);
                listed.try_filter_map(move |meta| std::future::ready(Ok(old(meta)))).boxed()
            }
        }
    }

    /// The versions of one bucket that were written before `before`.
    pub async fn old_in(&self, bucket: &BucketName, before: SystemTime) -> Result<Vec<Uuid>, BlobError> {
        match &self.place {
            Place::Disk => {
                let mut found = Vec::new();
                for file in std::fs::read_dir(self.folder_of(bucket)).into_iter().flatten().flatten() {
                    let old = file.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|time| time < before);
                    found.extend(file.file_name().to_str().filter(|_| old).and_then(|name| name.parse::<Uuid>().ok()));
                }
                Ok(found)
            }
            Place::Store(store) => {
                let prefix = object_store::path::Path::from(bucket.as_str());
                let listed: Vec<_> = store.list(Some(&prefix)).try_collect().await?;
                let old = listed.into_iter().filter(|meta| SystemTime::from(meta.last_modified) < before);
                Ok(old.filter_map(|meta| meta.location.filename()?.parse().ok()).collect())
            }
        }
    }

    /// Removes what arrived only in part and was left by a process that ended. Nothing younger than `age` is touched.
    pub fn sweep_incoming(&self, age: Duration) -> std::io::Result<u64> {
        let before = SystemTime::now() - age;
        let mut removed = 0;
        for entry in std::fs::read_dir(self.root.join(INCOMING))?.flatten() {
            let old = entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|time| time <= before);
            if old && std::fs::remove_file(entry.path()).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn on_disk(root: &std::path::Path, before: SystemTime) -> Result<Vec<Stray>, BlobError> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root)?.flatten() {
        let Ok(files) = std::fs::read_dir(folder.path()) else { continue };
        for file in files.flatten() {
            let Ok(metadata) = file.metadata() else { continue };
            let old = metadata.modified().is_ok_and(|time| time < before);
            let (bucket, version) = (folder.file_name(), file.file_name());
            let named = bucket.to_str().zip(version.to_str()).filter(|_| old);
            found.extend(named.and_then(|(bucket, version)| stray(bucket, version, metadata.len())));
        }
    }
    Ok(found)
}

fn stray(bucket: &str, version: &str, size: u64) -> Option<Stray> {
    Some(Stray { bucket: BucketName::parse(bucket).ok()?, version: version.parse().ok()?, size })
}

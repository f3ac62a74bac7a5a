//! The persistent tier over an object store.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use object_store::path::Path;
use object_store::{DynObjectStore, ObjectMeta, ObjectStoreExt};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::layout::{is_ours, path_of, record_path};
use super::{Variant, VariantKey, file};
use crate::object::ObjectId;
use crate::source::said;

/// Bytes a file is charged with at least: a block of the usual file systems.
const BLOCK_BYTES: u32 = 4096;
/// After a failed write (a full disk, a store that is away) nothing is written for so long.
const PAUSE: Duration = Duration::from_secs(10);

/// The persistent tier failed. Never fatal: pictures are then served without it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the variant store at {} cannot be opened: {reason}", place.display())]
    Open { place: PathBuf, reason: String },
    #[error("{}", said(&.0.to_string()))]
    Store(#[from] object_store::Error),
    #[error("the server is shutting down")]
    Aborted,
}

/// Variants and version records that survive a restart.
#[derive(Debug)]
pub struct VariantStore {
    pub(super) store: Arc<DynObjectStore>,
    /// Where the files are if they are on this machine: interrupted writes are swept there.
    folder: Option<PathBuf>,
    /// Bytes of every known file by its path; over the cap the least recently used is removed.
    pub(super) index: Cache<Path, u32>,
    paused_until: Mutex<Option<Instant>>,
    failed_writes: AtomicU64,
}

impl VariantStore {
    /// Opens the tier in a folder, made if missing.
    pub fn on_disk(folder: &FilePath, capacity: u64) -> Result<Arc<Self>, StoreError> {
        let failed = |reason: String| StoreError::Open { place: folder.to_owned(), reason };
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| failed(error.to_string()))?
            .with_automatic_cleanup(true);
        Ok(Self::over(Arc::new(store), Some(folder.to_owned()), capacity))
    }

    /// Opens the tier over any object store.
    pub fn over(store: Arc<DynObjectStore>, folder: Option<PathBuf>, capacity: u64) -> Arc<Self> {
        let (evicted, evictions) = mpsc::unbounded_channel();
        let index = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_: &Path, bytes: &u32| (*bytes).max(BLOCK_BYTES))
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |path: Arc<Path>, _, cause| {
                if cause == RemovalCause::Size {
                    // The receiver lives as long as the process does.
                    let _ = evicted.send(path);
                }
            })
            .build();
        // Not a task that shutdown waits for: it ends with the index, and what it leaves the next scan finds.
        tokio::spawn(remove_evicted(Arc::clone(&store), evictions));
        let paused_until = Mutex::new(None);
        Arc::new(Self { store, folder, index, paused_until, failed_writes: AtomicU64::new(0) })
    }

    /// Reads what is there into the index, oldest first, and sweeps interrupted writes. Serving does not wait for it.
    pub async fn scan(&self) -> Result<usize, StoreError> {
        if let Some(folder) = self.folder.clone() {
            // A failure here leaves some kilobytes behind and nothing else.
            let _ = tokio::task::spawn_blocking(move || sweep_interrupted(&folder)).await;
        }
        let mut files: Vec<_> = self.list(None).try_collect().await?;
        files.sort_by_key(|meta| meta.last_modified);
        let count = files.len();
        for meta in files {
            self.index.entry(meta.location).or_insert(bytes_of(meta.size));
        }
        self.index.run_pending_tasks();
        Ok(count)
    }

    /// Whether the variant is known to be here, without asking the store.
    pub fn knows(&self, key: &VariantKey) -> bool {
        self.index.contains_key(&path_of(key))
    }

    /// The variant, if it is here and whole.
    pub async fn get(&self, key: &VariantKey) -> Option<Arc<Variant>> {
        let path = path_of(key);
        let bytes = self.read(&path).await?;
        let Some((content_type, note, body)) = file::read(&bytes) else {
            tracing::warn!(file = %path, "a stored variant is damaged; removing it");
            self.forget(&path).await;
            return None;
        };
        self.index.insert(path, bytes_of(bytes.len() as u64));
        // The record is as recently used as its variants.
        self.index.get(&record_path(&key.object));
        Some(Arc::new(Variant { note, ..Variant::new(body, content_type, true) }))
    }

    /// Keeps the variant. A failure is logged once per pause, and the picture is served without being kept.
    pub async fn put(&self, key: &VariantKey, variant: &Variant) {
        let bytes = file::write(&variant.content_type, variant.note, &variant.body);
        self.write(path_of(key), bytes).await;
    }

    pub async fn remove(&self, key: &VariantKey) {
        self.forget(&path_of(key)).await;
    }

    /// The version record of an object, as [`VariantStore::put_record`] kept it.
    pub async fn get_record(&self, object: &ObjectId) -> Option<Bytes> {
        self.read(&record_path(object)).await
    }

    pub async fn put_record(&self, object: &ObjectId, record: Bytes) {
        self.write(record_path(object), record).await;
    }

    pub async fn remove_record(&self, object: &ObjectId) {
        self.forget(&record_path(object)).await;
    }

    /// Writes a file, reads it and removes it, for `doctor`.
    pub async fn check(&self) -> Result<(), StoreError> {
        let path = Path::from("tintype-reachability-check");
        self.store.put(&path, Bytes::from_static(b"tintype").into()).await?;
        self.store.get(&path).await?.bytes().await?;
        self.store.list(Some(&path)).try_collect::<Vec<_>>().await?;
        Ok(self.store.delete(&path).await?)
    }

    /// Bytes (in whole blocks) and files known to be here, and writes that failed.
    pub fn usage(&self) -> (u64, u64, u64) {
        self.index.run_pending_tasks();
        (self.index.weighted_size(), self.index.entry_count(), self.failed_writes.load(Ordering::Relaxed))
    }

    /// Removes these files, and counts those that were there. A failure does not keep the rest from being removed.
    pub(super) async fn remove_all(&self, paths: Vec<Path>) -> Result<u64, StoreError> {
        let mut removals = remove_many(&self.store, paths);
        let (mut removed, mut failure) = (0, None);
        while let Some(removal) = removals.next().await {
            match removal {
                Ok(path) => {
                    self.index.invalidate(&path);
                    removed += 1;
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(removed), |error| Err(error.into()))
    }

    /// Every file of ours below the prefix. Others, in a bucket that is not ours alone, are left as they are.
    pub(super) fn list(&self, prefix: Option<&Path>) -> impl Stream<Item = Result<ObjectMeta, StoreError>> + use<> {
        let listed = self.store.list(prefix).map_err(StoreError::from);
        listed.try_filter(|meta| std::future::ready(is_ours(&meta.location)))
    }

    pub(super) async fn read(&self, path: &Path) -> Option<Bytes> {
        match self.store.get(path).await {
            Ok(found) => found.bytes().await.ok(),
            Err(object_store::Error::NotFound { .. }) => {
                self.index.invalidate(path);
                None
            }
            Err(error) => {
                tracing::debug!(file = %path, %error, "the variant store cannot be read");
                None
            }
        }
    }

    async fn write(&self, path: Path, bytes: Bytes) {
        if self.paused_until.lock().is_some_and(|until| Instant::now() < until) {
            return;
        }
        let size = bytes_of(bytes.len() as u64);
        match self.store.put(&path, bytes.into()).await {
            Ok(_) => {
                self.index.insert(path, size);
                // Else the cap would be looked at only when the next of many writes comes.
                self.index.run_pending_tasks();
            }
            Err(error) => {
                self.failed_writes.fetch_add(1, Ordering::Relaxed);
                *self.paused_until.lock() = Some(Instant::now() + PAUSE);
                let error = said(&error.to_string());
                tracing::warn!(
                    error,
                    "the variant store cannot be written; serving without it for {} s",
                    PAUSE.as_secs()
                );
            }
        }
    }

    async fn forget(&self, path: &Path) {
        self.index.invalidate(path);
        if let Err(error) = self.store.delete(path).await
            && !matches!(error, object_store::Error::NotFound { .. })
        {
            tracing::warn!(file = %path, %error, "a stored variant cannot be removed");
        }
    }
}

fn bytes_of(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Evictions removed by one request, where the store has such requests.
const REMOVED_AT_ONCE: usize = 1000;

async fn remove_evicted(store: Arc<DynObjectStore>, mut evictions: mpsc::UnboundedReceiver<Arc<Path>>) {
    let mut evicted = Vec::new();
    while evictions.recv_many(&mut evicted, REMOVED_AT_ONCE).await > 0 {
        let mut removals = remove_many(&store, evicted.drain(..).map(Arc::unwrap_or_clone).collect());
        while let Some(removal) = removals.next().await {
            if let Err(error) = removal
                && !matches!(error, object_store::Error::NotFound { .. })
            {
                tracing::warn!(%error, "an evicted variant cannot be removed");
            }
        }
    }
}

fn remove_many(store: &DynObjectStore, paths: Vec<Path>) -> BoxStream<'static, object_store::Result<Path>> {
    store.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed())
}

/// Removes what interrupted writes left: the store writes to `name#number` and then renames.
fn sweep_interrupted(folder: &FilePath) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_interrupted(&path);
        } else if is_staged(&path) && is_older_than_a_minute(&entry) {
            // Another sweep may have been faster.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn is_staged(path: &FilePath) -> bool {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
    name.rsplit_once('#').is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A write takes milliseconds; one that is a minute old is nobody's.
fn is_older_than_a_minute(entry: &std::fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|meta| meta.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > Duration::from_secs(60)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::Made;
    use super::*;
    use crate::object::{BucketName, ObjectKey, VersionId};
    use crate::purge::Scope;

    fn key(object: &str, version: &str) -> VariantKey {
        let object = ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse(object).unwrap());
        VariantKey { object, version: VersionId::of(&[version.as_bytes()]), made: Made::Original }
    }

    fn variant(bytes: usize) -> Variant {
        Variant::new(vec![7; bytes].into(), HeaderValue::from_static("image/png"), true)
    }

    fn files_below(folder: &FilePath) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
    }

    #[tokio::test]
    async fn variants_survive_a_restart_and_damage_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let store = VariantStore::on_disk(folder.path(), 1_000_000).unwrap();
        store.put(&key("a.png", "1"), &variant(100)).await;
        drop(store);
        let store = VariantStore::on_disk(folder.path(), 1_000_000).unwrap();
        assert_eq!(store.scan().await.unwrap(), 1);
        assert!(store.knows(&key("a.png", "1")));
        assert_eq!(store.get(&key("a.png", "1")).await.unwrap().body.len(), 100);
        assert!(store.get(&key("a.png", "2")).await.is_none());
        let path = folder.path().join(path_of(&key("a.png", "1")).as_ref());
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(store.get(&key("a.png", "1")).await.is_none());
        assert_eq!(files_below(folder.path()), 0, "the damaged file is still there");
    }

    #[tokio::test]
    async fn the_oldest_files_leave_the_disk_when_the_cap_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let store = VariantStore::on_disk(folder.path(), 100_000).unwrap();
        for number in 0..40 {
            store.put(&key(&format!("{number}.png"), "1"), &variant(10_000)).await;
        }
        let (bytes, files, _) = store.usage();
        assert!(bytes <= 100_000 && files <= 10, "{bytes} bytes in {files} files");
        for _ in 0..200 {
            if files_below(folder.path()) as u64 == files {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(files_below(folder.path()) as u64, files);
        assert!(store.get(&key("39.png", "1")).await.is_some());
        assert!(store.get(&key("0.png", "1")).await.is_none());
    }

    #[tokio::test]
    async fn purging_removes_bytes_by_object_prefix_bucket_and_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = VariantStore::on_disk(folder.path(), 1_000_000).unwrap();
        let bucket = BucketName::parse("b").unwrap();
        store.store.put(&Path::from("b/holiday.jpg"), Bytes::from_static(b"not ours").into()).await.unwrap();
        for name in ["a/1", "a/2", "c"] {
            let key = key(name, "1");
            store.put(&key, &variant(10)).await;
            store.put_record(&key.object, serde_json::to_vec(&key.object).unwrap().into()).await;
        }
        let key_of = |bytes: &[u8]| serde_json::from_slice::<ObjectId>(bytes).ok();
        let one = Scope::Object(bucket.clone(), ObjectKey::parse("a/1").unwrap());
        assert_eq!(store.purge(&one, key_of).await.unwrap(), 2);
        // A variant whose record was evicted may be of any object.
        store.put(&key("d", "1"), &variant(10)).await;
        assert_eq!(store.purge(&Scope::Prefix(bucket.clone(), "a/".into()), key_of).await.unwrap(), 3);
        assert!(store.get(&key("c", "1")).await.is_some());
        assert_eq!(store.purge(&Scope::Bucket(bucket), key_of).await.unwrap(), 2);
        assert_eq!(store.purge(&Scope::All, key_of).await.unwrap(), 0);
        assert_eq!(files_below(folder.path()), 1, "a file that is not ours is neither counted nor removed");
        assert_eq!(store.scan().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_written_is_left_alone_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let store = VariantStore::on_disk(folder.path(), 1_000_000).unwrap();
        // A file where the bucket's folder should be: every write fails, as on a full or broken disk.
        std::fs::write(folder.path().join("b"), b"in the way").unwrap();
        store.put(&key("a", "1"), &variant(10)).await;
        store.put(&key("b", "1"), &variant(10)).await;
        assert_eq!(store.usage(), (0, 0, 1), "the second write was not held back");
    }

    #[tokio::test]
    async fn interrupted_writes_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("x#1"), b"half").unwrap();
        let file = std::fs::File::options().write(true).open(path.join("x#1")).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(120)).unwrap();
        let store = VariantStore::on_disk(folder.path(), 1_000_000).unwrap();
        store.scan().await.unwrap();
        assert_eq!(files_below(folder.path()), 0);
    }
}

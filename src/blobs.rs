//! The bytes of our own buckets: on disk, or in any object store. Written once under `{bucket}/{version}`, never changed.
//!
//! What arrives is written aside first, counted and hashed on the way; only a whole blob gets its name, by one rename on
//! disk or one upload to a store. A client's key never names a file.

mod incoming;
mod mark;
mod partial;
mod sweep;

use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, DynObjectStore, ObjectStoreExt, PutMultipartOptions, PutPayload, WriteMultipart,
};
use tokio::io::AsyncReadExt;
use uuid::Uuid;

pub use incoming::{Incoming, Receiving};
pub use partial::Growing;
pub use sweep::Stray;

use crate::object::BucketName;

/// Folder of blobs below the root, one folder a bucket.
const OBJECTS: &str = "objects";
/// Folder of what is still arriving.
const INCOMING: &str = "incoming";
/// Blobs up to this many bytes go to a store in one request.
const ONE_REQUEST: u64 = 8 << 20;

/// Bytes could not be written or read. The texts are for logs.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("there are no such bytes")]
    Missing,
    /// The limit is the one in force, in bytes.
    #[error("more than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The sender broke off.
    #[error("the body ended early: {0}")]
    Incomplete(String),
    #[error("the disk is full")]
    Full,
    #[error("file: {0}")]
    File(io::Error),
    #[error("store: {0}")]
    Store(object_store::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::File(error),
        }
    }
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Store(other),
        }
    }
}

/// What is told to a store about a blob, so that it is of use without us too.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    pub mime_type: &'a str,
    pub cache_control: &'a str,
}

/// Where blobs are kept.
#[derive(Clone, Debug)]
enum Place {
    Disk,
    Store(Arc<DynObjectStore>),
}

/// The blobs of all our own buckets.
#[derive(Clone, Debug)]
pub struct Blobs {
    /// Folder for what arrives, and for the blobs themselves on disk.
    root: Arc<FilePath>,
    place: Place,
}

impl Blobs {
    /// Keeps blobs below `root`, made if missing.
    pub fn on_disk(root: &FilePath) -> io::Result<Self> {
        std::fs::create_dir_all(root.join(OBJECTS))?;
        Self::open(root, Place::Disk)
    }

    /// Keeps blobs in `store`; what arrives is gathered below `root` first.
    pub fn in_store(root: &FilePath, store: Arc<DynObjectStore>) -> io::Result<Self> {
        Self::open(root, Place::Store(store))
    }

    /// Those that are there already, in `store` or below `root`: no folder is made, so nothing can arrive where none is.
    pub fn there(root: &FilePath, store: Option<Arc<DynObjectStore>>) -> Self {
        Self { root: root.into(), place: store.map_or(Place::Disk, Place::Store) }
    }

    fn open(root: &FilePath, place: Place) -> io::Result<Self> {
        std::fs::create_dir_all(root.join(INCOMING))?;
        std::fs::create_dir_all(root.join(partial::UPLOADS))?;
        Ok(Self { root: root.into(), place })
    }

    /// Whether reading a blob is reading a file of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self.place, Place::Disk)
    }

    /// Opens a place for bytes that arrive.
    pub async fn receive(&self, limit: u64) -> Result<Receiving, BlobError> {
        Receiving::open(self.root.join(INCOMING).join(Uuid::new_v4().to_string()), limit).await
    }

    /// Gives what arrived its name. Afterwards the bytes are there whatever happens to this process.
    pub async fn keep(
        &self,
        bucket: &BucketName,
        version: Uuid,
        incoming: Incoming,
        described: Described<'_>,
    ) -> Result<(), BlobError> {
        match &self.place {
            Place::Disk => {
                let folder = self.folder_of(bucket);
                let named = folder.join(version.to_string());
                incoming.rename(folder, named).await
            }
            Place::Store(store) => upload(store, &path_of(bucket, version), &incoming, described).await,
        }
    }

    /// The whole blob, if it has at most `limit` bytes.
    pub async fn read(&self, bucket: &BucketName, version: Uuid, limit: u64) -> Result<Bytes, BlobError> {
        match &self.place {
            Place::Disk => read_file(&self.folder_of(bucket).join(version.to_string()), limit).await,
            Place::Store(store) => {
                let result = store.get(&path_of(bucket, version)).await?;
                if result.meta.size > limit {
                    return Err(BlobError::TooLarge { limit });
                }
                Ok(result.bytes().await?)
            }
        }
    }

    /// How many bytes a blob has.
    pub async fn size(&self, bucket: &BucketName, version: Uuid) -> Result<u64, BlobError> {
        match &self.place {
            Place::Disk => Ok(tokio::fs::metadata(self.folder_of(bucket).join(version.to_string())).await?.len()),
            Place::Store(store) => Ok(store.head(&path_of(bucket, version)).await?.size),
        }
    }

    /// Makes a second blob of the same bytes.
    pub async fn copy(&self, from: (&BucketName, Uuid), to: (&BucketName, Uuid)) -> Result<(), BlobError> {
        match &self.place {
            Place::Disk => {
                let (source, folder) = (self.folder_of(from.0).join(from.1.to_string()), self.folder_of(to.0));
                let named = folder.join(to.1.to_string());
                tokio::fs::create_dir_all(&folder).await?;
                incoming::touch(&source).await?;
                // Blobs never change: a second name for the same bytes is a copy.
                match tokio::fs::hard_link(&source, &named).await {
                    Ok(()) => Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BlobError::Missing),
                    Err(_) => Ok(tokio::fs::copy(&source, &named).await.map(drop)?),
                }
            }
            Place::Store(store) => Ok(store.copy(&path_of(from.0, from.1), &path_of(to.0, to.1)).await?),
        }
    }

    /// Removes a blob; one that is gone already is as good.
    pub async fn remove(&self, bucket: &BucketName, version: Uuid) -> Result<(), BlobError> {
        let removed = match &self.place {
            Place::Disk => {
                tokio::fs::remove_file(self.folder_of(bucket).join(version.to_string())).await.map_err(Into::into)
            }
            Place::Store(store) => store.delete(&path_of(bucket, version)).await.map_err(Into::into),
        };
        match removed {
            Err(BlobError::Missing) => Ok(()),
            other => other,
        }
    }

    fn folder_of(&self, bucket: &BucketName) -> PathBuf {
        self.root.join(OBJECTS).join(bucket.as_str())
    }
}

fn path_of(bucket: &BucketName, version: Uuid) -> Path {
    Path::from_iter([bucket.as_str(), &version.to_string()])
}

async fn read_file(path: &FilePath, limit: u64) -> Result<Bytes, BlobError> {
    let mut file = tokio::fs::File::open(path).await?;
    let size = file.metadata().await?.len();
    if size > limit {
        return Err(BlobError::TooLarge { limit });
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.read_to_end(&mut bytes).await?;
    Ok(bytes.into())
}

async fn upload(
    store: &Arc<DynObjectStore>,
    path: &Path,
    incoming: &Incoming,
    described: Described<'_>,
) -> Result<(), BlobError> {
    let attributes = Attributes::from_iter([
        (Attribute::ContentType, described.mime_type.to_owned()),
        (Attribute::CacheControl, described.cache_control.to_owned()),
    ]);
    if incoming.size <= ONE_REQUEST {
        let payload = PutPayload::from_bytes(incoming.bytes().await?);
        store.put_opts(path, payload, attributes.into()).await?;
        return Ok(());
    }
    let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
    let mut writer = WriteMultipart::new(store.put_multipart_opts(path, options).await?);
    let mut file = tokio::fs::File::open(incoming.path()).await?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        writer.wait_for_capacity(4).await?;
        writer.write(&buffer[..read]);
    }
    writer.finish().await?;
    Ok(())
}

#[cfg(test)]
mod tests;

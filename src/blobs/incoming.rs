//! Bytes that arrive: written aside, counted against the limit and hashed as they come.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::BlobError;
use crate::object::etag_of_hash;

/// Bytes gathered before a write reaches the file.
pub(super) const BUFFER: usize = 256 << 10;

/// A second name of a file has its time, by which whatever is old and has no row is taken for left over: a file is made
/// young before it gets one.
pub(super) async fn touch(path: &Path) -> Result<(), BlobError> {
    let path = path.to_owned();
    let touched = tokio::task::spawn_blocking(move || touched(&path)).await;
    Ok(touched.map_err(|error| BlobError::File(std::io::Error::other(error)))??)
}

fn touched(path: &Path) -> std::io::Result<()> {
    std::fs::File::options().append(true).open(path)?.set_modified(std::time::SystemTime::now())
}

/// A file that is removed unless it is given a name.
#[derive(Debug)]
struct Aside(Option<PathBuf>);

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // On whatever thread this is: unlinking is quick, and a refusal must leave nothing behind.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A body that is being written. Dropped before its end it leaves nothing.
#[derive(Debug)]
pub struct Receiving {
    aside: Aside,
    path: PathBuf,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    size: u64,
    limit: u64,
}

impl Receiving {
    pub(super) async fn open(path: PathBuf, limit: u64) -> Result<Self, BlobError> {
        let file = File::options().write(true).create_new(true).open(&path).await?;
        let aside = Aside(Some(path.clone()));
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(Self { aside, path, file, hasher: blake3::Hasher::new(), size: 0, limit })
    }

    /// Bytes that came so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] as soon as the limit is passed, whatever a header said.
    pub async fn write(&mut self, part: &[u8]) -> Result<(), BlobError> {
        self.size += part.len() as u64;
        if self.size > self.limit {
            return Err(BlobError::TooLarge { limit: self.limit });
        }
        self.hasher.update(part);
        Ok(self.file.write_all(part).await?)
    }

    /// The body is complete.
    pub async fn finish(mut self) -> Result<Incoming, BlobError> {
        self.file.flush().await?;
        self.file.get_ref().sync_data().await?;
        let etag = etag_of_hash(&self.hasher.finalize());
        Ok(Incoming { aside: self.aside, path: self.path, size: self.size, etag })
    }
}

/// A body that arrived as a whole and has no name yet. Dropped it is removed.
#[derive(Debug)]
pub struct Incoming {
    aside: Aside,
    path: PathBuf,
    pub size: u64,
    /// Strong, quoted, of the bytes: the one that answers carry.
    pub etag: String,
}

impl Incoming {
    /// A file whose bytes are on the disk, under a second name of its own: `aside`.
    pub(super) async fn of_file(file: PathBuf, aside: PathBuf) -> Result<Self, BlobError> {
        let linked = tokio::task::spawn_blocking(move || {
            let incoming = Aside(Some(aside.clone()));
            touched(&file)?;
            // Where the file system has no second names, a copy.
            if std::fs::hard_link(&file, &aside).is_err() {
                std::fs::copy(&file, &aside)?;
                std::fs::File::open(&aside)?.sync_all()?;
            }
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(std::fs::File::open(&aside)?)?;
            Ok(Self { aside: incoming, path: aside, size: hasher.count(), etag: etag_of_hash(&hasher.finalize()) })
        });
        linked.await.map_err(|error| BlobError::File(std::io::Error::other(error)))?
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes, read back; for bodies within a limit that memory allows.
    pub async fn bytes(&self) -> Result<Bytes, BlobError> {
        Ok(tokio::fs::read(&self.path).await?.into())
    }

    pub(super) async fn rename(mut self, folder: PathBuf, named: PathBuf) -> Result<(), BlobError> {
        if let Err(error) = tokio::fs::rename(&self.path, &named).await {
            if error.kind() != std::io::ErrorKind::NotFound {
                return Err(error.into());
            }
            tokio::fs::create_dir_all(&folder).await?;
            tokio::fs::rename(&self.path, &named).await?;
        }
        self.aside.0 = None;
        // The name is as durable as the bytes only once the folder is written.
        Ok(File::open(&folder).await?.sync_all().await?)
    }
}

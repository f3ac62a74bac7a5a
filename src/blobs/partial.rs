//! The bytes of resumable uploads: one file each below `uploads`, written at its end alone, kept across restarts.
//!
//! A file may be longer than what is recorded of it, because the process was killed in between: only the recorded bytes
//! count, and what lies behind them is cut off before anything is added. The files are on the disk of one machine even
//! where the blobs are in a store.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use uuid::Uuid;

use super::incoming::BUFFER;
use super::{BlobError, Blobs, INCOMING, Incoming};

/// Folder of resumable uploads below the root.
pub(super) const UPLOADS: &str = "uploads";

/// The file of a resumable upload, open at its end. Whoever has it makes sure to be the only one.
#[derive(Debug)]
pub struct Growing {
    file: BufWriter<File>,
    size: u64,
}

impl Growing {
    async fn open(folder: &Path, path: &Path, recorded: u64) -> Result<Self, BlobError> {
        let is_new = !tokio::fs::try_exists(path).await?;
        let file = File::options().append(true).create(true).open(path).await?;
        if is_new {
            // The name is as durable as the bytes only once the folder is written.
            File::open(folder).await?.sync_all().await?;
        }
        let size = file.metadata().await?.len().min(recorded);
        file.set_len(size).await?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), size })
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub async fn write(&mut self, part: &[u8]) -> Result<(), BlobError> {
        self.size += part.len() as u64;
        Ok(self.file.write_all(part).await?)
    }

    /// Returns once every byte is on the disk.
    pub async fn sync(&mut self) -> Result<(), BlobError> {
        self.file.flush().await?;
        Ok(self.file.get_ref().sync_data().await?)
    }

    /// Takes back everything behind the first `size` bytes.
    pub async fn cut(&mut self, size: u64) -> Result<(), BlobError> {
        self.file.flush().await?;
        self.file.get_ref().set_len(size).await?;
        self.size = size;
        Ok(())
    }
}

impl Blobs {
    /// How many of an upload's `recorded` bytes are here.
    pub async fn grown(&self, upload: Uuid, recorded: u64) -> Result<u64, BlobError> {
        match tokio::fs::metadata(self.upload_path(upload)).await {
            Ok(metadata) => Ok(metadata.len().min(recorded)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens an upload of which `recorded` bytes count.
    pub async fn grow(&self, upload: Uuid, recorded: u64) -> Result<Growing, BlobError> {
        Growing::open(&self.root.join(UPLOADS), &self.upload_path(upload), recorded).await
    }

    /// The whole upload as a body that arrived. Its own file stays, so that a failure later on costs no byte.
    pub async fn assembled(&self, upload: Uuid) -> Result<Incoming, BlobError> {
        let path = self.root.join(INCOMING).join(Uuid::new_v4().to_string());
        Incoming::of_file(self.upload_path(upload), path).await
    }

    /// Removes an upload's file; one that is gone already is as good.
    pub async fn discard(&self, upload: Uuid) -> Result<(), BlobError> {
        match tokio::fs::remove_file(self.upload_path(upload)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The uploads that have a file.
    pub fn uploads(&self) -> Result<Vec<Uuid>, BlobError> {
        let files = std::fs::read_dir(self.root.join(UPLOADS))?.flatten();
        Ok(files.filter_map(|file| file.file_name().to_str()?.parse().ok()).collect())
    }

    fn upload_path(&self, upload: Uuid) -> PathBuf {
        self.root.join(UPLOADS).join(upload.to_string())
    }
}

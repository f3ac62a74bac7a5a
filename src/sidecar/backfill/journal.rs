//! The names of pictures that are stored elsewhere, noted before they are used: one line of JSON each.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::Row;
use crate::bucket::BucketError;
use crate::object::ObjectKey;
use crate::sidecar::home::{NewAvatar, extension_of, now_ms};

#[derive(Debug)]
pub(super) struct Journal(Mutex<Open>);

#[derive(Debug)]
struct Open {
    file: File,
    /// By row and URL.
    names: HashMap<(Uuid, String), String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    id: Uuid,
    url: String,
    path: String,
}

impl Journal {
    pub async fn open(path: &Path) -> std::io::Result<Self> {
        let text = match tokio::fs::read_to_string(path).await {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // The last line may be torn: a run was killed while it wrote it.
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let names = lines.map(|line| ((line.id, line.url), line.path)).collect();
        let mut file = File::options().create(true).append(true).open(path).await?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").await?;
        }
        Ok(Self(Mutex::new(Open { file, names })))
    }

    /// The name of this row's picture: the one that an earlier run chose for it, or a new one.
    pub async fn name(&self, row: &Row, avatar: &NewAvatar<'_>, mime_type: &str) -> Result<ObjectKey, BucketError> {
        let id = (row.id, row.mark());
        let mut open = self.0.lock().await;
        let known = open.names.get(&id).and_then(|path| ObjectKey::parse(path).ok());
        if let Some(key) = known.filter(|key| key.as_str().ends_with(&format!(".{}", extension_of(mime_type)))) {
            return Ok(key);
        }
        let key = avatar.key(now_ms(), mime_type)?;
        let line = Line { id: row.id, url: id.1.clone(), path: key.as_str().to_owned() };
        let mut line = serde_json::to_vec(&line).map_err(|error| unwritten(std::io::Error::other(error)))?;
        line.push(b'\n');
        open.file.write_all(&line).await.map_err(unwritten)?;
        open.file.flush().await.map_err(unwritten)?;
        open.file.sync_data().await.map_err(unwritten)?;
        open.names.insert(id, key.as_str().to_owned());
        Ok(key)
    }
}

fn unwritten(error: std::io::Error) -> BucketError {
    crate::blobs::BlobError::File(error).into()
}

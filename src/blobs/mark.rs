//! The mark beside the blobs, which says whose they are.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

use super::{BlobError, Blobs, Place, Stray, read_file};

/// No bucket's name: these begin with no dot.
const MARK: &str = ".catalogue";
/// A mark is a UUID as text, and perhaps a line's end.
const MOST_BYTES: u64 = 64;
/// Later than whatever a clock beside ours may have written.
const AHEAD: Duration = Duration::from_secs(366 * 86_400);

impl Blobs {
    /// The id of the catalogue whose blobs these are, as far as one has claimed them.
    pub async fn mark(&self) -> Result<Option<Uuid>, BlobError> {
        let read = match &self.place {
            Place::Disk => read_file(&self.root.join(MARK), MOST_BYTES).await,
            Place::Store(store) => match store.get(&Path::from(MARK)).await {
                Ok(found) if found.meta.size > MOST_BYTES => Err(BlobError::TooLarge { limit: MOST_BYTES }),
                Ok(found) => found.bytes().await.map_err(Into::into),
                Err(error) => Err(error.into()),
            },
        };
        match read {
            Ok(bytes) => Ok(Some(parse(&bytes)?)),
            Err(BlobError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes whose these are.
    pub async fn set_mark(&self, id: Uuid) -> Result<(), BlobError> {
        match &self.place {
            Place::Disk => {
                // Never half a mark: it would be nobody's.
                let aside = self.root.join(format!("{MARK}.{}", Uuid::new_v4().simple()));
                tokio::fs::write(&aside, id.to_string()).await?;
                Ok(tokio::fs::rename(&aside, self.root.join(MARK)).await?)
            }
            Place::Store(store) => {
                store.put(&Path::from(MARK), PutPayload::from(id.to_string())).await?;
                Ok(())
            }
        }
    }

    /// Every blob.
    pub fn all(&self) -> BoxStream<'static, Result<Stray, BlobError>> {
        self.written_before(SystemTime::now() + AHEAD)
    }

    /// Whether there is not one blob.
    pub async fn is_empty(&self) -> Result<bool, BlobError> {
        match self.all().next().await {
            None => Ok(true),
            Some(found) => found.map(|_| false),
        }
    }
}

fn parse(bytes: &Bytes) -> Result<Uuid, BlobError> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let wrong = || BlobError::File(std::io::Error::other(format!("`{MARK}` beside the blobs is no id")));
    text.trim().parse().map_err(|_| wrong())
}

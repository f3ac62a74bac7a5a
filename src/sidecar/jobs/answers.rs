//! Providers' answers, kept from the moment they arrive until their jobs are done: what was paid for once is never asked
//! for again.
//!
//! An answer is one blob: four bytes with the length of a head, the head in JSON, the picture's bytes if they came along.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::blobs::{BlobError, Blobs, Described};
use crate::object::BucketName;
use crate::sidecar::provider::{Cost, GenerationConfig, Painted, Picture};

/// Beside the picture: the head.
const HEAD_BYTES: u64 = 64 << 10;

/// The answers of all jobs that are not done.
#[derive(Clone, Debug)]
pub struct Answers {
    blobs: Blobs,
    bucket: BucketName,
    /// Largest picture in bytes.
    limit: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    config: GenerationConfig,
    cost: Option<Cost>,
    url: Option<Url>,
}

impl Answers {
    pub fn new(blobs: Blobs, limit: u64) -> Self {
        Self { blobs, bucket: BucketName::answers(), limit }
    }

    /// Keeps an answer; afterwards it is there whatever happens to this process.
    pub async fn keep(&self, job: Uuid, painted: &Painted) -> Result<(), BlobError> {
        let (url, bytes) = match &painted.picture {
            Picture::Bytes(bytes) => (None, bytes.clone()),
            Picture::Url(url) => (Some(url.clone()), Bytes::new()),
        };
        let head = Head { config: painted.config.clone(), cost: painted.cost, url };
        let head = serde_json::to_vec(&head).map_err(|error| BlobError::File(std::io::Error::other(error)))?;
        let mut receiving = self.blobs.receive(self.limit + HEAD_BYTES).await?;
        receiving.write(&(head.len() as u32).to_le_bytes()).await?;
        receiving.write(&head).await?;
        receiving.write(&bytes).await?;
        let described = Described { mime_type: "application/octet-stream", cache_control: "no-store" };
        self.blobs.keep(&self.bucket, job, receiving.finish().await?, described).await
    }

    /// The answer to a job, if there is one.
    pub async fn find(&self, job: Uuid) -> Result<Option<Painted>, BlobError> {
        match self.blobs.read(&self.bucket, job, self.limit + HEAD_BYTES).await {
            Ok(bytes) => Ok(parsed(&bytes)),
            Err(BlobError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn remove(&self, job: Uuid) -> Result<(), BlobError> {
        self.blobs.remove(&self.bucket, job).await
    }

    /// Removes answers that nobody has made anything of for so long; which. One that stays is tried again.
    pub async fn remove_older_than(&self, age: Duration) -> Result<Vec<Uuid>, BlobError> {
        let mut removed = Vec::new();
        for job in self.blobs.old_in(&self.bucket, SystemTime::now() - age).await? {
            match self.remove(job).await {
                Ok(()) => removed.push(job),
                Err(error) => tracing::warn!(%error, %job, "an old answer of a provider could not be removed"),
            }
        }
        Ok(removed)
    }
}

fn parsed(blob: &Bytes) -> Option<Painted> {
    let (length, rest) = (blob.first_chunk::<4>()?, blob.slice(4.min(blob.len())..));
    let length = u32::from_le_bytes(*length) as usize;
    let head: Head = serde_json::from_slice(rest.get(..length)?).ok()?;
    let picture = match head.url {
        Some(url) => Picture::Url(url),
        None => Picture::Bytes(rest.slice(length..)),
    };
    Some(Painted { picture, config: head.config, cost: head.cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::new(Blobs::on_disk(folder.path()).unwrap(), 1000);
        let config = GenerationConfig { model: "m".to_owned(), size: "1x1".to_owned(), quality: None };
        let pictures =
            [Picture::Bytes(Bytes::from_static(b"bytes")), Picture::Url("https://a.example/".parse().unwrap())];
        for picture in pictures {
            let (job, painted) = (Uuid::new_v4(), Painted { picture, config: config.clone(), cost: Some(Cost(7)) });
            assert_eq!(answers.find(job).await.unwrap(), None);
            answers.keep(job, &painted).await.unwrap();
            assert_eq!(answers.find(job).await.unwrap(), Some(painted));
            answers.remove_older_than(Duration::from_secs(60)).await.unwrap();
            assert!(answers.find(job).await.unwrap().is_some());
            answers.remove(job).await.unwrap();
            assert_eq!(answers.find(job).await.unwrap(), None);
        }
        let torn = [&b""[..], b"\xff\xff\xff\xff{}", b"\x02\0\0\0{}", b"\x01\0\0"];
        assert!(torn.iter().all(|bytes| parsed(&Bytes::from_static(bytes)).is_none()));
    }
}

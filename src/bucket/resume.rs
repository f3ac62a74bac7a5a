//! Resumable uploads: begun, grown part by part, finished or given up.
//!
//! The catalogue's offset is the truth: it moves only once the bytes before it are on the disk, and never to the whole
//! length. The last step there is the object's row, which takes the upload's away in the same transaction. So an upload
//! whose process was killed stands where its sender has something left to send, and the one who sends that finishes it.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::tidy::give_up;
use super::{BucketError, Buckets, Turn, Upload};
use crate::auth::Caller;
use crate::blobs::{BlobError, Growing};
use crate::catalog::{self, CatalogError, NewUpload, Put};
use crate::ingest::IngestError;
use crate::object::ObjectId;

/// Bytes after which the offset is recorded within a part: the most that a killed process costs.
const CHECKPOINT: u64 = 4 << 20;
/// Time for a whole part, however steadily it comes.
const WHOLE_PART: Duration = Duration::from_secs(900);

/// Why a resumable upload does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error("there is no such upload")]
    Unknown,
    #[error("the upload's time is over")]
    Expired,
    /// Somebody else is sending.
    #[error("the upload is being written")]
    Locked,
    /// The part does not begin where the upload stands.
    #[error("the upload stands at another offset")]
    Offset,
    #[error("the part is longer than what is left of the upload")]
    TooLong,
    #[error("the part is not what its checksum says")]
    Checksum,
    /// What came before is kept.
    #[error("the part stopped coming")]
    Slow,
    /// What came before is kept.
    #[error("the part ended early")]
    Broken,
    #[error("the task was cut")]
    Cut,
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

impl From<CatalogError> for ResumeError {
    fn from(error: CatalogError) -> Self {
        Self::Bucket(error.into())
    }
}

impl From<BlobError> for ResumeError {
    fn from(error: BlobError) -> Self {
        Self::Bucket(error.into())
    }
}

/// What a part's bytes must hash to.
#[derive(Clone, Debug)]
pub struct Checksum {
    pub algorithm: &'static digest::Algorithm,
    pub expected: Vec<u8>,
}

/// Bytes of an upload, as they arrive.
#[derive(Debug)]
pub struct Part<S> {
    /// A part with one is kept as a whole or not at all.
    pub checksum: Option<Checksum>,
    pub body: S,
    /// Longest pause within the body.
    pub patience: Duration,
}

/// How far a part brought its upload.
#[derive(Debug)]
pub enum Reached {
    Offset(u64),
    Finished(Box<Put>),
}

/// Where an upload stands.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Its `offset` is the one from which to go on.
    Open(Box<catalog::Upload>),
    /// It became the object's current version, of this size in bytes.
    Finished(u64),
}

impl Buckets {
    /// Begins an upload of `length` bytes.
    pub async fn begin(&self, caller: &Caller, upload: Upload, length: u64) -> Result<catalog::Upload, BucketError> {
        let door = self.door(&upload.object.bucket).await?;
        if length > door.limit {
            return Err(IngestError::TooLarge.into());
        }
        self.admit(caller, &door, &upload).await?;
        let Upload { object, mime_type, cache_control, user_metadata, upsert } = upload;
        let expires_at = OffsetDateTime::now_utc() + self.upload_life;
        let version = Uuid::new_v4();
        let new = NewUpload { version, object, length, mime_type, cache_control, user_metadata, upsert, expires_at };
        Ok(self.catalog.begin_upload(caller, new).await?)
    }

    /// The right to write to an upload, if nobody has it.
    pub fn turn(&self, upload: Uuid) -> Result<Turn, ResumeError> {
        self.turns.take(upload).ok_or(ResumeError::Locked)
    }

    /// Waits until nobody writes to an upload. One who does for a sender that fell silent is cut short: connections die
    /// without telling, and their senders come back on another.
    pub async fn settle(&self, upload: Uuid) -> Result<(), ResumeError> {
        if self.turns.ended(upload).await { Ok(()) } else { Err(ResumeError::Locked) }
    }

    /// Where the upload of this object's version stands. Only for the holder of its turn it stays there.
    pub async fn standing(&self, object: &ObjectId, version: Uuid) -> Result<Standing, ResumeError> {
        let Some(upload) = self.catalog.upload(version).await? else {
            let found = self.catalog.find_object(object).await?.filter(|found| found.version == version);
            return found.map(|found| Standing::Finished(found.size)).ok_or(ResumeError::Unknown);
        };
        if upload.object != *object {
            return Err(ResumeError::Unknown);
        }
        if upload.expires_at <= OffsetDateTime::now_utc() {
            return Err(ResumeError::Expired);
        }
        let offset = self.blobs.grown(version, upload.offset).await?;
        Ok(Standing::Open(Box::new(catalog::Upload { offset, ..upload })))
    }

    /// Adds a part at the offset where the upload stands, and finishes the upload with its last byte. Runs to its end in
    /// a task of its own: a sender that hangs up neither loses what it sent nor cancels the finish.
    pub async fn append<S, E>(
        self: &Arc<Self>,
        turn: Turn,
        upload: catalog::Upload,
        part: Part<S>,
    ) -> Result<Reached, ResumeError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Send + 'static,
    {
        let buckets = Arc::clone(self);
        let appending = async move { buckets.appended(&turn, upload, part).await };
        self.tasks.spawn_on(appending, &self.runtime).await.map_err(|_| ResumeError::Cut)?
    }

    /// Gives an upload up.
    pub async fn terminate(&self, _turn: Turn, upload: &catalog::Upload) -> Result<(), BucketError> {
        give_up(&self.catalog, &self.blobs, upload).await
    }

    async fn appended<S, E>(
        self: &Arc<Self>,
        turn: &Turn,
        upload: catalog::Upload,
        part: Part<S>,
    ) -> Result<Reached, ResumeError>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        let mut growth = self.open(&upload).await?;
        let ended = growth.fill(turn, part).await;
        let is_whole = growth.growing.size() == upload.length;
        match ended {
            // The last byte is the last byte, whatever became of the connection after it.
            Ok(()) | Err(ResumeError::Broken | ResumeError::Slow) if is_whole => {
                growth.growing.sync().await?;
                Ok(Reached::Finished(Box::new(self.finish(&upload).await?)))
            }
            Ok(()) => {
                growth.record().await?;
                Ok(Reached::Offset(growth.recorded))
            }
            Err(error @ (ResumeError::Broken | ResumeError::Slow)) => {
                growth.record().await?;
                Err(error)
            }
            // After a failed write nobody knows what lies behind the recorded bytes.
            Err(error) => Err(error),
        }
    }

    async fn open(&self, upload: &catalog::Upload) -> Result<Growth<'_>, ResumeError> {
        let growing = self.blobs.grow(upload.version, upload.offset).await?;
        let recorded = self.catalog.upload(upload.version).await?.ok_or(ResumeError::Expired)?.offset;
        let mut growth = Growth { buckets: self, version: upload.version, length: upload.length, growing, recorded };
        if growth.growing.size() != upload.offset {
            return Err(ResumeError::Offset);
        }
        growth.record().await?;
        Ok(growth)
    }

    /// Makes the whole upload its object's current version. Refused it leaves nothing; if the fault is ours it stays as
    /// it was before its last part.
    async fn finish(self: &Arc<Self>, upload: &catalog::Upload) -> Result<Put, BucketError> {
        match self.complete(upload).await {
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                give_up(&self.catalog, &self.blobs, upload).await?;
                Err(error)
            }
            Ok(put) => {
                if let Err(error) = self.blobs.discard(upload.version).await {
                    tracing::warn!(%error, "the file of a finished upload is left for cleanup");
                }
                Ok(put)
            }
        }
    }

    async fn complete(self: &Arc<Self>, upload: &catalog::Upload) -> Result<Put, BucketError> {
        let creator = Caller::from_claims(upload.claims.clone());
        let incoming = self.blobs.assembled(upload.version).await?;
        // Buckets, rules and objects may have changed since it was begun.
        let door = self.door(&upload.object.bucket).await?;
        door.holds(&upload.mime_type, incoming.size)?;
        let described = Upload {
            object: upload.object.clone(),
            mime_type: upload.mime_type.clone(),
            cache_control: upload.cache_control.clone(),
            user_metadata: upload.user_metadata.clone(),
            upsert: upload.upsert,
        };
        self.admit(&creator, &door, &described).await?;
        self.put_version(&creator, &door, described, incoming, upload.version).await
    }
}

/// An upload that is growing.
struct Growth<'a> {
    buckets: &'a Buckets,
    version: Uuid,
    length: u64,
    growing: Growing,
    /// The catalogue's offset.
    recorded: u64,
}

impl Growth<'_> {
    /// Writes a part. What does not count is taken back before an error is told.
    async fn fill<S, E>(&mut self, turn: &Turn, part: Part<S>) -> Result<(), ResumeError>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        let begin = self.growing.size();
        let Part { checksum, body, patience } = part;
        let Some(Checksum { algorithm, expected }) = checksum else {
            return self.receive(turn, body, patience, None).await;
        };
        let mut hash = digest::Context::new(algorithm);
        let received = self.receive(turn, body, patience, Some(&mut hash)).await;
        if received.is_ok() && hash.finish().as_ref() == expected {
            return Ok(());
        }
        self.growing.cut(begin).await?;
        received.and(Err(ResumeError::Checksum))
    }

    async fn receive<S, E>(
        &mut self,
        turn: &Turn,
        body: S,
        patience: Duration,
        mut hash: Option<&mut digest::Context>,
    ) -> Result<(), ResumeError>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        let mut body = std::pin::pin!(body);
        let end = Instant::now() + WHOLE_PART;
        loop {
            let next = tokio::time::timeout_at(end.min(Instant::now() + patience), body.next());
            let bytes = match turn.listen(next).await {
                Some(Ok(Some(Ok(bytes)))) => bytes,
                Some(Ok(None)) => return Ok(()),
                Some(Ok(Some(Err(_)))) | None => return Err(ResumeError::Broken),
                Some(Err(_)) => return Err(ResumeError::Slow),
            };
            if self.growing.size() + bytes.len() as u64 > self.length {
                self.growing.cut(self.recorded).await?;
                return Err(ResumeError::TooLong);
            }
            self.growing.write(&bytes).await?;
            match &mut hash {
                Some(hash) => hash.update(&bytes),
                None if self.is_due() => self.record().await?,
                None => {}
            }
        }
    }

    fn is_due(&self) -> bool {
        let size = self.growing.size();
        size - self.recorded >= CHECKPOINT && size < self.length
    }

    /// Moves the catalogue's offset to what is on the disk.
    async fn record(&mut self) -> Result<(), ResumeError> {
        let reached = self.growing.size();
        if reached == self.recorded {
            return Ok(());
        }
        self.growing.sync().await?;
        if self.buckets.catalog.advance_upload(self.version, self.recorded, reached).await? {
            self.recorded = reached;
            return Ok(());
        }
        let is_there = self.buckets.catalog.upload(self.version).await?.is_some();
        Err(if is_there { ResumeError::Offset } else { ResumeError::Expired })
    }
}

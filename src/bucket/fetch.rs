//! Storing what a URL shows: one guarded fetch, then the way of every other upload.

use std::sync::Arc;

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::{BucketError, Buckets, Upload};
use crate::auth::Caller;
use crate::catalog::Put;
use crate::config::Access;
use crate::deliver::{Ask, DeliverError, Purpose};
use crate::ingest;
use crate::object::ObjectId;
use crate::source::{FetchRequest, Fetched, Fetcher, HopLimits, PICTURES_FIRST, SourceError};
use crate::transform::{Dialect, HostList, Own, OwnOrigins, Want};

/// Fetches at once: each holds its bytes in memory as a whole.
const AT_ONCE: usize = 8;
/// Longest wait for one of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// What may be fetched on a caller's word, and how.
#[derive(Debug)]
pub struct Fetching {
    fetcher: Fetcher,
    hosts: HostList,
    hops: HopLimits,
    own: OwnOrigins,
    turns: Semaphore,
}

/// Why nothing was stored by URL.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The other side, or the guard.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The URL is another spelling of an object of ours, which could not be read.
    #[error(transparent)]
    Own(#[from] DeliverError),
    /// Below one of our own URLs, where no public object is.
    #[error("this URL of ours is no public object")]
    NotAnObject,
    #[error("too many fetches are under way")]
    Busy,
}

/// Bytes behind a URL, and the type that their origin says they have.
struct Found {
    bytes: Bytes,
    said: Option<String>,
}

impl Fetching {
    /// `own`: our own URLs, which are read without a fetch, whatever `hosts` says.
    pub fn new(fetcher: Fetcher, hosts: HostList, hops: HopLimits, own: OwnOrigins) -> Self {
        Self { fetcher, hosts, hops, own, turns: Semaphore::new(AT_ONCE) }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, FetchError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        turn.map_err(|_| FetchError::Busy)?.map_err(|_| FetchError::Busy)
    }

    async fn get(&self, url: &Url, limit: u64) -> Result<Found, FetchError> {
        let request =
            FetchRequest { url: url.clone(), trust: None, known: None, accept: PICTURES_FIRST, limit, hops: self.hops };
        match self.fetcher.get_from(&self.hosts, request).await? {
            Fetched::Body { headers, bytes, .. } => {
                let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
                Ok(Found { bytes, said })
            }
            Fetched::NotModified { .. } => Err(SourceError::Status(304).into()),
        }
    }
}

impl Buckets {
    /// Stores what `url` shows as this upload, whose type becomes that of the bytes.
    ///
    /// Who may not store there has nothing fetched. A fetch that fails leaves neither row nor byte.
    pub async fn put_from_url(
        self: &Arc<Self>,
        caller: &Caller,
        mut upload: Upload,
        url: &Url,
    ) -> Result<Put, FetchError> {
        let door = self.door(&upload.object.bucket).await?;
        self.catalog.may_put(caller, &upload.object, upload.upsert).await.map_err(BucketError::from)?;
        let turn = self.fetching.turn().await?;
        let found = match self.fetching.own.lookup(url) {
            Some(Own::Object { bucket, key }) => self.own_original(ObjectId::new(bucket, key), door.limit).await?,
            Some(Own::Nothing | Own::Recursive | Own::Local(_)) => return Err(FetchError::NotAnObject),
            None => self.fetching.get(url, door.limit).await?,
        };
        upload.mime_type = ingest::type_of_bytes(&found.bytes, found.said.as_deref());
        self.admit(caller, &door, &upload).await?;
        let incoming = self.anew(found.bytes).await?;
        drop(turn);
        Ok(self.put(caller, &door, upload, incoming).await?)
    }

    /// One picture, one source: an object that everyone may read is not fetched from ourselves.
    async fn own_original(&self, object: ObjectId, limit: u64) -> Result<Found, FetchError> {
        if self.book.get(&object.bucket).is_none_or(|rules| rules.access != Access::Public) {
            return Err(FetchError::NotAnObject);
        }
        let (dialect, purpose) = (Dialect::Native, Purpose::Request);
        let ask = Ask { object, want: Want::Original, dialect, client: None, purpose };
        let delivered = self.deliver.deliver(&ask).await?;
        if delivered.variant.body.len() as u64 > limit {
            return Err(SourceError::TooManyBytes { limit }.into());
        }
        let said = delivered.variant.content_type.to_str().ok().map(str::to_owned);
        Ok(Found { bytes: delivered.variant.body.clone(), said })
    }
}

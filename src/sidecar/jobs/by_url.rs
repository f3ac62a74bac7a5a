//! Storing what a URL shows as an avatar: a guarded fetch, then the end of every job.

use std::time::Duration;

use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

use super::Jobs;
use super::walk::{NewAvatar, Written};
use crate::bucket::BucketError;
use crate::catalog::KinksterChange;
use crate::source::{FetchRequest, Fetched, Fetcher, HopLimits, PICTURES_FIRST, SourceError};
use crate::transform::HostList;

/// Fetches at once: each holds its bytes in memory as a whole.
const AT_ONCE: usize = 8;
/// Longest wait for one of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// What may be fetched on a caller's word, and how: listed hosts, at public addresses, at every hop.
#[derive(Debug)]
pub struct UrlFetcher {
    fetcher: Fetcher,
    hosts: HostList,
    hops: HopLimits,
    turns: Semaphore,
}

/// Why nothing was stored by URL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the kinkster is somebody else's")]
    NotTheirs,
    #[error("too many fetches are under way")]
    Busy,
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

impl UrlFetcher {
    pub fn new(fetcher: Fetcher, hosts: HostList, hops: HopLimits) -> Self {
        Self { fetcher, hosts, hops, turns: Semaphore::new(AT_ONCE) }
    }

    async fn get(&self, url: &Url, limit: u64) -> Result<bytes::Bytes, StoreError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| StoreError::Busy)?.map_err(|_| StoreError::Busy)?;
        let (accept, hops) = (PICTURES_FIRST, self.hops);
        let request = FetchRequest { url: url.clone(), trust: None, known: None, accept, limit, hops };
        match self.fetcher.get_from(&self.hosts, request).await? {
            Fetched::Body { bytes, .. } => Ok(bytes),
            Fetched::NotModified { .. } => Err(SourceError::Status(304).into()),
        }
    }
}

impl Jobs {
    /// Stores what `url` shows as the user's avatar. A kinkster that nobody has becomes theirs.
    pub async fn store_url(&self, user: &str, kinkster: Option<Uuid>, url: &Url) -> Result<Written, StoreError> {
        if let Some(kinkster) = kinkster {
            self.admit_kinkster(kinkster, user).await?;
        }
        let door = self.buckets.door(&self.settings.bucket).await?;
        let bytes = self.by_url.get(url, door.limit).await?;
        if let Some(kinkster) = kinkster {
            let claimed = self.catalog.put_kinkster(kinkster, user, &KinksterChange::default()).await;
            claimed.map_err(|error| match error {
                crate::catalog::CatalogError::Denied => StoreError::NotTheirs,
                other => BucketError::from(other).into(),
            })?;
        }
        let avatar = NewAvatar { user, kinkster, lease: None, prompt: None, config: None };
        Ok(self.store(avatar, bytes).await?)
    }

    /// Nothing is fetched for whom it is not.
    async fn admit_kinkster(&self, kinkster: Uuid, user: &str) -> Result<(), StoreError> {
        match self.catalog.kinkster(kinkster).await.map_err(BucketError::from)? {
            Some(row) if row.user != user => Err(StoreError::NotTheirs),
            _ => Ok(()),
        }
    }
}

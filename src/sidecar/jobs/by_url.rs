//! Storing what a URL shows as an avatar: a guarded fetch, then the end of every job.

use std::time::Duration;

use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

use super::Jobs;
use crate::bucket::BucketError;
use crate::catalog::CatalogError;
use crate::project::ProjectError;
use crate::secret::Secret;
use crate::sidecar::home::{HomeError, NewAvatar, Written};
use crate::source::{FetchRequest, Fetched, Fetcher, HopLimits, PICTURES_FIRST, SourceError};
use crate::transform::HostList;

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
    /// Where somebody else keeps avatars.
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error("the row was changed meanwhile")]
    Changed,
}

impl From<HomeError> for StoreError {
    fn from(error: HomeError) -> Self {
        match error {
            // Somebody else was given it meanwhile.
            HomeError::Bucket(BucketError::Catalog(CatalogError::Denied)) => Self::NotTheirs,
            HomeError::Bucket(error) => error.into(),
            HomeError::Project(error) => error.into(),
            HomeError::Changed => Self::Changed,
        }
    }
}

impl UrlFetcher {
    /// `at_once`: each fetch holds its bytes in memory as a whole.
    pub fn new(fetcher: Fetcher, hosts: HostList, hops: HopLimits, at_once: usize) -> Self {
        Self { fetcher, hosts, hops, turns: Semaphore::new(at_once) }
    }

    /// Whether the URL is at a host from which pictures are stored.
    pub fn admits(&self, url: &Url) -> bool {
        self.hosts.admits(url)
    }

    /// The bytes behind a URL, at most `limit` of them.
    pub async fn get(&self, url: &Url, limit: u64) -> Result<bytes::Bytes, StoreError> {
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
    /// Stores what `url` shows as the user's avatar. A kinkster of ours that nobody has becomes theirs, unless it fails.
    pub async fn store_url(
        &self,
        user: &str,
        token: Option<&Secret>,
        kinkster: Option<Uuid>,
        url: &Url,
    ) -> Result<Written, StoreError> {
        // Nothing is fetched for whom it is not.
        if let Some(kinkster) = kinkster
            && !self.home.admits(kinkster, user, token).await?
        {
            return Err(StoreError::NotTheirs);
        }
        let bytes = self.by_url.get(url, self.home.door().await?.limit).await?;
        let claims_kinkster = self.home.has_own_rows();
        let avatar =
            NewAvatar { user, kinkster, claims_kinkster, lease: None, prompt: None, config: None, instead_of: None };
        Ok(self.home.store(avatar, bytes).await?)
    }
}

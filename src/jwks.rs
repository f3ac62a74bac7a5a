//! Keeps the identity provider's keys fresh.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use crate::auth::{JwksError, JwksFeed, KeyTable, SkippedKey, Symmetric};
use crate::source::{ANY_TYPE, FetchRequest, Fetched, Fetcher, HopLimits, SetupError, SourceError, Trust};

/// Time from one fetch to the next.
const REFRESH: Duration = Duration::from_mins(10);
/// Time from a failed fetch to the next, and between fetches that unknown keys cause: anyone can make up such a key.
const PAUSE: Duration = Duration::from_secs(30);
/// Largest key set accepted, in bytes.
const MAX_BYTES: u64 = 256 << 10;

/// Where the keys are, and how to get them.
#[derive(Debug)]
pub struct Provider {
    url: Url,
    trust: Trust,
    fetcher: Fetcher,
    hops: HopLimits,
}

/// Why the keys could not be fetched. The texts are for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum JwksFault {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("the answer {0}")]
    Set(#[from] JwksError),
}

/// What was said last, so that it is not said again at every fetch.
#[derive(Debug, Default)]
struct Said {
    fault: Option<JwksFault>,
    skipped: Vec<SkippedKey>,
}

impl Provider {
    /// `url` is the operator's: trusted for exactly its scheme, host and port.
    pub fn new(url: Url, fetcher: Fetcher, hops: HopLimits) -> Result<Self, SetupError> {
        Ok(Self { trust: Trust::new(&url, [])?, url, fetcher, hops })
    }

    /// Fetches at once, then every 10 minutes, and soon after a token named an unknown key. Ends with the last handle.
    pub async fn keep_fresh(self, mut feed: JwksFeed) {
        let mut said = Said::default();
        let mut next_wish = Instant::now();
        loop {
            let is_fresh = self.refresh(&mut feed, &mut said).await;
            let due = Instant::now() + if is_fresh { REFRESH } else { PAUSE };
            sleep_until(next_wish.min(due)).await;
            match timeout_at(due, feed.wished()).await {
                Ok(true) => next_wish = Instant::now() + PAUSE,
                Ok(false) => return,
                Err(_) => {}
            }
        }
    }

    /// Puts the provider's keys into the feed; false if they could not be had, and what was there stays.
    async fn refresh(&self, feed: &mut JwksFeed, said: &mut Said) -> bool {
        match self.fetch().await {
            Ok(table) => {
                said.fetched(&table);
                feed.replace(table);
                true
            }
            Err(fault) => {
                said.failed(fault);
                false
            }
        }
    }

    async fn fetch(&self) -> Result<KeyTable, JwksFault> {
        let (url, trust) = (self.url.clone(), Some(&self.trust));
        let request = FetchRequest { url, trust, known: None, accept: ANY_TYPE, limit: MAX_BYTES, hops: self.hops };
        match self.fetcher.get(request).await? {
            Fetched::Body { bytes, .. } => Ok(KeyTable::parse(&bytes, Symmetric::Refused)?),
            // Only conditional requests are answered so.
            Fetched::NotModified { .. } => Err(SourceError::Status(304).into()),
        }
    }
}

impl Said {
    fn fetched(&mut self, table: &KeyTable) {
        if self.fault.take().is_some() {
            tracing::info!(keys = table.len(), "auth.jwks_url answers again");
        }
        if self.skipped != table.skipped {
            self.skipped.clone_from(&table.skipped);
            report_skipped("auth.jwks_url", &table.skipped);
        }
        tracing::debug!(keys = table.len(), "the identity provider's keys are fetched");
    }

    fn failed(&mut self, fault: JwksFault) {
        if self.fault.as_ref() != Some(&fault) {
            tracing::warn!(%fault, "auth.jwks_url gave no keys; the ones from before stay in use");
            self.fault = Some(fault);
        }
    }
}

/// Tells the operator which keys of a set are not used.
pub fn report_skipped(key: &str, skipped: &[SkippedKey]) {
    for SkippedKey { id, reason } in skipped {
        tracing::warn!(kid = %id, reason, "a key of {key} is not used");
    }
}

//! The public buckets of a Supabase in front of which we stand: which there are is learnt from its answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use moka::sync::Cache;
use url::Url;

use super::Opened;
use super::error::{SetupError, SourceError};
use super::fetch::{Fetcher, HopLimits};
use super::http_origin::HttpSource;
use super::validators::Validators;
use crate::object::ObjectId;

/// How long after a write of ours a CDN before the upstream may still hold the old bytes; hosted projects say a minute.
const CDN_LAG: Duration = Duration::from_mins(10);
/// Objects written lately that are remembered.
const WRITTEN: u64 = 100_000;

/// Whether a status says that strangers may not have the object, rather than not now.
const fn is_refusal(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429)
}

/// `{upstream}/storage/v1/object/public/{bucket}/{key}`, asked without any credentials. Cheap to clone.
#[derive(Clone, Debug)]
pub struct UpstreamSource {
    public: HttpSource,
    /// When an object was written through us, in milliseconds.
    written: Cache<ObjectId, u128>,
}

impl UpstreamSource {
    /// `upstream`: scheme, host and port.
    pub fn new(upstream: &Url, hops: HopLimits, fetcher: Fetcher) -> Result<Self, SetupError> {
        let prefix = upstream.join("/storage/v1/object/public/").map_err(|_| SetupError::OriginUrl)?;
        let written = Cache::builder().max_capacity(WRITTEN).time_to_live(CDN_LAG).build();
        Ok(Self { public: HttpSource::new(&prefix, [], hops, fetcher)?, written })
    }

    /// Notes that the object was just written: for a while it is asked for by a URL that no CDN has seen before.
    pub fn note_written(&self, object: &ObjectId) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.written.insert(object.clone(), now.as_millis());
    }

    pub(super) async fn open(
        &self,
        object: &ObjectId,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Opened, SourceError> {
        let mut url = self.public.url_of(&format!("{}/{}", object.bucket, object.key))?;
        if let Some(written) = self.written.get(object) {
            url.query_pairs_mut().append_pair("cacheNonce", &written.to_string());
        }
        let opened = self.public.open_url(url, known, limit).await;
        match opened {
            // A refusal is no outage, in which what is kept would stand in: it is not public, or not any more.
            Err(SourceError::Status(status)) if is_refusal(status) => Err(SourceError::Missing),
            opened => opened,
        }
    }

    pub(super) async fn check(&self) -> Result<(), SourceError> {
        self.public.check().await
    }
}

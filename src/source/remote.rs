//! Pictures behind URLs that strangers supply; whether the URL matches an allowed pattern is decided before it gets here.

use url::Url;

use super::Opened;
use super::cache_control;
use super::error::SourceError;
use super::fetch::{FetchRequest, Fetcher, HopLimits, PICTURES_FIRST};
use super::http_origin::opened;
use super::validators::Validators;
use crate::object::ObjectKey;

/// The source of [`crate::object::BucketName::remote`], whose keys are URLs ([`ObjectKey::from_url`]).
#[derive(Clone, Debug)]
pub struct RemoteSource {
    hops: HopLimits,
    fetcher: Fetcher,
}

impl RemoteSource {
    pub fn new(hops: HopLimits, fetcher: Fetcher) -> Self {
        Self { hops, fetcher }
    }

    pub(super) async fn open(
        &self,
        key: &ObjectKey,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Opened, SourceError> {
        let url = Url::parse(key.as_str()).map_err(|_| SourceError::Missing)?;
        let request = FetchRequest { url, trust: None, known, accept: PICTURES_FIRST, limit, hops: self.hops };
        Ok(opened(self.fetcher.get(request).await?, cache_control::may_keep))
    }
}

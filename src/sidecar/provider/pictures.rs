//! Pictures that a provider left behind a URL: fetched as a stranger's, from known hosts alone.

use bytes::Bytes;
use url::Url;

use super::answer::checked;
use super::{Nonsense, Picture, ProviderError};
use crate::source::{FetchRequest, Fetched, Fetcher, HopLimits, PICTURES_FIRST, SetupError, SourceError, Trust};
use crate::transform::HostList;

/// Fetches painted pictures.
#[derive(Debug)]
pub struct PictureFetcher {
    fetcher: Fetcher,
    hosts: HostList,
    /// The provider's own origin, which the operator named: without the key, which only the API gets.
    provider: Trust,
    hops: HopLimits,
    limit: u64,
}

impl PictureFetcher {
    /// `hosts` may be fetched from, at public addresses; `provider` is the provider's own URL. `limit` in bytes.
    pub fn new(
        fetcher: Fetcher,
        hosts: HostList,
        provider: &Url,
        hops: HopLimits,
        limit: u64,
    ) -> Result<Self, SetupError> {
        Ok(Self { fetcher, hosts, provider: Trust::new(provider, [])?, hops, limit })
    }

    /// The bytes of a painted picture: a PNG, JPEG or WebP by its header. An error's [`super::Retry`] is about fetching
    /// again, which costs nothing, not about painting again.
    pub async fn fetch_painted(&self, picture: &Picture) -> Result<Bytes, ProviderError> {
        let url = match picture {
            Picture::Bytes(bytes) => return Ok(bytes.clone()),
            Picture::Url(url) => url.clone(),
        };
        let is_own = self.provider.covers(&url);
        let request = FetchRequest {
            url,
            trust: is_own.then_some(&self.provider),
            known: None,
            accept: PICTURES_FIRST,
            limit: self.limit,
            // What the operator named is trusted as far as it answers itself.
            hops: HopLimits { redirects: if is_own { 0 } else { self.hops.redirects }, ..self.hops },
        };
        let fetched =
            if is_own { self.fetcher.get(request).await } else { self.fetcher.get_from(&self.hosts, request).await };
        match fetched.map_err(unfetched)? {
            Fetched::Body { bytes, .. } => Ok(checked(bytes)?),
            Fetched::NotModified { .. } => Err(Nonsense::Unfetched.into()),
        }
    }
}

fn unfetched(error: SourceError) -> ProviderError {
    match error {
        SourceError::Slow => ProviderError::Timeout,
        SourceError::TooManyBytes { .. } => Nonsense::TooLarge.into(),
        SourceError::Incomplete(_) => Nonsense::Incomplete.into(),
        SourceError::Empty => Nonsense::Empty.into(),
        SourceError::Refused(_) => Nonsense::Address.into(),
        SourceError::Unconnected(reason) | SourceError::Unreachable(reason) => ProviderError::Unreachable(reason),
        _ => Nonsense::Unfetched.into(),
    }
}

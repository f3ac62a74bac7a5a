//! A bucket behind an HTTP prefix: `https://host:port/path/` + key. A public Supabase bucket is fronted this way.

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::error::{SetupError, SourceError};
use super::fetch::{FetchRequest, Fetched, Fetcher, HopLimits, PICTURES_FIRST, Trust};
use super::validators::Validators;
use super::{Opened, Original, body, cache_control};
use crate::object::ObjectKey;

/// Everything but RFC 3986's unreserved characters and the delimiter of segments.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// How a key becomes the rest of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// Percent-encoded, segment by segment.
    Encoded,
    /// As it stands.
    Verbatim,
}

/// Objects below a URL prefix that the operator configured.
#[derive(Clone, Debug)]
pub struct HttpSource {
    /// Ends with a slash.
    prefix: Arc<Url>,
    spelling: Spelling,
    trust: Arc<Trust>,
    hops: HopLimits,
    fetcher: Fetcher,
}

impl HttpSource {
    /// `headers` (an `apikey`, say) are sent to the prefix's own scheme, host and port only.
    pub fn new<'a>(
        prefix: &Url,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        hops: HopLimits,
        fetcher: Fetcher,
    ) -> Result<Self, SetupError> {
        let web = matches!(prefix.scheme(), "http" | "https") && prefix.has_host();
        let bare = prefix.username().is_empty() && prefix.password().is_none();
        if !web || !bare || prefix.query().is_some() || prefix.fragment().is_some() {
            return Err(SetupError::OriginUrl);
        }
        let mut prefix = prefix.clone();
        if !prefix.path().ends_with('/') {
            prefix.set_path(&format!("{}/", prefix.path()));
        }
        let trust = Arc::new(Trust::new(&prefix, headers)?);
        Ok(Self { trust, prefix: Arc::new(prefix), spelling: Spelling::Encoded, hops, fetcher })
    }

    /// An origin whose keys are URL text already, with a query if there is one: they are appended as they stand.
    pub fn verbatim(prefix: &Url, hops: HopLimits, fetcher: Fetcher) -> Result<Self, SetupError> {
        Ok(Self { spelling: Spelling::Verbatim, ..Self::new(prefix, [], hops, fetcher)? })
    }

    /// The configured prefix, with a slash at its end.
    pub fn prefix(&self) -> &Url {
        &self.prefix
    }

    pub(super) async fn open(
        &self,
        key: &ObjectKey,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Opened, SourceError> {
        self.open_url(self.url_of(key.as_str())?, known, limit).await
    }

    /// Opens a URL that [`Self::url_of`] made.
    pub(super) async fn open_url(
        &self,
        url: Url,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Opened, SourceError> {
        let trust = Some(&*self.trust);
        let request = FetchRequest { url, trust, known, accept: PICTURES_FIRST, limit, hops: self.hops };
        Ok(opened(self.fetcher.get(request).await?, |_| true))
    }

    pub(super) async fn check(&self) -> Result<(), SourceError> {
        self.fetcher.reach(Url::clone(&self.prefix), &self.trust, self.hops.hop_timeout).await
    }

    pub(super) fn url_of(&self, key: &str) -> Result<Url, SourceError> {
        let text = match self.spelling {
            Spelling::Encoded => format!("{}{}", self.prefix, encoded_key(key)),
            Spelling::Verbatim => format!("{}{key}", self.prefix),
        };
        let url = Url::parse(&text).map_err(|_| SourceError::Missing)?;
        // What the parser would have rewritten (dot segments, say) is not below the prefix as it stands: it names nothing.
        if url.as_str() == text { Ok(url) } else { Err(SourceError::Missing) }
    }
}

/// A key as the path of a URL: segment by segment, each in the one spelling that every server reads alike.
pub fn encoded_key(key: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(key, KEY)
}

/// Reads the original that a 200 to somebody's own request carries, of at most `limit` bytes.
pub async fn read_original(response: reqwest::Response, limit: u64) -> Result<Original, SourceError> {
    let headers = response.headers().clone();
    let bytes = body::read(response, limit).await?;
    if bytes.is_empty() { Err(SourceError::Empty) } else { Ok(original(&headers, bytes, true)) }
}

fn original(headers: &http::HeaderMap, bytes: Bytes, keep: bool) -> Original {
    Original {
        validators: Validators::from_headers(headers, Some(bytes.len() as u64)),
        content_type: headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned),
        cache_control: cache_control::combined(headers),
        inward: cache_control::inward_of(headers),
        keep,
        bytes,
    }
}

/// Reads an HTTP answer's headers into what is known of the original.
pub(super) fn opened(fetched: Fetched, keep: impl Fn(&http::HeaderMap) -> bool) -> Opened {
    match fetched {
        Fetched::NotModified { headers } => Opened::Unchanged {
            inward: cache_control::inward_of(&headers),
            cache_control: cache_control::combined(&headers),
            keep: keep(&headers),
        },
        Fetched::Body { headers, bytes, .. } => {
            let keep = keep(&headers);
            Opened::Changed(original(&headers, bytes, keep))
        }
    }
}

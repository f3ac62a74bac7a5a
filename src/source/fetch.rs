//! The one way out to HTTP: a GET with limits, whose every hop is judged by the guard.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::dns::Resolve;
use reqwest::{Client, Response};
use url::Url;

use super::body;
use super::error::{SetupError, SourceError};
use super::guard::{self, HostPort, Passage, Refused, VettingResolver};
use super::validators::Validators;
use crate::transform::HostList;

/// `Accept` for pictures.
pub const PICTURES_FIRST: HeaderValue = HeaderValue::from_static("image/*,*/*;q=0.8");
/// `Accept` for pages and lists.
pub const ANY_TYPE: HeaderValue = HeaderValue::from_static("*/*");
/// The `Via` line (RFC 9110 section 7.6.3) on every request that we make, unless we stand in front of another tintype
/// and need a name of our own.
pub const VIA: HeaderValue = HeaderValue::from_static("1.1 tintype");
/// Hops of one request; more of them are a loop through others.
const MOST_HOPS: usize = 16;

/// Whether a request with this `Via` of ours was here before: a server that fetches from itself sees this and can end
/// the loop.
pub fn is_own_request(headers: &HeaderMap, via: &HeaderValue) -> bool {
    let lines = headers.get_all(http::header::VIA).iter().filter_map(|line| line.to_str().ok());
    let mut hops = lines.flat_map(|line| line.split(',')).enumerate();
    hops.any(|(count, hop)| count >= MOST_HOPS || hop.trim().as_bytes() == via.as_bytes())
}

/// How far and how long one fetch may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopLimits {
    /// Redirects that are followed; one more is [`SourceError::Redirects`].
    pub redirects: u8,
    /// Time for each hop, from the lookup to the last byte of the body.
    pub hop_timeout: Duration,
}

impl Default for HopLimits {
    /// 3 redirects, 7 s a hop.
    fn default() -> Self {
        Self { redirects: 3, hop_timeout: Duration::from_secs(7) }
    }
}

/// An origin that the operator wrote in the configuration: trusted for exactly its scheme, host and port.
#[derive(Clone, Debug)]
pub struct Trust {
    origin: url::Origin,
    /// Sent to this origin only, never along a redirect elsewhere.
    headers: HeaderMap,
}

impl Trust {
    pub fn new<'a>(prefix: &Url, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, SetupError> {
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let wrong = |_| SetupError::Header { name: name.to_owned() };
            let name = HeaderName::try_from(name).map_err(|error| wrong(error.to_string()))?;
            let mut value = HeaderValue::try_from(value).map_err(|error| wrong(error.to_string()))?;
            // These hold keys: marked so that no debug output shows them.
            value.set_sensitive(true);
            sent.insert(name, value);
        }
        Ok(Self { origin: prefix.origin(), headers: sent })
    }

    pub(crate) fn covers(&self, url: &Url) -> bool {
        url.origin() == self.origin
    }

    /// The headers for this origin; any other is refused.
    pub(super) fn headers_for(&self, url: &Url) -> Result<HeaderMap, Refused> {
        if self.covers(url) { Ok(self.headers.clone()) } else { Err(Refused::Host) }
    }
}

/// One guarded GET.
#[derive(Clone, Debug)]
pub struct FetchRequest<'a> {
    pub url: Url,
    pub trust: Option<&'a Trust>,
    /// Makes the request conditional.
    pub known: Option<&'a Validators>,
    pub accept: HeaderValue,
    /// Largest body accepted, in bytes after content-decoding.
    pub limit: u64,
    pub hops: HopLimits,
}

/// The answer to a [`FetchRequest`].
#[derive(Clone, Debug)]
pub enum Fetched {
    /// 304 to a conditional request.
    NotModified { headers: HeaderMap },
    /// 200 with a complete body of at least one byte, content-decoded.
    Body { url: Url, headers: HeaderMap, bytes: Bytes },
}

enum Hop {
    Arrived(Fetched),
    Redirected(Url),
}

/// Connections and the guard. Cheap to clone; one per process.
#[derive(Clone, Debug)]
pub struct Fetcher {
    // Two pools: a guarded fetch must never find an idle connection that trust has opened to an internal address.
    trusted: Client,
    guarded: Client,
    exceptions: Arc<[HostPort]>,
}

impl Fetcher {
    /// `exceptions`: hosts that strangers' URLs and redirects may reach although they are internal. `via`: what our
    /// requests are known by.
    pub fn new(exceptions: Vec<HostPort>, resolver: Arc<dyn Resolve>, via: &HeaderValue) -> Result<Self, SetupError> {
        let trusted = client(via).dns_resolver(Arc::clone(&resolver)).build()?;
        let guarded = client(via).dns_resolver(Arc::new(VettingResolver::new(resolver))).build()?;
        Ok(Self { trusted, guarded, exceptions: exceptions.into() })
    }

    /// Fetches, following redirects; every hop is judged anew and has its own time.
    pub async fn get(&self, request: FetchRequest<'_>) -> Result<Fetched, SourceError> {
        self.follow(request, None).await
    }

    /// As [`Fetcher::get`], from these hosts alone: a redirect to any other ends it.
    pub async fn get_from(&self, hosts: &HostList, request: FetchRequest<'_>) -> Result<Fetched, SourceError> {
        self.follow(request, Some(hosts)).await
    }

    async fn follow(&self, request: FetchRequest<'_>, hosts: Option<&HostList>) -> Result<Fetched, SourceError> {
        let mut url = request.url.clone();
        for _ in 0..=request.hops.redirects {
            if hosts.is_some_and(|hosts| !hosts.admits(&url)) {
                return Err(Refused::Host.into());
            }
            let hop = tokio::time::timeout(request.hops.hop_timeout, self.hop(url, &request)).await;
            match hop.map_err(|_| SourceError::Slow)?? {
                Hop::Arrived(fetched) => return Ok(fetched),
                Hop::Redirected(next) => url = next,
            }
        }
        Err(SourceError::Redirects)
    }

    pub(super) fn trusted(&self) -> &Client {
        &self.trusted
    }

    /// Whether anything answers HTTP at `url`, whatever it says.
    pub(super) async fn reach(&self, url: Url, trust: &Trust, hop_timeout: Duration) -> Result<(), SourceError> {
        let sent = self.client_for(&url, Some(trust))?.get(url).headers(trust.headers.clone()).send();
        let answer = tokio::time::timeout(hop_timeout, sent).await.map_err(|_| SourceError::Slow)?;
        answer.map(drop).map_err(unanswered)
    }

    async fn hop(&self, url: Url, request: &FetchRequest<'_>) -> Result<Hop, SourceError> {
        let client = self.client_for(&url, request.trust)?;
        let headers = request_headers(&url, request);
        let response = client.get(url.clone()).headers(headers).send().await.map_err(unanswered)?;
        match response.status().as_u16() {
            200 | 203 => arrive(url, response, request.limit).await,
            304 if request.known.is_some_and(Validators::can_ask) => {
                Ok(Hop::Arrived(Fetched::NotModified { headers: response.headers().clone() }))
            }
            status @ (301 | 302 | 303 | 307 | 308) => {
                redirect_target(&url, &response).map(Hop::Redirected).ok_or(SourceError::Status(status))
            }
            404 | 410 => Err(SourceError::Missing),
            400 if body::says_missing(response).await => Err(SourceError::Missing),
            status => Err(SourceError::Status(status)),
        }
    }

    fn client_for(&self, url: &Url, trust: Option<&Trust>) -> Result<&Client, Refused> {
        if trust.is_some_and(|trust| trust.covers(url)) {
            return Ok(&self.trusted);
        }
        match guard::judge(url, &self.exceptions)? {
            Passage::Trusted => Ok(&self.trusted),
            Passage::Guarded => Ok(&self.guarded),
        }
    }
}

fn client(via: &HeaderValue) -> reqwest::ClientBuilder {
    let mut always = HeaderMap::new();
    always.insert(http::header::VIA, via.clone());
    Client::builder()
        .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
        .default_headers(always)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // A proxy would look names up itself, behind the guard's back.
        .no_proxy()
        .pool_idle_timeout(Duration::from_mins(1))
        .pool_max_idle_per_host(32)
}

/// Built from the request alone: nothing that a client of ours sent can reach an origin.
fn request_headers(url: &Url, request: &FetchRequest<'_>) -> HeaderMap {
    let private = request.trust.filter(|trust| trust.covers(url)).map(|trust| trust.headers.clone());
    let mut headers = private.unwrap_or_default();
    headers.insert(ACCEPT, request.accept.clone());
    if let Some(known) = request.known {
        let etag = known.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok());
        headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag)));
        let date = known.last_modified.map(httpdate::fmt_http_date).and_then(|date| HeaderValue::try_from(date).ok());
        headers.extend(date.map(|date| (IF_MODIFIED_SINCE, date)));
    }
    headers
}

async fn arrive(url: Url, response: Response, limit: u64) -> Result<Hop, SourceError> {
    let headers = response.headers().clone();
    let bytes = body::read(response, limit).await?;
    if bytes.is_empty() { Err(SourceError::Empty) } else { Ok(Hop::Arrived(Fetched::Body { url, headers, bytes })) }
}

fn redirect_target(url: &Url, response: &Response) -> Option<Url> {
    let location = std::str::from_utf8(response.headers().get(LOCATION)?.as_bytes()).ok()?;
    url.join(location).ok()
}

/// Why no answer came: the guard inside the resolver is asked first, everything else means unreachable.
pub(super) fn unanswered(error: reqwest::Error) -> SourceError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<Refused>() {
            return SourceError::Refused(refused.clone());
        }
        cause = current.source();
    }
    SourceError::Unreachable(body::chain(error))
}

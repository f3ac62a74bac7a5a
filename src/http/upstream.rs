//! Standing in front of a Supabase: its public objects come from our cache, its permitted readers are shown what it has
//! just shown them, writes pass through and end what was made of the old bytes, and what is not ours goes to it as sent.
//!
//! Scheme, host and port of every request come from the configuration. The caller's credentials decide at the upstream;
//! none of ours is ever added.

mod bounded;
mod changes;
mod fault;
mod headers;
mod pass;
mod permissions;
mod reads;
mod storage;
mod target;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, Version};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use url::Url;

use super::images::{Images, Unkept};
use fault::Fault;
use permissions::Permissions;
use target::Target;

/// Limits of what is passed on.
#[derive(Clone, Copy, Debug)]
pub struct PassLimits {
    /// Bytes of a request's body.
    pub body_bytes: u64,
    /// Bytes of an answer's body.
    pub answer_bytes: u64,
    /// Bytes of an original that is kept here.
    pub source_bytes: u64,
    /// Longest pause within a request's body.
    pub pause: Duration,
    /// Longest silence of the upstream, before its answer and within it.
    pub silence: Duration,
    /// Longest time for an original: until its answer, and for its bytes.
    pub read: Duration,
    /// Open websockets.
    pub tunnels: usize,
    /// Longest silence of both sides of a websocket.
    pub tunnel_silence: Duration,
}

/// What [`Upstream`] is built from.
#[derive(Debug)]
pub struct UpstreamParts {
    /// Scheme, host and port.
    pub url: Url,
    pub prefixes: Vec<String>,
    pub via: HeaderValue,
    pub limits: PassLimits,
    /// How long a permission is remembered.
    pub permission: Duration,
    pub images: Arc<Images>,
    /// Owned tasks, waited for at shutdown.
    pub tasks: TaskTracker,
}

/// The way to the upstream.
#[derive(Debug)]
pub struct Upstream {
    origin: Url,
    prefixes: Vec<String>,
    pub(super) via: HeaderValue,
    limits: PassLimits,
    client: reqwest::Client,
    /// Speaks HTTP/1.1 alone, the only version that upgrades.
    upgrading: reqwest::Client,
    permissions: Permissions,
    images: Arc<Images>,
    tasks: TaskTracker,
    tunnels: Arc<Semaphore>,
}

/// Marks answers of the upstream that are passed on with its own word on which web pages may read them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed;

impl Upstream {
    /// # Errors
    /// The TLS library cannot be set up.
    pub fn new(parts: UpstreamParts) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: client().build()?,
            upgrading: client().http1_only().build()?,
            permissions: Permissions::new(parts.permission),
            tunnels: Arc::new(Semaphore::new(parts.limits.tunnels)),
            origin: parts.url,
            prefixes: parts.prefixes,
            via: parts.via,
            limits: parts.limits,
            images: parts.images,
            tasks: parts.tasks,
        })
    }

    /// Refuses requests that name their own target: it comes from the configuration alone.
    pub(super) fn refuse_form(request: &Parts) -> Option<Response> {
        // Over HTTP/2 every request names the authority; it is not looked at.
        let is_absolute = request.version <= Version::HTTP_11 && request.uri.authority().is_some();
        if request.method == Method::CONNECT {
            return Some(Fault::Connect.into_response());
        }
        is_absolute.then(|| Fault::AbsoluteForm.into_response())
    }

    /// Whether the path, decoded once, lies below one of the prefixes.
    pub(super) fn claims(&self, path: &str) -> bool {
        let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let mut rests = self.prefixes.iter().filter_map(|prefix| decoded.strip_prefix(prefix.as_str()));
        rests.any(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Passes on a request below a prefix.
    pub(super) async fn serve_prefix(&self, request: Request) -> Response {
        let answer = match Target::of(request.uri()) {
            Ok(target) => self.pass(&target, request).await,
            Err(fault) => Err(fault),
        };
        let mut response = answer.unwrap_or_else(IntoResponse::into_response);
        response.extensions_mut().insert(Passed);
        response
    }

    /// Whether an object that is too large to be kept here can be streamed from the upstream.
    pub(super) fn streams(&self, Unkept(object): &Unkept) -> bool {
        !object.bucket.is_hidden() && !self.images.admission.buckets.is_configured(&object.bucket)
    }

    /// Passes on a request of the storage API as it was sent.
    pub(super) async fn stream(&self, request: Request) -> Response {
        let answer = match Target::of(request.uri()) {
            Ok(target) => self.pass(&target, request).await,
            Err(fault) => Err(fault),
        };
        answer.map_or_else(IntoResponse::into_response, headers::without_cors)
    }
}

/// Follows nothing, decodes nothing, and adds nothing of its own.
fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(Duration::from_mins(1))
        .pool_max_idle_per_host(64)
}

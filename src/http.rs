//! The routes. Picture URLs are dispatched by hand, before anything else; everything else is the API side.

mod access;
mod admin;
mod api;
mod audit;
mod avatars;
mod body;
mod client;
mod conditional;
mod cors;
mod demo;
mod docs;
mod errors;
mod events;
pub mod head;
mod health;
mod help;
mod images;
mod openapi;
mod pages;
mod problem;
mod realtime;
mod remembered;
mod respond;
mod storage;
mod studio;
mod unread;
mod upstream;
mod warm;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONNECTION, CONTENT_TYPE, ORIGIN};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use ipnet::IpNet;
use tower::ServiceExt;

pub use api::{Api, Backend, Door};
pub use avatars::{AvatarDoor, AvatarRoutes};
pub use body::Body;
pub use cors::Cors;
pub use demo::Demo;
pub use errors::Problem;
pub use events::EventDoors;
pub use images::{Call, Images};
pub use openapi::routes;
pub use pages::Page;
pub use realtime::{Live, LiveLimits};
pub use remembered::{Again, Memo, Plain, Reading};
pub use respond::Lifetimes;
pub use storage::Storage;
pub use upstream::{PassLimits, Upstream, UpstreamParts};

use crate::admission::Route;
use crate::error::Code;
use crate::source::{VIA, is_own_request};

use images::Unkept;
use unread::Shared;
use upstream::Passed;

/// Whether the process answers at all; asked often, so it is dispatched by hand too.
const HEALTH: &str = "/healthz";

/// Who is limited for a request's work; `None` is exempt.
#[derive(Clone, Copy, Debug)]
struct ClientAddress(Option<IpAddr>);

/// Everything that answers HTTP.
#[derive(Debug)]
pub struct Site {
    images: Arc<Images>,
    api: axum::Router,
    cors: Cors,
    trusted_proxies: Vec<IpNet>,
    upstream: Option<Arc<Upstream>>,
}

impl Site {
    pub fn new(images: Arc<Images>, api: Arc<Api>, cors: Cors, trusted_proxies: Vec<IpNet>) -> Self {
        let upstream = api.backend.upstream().cloned();
        Self { images, api: api::router(api), cors, trusted_proxies, upstream }
    }

    /// Writes the head of the answer that the same request was given a moment ago, if nothing has changed since.
    pub fn recall(&self, asked: &Plain<'_>, out: &mut Vec<u8>) -> Option<Again> {
        let now = SystemTime::now();
        self.images.recall(asked, now, |given| given.write(out, now))
    }

    /// Whether every answer of this path has its bytes at hand. An upstream's originals may be streamed.
    pub fn answers_whole(&self, path: &str) -> bool {
        match Route::of(path) {
            Some(Route::Object(_)) => self.upstream.is_none(),
            Some(Route::Native(_) | Route::Render(_) | Route::Next) => true,
            None => path == HEALTH,
        }
    }

    /// Answers one request that arrived at `door` from `peer`.
    pub async fn handle<B>(
        &self,
        request: Request<B>,
        peer: SocketAddr,
        door: Door,
    ) -> Result<Response<Body>, Infallible>
    where
        B: HttpBody<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut response = self.answer(request, peer, door).await;
        if response.extensions().get::<Passed>().is_none() {
            help::point(&mut response);
        }
        Ok(response)
    }

    async fn answer<B>(&self, request: Request<B>, peer: SocketAddr, door: Door) -> Response<Body>
    where
        B: HttpBody<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let (parts, body) = request.into_parts();
        if let Some(refused) = self.upstream.as_ref().and_then(|_| Upstream::refuse_form(&parts)) {
            return refused.map(Body::Api);
        }
        if let Some(asked) = Plain::of(&parts.method, &parts.uri, &parts.headers)
            && let Some(again) = self.images.recall(&asked, SystemTime::now(), remembered::response)
        {
            return again;
        }
        if let Some(route) = Route::of(parts.uri.path()) {
            if parts.method == Method::OPTIONS {
                return cors::picture_preflight();
            }
            if is_own_request(&parts.headers, self.upstream.as_ref().map_or(&VIA, |upstream| &upstream.via)) {
                return loop_detected(route);
            }
            let client = client::address(peer.ip(), &parts.headers, &self.trusted_proxies);
            let call = Call { method: &parts.method, uri: &parts.uri, headers: &parts.headers, client };
            let response = self.images.serve(route, call).await;
            return match (&self.upstream, response.extensions().get::<Unkept>()) {
                (Some(upstream), Some(unkept)) if matches!(route, Route::Object(_)) && upstream.streams(unkept) => {
                    self.streamed(upstream, Request::from_parts(parts, axum::body::Body::new(body)), client).await
                }
                _ => response,
            };
        }
        if parts.uri.path() == HEALTH {
            return healthy();
        }
        // The admin door asks for no key: whoever reaches it must not be a page in somebody's browser.
        let is_shared = door == Door::Public && cors::is_shared(parts.uri.path());
        let preflight = (is_shared && cors::is_preflight(&parts.method, &parts.headers))
            .then(|| self.cors.preflight(&parts.headers));
        let claimed = self.upstream.as_ref().is_some_and(|upstream| upstream.claims(parts.uri.path()));
        if !claimed && let Some(preflight) = preflight {
            return preflight;
        }
        let origin = parts.headers.get(ORIGIN).cloned();
        let client = client::address(peer.ip(), &parts.headers, &self.trusted_proxies);
        let mut request = Request::from_parts(parts, axum::body::Body::new(body));
        request.extensions_mut().insert(ClientAddress(client));
        let mut response = self.ask_api(request, door).await;
        // The upstream's own word on which pages may read its answers stands.
        if response.extensions().get::<Passed>().is_some() {
            return response;
        }
        // One of our exact routes below a prefix of the upstream's.
        if let Some(preflight) = preflight {
            return preflight;
        }
        if is_shared {
            self.cors.permit(origin.as_ref(), response.headers_mut());
        }
        response
    }

    /// A public original that is too large to be kept here.
    async fn streamed(
        &self,
        upstream: &Upstream,
        mut request: Request<axum::body::Body>,
        client: Option<IpAddr>,
    ) -> Response<Body> {
        let origin = request.headers().get(ORIGIN).cloned();
        request.extensions_mut().insert(ClientAddress(client));
        let mut response = upstream.stream(request).await.map(Body::Api);
        self.cors.permit(origin.as_ref(), response.headers_mut());
        response
    }

    async fn ask_api(&self, mut request: Request<axum::body::Body>, door: Door) -> Response<Body> {
        request.extensions_mut().insert(door);
        let (parts, body) = request.into_parts();
        let (version, body) = (parts.version, Shared::new(body));
        let request = Request::from_parts(parts, axum::body::Body::new(body.clone()));
        let answer = self.api.clone().oneshot(request).await;
        let mut response = answer.map_or_else(|never| match never {}, |response| response.map(Body::Api));
        // What was passed on belongs to the upstream, which may answer while it reads.
        let is_ended = response.extensions().get::<Passed>().is_some() || response.headers().contains_key(CONNECTION);
        if response.status() == StatusCode::REQUEST_TIMEOUT {
            // It was waited for long enough.
            unread::close(version, response.headers_mut());
        } else if !is_ended {
            body.finish(version, response.headers_mut()).await;
        }
        response
    }
}

fn healthy() -> Response<Body> {
    let mut response = Response::new(Body::Bytes(bytes::Bytes::from_static(b"ok\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A request of our own came back to us: an origin or a redirect points here.
fn loop_detected(route: Route<'_>) -> Response<Body> {
    let mut response =
        Problem::new(Code::OriginRedirects, "this server asks itself for the picture").respond(route.dialect());
    *response.status_mut() = StatusCode::LOOP_DETECTED;
    response
}

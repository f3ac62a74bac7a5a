//! The routes. Picture URLs are dispatched by hand, before anything else; everything else is the API side.

mod api;
mod body;
mod client;
mod conditional;
mod errors;
mod images;
mod pages;
mod respond;
mod storage;
mod warm;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use ipnet::IpNet;
use tower::ServiceExt;

pub use api::{Api, Door};
pub use body::Body;
pub use errors::Problem;
pub use images::{Call, Images};
pub use pages::Page;
pub use respond::Lifetimes;
pub use storage::Storage;

use crate::admission::Route;
use crate::error::Code;
use crate::source::is_own_request;

/// Who is limited for a request's work; `None` is exempt.
#[derive(Clone, Copy, Debug)]
struct ClientAddress(Option<std::net::IpAddr>);

/// Everything that answers HTTP.
#[derive(Debug)]
pub struct Site {
    images: Arc<Images>,
    api: axum::Router,
    trusted_proxies: Vec<IpNet>,
}

impl Site {
    pub fn new(images: Arc<Images>, api: Arc<Api>, trusted_proxies: Vec<IpNet>) -> Self {
        Self { images, api: api::router(api), trusted_proxies }
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
        let (parts, body) = request.into_parts();
        if let Some(route) = Route::of(parts.uri.path()) {
            if parts.method == Method::OPTIONS {
                return Ok(preflight());
            }
            if is_own_request(&parts.headers) {
                return Ok(loop_detected(route));
            }
            let client = client::address(peer.ip(), &parts.headers, &self.trusted_proxies);
            let call = Call { method: &parts.method, uri: &parts.uri, headers: &parts.headers, client };
            return Ok(self.images.serve(route, call).await);
        }
        if parts.uri.path() == "/healthz" {
            return Ok(Response::new(Body::Bytes(bytes::Bytes::from_static(b"ok\n"))));
        }
        let client = client::address(peer.ip(), &parts.headers, &self.trusted_proxies);
        let mut request = Request::from_parts(parts, axum::body::Body::new(body));
        request.extensions_mut().insert(door);
        request.extensions_mut().insert(ClientAddress(client));
        let answer = self.api.clone().oneshot(request).await;
        Ok(answer.map_or_else(|never| match never {}, |response| response.map(Body::Api)))
    }
}

/// Browsers ask before they send a header of their own; pictures are for every origin.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("access-control-allow-methods", HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert("access-control-allow-headers", HeaderValue::from_static("*, authorization"));
    headers.insert("access-control-max-age", HeaderValue::from_static("86400"));
    response
}

/// A request of our own came back to us: an origin or a redirect points here.
fn loop_detected(route: Route<'_>) -> Response<Body> {
    let mut response =
        Problem::new(Code::OriginRedirects, "this server asks itself for the picture").respond(route.dialect());
    *response.status_mut() = StatusCode::LOOP_DETECTED;
    response
}

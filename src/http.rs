//! The routes. Picture URLs are dispatched by hand, before anything else; everything else is the API side.

mod api;
mod avatars;
mod body;
mod client;
mod conditional;
mod cors;
mod errors;
mod events;
mod images;
mod pages;
mod realtime;
mod respond;
mod storage;
mod warm;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::ORIGIN;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use ipnet::IpNet;
use tower::ServiceExt;

pub use api::{Api, Door};
pub use avatars::AvatarDoor;
pub use body::Body;
pub use cors::Cors;
pub use errors::Problem;
pub use events::EventDoors;
pub use images::{Call, Images};
pub use pages::Page;
pub use realtime::{Live, LiveLimits};
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
    cors: Cors,
    trusted_proxies: Vec<IpNet>,
}

impl Site {
    pub fn new(images: Arc<Images>, api: Arc<Api>, cors: Cors, trusted_proxies: Vec<IpNet>) -> Self {
        Self { images, api: api::router(api), cors, trusted_proxies }
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
                return Ok(cors::picture_preflight());
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
        // The admin door asks for no key: whoever reaches it must not be a page in somebody's browser.
        let is_shared = door == Door::Public && cors::is_shared(parts.uri.path());
        if is_shared && cors::is_preflight(&parts.method, &parts.headers) {
            return Ok(self.cors.preflight(&parts.headers));
        }
        let origin = parts.headers.get(ORIGIN).cloned();
        let client = client::address(peer.ip(), &parts.headers, &self.trusted_proxies);
        let mut request = Request::from_parts(parts, axum::body::Body::new(body));
        request.extensions_mut().insert(ClientAddress(client));
        let mut response = self.ask_api(request, door).await;
        if is_shared {
            self.cors.permit(origin.as_ref(), response.headers_mut());
        }
        Ok(response)
    }

    async fn ask_api(&self, mut request: Request<axum::body::Body>, door: Door) -> Response<Body> {
        request.extensions_mut().insert(door);
        let answer = self.api.clone().oneshot(request).await;
        answer.map_or_else(|never| match never {}, |response| response.map(Body::Api))
    }
}

/// A request of our own came back to us: an origin or a redirect points here.
fn loop_detected(route: Route<'_>) -> Response<Body> {
    let mut response =
        Problem::new(Code::OriginRedirects, "this server asks itself for the picture").respond(route.dialect());
    *response.status_mut() = StatusCode::LOOP_DETECTED;
    response
}

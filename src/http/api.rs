//! The API side: pages, readiness, metrics, purging, warming, avatars. Routed by axum, on the same port as the pictures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post};
use axum::{Json, Router};
use serde_json::json;

use super::admin;
use super::audit;
use super::avatars::{AvatarDoor, AvatarRoutes, RPC};
use super::demo::{self, Demo};
use super::events::{self, EventDoors};
use super::health;
use super::pages::Page;
use super::realtime::Live;
use super::storage::{Fault, Storage};
use super::upstream::Upstream;
use crate::auth::Keys;
use crate::bucket::Buckets;
use crate::deliver::Deliver;
use crate::events::Events;
use crate::health::{Health, STEP};
use crate::object::{BucketName, ObjectKey};
use crate::purge::{PurgeRequest, Scope};
use crate::retention::Retention;
use crate::sidecar::studio::Studio;
use crate::telemetry::Metrics;
use crate::warm::Warmer;

/// The address at which a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Public,
    /// `admin.listen`: no key is asked for.
    Admin,
}

/// Whose the storage API is.
#[derive(Debug)]
pub enum Backend {
    /// Ours: the buckets are kept here.
    Own(Box<Storage>),
    /// A Supabase's, in front of which we stand.
    Upstream(Arc<Upstream>),
}

impl Backend {
    pub fn own(&self) -> Option<&Storage> {
        match self {
            Self::Own(storage) => Some(storage),
            Self::Upstream(_) => None,
        }
    }

    pub fn upstream(&self) -> Option<&Arc<Upstream>> {
        match self {
            Self::Own(_) => None,
            Self::Upstream(upstream) => Some(upstream),
        }
    }
}

/// What the API side needs.
#[derive(Debug)]
pub struct Api {
    pub deliver: Arc<Deliver>,
    pub warmer: Arc<Warmer>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    pub keys: Arc<Keys>,
    pub studio: Arc<Studio>,
    pub avatars: AvatarDoor,
    pub events: Arc<Events>,
    pub doors: EventDoors,
    /// Our own, which in front of an upstream hold nothing.
    pub buckets: Arc<Buckets>,
    pub retention: Arc<Retention>,
    pub backend: Backend,
    /// Unset: realtime is not served, or by somebody else alone.
    pub live: Option<Arc<Live>>,
    pub page: Page,
    /// The canonical URL of this server as it is configured, for links that are to be given away.
    pub public_url: Option<String>,
    /// Set in `tintype demo` alone.
    pub demo: Option<Demo>,
    /// Whether only this machine can reach the public door.
    pub loopback_only: bool,
    pub draining: AtomicBool,
    pub started: Instant,
    /// Longest time that a request's body takes.
    pub body_timeout: Duration,
}

impl Api {
    /// Reads from the catalogue what metrics tell of it.
    pub(super) async fn measure(&self) {
        self.events.measure().await;
        self.retention.measure().await;
    }

    /// The text of `/metrics`.
    pub(super) fn told(&self) -> String {
        self.metrics.render(&self.deliver, self.live.as_deref().map(Live::usage))
    }

    /// Notes how we are, again and again, as long as there is anybody to ask.
    pub async fn watch(api: std::sync::Weak<Self>) {
        loop {
            tokio::time::sleep(STEP).await;
            let Some(api) = api.upgrade() else { return };
            // The catalogue is asked where somebody wants to know.
            if api.health.is_watched() {
                api.measure().await;
            }
            drop(api.health.look(&api.told()));
        }
    }

    /// Says from now on that we are going, and ends what would not end by itself.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.avatars.jobs.stop();
        self.live.iter().for_each(|live| live.close());
    }
}

/// Largest body of an API request in bytes.
const BODY_BYTES: usize = 4_000_000;

/// A route: method, path, and what answers it.
pub(super) type Row = (Method, &'static str, fn() -> MethodRouter<Arc<Api>>);

/// Routes that see to their callers themselves.
const OPEN: [Row; 18] = [
    (Method::GET, "/", || get(super::pages::index)),
    (Method::GET, "/assets/{name}", || get(super::pages::asset)),
    (Method::GET, "/studio", || get(super::studio::studio)),
    (Method::GET, "/assets/studio/{name}", || get(super::studio::asset)),
    (Method::GET, "/studio/health", || get(health::page)),
    (Method::GET, "/assets/health/{name}", || get(health::asset)),
    (Method::GET, "/readyz", || get(ready)),
    (Method::GET, "/metrics", || get(metrics)),
    (Method::GET, "/docs", || get(super::docs::index)),
    (Method::GET, "/docs/api", || get(super::docs::api)),
    (Method::GET, "/docs/search.json", || get(super::docs::search)),
    (Method::GET, "/docs/{page}", || get(super::docs::named)),
    (Method::GET, "/openapi.json", || get(super::openapi::document)),
    (Method::POST, "/api/storage/store", || post(store_by_url)),
    (Method::POST, "/api/avatars/prompt", || post(super::avatars::prompt)),
    (Method::POST, "/events", || post(events::ours)),
    (Method::POST, "/events/supabase", || post(events::supabase)),
    (Method::POST, "/events/s3", || post(events::s3)),
];

/// Routes for service keys and the admin door.
const SERVICE: [Row; 17] = [
    (Method::POST, "/admin/purge", || post(purge)),
    (Method::POST, "/admin/warm", || post(super::warm::warm)),
    (Method::GET, "/admin/webhooks/dead", || get(events::dead_letters)),
    (Method::POST, "/admin/webhooks/dead/{id}/retry", || post(events::retry)),
    (Method::GET, "/admin/audit", || get(audit::log)),
    (Method::GET, "/admin/cleanup/runs", || get(audit::runs)),
    (Method::GET, "/admin/health", || get(health::health)),
    (Method::GET, "/admin/health/live", || get(health::live)),
    (Method::GET, "/admin/usage", || get(admin::usage)),
    (Method::GET, "/admin/usage/{bucket}", || get(admin::bucket_usage)),
    (Method::GET, "/admin/objects/{bucket}/largest", || get(admin::largest)),
    (Method::GET, "/admin/objects/{bucket}/requested", || get(admin::requested)),
    (Method::GET, "/admin/objects/{bucket}/{*object}", || get(admin::object)),
    (Method::DELETE, "/storage/v1/cdn", || delete(purge_all)),
    (Method::DELETE, "/storage/v1/cdn/", || delete(purge_all)),
    (Method::DELETE, "/storage/v1/cdn/{bucket}", || delete(purge_bucket)),
    (Method::DELETE, "/storage/v1/cdn/{bucket}/{*object}", || delete(purge_object)),
];

/// Method and path of every route of these tables.
pub(super) fn routes() -> impl Iterator<Item = (Method, &'static str)> {
    OPEN.into_iter().chain(AvatarRoutes::All.rows()).chain(RPC).chain(SERVICE).map(|(method, path, _)| (method, path))
}

fn table(rows: impl IntoIterator<Item = Row>) -> Router<Arc<Api>> {
    rows.into_iter().fold(Router::new(), |router, (_, path, answer)| router.route(path, answer()))
}

pub(super) fn router(api: Arc<Api>) -> Router {
    let service = table(SERVICE).route_layer(middleware::from_fn_with_state(Arc::clone(&api), admit_service));
    let storage = Router::new()
        .route("/storage/v1/{*path}", any(storage))
        // Each bucket has a limit of its own, counted on the stream.
        .layer(axum::extract::DefaultBodyLimit::disable());
    let avatars = table(api.avatars.routes.rows());
    let rpc = if api.avatars.answers_rpc { table(RPC) } else { Router::new() };
    let live = match (&api.backend, api.live.clone()) {
        (_, None) => Router::new(),
        (Backend::Own(_), Some(live)) => super::realtime::router(live),
        (Backend::Upstream(_), Some(live)) => super::realtime::streams(live),
    };
    let demo = api.demo.as_ref().map_or_else(Router::new, |_| table(demo::ROUTES));
    table(OPEN)
        .merge(avatars)
        .merge(demo)
        .merge(rpc)
        .merge(service)
        .merge(storage)
        .fallback(elsewhere)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES))
        .with_state(api)
        .merge(live)
}

async fn storage(State(api): State<Arc<Api>>, request: Request) -> Response {
    match &api.backend {
        Backend::Own(storage) => {
            let whole = request.uri().path().to_owned();
            storage.handle(whole.strip_prefix("/storage/v1/").unwrap_or_default(), request).await
        }
        Backend::Upstream(upstream) => upstream.storage(request).await,
    }
}

async fn store_by_url(State(api): State<Arc<Api>>, request: Request) -> Response {
    match api.backend.own() {
        Some(storage) => storage.store_by_url(request).await,
        // An upstream's objects are stored at the upstream.
        None => elsewhere(State(Arc::clone(&api)), request).await,
    }
}

async fn ready(State(api): State<Arc<Api>>) -> Response {
    if api.draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    "ready\n".into_response()
}

async fn metrics(State(api): State<Arc<Api>>, Extension(door): Extension<Door>, headers: HeaderMap) -> Response {
    if !api.loopback_only && door != Door::Admin && !api.keys.is_service(&headers) {
        return forbidden();
    }
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    api.measure().await;
    (kind, api.told()).into_response()
}

/// Lets service keys and the admin door through, with a body that came in time. What is done with it may take longer.
async fn admit_service(
    State(api): State<Arc<Api>>,
    Extension(door): Extension<Door>,
    request: Request,
    next: Next,
) -> Response {
    if door != Door::Admin && !api.keys.is_service(request.headers()) {
        return forbidden();
    }
    let (head, body) = request.into_parts();
    match tokio::time::timeout(api.body_timeout, to_bytes(body, BODY_BYTES)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Ok(Err(_)) => refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or it broke off"),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    }
}

pub(super) fn refused(status: StatusCode, message: &str) -> Response {
    let error = status.canonical_reason().unwrap_or_default();
    (status, Json(json!({"statusCode": status.as_str(), "error": error, "message": message}))).into_response()
}

async fn purge(
    State(api): State<Arc<Api>>,
    body: Result<Json<PurgeRequest>, axum::extract::rejection::JsonRejection>,
) -> Response {
    let scope = match body {
        Ok(Json(request)) => request.scope().map_err(|error| error.to_string()),
        Err(rejection) => Err(rejection.body_text()),
    };
    match scope {
        Ok(scope) => purged(&api, scope, |removed| json!({"removed": removed})).await,
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({"message": message}))).into_response(),
    }
}

async fn purge_all(State(api): State<Arc<Api>>) -> Response {
    purged(&api, Scope::All, success).await
}

async fn purge_bucket(State(api): State<Arc<Api>>, Path(bucket): Path<String>) -> Response {
    match BucketName::parse(&bucket) {
        Ok(bucket) => purged(&api, Scope::Bucket(bucket), success).await,
        Err(_) => Fault::BucketName.into_response(),
    }
}

async fn purge_object(State(api): State<Arc<Api>>, Path((bucket, object)): Path<(String, String)>) -> Response {
    match (BucketName::parse(&bucket), ObjectKey::parse(&object)) {
        (Ok(bucket), Ok(key)) => purged(&api, Scope::Object(bucket, key), success).await,
        (Err(_), _) => Fault::BucketName.into_response(),
        (_, Err(_)) => Fault::Key(object).into_response(),
    }
}

/// What storage-js expects of `purgeCache`.
fn success(_: u64) -> serde_json::Value {
    json!({"message": "success", "statusCode": "200"})
}

async fn purged(api: &Api, scope: Scope, answer: impl Fn(u64) -> serde_json::Value) -> Response {
    tracing::info!(?scope, "purge");
    match api.deliver.purge(scope.clone()).await {
        Ok(removed) => {
            // It is done: nobody's caches depend on the telling.
            if let Err(error) = api.events.announce_purge(&scope).await {
                tracing::warn!(%error, "webhooks are not told of a purge");
            }
            Json(answer(removed)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a purge could not remove every stored variant");
            let problem = json!({"statusCode": "500", "error": "Internal", "message": "Internal Server Error", "code": "InternalError"});
            (StatusCode::INTERNAL_SERVER_ERROR, Json(problem)).into_response()
        }
    }
}

fn forbidden() -> Response {
    let message = "this needs a service key: `tintype keys --service` prints one; send it as `Authorization: Bearer …`";
    let problem = json!({"statusCode": "403", "error": "Unauthorized", "message": message, "code": "AccessDenied"});
    (StatusCode::FORBIDDEN, Json(problem)).into_response()
}

/// Nothing of ours: the upstream's, if it lies below one of its prefixes.
pub(super) async fn elsewhere(State(api): State<Arc<Api>>, request: Request) -> Response {
    match api.backend.upstream().filter(|upstream| upstream.claims(request.uri().path())) {
        Some(upstream) => upstream.serve_prefix(request).await,
        None => not_found(&request),
    }
}

fn not_found(request: &Request) -> Response {
    let message = format!("Route {}:{} not found", request.method(), request.uri().path());
    let problem = json!({"statusCode": "404", "error": "Not Found", "message": message, "code": "InvalidRequest"});
    let mut response = (StatusCode::NOT_FOUND, Json(problem)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

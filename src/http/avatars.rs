//! Avatars. `POST /api/avatars/prompt`: what would be painted, and with what, without spending anything.

mod fault;
mod generate;
mod jobs;
mod kinksters;
mod rest;
mod rpc;
mod session;
mod store;
mod usage;

use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, patch, post, put};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Api, Row};
use super::help::Help;
use crate::auth::Caller;
use crate::sidecar::avatar_url::AvatarOrigins;
use crate::sidecar::field::{FieldError, parse};
use crate::sidecar::jobs::Jobs;
use crate::sidecar::provider::{ProviderError, Retry};
use crate::sidecar::studio::Wishes;

/// Largest body in bytes. Fields have limits of their own, which are told by name.
const BODY_BYTES: usize = 4_000_000;

/// What is told of jobs is for its caller alone, and for now.
const NO_STORE: [(HeaderName, HeaderValue); 1] = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// What the avatar routes need.
#[derive(Debug)]
pub struct AvatarDoor {
    pub jobs: Arc<Jobs>,
    /// Origins of the pages whose session cookie counts.
    pub origins: Vec<String>,
    /// What a request that is taken on is answered with.
    pub accepted: StatusCode,
    pub routes: AvatarRoutes,
    /// By which a URL is known to show an avatar.
    pub urls: AvatarOrigins,
    /// Whether the functions are answered here.
    pub answers_rpc: bool,
}

/// Which avatar routes are answered here, beside the preview, which spends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvatarRoutes {
    All,
    /// In front of a Supabase, which has the characters' rows.
    Jobs,
    /// In front of a Supabase to which we have no key.
    None,
}

impl AvatarRoutes {
    pub(super) fn rows(self) -> impl Iterator<Item = Row> {
        let (jobs, rows) = match self {
            Self::All => (true, true),
            Self::Jobs => (true, false),
            Self::None => (false, false),
        };
        JOBS.into_iter().filter(move |_| jobs).chain(ROWS.into_iter().filter(move |_| rows))
    }
}

const JOBS: [Row; 10] = [
    (Method::POST, "/functions/v1/generate-kinkster-avatar", || post(generate::at_once)),
    (Method::POST, "/api/kinksters/avatar/generate", || post(generate::awaited)),
    (Method::POST, "/api/kinksters/avatar/store", || post(store::store)),
    (Method::GET, "/api/avatars/usage", || get(usage::usage)),
    (Method::GET, "/api/avatars/jobs", || get(jobs::list)),
    (Method::POST, "/api/avatars/jobs", || post(jobs::create)),
    (Method::GET, "/api/avatars/jobs/{id}", || get(jobs::show)),
    (Method::DELETE, "/api/avatars/jobs/{id}", || delete(jobs::cancel)),
    (Method::POST, "/api/avatars/jobs/{id}/cancel", || post(jobs::cancel)),
    (Method::POST, "/api/avatars/jobs/{id}/retry", || post(jobs::retry)),
];

const ROWS: [Row; 6] = [
    (Method::GET, "/api/kinksters/{id}", || get(kinksters::show)),
    (Method::PUT, "/api/kinksters/{id}", || put(kinksters::write)),
    (Method::DELETE, "/api/kinksters/{id}", || delete(kinksters::remove)),
    (Method::GET, "/rest/v1/kinksters", || get(rest::select)),
    (Method::POST, "/rest/v1/kinksters", || post(rest::insert)),
    (Method::PATCH, "/rest/v1/kinksters", || patch(rest::update)),
];

/// The functions of the contract. Beside an upstream's these are for methods and names of its own too.
pub(super) const RPC: [Row; 1] = [(Method::POST, "/rest/v1/rpc/{name}", || any(rpc::call))];

/// Why an avatar route does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AvatarFault {
    /// No token, one that is not believed, or one that belongs to nobody.
    Unauthorized,
    TooLarge,
    TooSlow,
    Field(FieldError),
    Provider(ProviderError),
}

impl AvatarFault {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Field(_) => StatusCode::BAD_REQUEST,
            Self::Provider(error) => provider_status(error),
        }
    }

    /// `{error, details?}`: `details.field` names what is wrong.
    fn body(&self) -> Value {
        match self {
            Self::Unauthorized => json!({"error": "Unauthorized"}),
            Self::TooLarge => json!({"error": "The body is too large"}),
            Self::TooSlow => json!({"error": "The body took too long"}),
            Self::Field(error) => match error.field() {
                Some(field) => json!({"error": error.to_string(), "details": {"field": field}}),
                None => json!({"error": error.to_string()}),
            },
            Self::Provider(error) => json!({"error": error.public_text(), "details": {"code": error.code()}}),
        }
    }
}

/// Whose fault a provider's failure is.
fn provider_status(error: &ProviderError) -> StatusCode {
    match error {
        ProviderError::NoKey | ProviderError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ProviderError::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        ProviderError::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ProviderError::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ProviderError::Unauthorized { .. }
        | ProviderError::Exhausted
        | ProviderError::ModelGone { .. }
        | ProviderError::Rejected { .. }
        | ProviderError::Overloaded { .. }
        | ProviderError::Unconnected(_)
        | ProviderError::Unreachable(_)
        | ProviderError::Nonsense(_) => StatusCode::BAD_GATEWAY,
    }
}

impl IntoResponse for AvatarFault {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::Provider(_)) {
            response.extensions_mut().insert(Help::Provider);
        }
        if let Self::Provider(error) = &self
            && let Retry::After(Some(pause)) = error.retry()
        {
            let seconds = pause.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<FieldError> for AvatarFault {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<ProviderError> for AvatarFault {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

/// A signed-in user, or the operator.
pub(super) fn signed_in(api: &Api, headers: &HeaderMap) -> Result<Caller, AvatarFault> {
    let caller = api.keys.caller(headers).map_err(|_| AvatarFault::Unauthorized)?;
    if caller.is_service() || caller.subject.is_some() { Ok(caller) } else { Err(AvatarFault::Unauthorized) }
}

pub(super) async fn prompt(State(api): State<Arc<Api>>, request: Request) -> Response {
    match preview(&api, request).await {
        Ok(answer) => ([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn preview(api: &Api, request: Request) -> Result<Value, AvatarFault> {
    let (head, body) = request.into_parts();
    signed_in(api, &head.headers)?;
    let body = tokio::time::timeout(api.body_timeout, to_bytes(body, BODY_BYTES)).await;
    let body = body.map_err(|_| AvatarFault::TooSlow)?.map_err(|_| AvatarFault::TooLarge)?;
    let wishes: Wishes = parse(&body)?;
    let request = api.studio.request(wishes)?;
    let plan = api.studio.provider.plan(request.size, request.quality)?;
    Ok(json!({"prompt": request.prompt, "generation_config": plan.config}))
}

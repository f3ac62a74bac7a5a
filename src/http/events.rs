//! Where others tell us what changed: `/events`, `/events/supabase`, `/events/s3`; and the messages that webhooks never got.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::body::to_bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::api::{Api, refused};
use crate::auth::{SignatureError, SignedHeaders, SigningSecret};
use crate::catalog::{CatalogError, Delivery};
use crate::config::Secret;
use crate::events::Naming;
use crate::events::hint::{self, HintError, Hints};

/// Ids of signed messages that are remembered.
const REMEMBERED: u64 = 100_000;
/// For how long: longer than a message's time may be from ours, both ways.
const REMEMBERED_FOR: Duration = Duration::from_secs(900);
/// Dead letters that are listed at once.
const LISTED: u32 = 100;
const MOST_LISTED: u32 = 1000;

/// Who may tell us, and how much at once.
#[derive(Debug)]
pub struct EventDoors {
    /// A hash, whose comparison takes the same time whatever was sent.
    key: Option<blake3::Hash>,
    secrets: Vec<SigningSecret>,
    /// Signed messages that took effect.
    seen: Cache<String, ()>,
    body_bytes: usize,
    batch: usize,
}

/// Why nothing is done.
enum Refusal {
    /// Neither key nor signature.
    Nobody,
    Signature(SignatureError),
    TooLarge,
    TooSlow,
    Body(HintError),
}

/// A body by somebody who may send it.
struct Admitted {
    body: Bytes,
    /// Of a signed message.
    id: Option<String>,
}

impl EventDoors {
    pub fn new(key: Option<&Secret>, secrets: Vec<SigningSecret>, body_bytes: usize, batch: usize) -> Self {
        let seen = Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build();
        let key = key.map(|key| blake3::hash(key.reveal().as_bytes()));
        Self { key, secrets, seen, body_bytes, batch }
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer =
            value.and_then(|value| value.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let (Some(key), Some((_, sent))) = (&self.key, bearer) else { return false };
        blake3::hash(sent.trim().as_bytes()) == *key
    }

    /// The signature's headers, where a signature is of use.
    fn signed<'a>(&self, headers: &'a HeaderMap) -> Option<SignedHeaders<'a>> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (id, timestamp) = (text("webhook-id")?, text("webhook-timestamp")?);
        let signed = SignedHeaders { id, timestamp, signature: text("webhook-signature")? };
        (!self.secrets.is_empty()).then_some(signed)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Nobody => refused(
                StatusCode::UNAUTHORIZED,
                "this needs `events.key` or a service key as `Authorization: Bearer …`; /events takes a signature too",
            ),
            Self::Signature(error) => refused(StatusCode::UNAUTHORIZED, &error.to_string()),
            Self::TooLarge => refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or it broke off"),
            Self::TooSlow => refused(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Self::Body(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }
}

/// `POST /events`: CloudEvents, or plain names.
pub(super) async fn ours(State(api): State<Arc<Api>>, request: Request) -> Response {
    let most = api.doors.batch;
    take(&api, request, Naming::Ours, |body| hint::ours(body, most)).await
}

/// `POST /events/supabase`: a database webhook of `storage.objects`.
pub(super) async fn supabase(State(api): State<Arc<Api>>, request: Request) -> Response {
    take(&api, request, Naming::Supabase, hint::supabase).await
}

/// `POST /events/s3`: an event notification of S3 or MinIO.
pub(super) async fn s3(State(api): State<Arc<Api>>, request: Request) -> Response {
    let most = api.doors.batch;
    take(&api, request, Naming::S3, |body| hint::s3(body, most)).await
}

async fn take(
    api: &Api,
    request: Request,
    naming: Naming,
    read: impl Fn(&[u8]) -> Result<Hints, HintError>,
) -> Response {
    let Admitted { body, id } = match admit(api, request, naming).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.into_response(),
    };
    if id.as_ref().is_some_and(|id| api.doors.seen.contains_key(id)) {
        return Json(json!({"accepted": 0, "ignored": 0, "message": "this message came before"})).into_response();
    }
    let hints = match read(&body) {
        Ok(hints) => hints,
        Err(error) => return Refusal::Body(error).into_response(),
    };
    match api.events.take_hints(&hints.hints, naming).await {
        Ok(unknown) => {
            // Only now: what failed may be sent again.
            if let Some(id) = id {
                api.doors.seen.insert(id, ());
            }
            let counts = json!({"accepted": hints.hints.len() - unknown, "ignored": hints.ignored + unknown});
            (StatusCode::ACCEPTED, Json(counts)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an event from outside could not be acted upon");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "what was made of these objects could not be removed")
        }
    }
}

/// Keys are looked at before the body is read; a signature needs it.
async fn admit(api: &Api, request: Request, naming: Naming) -> Result<Admitted, Refusal> {
    let (head, body) = request.into_parts();
    let is_known = api.doors.knows(&head.headers) || api.keys.is_service(&head.headers);
    let signed = api.doors.signed(&head.headers).filter(|_| naming == Naming::Ours && !is_known);
    if !is_known && signed.is_none() {
        return Err(Refusal::Nobody);
    }
    let body = tokio::time::timeout(api.body_timeout, to_bytes(body, api.doors.body_bytes)).await;
    let body = body.map_err(|_| Refusal::TooSlow)?.map_err(|_| Refusal::TooLarge)?;
    let Some(signed) = signed else { return Ok(Admitted { body, id: None }) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    signed.verify(&api.doors.secrets, &body, now).map_err(Refusal::Signature)?;
    Ok(Admitted { body, id: Some(signed.id.to_owned()) })
}

#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<u32>,
}

/// `GET /admin/webhooks/dead`.
pub(super) async fn dead_letters(State(api): State<Arc<Api>>, page: Result<Query<Page>, QueryRejection>) -> Response {
    let page = match page {
        Ok(Query(page)) => page,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    match api.events.dead_letters(page.limit.unwrap_or(LISTED).min(MOST_LISTED)).await {
        Ok(letters) => Json(letters.iter().map(told).collect::<Vec<_>>()).into_response(),
        Err(error) => failed(&error),
    }
}

/// `POST /admin/webhooks/dead/{id}/retry`.
pub(super) async fn retry(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    let Ok(id) = Uuid::parse_str(&id) else { return no_letter() };
    match api.events.retry(id).await {
        Ok(true) => (StatusCode::ACCEPTED, Json(json!({"id": id}))).into_response(),
        Ok(false) => no_letter(),
        Err(error) => failed(&error),
    }
}

fn told(letter: &Delivery) -> Value {
    let time = |at: OffsetDateTime| at.format(&Rfc3339).ok();
    json!({
        "id": letter.id,
        "webhook": letter.hook,
        "message": letter.message,
        "attempts": letter.attempts,
        "since": time(letter.since),
        "dead_at": letter.dead_at.and_then(time),
        "reason": letter.reason,
        "event": serde_json::from_str::<Value>(&letter.body).ok(),
    })
}

fn no_letter() -> Response {
    refused(StatusCode::NOT_FOUND, "there is no such dead letter of a configured webhook")
}

fn failed(error: &CatalogError) -> Response {
    tracing::error!(%error, "dead letters cannot be reached");
    refused(StatusCode::INTERNAL_SERVER_ERROR, "dead letters cannot be reached")
}

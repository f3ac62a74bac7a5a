//! Broadcasts over HTTP: a batch, or one event by its path.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Live;
use super::throttle::{Remaining, TooMany};
use crate::auth::Caller;
use crate::realtime::Message;
use crate::realtime::rules::Action;
use crate::realtime::topic::{EventName, Space, Topic};
use crate::realtime::wire::Content;

/// Why nothing was sent.
enum Refusal {
    Plain(StatusCode, Value),
    TooMany(TooMany),
}

impl From<TooMany> for Refusal {
    fn from(too_many: TooMany) -> Self {
        Self::TooMany(too_many)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Plain(status, body) => (status, Json(body)).into_response(),
            Self::TooMany(too_many) => too_many.into_response(),
        }
    }
}

const BLANK: &str = "can't be blank";
const INVALID: &str = "is invalid";
const TOO_LARGE: &str = "Payload size exceeds the limit";

/// `POST /realtime/v1/api/broadcast`
pub(super) async fn batch(State(live): State<Arc<Live>>, request: Request) -> Response {
    answer(take_batch(&live, request).await)
}

/// `POST /realtime/v1/api/broadcast/{topic}/events/{event}`
pub(super) async fn single(
    State(live): State<Arc<Live>>,
    Path((topic, event)): Path<(String, String)>,
    query: Result<Query<SingleQuery>, QueryRejection>,
    request: Request,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return message(StatusCode::BAD_REQUEST, &error.body_text()).into_response(),
    };
    answer(take_single(&live, &topic, &event, query.private.as_deref() == Some("true"), request).await)
}

#[derive(Debug, Deserialize)]
pub(super) struct SingleQuery {
    private: Option<String>,
}

fn answer(taken: Result<Remaining, Refusal>) -> Response {
    match taken {
        Ok(remaining) => {
            let mut response = StatusCode::ACCEPTED.into_response();
            remaining.write(response.headers_mut());
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn message(status: StatusCode, text: &str) -> Refusal {
    Refusal::Plain(status, json!({"message": text}))
}

async fn take_batch(live: &Live, request: Request) -> Result<Remaining, Refusal> {
    let caller = caller(live, request.headers())?;
    let body = read(live, request).await?;
    let messages = parse_batch(&body, live.limits.payload)?;
    let count = NonZeroU32::new(messages.len() as u32).unwrap_or(NonZeroU32::MIN);
    let remaining = live.throttle.pass(&caller, count)?;
    for message in messages {
        // What the caller may not send is left out without a word, as Supabase has it.
        if live.realtime.allows(&caller, Action::Send, &message.topic).await {
            live.realtime.tell(message, None).await;
        }
    }
    Ok(remaining)
}

async fn take_single(
    live: &Live,
    topic: &str,
    event: &str,
    is_private: bool,
    request: Request,
) -> Result<Remaining, Refusal> {
    let caller = caller(live, request.headers())?;
    let kind = kind_of(request.headers())?;
    let wrong = |field: &str| Refusal::Plain(StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": {field: [INVALID]}}));
    let topic = Topic::new(Space::of(is_private), topic).map_err(|_| wrong("topic"))?;
    let event = EventName::new(event).ok_or_else(|| wrong("event"))?;
    let body = read(live, request).await?;
    let content = match kind {
        Kind::Bytes => Content::Binary(body),
        Kind::Json => Content::Json(json_of(&body)?),
    };
    if content.len() > live.limits.payload {
        return Err(Refusal::Plain(StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": {"payload": [TOO_LARGE]}})));
    }
    let remaining = live.throttle.pass(&caller, NonZeroU32::MIN)?;
    if !live.realtime.allows(&caller, Action::Send, &topic).await {
        return Err(message(StatusCode::FORBIDDEN, "Unauthorized"));
    }
    live.realtime.tell(Message { topic, event, content, whole: None }, None).await;
    Ok(remaining)
}

fn caller(live: &Live, headers: &HeaderMap) -> Result<Caller, Refusal> {
    live.keys.caller(headers).map_err(|_| message(StatusCode::UNAUTHORIZED, "Unauthorized"))
}

async fn read(live: &Live, request: Request) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(live.limits.body_timeout, to_bytes(request.into_body(), live.limits.frame)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(message(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or it broke off")),
        Err(_) => Err(message(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}

/// What a body of a single event is.
enum Kind {
    Json,
    Bytes,
}

/// A body without a type counts as JSON: older callers send it so.
fn kind_of(headers: &HeaderMap) -> Result<Kind, Refusal> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Kind::Json) };
    let text = value.to_str().unwrap_or_default();
    match text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Kind::Json),
        "application/octet-stream" => Ok(Kind::Bytes),
        _ => {
            let error = "Unsupported Media Type. Use application/json or application/octet-stream";
            Err(Refusal::Plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, json!({"error": error})))
        }
    }
}

fn json_of(body: &[u8]) -> Result<Box<RawValue>, Refusal> {
    serde_json::from_slice(body).map_err(|_| message(StatusCode::BAD_REQUEST, "the body is not JSON"))
}

/// A batch, of which nothing is checked yet.
#[derive(Deserialize)]
struct Batch {
    messages: Option<Box<RawValue>>,
}

/// One message of a batch: every field is looked at for itself, so that all of them can be told.
#[derive(Deserialize)]
struct Draft {
    topic: Option<Value>,
    event: Option<Value>,
    payload: Option<Box<RawValue>>,
    private: Option<Value>,
}

/// The messages, or what is wrong with each, in Supabase's form: a list as long as the batch.
fn parse_batch(body: &[u8], largest: usize) -> Result<Vec<Message>, Refusal> {
    let wrong = |what: Value| Refusal::Plain(StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": {"messages": what}}));
    let batch: Batch = serde_json::from_str(json_of(body)?.get()).map_err(|_| wrong(json!([BLANK])))?;
    let list = batch.messages.ok_or_else(|| wrong(json!([BLANK])))?;
    let drafts: Vec<Draft> = serde_json::from_str(list.get()).map_err(|_| wrong(json!([INVALID])))?;
    if drafts.is_empty() {
        return Err(wrong(json!([BLANK])));
    }
    let checked: Vec<_> = drafts.into_iter().map(|draft| draft.check(largest)).collect();
    if checked.iter().all(Result::is_ok) {
        return Ok(checked.into_iter().flatten().collect());
    }
    Err(wrong(checked.into_iter().map(|message| Value::Object(message.err().unwrap_or_default())).collect()))
}

impl Draft {
    fn check(self, largest: usize) -> Result<Message, Map<String, Value>> {
        let mut mistakes = Map::new();
        let mut note = |field: &str, mistake: &str| mistakes.insert(field.to_owned(), json!([mistake]));
        let is_private = match &self.private {
            None | Some(Value::Null) => Some(false),
            Some(Value::Bool(is_private)) => Some(*is_private),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        if is_private.is_none() {
            note("private", INVALID);
        }
        let topic = name(self.topic.as_ref())
            .and_then(|name| Topic::new(Space::of(is_private == Some(true)), name).map_err(|_| INVALID))
            .map_err(|mistake| note("topic", mistake));
        let event = name(self.event.as_ref())
            .and_then(|name| EventName::new(name).ok_or(INVALID))
            .map_err(|mistake| note("event", mistake));
        let content = object(self.payload, largest).map_err(|mistake| note("payload", mistake));
        match (topic, event, content) {
            (Ok(topic), Ok(event), Ok(content)) if mistakes.is_empty() => {
                Ok(Message { topic, event, content: Content::Json(content), whole: None })
            }
            _ => Err(mistakes),
        }
    }
}

fn name(value: Option<&Value>) -> Result<&str, &'static str> {
    match value {
        None | Some(Value::Null) => Err(BLANK),
        Some(Value::String(text)) if text.trim().is_empty() => Err(BLANK),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(INVALID),
    }
}

fn object(payload: Option<Box<RawValue>>, largest: usize) -> Result<Box<RawValue>, &'static str> {
    let payload = payload.ok_or(BLANK)?;
    match payload.get() {
        "null" => Err(BLANK),
        text if !text.starts_with('{') => Err(INVALID),
        text if text.len() > largest => Err(TOO_LARGE),
        _ => Ok(payload),
    }
}

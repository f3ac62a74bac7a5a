//! A user's avatars as Server-Sent Events, for apps without a realtime client; and everybody's, for the service.
//!
//! `GET /api/avatars/events` with a bearer token, or `?token=` where a browser's `EventSource` can send no header:
//! `POST /api/avatars/events/token` gives such a token. `Last-Event-ID` (or `?last_event_id=`) resumes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event as SentEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Live;
use super::seats::Seat;
use crate::auth::{Caller, TokenError};
use crate::http::ClientAddress;
use crate::realtime::event::Event;
use crate::realtime::hub::{Member, Membership, Resume};
use crate::realtime::outbox::{Item, Outbox};
use crate::realtime::rules::{Action, Listener};
use crate::realtime::topic::{Space, Topic};
use crate::realtime::wire::Content;

/// Time between two comments that keep the connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream may be opened with a token of the query. Such tokens end up in logs of proxies.
const TOKEN_SECONDS: u64 = 120;
/// When a browser opens a broken stream again.
const RETRY: Duration = Duration::from_secs(3);

/// No stream is open for longer, whatever its token says.
const LONGEST: Duration = Duration::from_secs(86_400);

#[derive(Debug, Deserialize)]
pub(super) struct StreamQuery {
    kinkster_id: Option<String>,
    token: Option<String>,
    last_event_id: Option<String>,
}

/// `GET /api/avatars/events`
pub(super) async fn stream(
    State(live): State<Arc<Live>>,
    Query(query): Query<StreamQuery>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
) -> Response {
    let caller = match &query.token {
        Some(token) => live.keys.stream_caller(token),
        None => live.keys.caller(&headers),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => return unauthorized(&error),
    };
    let topics = match topics(&live, &caller, query.kinkster_id.as_deref()).await {
        Ok(topics) => topics,
        Err(refusal) => return *refusal,
    };
    if live.closing.is_cancelled() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the server is restarting");
    }
    let Some(seat) = live.seat(client) else {
        return refused(StatusCode::TOO_MANY_REQUESTS, "Too many connected users");
    };
    let resume = resume(&headers, query.last_event_id.as_deref());
    let listening = Listening::new(&live, &caller, topics, resume, seat).await;
    let first = SentEvent::default().retry(RETRY).comment("listening");
    let events = stream::once(async { Ok(first) });
    let sent = Sse::new(futures_util::StreamExt::chain(events, told(listening)));
    let mut response = sent.keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response();
    // Asks proxies that would collect an answer before passing it on not to.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// `POST /api/avatars/events/token`
pub(super) async fn token(State(live): State<Arc<Live>>, headers: HeaderMap) -> Response {
    let caller = match live.keys.caller(&headers) {
        Ok(caller) => caller,
        Err(error) => return unauthorized(&error),
    };
    let now = unix_now();
    let expires = (now + TOKEN_SECONDS).min(caller.expires.unwrap_or(u64::MAX));
    let Some(token) = live.keys.sign_stream(&caller, expires) else {
        return refused(StatusCode::FORBIDDEN, "only signed-in users have events");
    };
    let body = Json(json!({"token": token, "expires_in": expires.saturating_sub(now)}));
    ([(CACHE_CONTROL, "no-store")], body).into_response()
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}

fn unauthorized(error: &TokenError) -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({"error": "Unauthorized", "details": error.to_string()}))).into_response()
}

/// The caller's own topic, and that of the kinkster asked for; of the service, which asks for none, every avatar's.
async fn topics(live: &Live, caller: &Caller, kinkster: Option<&str>) -> Result<Vec<Topic>, Box<Response>> {
    if caller.is_service() && kinkster.is_none() {
        return Ok(vec![Topic::every_avatar()]);
    }
    let own = caller.subject.as_deref().map(|subject| format!("user:{subject}:avatar"));
    let named = kinkster.map(|id| format!("kinkster:{id}:avatar"));
    let mut topics = Vec::new();
    for name in own.into_iter().chain(named) {
        let topic = Topic::new(Space::Private, &name)
            .map_err(|error| Box::new(refused(StatusCode::BAD_REQUEST, &error.to_string())))?;
        if !live.realtime.allows(caller, Action::Hear, &topic).await {
            return Err(Box::new(refused(StatusCode::FORBIDDEN, "these events are for somebody else")));
        }
        topics.push(topic);
    }
    if topics.is_empty() {
        return Err(Box::new(refused(StatusCode::UNAUTHORIZED, "Unauthorized")));
    }
    Ok(topics)
}

/// A number that is none of ours resumes nothing.
fn resume(headers: &HeaderMap, query: Option<&str>) -> Resume {
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    header.or(query).and_then(|id| id.parse().ok()).map_or(Resume::Last, Resume::After)
}

/// One open stream.
struct Listening {
    outbox: Arc<Outbox>,
    memberships: Vec<Membership>,
    /// The caller's token ends here.
    until: Instant,
    closing: CancellationToken,
    _seat: Seat,
}

impl Listening {
    async fn new(live: &Live, caller: &Caller, topics: Vec<Topic>, resume: Resume, seat: Seat) -> Self {
        let outbox = Outbox::new(live.limits.outbox);
        let member = Member { listener: Listener::of(caller), outbox: Arc::clone(&outbox), hears_itself: true };
        let mut memberships = Vec::with_capacity(topics.len());
        for topic in topics {
            memberships.push(live.realtime.join(topic, &member, resume).await);
        }
        let left = caller.expires.map_or(LONGEST, |end| Duration::from_secs(end.saturating_sub(unix_now())));
        let until = Instant::now() + left.min(LONGEST);
        Self { outbox, memberships, until, closing: live.closing.clone(), _seat: seat }
    }

    /// The next event; `None` at the end: of the token, of the server, of the client's patience, of every permission.
    async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            let item = tokio::select! {
                item = self.outbox.next() => item,
                () = self.outbox.overflowed() => return None,
                () = self.closing.cancelled() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
            };
            match item {
                Item::Event(event, _) | Item::Kept(event, _) => return Some(event),
                Item::Expelled(id) => {
                    self.memberships.retain(|membership| membership.id() != id);
                    if self.memberships.is_empty() {
                        return None;
                    }
                }
                Item::Message(_) => {}
            }
        }
    }
}

fn told(listening: Listening) -> impl Stream<Item = Result<SentEvent, Infallible>> {
    let events = stream::unfold(listening, |mut listening| async move {
        let event = listening.next().await?;
        Some((event, listening))
    });
    futures_util::StreamExt::filter_map(events, |event| async move { sent(&event).map(Ok) })
}

/// The event as it is written; binary content is not for this form.
fn sent(event: &Event) -> Option<SentEvent> {
    let Content::Json(json) = &event.content else { return None };
    // A name or a value with a line break in it would be read as something else.
    let name = event.name.as_str().replace(['\r', '\n'], " ");
    let data = json.get().replace('\r', " ");
    Some(SentEvent::default().id(event.number.to_string()).event(name).data(data))
}

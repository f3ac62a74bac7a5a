//! Topics for browsers: websockets as Supabase Realtime has them, broadcasts over HTTP, and Server-Sent Events.
//!
//! [`socket`] moves frames, [`session`] decides what they mean, [`broadcast`] and [`events`] answer requests. The room
//! [`crate::realtime`] knows who may and who is told.

mod broadcast;
mod events;
mod join;
mod seats;
mod session;
mod socket;
mod throttle;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ClientAddress;
use crate::auth::Keys;
use crate::realtime::Realtime;
use crate::realtime::hub::HubUsage;
use crate::realtime::outbox::OutboxLimits;
use crate::realtime::token::{self, TokenRefusal};
use crate::realtime::wire::Version;

use seats::{Seat, Seats};
use session::Session;
use throttle::Throttle;

/// What one client may ask of us.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Open sockets and event streams.
    pub connections: usize,
    /// Those of one address.
    pub connections_per_address: usize,
    /// Topics that one socket may join.
    pub channels: usize,
    pub joins_per_second: NonZeroU32,
    pub events_per_second: NonZeroU32,
    /// Bytes of a frame or a body.
    pub frame: usize,
    /// Bytes of an event's content.
    pub payload: usize,
    /// Longest silence of a socket.
    pub idle: Duration,
    /// Longest time between two looks at a socket's tokens.
    pub recheck: Duration,
    pub outbox: OutboxLimits,
    /// Longest time that a body takes.
    pub body_timeout: Duration,
}

/// Everything that browsers hear.
#[derive(Debug)]
pub struct Live {
    pub realtime: Arc<Realtime>,
    keys: Arc<Keys>,
    limits: LiveLimits,
    seats: Arc<Seats>,
    throttle: Throttle,
    closing: CancellationToken,
    tasks: TaskTracker,
    /// Where sockets live: reading a large frame must hold up no picture of a lane.
    runtime: Handle,
}

/// Bytes that a socket reads at once, which each of them holds as long as it is open.
const READ_BYTES: usize = 4096;

impl Live {
    /// `tasks` are waited for at shutdown, and sockets run where this is called.
    pub fn new(realtime: Arc<Realtime>, keys: Arc<Keys>, limits: LiveLimits, tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self {
            realtime,
            keys,
            limits,
            seats: Seats::new(limits.connections, limits.connections_per_address),
            throttle: Throttle::new(limits.events_per_second),
            closing: CancellationToken::new(),
            tasks,
            runtime: Handle::current(),
        })
    }

    /// Closes every socket and stream, and takes no more.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Open sockets and event streams, and what the hub counted.
    pub fn usage(&self) -> (usize, HubUsage) {
        (self.seats.taken(), self.realtime.hub.usage())
    }

    /// A place among the open connections, given back when dropped.
    fn seat(&self, client: Option<Extension<ClientAddress>>) -> Option<Seat> {
        self.seats.take(client.and_then(|Extension(ClientAddress(address))| address))
    }
}

/// A route: method, path, and what answers it.
type Row = (Method, &'static str, fn() -> MethodRouter<Arc<Live>>);

/// Where realtime is ours.
const SOCKETS: [Row; 3] = [
    (Method::GET, "/realtime/v1/websocket", || get(handshake)),
    (Method::POST, "/realtime/v1/api/broadcast", || post(broadcast::batch)),
    (Method::POST, "/realtime/v1/api/broadcast/{topic}/events/{event}", || post(broadcast::single)),
];

/// Answered in front of a Supabase as well, whose own clients listen there.
const STREAMS: [Row; 2] = [
    (Method::GET, "/api/avatars/events", || get(events::stream)),
    (Method::POST, "/api/avatars/events/token", || post(events::token)),
];

/// Method and path of every route.
pub(super) fn routes() -> impl Iterator<Item = (Method, &'static str)> {
    SOCKETS.into_iter().chain(STREAMS).map(|(method, path, _)| (method, path))
}

pub(super) fn router(live: Arc<Live>) -> Router {
    table(SOCKETS.into_iter().chain(STREAMS), live)
}

pub(super) fn streams(live: Arc<Live>) -> Router {
    table(STREAMS, live)
}

fn table(rows: impl IntoIterator<Item = Row>, live: Arc<Live>) -> Router {
    let frame = live.limits.frame;
    let table = rows.into_iter().fold(Router::new(), |router, (_, path, answer)| router.route(path, answer()));
    table.layer(DefaultBodyLimit::max(frame)).with_state(live)
}

/// The query of a handshake.
#[derive(Debug, Deserialize)]
struct Handshake {
    apikey: Option<String>,
    vsn: Option<String>,
}

/// The origin of the page is not looked at: the key comes from the page's own script, never from the browser.
async fn handshake(
    State(live): State<Arc<Live>>,
    query: Result<Query<Handshake>, axum::extract::rejection::QueryRejection>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(Query(Handshake { apikey, vsn })) = query else {
        return refused(StatusCode::BAD_REQUEST, "the query cannot be read");
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let key = header("x-api-key").or(apikey).or_else(|| header("apikey")).filter(|key| !key.is_empty());
    let checked = key.ok_or(TokenRefusal::Missing).and_then(|key| token::caller(&live.keys, &key).map(|_| key));
    let key = match checked {
        Ok(key) => key,
        Err(refusal) => return refused(StatusCode::UNAUTHORIZED, &refusal.on_handshake()),
    };
    let Some(version) = Version::parse(vsn.as_deref()) else {
        return refused(StatusCode::BAD_REQUEST, "`vsn` is 1.0.0 or 2.0.0");
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return refused(rejection.status(), &rejection.body_text()),
    };
    if live.closing.is_cancelled() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "Realtime is restarting, please standby");
    }
    let Some(seat) = live.seat(client) else {
        return refused(StatusCode::TOO_MANY_REQUESTS, "Too many connected users");
    };
    let upgrade = upgrade.read_buffer_size(READ_BYTES).max_frame_size(live.limits.frame);
    upgrade.max_message_size(live.limits.frame).on_upgrade(move |socket| async move {
        let runtime = live.runtime.clone();
        let session = Session::new(Arc::clone(&live), version, key.into());
        let talking = live.tasks.track_future(socket::run(socket, session, live.closing.clone(), live.limits.idle));
        runtime.spawn(async move {
            talking.await;
            drop(seat);
        });
    })
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, axum::Json(json!({"error": error}))).into_response()
}

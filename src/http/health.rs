//! `GET /admin/health`, the same live, and the page at `/studio/health` that shows it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::OwnedSemaphorePermit;

use super::api::Api;
use super::pages;
use super::problem::Refusal;
use super::storage::timestamp;
use crate::error::Code;
use crate::health::Examination;

const PAGE: &str = include_str!("pages/health/health.html");
const STYLE: &str = include_str!("pages/health/health.css");
const SCRIPT: &str = include_str!("pages/health/health.js");
const CHARTS: &str = include_str!("pages/health/charts.js");
const STREAM: &str = include_str!("pages/health/stream.js");

/// Time between two snapshots.
const TICK: Duration = Duration::from_secs(1);

/// How the server is, how it was, and what doctor finds; which is looked at anew if that is a minute ago.
pub(super) async fn health(State(api): State<Arc<Api>>) -> Response {
    api.health.examine();
    api.measure().await;
    let mut told = snapshot(&api);
    told["history"] = json!(api.health.history());
    told["doctor"] = doctor(&api.health.examination());
    ([(header::CACHE_CONTROL, "no-store")], Json(told)).into_response()
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Most {
    /// Snapshots until the stream ends.
    most: Option<u64>,
}

/// Snapshots as Server-Sent Events, one a second; and the findings when there are new ones.
pub(super) async fn live(State(api): State<Arc<Api>>, most: Result<Query<Most>, QueryRejection>) -> Response {
    let Query(Most { most }) = match most {
        Ok(most) => most,
        Err(error) => return Refusal::new(Code::BadParameter, error.body_text()).into_response(),
    };
    let Some(place) = api.health.listen() else {
        return Refusal::new(Code::Busy, "as many listen as admin.listeners allows").into_response();
    };
    api.health.examine();
    let events = Events { api, place, left: most.unwrap_or(u64::MAX), told: None, is_first: true };
    let mut response = Sse::new(events.stream()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// What one listener is sent.
struct Events {
    api: Arc<Api>,
    /// Held as long as somebody listens.
    #[expect(dead_code, reason = "it is given back when this is dropped")]
    place: OwnedSemaphorePermit,
    left: u64,
    /// The examination that was told, and whether another one ran.
    told: Option<(u64, bool)>,
    is_first: bool,
}

impl Events {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut events| {
            let event = events.next().await?;
            Some((Ok(event), events))
        })
    }

    /// `None` where it ends: enough was told, or the server is going.
    async fn next(&mut self) -> Option<Event> {
        let examination = self.api.health.examination();
        let state = (examination.number, examination.is_running);
        if self.told != Some(state) && self.left > 0 {
            self.told = Some(state);
            return Some(Event::default().event("doctor").data(doctor(&examination).to_string()));
        }
        if !std::mem::take(&mut self.is_first) && self.left > 0 {
            tokio::time::sleep(TICK).await;
        }
        if self.left == 0 || self.api.draining.load(Ordering::Relaxed) {
            return None;
        }
        self.left -= 1;
        Some(Event::default().event("snapshot").data(snapshot(&self.api).to_string()))
    }
}

fn snapshot(api: &Api) -> Value {
    let mut told = json!(api.health.look(&api.told()));
    told["at"] = json!(timestamp(OffsetDateTime::now_utc()));
    told["version"] = json!(env!("CARGO_PKG_VERSION"));
    told["draining"] = json!(api.draining.load(Ordering::Relaxed));
    told
}

fn doctor(examination: &Examination) -> Value {
    let at = examination.at.map(|at| timestamp(OffsetDateTime::from(at)));
    json!({"at": at, "is_running": examination.is_running, "findings": *examination.findings})
}

/// The page. It holds nothing: what it shows it asks for with the key that is typed into it.
pub(super) async fn page() -> Response {
    pages::page(pages::filled(PAGE, &[("version", env!("CARGO_PKG_VERSION"))]))
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (content_type, text) = match name.as_str() {
        "health.css" => ("text/css; charset=utf-8", STYLE),
        "health.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "charts.js" => ("text/javascript; charset=utf-8", CHARTS),
        "stream.js" => ("text/javascript; charset=utf-8", STREAM),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}

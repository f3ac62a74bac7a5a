//! `POST /admin/warm`: a list in, newline-delimited JSON out while the work proceeds.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use serde::Serialize;
use serde_json::json;

use super::api::Api;
use crate::warm::{Step, Summary, WarmList};

/// Answers at once and warms while the answer is read: a client that hangs up ends the work after what is running.
pub(super) async fn warm(State(api): State<Arc<Api>>, body: Result<Json<WarmList>, JsonRejection>) -> Response {
    let list = match body {
        Ok(Json(list)) => list.check().map(|()| list).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string())),
        Err(rejection) => Err((rejection.status(), rejection.body_text())),
    };
    let list = match list {
        Ok(list) => list,
        Err((status, message)) => return (status, Json(json!({"message": message}))).into_response(),
    };
    tracing::info!(urls = list.urls.len(), bucket = list.bucket.as_ref().map(tracing::field::display), "warm");
    let steps = api.warmer.run(list);
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would hold the lines back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(lines(steps, api))).into_response()
}

/// One line for each step, and the summary as the last one. A server that drains begins nothing new: the missing summary
/// tells the client that this was not all.
fn lines(steps: BoxStream<'static, Step>, api: Arc<Api>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some((steps, Summary::default())), move |state| {
        let api = Arc::clone(&api);
        async move {
            let (mut steps, mut summary) = state?;
            match steps.next().await {
                Some(_) if api.draining.load(Ordering::Relaxed) => None,
                Some(step) => {
                    summary.add(&step);
                    Some((Ok(line(&step)), Some((steps, summary))))
                }
                None => Some((Ok(line(&json!({"summary": summary}))), None)),
            }
        }
    })
}

fn line(value: &impl Serialize) -> Bytes {
    // Texts and numbers under text keys always serialize.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

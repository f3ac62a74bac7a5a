//! Passing on: the request as it was sent to the configured origin, the answer as it comes back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body as HttpBody;
use url::Url;

use super::bounded::{Bounded, Progress};
use super::fault::Fault;
use super::target::Target;
use super::{Upstream, headers, tunnel};
use crate::http::ClientAddress;
use crate::http::unread::{self, Shared};
use crate::source::is_own_request;
use crate::telemetry::masked;

impl Upstream {
    /// Sends the request on and hands back the answer. Bodies stream both ways; nothing is kept.
    pub(super) async fn pass(&self, target: &Target, request: Request) -> Result<Response, Fault> {
        let (parts, body) = request.into_parts();
        let (method, uri, version) = (parts.method.clone(), parts.uri.clone(), parts.version);
        let shared = Shared::new(body);
        let mut answer = self.exchange(target, parts, shared.clone()).await;
        let status = answer.as_ref().map_or_else(|fault| fault.status(), Response::status);
        // A refusal often comes before the body was read: a client that is still sending would not see it.
        if status.is_client_error() || status.is_server_error() {
            let is_stuck = answer.as_ref().is_err_and(|fault| *fault == Fault::BodySlow);
            let mut response = answer.unwrap_or_else(axum::response::IntoResponse::into_response);
            if is_stuck {
                unread::close(version, response.headers_mut());
            } else {
                shared.finish(version, response.headers_mut()).await;
            }
            answer = Ok(response);
        }
        let url = masked(uri.path(), uri.query());
        tracing::info!(target: "tintype::access", %method, url, status = status.as_u16(), "passed on");
        answer
    }

    async fn exchange(&self, target: &Target, mut parts: Parts, body: Shared) -> Result<Response, Fault> {
        if is_own_request(&parts.headers, &self.via) {
            return Err(Fault::Loop);
        }
        let url = target.at(&self.origin)?;
        let sent = self.request_headers(&parts);
        if tunnel::is_asked_for(&parts) {
            return self.open_tunnel(url, &mut parts, sent).await;
        }
        if length(&parts.headers).is_some_and(|length| length > self.limits.body_bytes) {
            return Err(Fault::TooLarge);
        }
        let mut request = self.client.request(parts.method, url.clone()).headers(sent);
        let mut progress = Arc::default();
        if !body.is_end_stream() {
            let body = Bounded::new(body, self.limits.body_bytes, self.limits.pause);
            progress = body.progress();
            request = request.body(reqwest::Body::wrap(body));
        }
        let response = self.answered(request.send(), &progress).await?;
        self.answer(response, &url)
    }

    pub(super) fn request_headers(&self, parts: &Parts) -> HeaderMap {
        let client = parts.extensions.get::<ClientAddress>().and_then(|ClientAddress(address)| *address);
        headers::of_request(&parts.headers, &self.via, client)
    }

    /// Waits for the head of an answer as long as the upstream, or the body that it is being sent, goes on.
    pub(super) async fn answered(
        &self,
        sending: impl Future<Output = reqwest::Result<reqwest::Response>>,
        progress: &Progress,
    ) -> Result<reqwest::Response, Fault> {
        let mut sending = std::pin::pin!(sending);
        loop {
            let before = progress.bytes();
            match tokio::time::timeout(self.limits.silence, &mut sending).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => return Err(progress.fault().unwrap_or_else(|| unanswered(error))),
                Err(_) if progress.bytes() > before => {}
                Err(_) => return Err(Fault::Slow),
            }
        }
    }

    /// The upstream's answer as ours.
    pub(super) fn answer(&self, response: reqwest::Response, asked: &Url) -> Result<Response, Fault> {
        // Nobody asked for another protocol here.
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Fault::BadAnswer);
        }
        if length(response.headers()).is_some_and(|length| length > self.limits.answer_bytes) {
            return Err(Fault::BadAnswer);
        }
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let body = Bounded::new(body, self.limits.answer_bytes, self.limits.silence);
        let mut answer = Response::new(Body::new(body));
        *answer.status_mut() = parts.status;
        *answer.headers_mut() = headers::of_answer(&parts.headers, asked);
        Ok(answer)
    }
}

/// Logs why, once and without the URL, whose query may hold a key.
pub(super) fn unanswered(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    tracing::warn!(error = &error as &dyn std::error::Error, "the upstream did not answer");
    Fault::Unreachable
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

//! Requests with a body to a server that the operator named.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::body;
use super::error::SourceError;
use super::fetch::{Fetcher, Trust, unanswered};

/// JSON.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One request. It is sent once: no redirect is followed, and nothing is sent again.
#[derive(Clone, Debug)]
pub struct SendRequest<'a> {
    pub method: Method,
    pub url: Url,
    /// Must cover the URL: nothing is sent to strangers.
    pub trust: &'a Trust,
    /// Beside those of `trust`.
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Largest answer accepted, in bytes after content-decoding.
    pub limit: u64,
    /// From the lookup to the last byte of the answer.
    pub timeout: Duration,
}

/// One POST of JSON, sent once.
#[derive(Clone, Debug)]
pub struct PostRequest<'a> {
    pub url: Url,
    /// Must cover the URL: nothing is posted to strangers.
    pub trust: &'a Trust,
    /// JSON.
    pub body: Vec<u8>,
    /// Largest answer accepted, in bytes after content-decoding.
    pub limit: u64,
    /// From the lookup to the last byte of the answer.
    pub timeout: Duration,
}

/// The answer to a [`SendRequest`] or a [`PostRequest`], whatever its status says.
#[derive(Clone, Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    /// May be empty.
    pub bytes: Bytes,
}

/// Whether nothing was sent at all is for whoever pays for what is sent.
fn unsent(error: reqwest::Error) -> SourceError {
    let is_connect = error.is_connect();
    match unanswered(error) {
        SourceError::Unreachable(reason) if is_connect => SourceError::Unconnected(reason),
        other => other,
    }
}

impl Fetcher {
    /// Posts JSON and reads the whole answer.
    pub async fn post(&self, request: PostRequest<'_>) -> Result<Answered, SourceError> {
        let PostRequest { url, trust, body, limit, timeout } = request;
        let headers = [(CONTENT_TYPE, JSON), (ACCEPT, JSON)].into_iter().collect();
        self.send(SendRequest { method: Method::POST, url, trust, headers, body: body.into(), limit, timeout }).await
    }

    /// Sends the request and reads the whole answer.
    pub async fn send(&self, request: SendRequest<'_>) -> Result<Answered, SourceError> {
        let timeout = request.timeout;
        tokio::time::timeout(timeout, self.send_once(request)).await.map_err(|_| SourceError::Slow)?
    }

    async fn send_once(&self, request: SendRequest<'_>) -> Result<Answered, SourceError> {
        let SendRequest { method, url, trust, headers: own, body, limit, .. } = request;
        let mut headers = trust.headers_for(&url)?;
        headers.extend(own);
        let mut sending = self.trusted().request(method, url).headers(headers);
        if !body.is_empty() {
            sending = sending.body(body);
        }
        let response = sending.send().await.map_err(unsent)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answered { status, headers, bytes: body::read(response, limit).await? })
    }
}

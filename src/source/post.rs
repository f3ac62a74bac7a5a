//! A POST of JSON to a server that the operator named.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use url::Url;

use super::body;
use super::error::SourceError;
use super::fetch::{Fetcher, Trust, unanswered};

/// One POST. It is sent once: no redirect is followed, and nothing is sent again.
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

/// The answer to a [`PostRequest`], whatever its status says.
#[derive(Clone, Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    /// May be empty.
    pub bytes: Bytes,
}

impl Fetcher {
    /// Posts JSON and reads the whole answer.
    pub async fn post(&self, request: PostRequest<'_>) -> Result<Answered, SourceError> {
        let timeout = request.timeout;
        tokio::time::timeout(timeout, self.post_once(request)).await.map_err(|_| SourceError::Slow)?
    }

    async fn post_once(&self, request: PostRequest<'_>) -> Result<Answered, SourceError> {
        let mut headers = request.trust.headers_for(&request.url)?;
        let json = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, json.clone());
        headers.insert(ACCEPT, json);
        let sending = self.trusted().post(request.url).headers(headers).body(request.body);
        let response = sending.send().await.map_err(unanswered)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answered { status, headers, bytes: body::read(response, request.limit).await? })
    }
}

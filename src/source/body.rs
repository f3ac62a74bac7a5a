//! Reading an answer's body within a limit.

use std::error::Error;
use std::fmt::Write as _;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use reqwest::Response;

use super::error::SourceError;

/// Most memory taken on the word of a Content-Length alone, in bytes.
const MAX_RESERVED: u64 = 4 << 20;
/// Most of a 400's body that is looked at, in bytes.
const MAX_ERROR_BODY: u64 = 4096;

/// The whole body, content-decoded, of at most `limit` bytes.
pub(super) async fn read(mut response: Response, limit: u64) -> Result<Bytes, SourceError> {
    refuse_codings(&response)?;
    // Known for uncoded bodies only; whoever lies is caught by the count below.
    let announced = response.content_length().unwrap_or(0);
    if announced > limit {
        return Err(SourceError::TooManyBytes { limit });
    }
    let mut body = Vec::with_capacity(announced.min(MAX_RESERVED) as usize);
    while let Some(chunk) = response.chunk().await.map_err(|error| SourceError::Incomplete(chain(error)))? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(SourceError::TooManyBytes { limit });
        }
        body.extend_from_slice(&chunk);
    }
    // Kept originals are accounted by length, so the slack of growing must not stay behind them.
    body.shrink_to_fit();
    Ok(body.into())
}

/// The client removes the header once it decodes, which it does for exactly one gzip, br or deflate. What is left is a
/// chain, an unknown coding, or `identity`.
fn refuse_codings(response: &Response) -> Result<(), SourceError> {
    let mut lines = response.headers().get_all(CONTENT_ENCODING).iter();
    match lines.find(|line| !line.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(coding) => Err(SourceError::Coding(coding.to_str().unwrap_or("unreadable").chars().take(64).collect())),
        None => Ok(()),
    }
}

/// Whether a 400 means "missing": Supabase Storage answers so, with the real status in its JSON body.
pub(super) async fn says_missing(response: Response) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        status_code: String,
    }
    let Ok(body) = read(response, MAX_ERROR_BODY).await else { return false };
    serde_json::from_slice::<Envelope>(&body).is_ok_and(|envelope| envelope.status_code == "404")
}

/// An error with its causes on one line, without the URL, whose query may hold a key.
pub(super) fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let _ = write!(text, ": {current}");
        cause = current.source();
    }
    text
}

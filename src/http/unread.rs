//! What an answer left unread of a request's body.
//!
//! A client that is still sending when the answer comes often never sees the answer, only a broken connection; and one
//! whose body comes a moment after its headers would find the connection closed at its next request, which it takes for
//! kept (hyper keeps it only where the body was read to its end). So the rest is read and thrown away first, within
//! bounds; beyond them the connection is closed and the answer says so.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::Mutex;

/// Most bytes that are read only to be thrown away.
const MOST_BYTES: usize = 64 << 20;
/// Longest time for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request's body that two hold: who reads it, and who reads what that one left.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Body>>);

impl Shared {
    pub fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Reads the rest before an answer goes out. What does not come to its end costs an HTTP/1 client its connection,
    /// and the answer's headers say so.
    pub async fn finish(self, version: Version, answer: &mut HeaderMap) {
        if !self.read_to_end().await {
            close(version, answer);
        }
    }

    async fn read_to_end(mut self) -> bool {
        if self.0.lock().is_end_stream() {
            return true;
        }
        let reading = async {
            let mut size = 0;
            while let Some(frame) = self.frame().await {
                let Ok(frame) = frame else { return false };
                size += frame.data_ref().map_or(0, Bytes::len);
                if size > MOST_BYTES {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or(false)
    }
}

/// Says that the connection ends with this answer.
pub(super) fn close(version: Version, answer: &mut HeaderMap) {
    // HTTP/2 ends streams, and forbids the header (RFC 9113 section 8.2.2).
    if version <= Version::HTTP_11 {
        answer.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

//! Bodies on their way through: counted, and never waited for without end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep};

use super::fault::Fault;

/// What is known of a body while another holds it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bytes: AtomicU64,
    fault: Mutex<Option<Fault>>,
}

impl Progress {
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Why the body ended before its end.
    pub fn fault(&self) -> Option<Fault> {
        *self.fault.lock()
    }

    fn ended(&self, fault: Fault) -> BoxError {
        *self.fault.lock() = Some(fault);
        fault.into()
    }
}

/// A body of at most so many bytes, with pauses of at most so long.
#[derive(Debug)]
pub(super) struct Bounded<B> {
    body: B,
    limit: u64,
    pause: Duration,
    /// There while the body is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    progress: Arc<Progress>,
}

impl<B> Bounded<B> {
    pub fn new(body: B, limit: u64, pause: Duration) -> Self {
        Self { body, limit, pause, timer: None, progress: Arc::default() }
    }

    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }
}

impl<B> HttpBody for Bounded<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            let pause = this.pause;
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(pause)));
            return timer.as_mut().poll(context).map(|()| Some(Err(this.progress.ended(Fault::BodySlow))));
        };
        this.timer = None;
        let Some(frame) = frame else { return Poll::Ready(None) };
        let Ok(frame) = frame else { return Poll::Ready(Some(Err(this.progress.ended(Fault::BodyBroken)))) };
        let size = frame.data_ref().map_or(0, Bytes::len) as u64;
        if this.progress.bytes.fetch_add(size, Ordering::Relaxed) + size > this.limit {
            return Poll::Ready(Some(Err(this.progress.ended(Fault::TooLarge))));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

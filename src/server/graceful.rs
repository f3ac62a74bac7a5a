//! Ending connections after the requests that are open. hyper-util's own cannot watch HTTP/1 connections that may become
//! websockets.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use tokio::sync::watch;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A connection that can be told to end after the requests that are open.
pub(super) trait Ending: Future<Output = hyper::Result<()>> {
    fn end(self: Pin<&mut Self>);
}

impl<I, B, S> Ending for http1::UpgradeableConnection<I, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Cause>,
    I: Read + Write + Unpin + Send + 'static,
    B: Body + 'static,
    B::Error: Into<Cause>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S, E> Ending for http2::Connection<I, S, E>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Cause>,
    I: Read + Write + Unpin + 'static,
    B: Body + 'static,
    B::Error: Into<Cause>,
    E: Http2ServerConnExec<S::Future, B>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Tells every connection when to end.
#[derive(Debug)]
pub(super) struct Graceful(watch::Sender<()>);

/// A connection's ear. It counts as open until this is dropped.
#[derive(Debug)]
pub(super) struct Watcher(watch::Receiver<()>);

impl Graceful {
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub fn watcher(&self) -> Watcher {
        Watcher(self.0.subscribe())
    }

    pub fn count(&self) -> usize {
        self.0.receiver_count()
    }

    /// Ends every connection, and returns when the last is gone.
    pub async fn shutdown(self) {
        // Nobody hears it only where nobody is connected.
        let _ = self.0.send(());
        self.0.closed().await;
    }
}

impl Watcher {
    /// Runs a connection to its end.
    pub async fn watch(self, connection: impl Ending) -> hyper::Result<()> {
        let Self(mut receiver) = self;
        let mut connection = pin!(connection);
        {
            let mut told = pin!(receiver.changed());
            let ended = std::future::poll_fn(|context| {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(Some(ended));
                }
                told.as_mut().poll(context).map(|_| None)
            });
            if let Some(ended) = ended.await {
                return ended;
            }
        }
        connection.as_mut().end();
        connection.await
    }
}

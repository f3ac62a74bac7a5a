//! Ending connections after the requests that are open. hyper-util's own cannot watch HTTP/1 connections that may become
//! websockets.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use tokio::sync::watch;
use tokio::task::coop::unconstrained;

/// Why a connection broke off.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

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
pub(super) struct Graceful {
    sender: watch::Sender<()>,
    is_told: Arc<AtomicBool>,
}

/// A connection's ear. It counts as open until this is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    receiver: watch::Receiver<()>,
    /// Set before the notice is sent: asking it costs less than asking the receiver.
    is_told: Arc<AtomicBool>,
}

/// What a connection hears while it does something else than [`Watcher::watch`].
pub(super) struct Notice<'a> {
    is_told: &'a AtomicBool,
    told: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
    is_listening: bool,
}

impl Graceful {
    pub fn new() -> Self {
        Self { sender: watch::Sender::new(()), is_told: Arc::default() }
    }

    pub fn watcher(&self) -> Watcher {
        Watcher { receiver: self.sender.subscribe(), is_told: Arc::clone(&self.is_told) }
    }

    pub fn count(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Ends every connection, and returns when the last is gone.
    pub async fn shutdown(self) {
        // Nobody hears it only where nobody is connected.
        self.is_told.store(true, Ordering::Release);
        let _ = self.sender.send(());
        self.sender.closed().await;
    }
}

impl Watcher {
    pub fn notice(&mut self) -> Notice<'_> {
        let Self { receiver, is_told } = self;
        // Outside of tokio's budget: `Pending` then always means that the task will be woken.
        let told = unconstrained(async {
            // An error: whoever could tell is gone, and the process with it.
            let _ = receiver.changed().await;
        });
        Notice { is_told, told: Box::pin(told), is_listening: false }
    }

    /// What comes of this, unless the connection is told to end before.
    pub async fn until_told<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let (mut future, mut notice) = (pin!(future), self.notice());
        std::future::poll_fn(|context| {
            if let Poll::Ready(ready) = future.as_mut().poll(context) {
                return Poll::Ready(Some(ready));
            }
            if notice.poll(context) { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// Runs a connection to its end.
    pub async fn watch(self, connection: impl Ending) -> hyper::Result<()> {
        let Self { mut receiver, is_told } = self;
        let mut connection = pin!(connection);
        {
            let mut told = pin!(receiver.changed());
            let ended = std::future::poll_fn(|context| {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(Some(ended));
                }
                // It may have been heard before this began.
                if is_told.load(Ordering::Acquire) {
                    Poll::Ready(None)
                } else {
                    told.as_mut().poll(context).map(|_| None)
                }
            });
            if let Some(ended) = ended.await {
                return ended;
            }
        }
        connection.as_mut().end();
        connection.await
    }
}

impl std::fmt::Debug for Notice<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Notice").field("is_told", &self.is_told).finish_non_exhaustive()
    }
}

impl Notice<'_> {
    pub fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Acquire)
    }

    /// Whether the connection was told to end. The first task that asks is woken when it is.
    pub fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if !self.is_told() && !self.is_listening {
            self.is_listening = true;
            return self.told.as_mut().poll(context).is_ready();
        }
        self.is_told()
    }
}

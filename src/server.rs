//! The accept loop: HTTP/1.1 and h2c on one port, TLS where configured, limits, graceful drain.

mod express;
mod graceful;
mod lanes;
mod patient;
mod rewind;
mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

pub use tls::{TlsError, TlsFiles};

use express::Express;
use graceful::{Cause, Graceful, Watcher};
use lanes::Lanes;
use patient::Patient;

use crate::http::{Api, AvatarRoutes, Door, Site};
use crate::telemetry::Metrics;

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    pub connections: usize,
    /// Bytes of a request's headers.
    pub header_bytes: usize,
    /// Longest time from an open connection, or the end of a request, to the end of the next request's headers.
    pub header_timeout: Duration,
    /// Longest time for which a client takes nothing of what is written to it.
    pub write_timeout: Duration,
    /// What open requests get after the signal.
    pub drain: Duration,
}

/// First bytes of an HTTP/2 connection (RFC 9113 section 3.4).
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Streams of one HTTP/2 connection.
const H2_STREAMS: u32 = 256;

/// What answers, and how its connections are bounded.
#[derive(Debug)]
pub struct Service {
    pub site: Site,
    pub api: Arc<Api>,
    pub metrics: Arc<Metrics>,
    pub limits: ConnectionLimits,
    /// Owned tasks, waited for at shutdown.
    pub tasks: TaskTracker,
}

/// A listener with its door, and TLS if it has some.
#[derive(Debug)]
pub struct Entrance {
    pub listener: TcpListener,
    pub door: Door,
    pub tls: Option<TlsFiles>,
}

/// Serves until `shutdown` resolves, then drains. Every listener is bound by the caller.
pub async fn run(service: Arc<Service>, entrances: Vec<Entrance>, shutdown: impl Future<Output = ()>) {
    let limits = service.limits;
    let graceful = Graceful::new();
    let permits = Arc::new(Semaphore::new(limits.connections));
    let lanes = match Lanes::start() {
        Ok(lanes) => lanes,
        Err(error) => return tracing::error!(%error, "the threads of the connections cannot be started"),
    };
    if service.api.avatars.routes != AvatarRoutes::None {
        service.api.avatars.jobs.start(&service.tasks).await;
    }
    service.api.events.start();
    service.api.retention.start();
    let accepting = entrances.into_iter().map(|entrance| accept(&service, entrance, &lanes, &permits, &graceful));
    tokio::select! {
        _ = join_all(accepting) => {}
        () = shutdown => {}
    }
    drain(&service, graceful, limits.drain).await;
}

async fn drain(service: &Service, graceful: Graceful, patience: Duration) {
    service.api.drain();
    tracing::info!(connections = graceful.count(), "draining");
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_ok() {
        tracing::info!("every connection ended");
    } else {
        tracing::warn!(seconds = patience.as_secs(), "connections were cut: they did not end in time");
    }
    service.tasks.close();
    if tokio::time::timeout(patience, service.tasks.wait()).await.is_ok() {
        tracing::info!("every task ended");
    } else {
        tracing::warn!(tasks = service.tasks.len(), "tasks were cut: they did not end in time");
    }
}

async fn accept(
    service: &Arc<Service>,
    entrance: Entrance,
    lanes: &Lanes,
    permits: &Arc<Semaphore>,
    graceful: &Graceful,
) {
    let Entrance { listener, door, tls } = entrance;
    let tls = tls.map(TlsFiles::into_acceptor);
    loop {
        // Beyond the limit connections wait in the listener's backlog.
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of descriptors: closing connections will help, spinning will not.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let connection = Connection { service: Arc::clone(service), peer, door, _permit: permit };
        let (tls, watcher) = (tls.clone(), graceful.watcher());
        lanes.run(stream, |stream| connection.serve(stream, tls, watcher));
    }
}

struct Connection {
    service: Arc<Service>,
    peer: SocketAddr,
    door: Door,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<tls::Acceptor>, mut watcher: Watcher) {
        // Answers are written whole: waiting to fill a packet only adds latency.
        let _ = stream.set_nodelay(true);
        self.service.metrics.connections.inc();
        let patience = self.service.limits.header_timeout;
        match tls {
            None => {
                if let Ok(Some(Some(protocol))) =
                    tokio::time::timeout(patience, watcher.until_told(spoken(&stream))).await
                {
                    self.speak(protocol, stream, watcher).await;
                }
            }
            Some(acceptor) => {
                if let Ok(Some((protocol, stream))) = tokio::time::timeout(patience, acceptor.accept(stream)).await {
                    self.speak(protocol, stream, watcher).await;
                }
            }
        }
        self.service.metrics.connections.dec();
    }

    async fn speak<S>(&self, protocol: Protocol, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = Patient::new(stream, self.service.limits.write_timeout);
        let ended = match protocol {
            Protocol::Http1 => self.speak_http1(stream, watcher).await,
            Protocol::Http2 => self.speak_http2(stream, watcher).await,
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, %error, "a connection broke off");
        }
    }

    async fn speak_http1<S>(&self, stream: Patient<S>, mut watcher: Watcher) -> Result<(), Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let express = Express::new(&self.service, self.peer, self.door, stream);
        let Some(stream) = express.run(&mut watcher).await? else { return Ok(()) };
        let limits = self.service.limits;
        // Borrowed: a count that every core changes at every request would be fought over.
        let service = service_fn(|request| self.service.site.handle(request, self.peer, self.door));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(limits.header_bytes);
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        Ok(watcher.watch(connection).await?)
    }

    async fn speak_http2<S>(&self, stream: Patient<S>, watcher: Watcher) -> Result<(), Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = self.service.limits;
        let (peer, door) = (self.peer, self.door);
        // Streams are tasks of their own.
        let shared = Arc::clone(&self.service);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { shared.site.handle(request, peer, door).await }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(H2_STREAMS)
            .max_header_list_size(limits.header_bytes as u32)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(limits.header_timeout);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        Ok(watcher.watch(connection).await?)
    }
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Looks at the first bytes without taking them: the HTTP/2 preface or anything else. `None`: the peer went away.
///
/// The caller bounds the time, so that a client that connects and says nothing, or half a preface, is let go.
async fn spoken(stream: &TcpStream) -> Option<Protocol> {
    let mut first = [0; H2_PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await.ok().filter(|seen| *seen > 0)?;
        if first[..seen] != H2_PREFACE[..seen] {
            return Some(Protocol::Http1);
        }
        if seen == H2_PREFACE.len() {
            return Some(Protocol::Http2);
        }
        // Bytes that were seen make the socket readable at once: waiting for it again would spin.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

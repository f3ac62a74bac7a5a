//! Where connections live: one thread with a poller of its own for every core.
//!
//! A connection answers hits without ever leaving its core. On the runtime that the rest of the process shares, one
//! thread polls for all and the others steal work from it, which costs a third of the rate of hits on two cores.
//! Whatever takes longer than a look into memory runs on that shared runtime ([`crate::deliver::Deliver`]), so that it
//! holds up no other connection of the lane.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Threads for connections. Dropping them cuts what is still open.
#[derive(Debug)]
pub(super) struct Lanes(Vec<Lane>);

#[derive(Debug)]
struct Lane {
    handle: Handle,
    /// Counted by its clones: every open connection holds one.
    load: Arc<()>,
    /// Ends the thread when it is dropped.
    _open: oneshot::Sender<()>,
}

impl Lanes {
    /// Starts a lane for each core.
    ///
    /// # Errors
    /// The operating system refuses a thread or a poller.
    pub(super) fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores).map(Lane::start).collect::<Result<_, _>>().map(Self)
    }

    /// Runs a connection on the lane that has the fewest.
    pub(super) fn run<F>(&self, stream: TcpStream, serve: impl FnOnce(TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let Some(lane) = self.0.iter().min_by_key(|lane| Arc::strong_count(&lane.load)) else { return };
        let load = Arc::clone(&lane.load);
        // A stream belongs to the poller of the runtime that accepted it until it is taken out.
        let moved = stream.into_std();
        lane.handle.spawn(async move {
            match moved.and_then(TcpStream::from_std) {
                Ok(stream) => serve(stream).await,
                Err(error) => tracing::warn!(%error, "a connection could not be handed to its thread"),
            }
            drop(load);
        });
    }
}

impl Lane {
    fn start(number: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel();
        std::thread::Builder::new().name(format!("lane-{number}")).spawn(move || {
            // Both endings mean the same: nobody holds the lane any more.
            let _ = runtime.block_on(closed);
            // Its blocking pool may hold a look at a slow disk: not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, load: Arc::new(()), _open: open })
    }
}

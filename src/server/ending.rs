//! Ends connections after the request that they are at. hyper-util's own way of it knows no HTTP/1 connection that may
//! become a websocket.

use std::pin::{Pin, pin};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Every open connection, and the word that ends them.
#[derive(Debug, Default)]
pub(super) struct Connections {
    told: CancellationToken,
    open: TaskTracker,
}

/// One connection's part in it.
#[derive(Debug)]
pub(super) struct Watcher {
    told: CancellationToken,
    _open: TaskTrackerToken,
}

impl Connections {
    pub(super) fn watcher(&self) -> Watcher {
        Watcher { told: self.told.clone(), _open: self.open.token() }
    }

    /// Open connections, without those that became websockets.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Tells all of them to end, and waits until they have.
    pub(super) async fn shutdown(self) {
        self.told.cancel();
        self.open.close();
        self.open.wait().await;
    }
}

impl Watcher {
    /// Drives a connection to its end; `end` makes it finish what it is at.
    pub(super) async fn watch<C: Future>(self, connection: C, end: impl FnOnce(Pin<&mut C>)) -> C::Output {
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            () = self.told.cancelled() => end(connection.as_mut()),
        }
        connection.await
    }
}

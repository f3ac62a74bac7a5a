//! Who hears of facts in this process.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::cloud::CloudEvent;

/// Facts that a listener may lag behind before it misses some.
const HELD: usize = 1024;

/// Facts for whoever listens. A listener that falls behind is told so, and asks the catalogue.
#[derive(Clone, Debug)]
pub struct Bus(broadcast::Sender<Arc<CloudEvent>>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(HELD))
    }
}

impl Bus {
    /// Hears everything that is announced from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CloudEvent>> {
        self.0.subscribe()
    }

    pub(super) fn announce(&self, event: CloudEvent) {
        // An error says that nobody listens.
        let _ = self.0.send(Arc::new(event));
    }
}

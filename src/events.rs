//! Facts about objects, and what follows from them, in this order: version record and purge, then warm, then announce.
//!
//! - Our own writes come out of the catalogue's outbox, at least once and in order per object.
//! - Others' come in as hints ([`hint`]): which object may have changed. The source is asked for the rest.
//! - What is announced goes to everyone in this process ([`Bus`]) and, as signed messages that survive a crash, to the
//!   operator's webhooks ([`Hook`]).

mod bus;
pub mod cloud;
mod delivery;
pub mod hint;
mod hooks;
mod metrics;
mod outbox;
mod places;
mod warming;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use reqwest::Client;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use bus::Bus;
pub use cloud::CloudEvent;
pub use delivery::Patience;
pub use hooks::Hook;
pub use metrics::EventMetrics;
pub use places::{Naming, Places};

use crate::bucket::Buckets;
use crate::catalog::{Catalog, CatalogError, Delivery, NewDelivery};
use crate::deliver::Deliver;
use crate::object::{BucketName, ObjectId};
use crate::purge::Scope;
use crate::variants::StoreError;
use delivery::Sender;
use hint::Hint;
use hooks::LiveHook;
use outbox::Outbox;
use uuid::Uuid;
use warming::{Line, WarmQueue};

/// Hinted objects that are purged at once.
const HINTS_AT_ONCE: usize = 8;

/// What the room is built from.
#[derive(Debug)]
pub struct Parts {
    pub catalog: Arc<Catalog>,
    pub buckets: Arc<Buckets>,
    pub deliver: Arc<Deliver>,
    /// What the names of hints mean.
    pub places: Places,
    pub hooks: Vec<Hook>,
    pub patience: Patience,
    /// The bucket whose warm lists go first.
    pub first: Option<BucketName>,
    /// Objects that may wait to be warmed.
    pub warm_queue: usize,
    /// How long an event waits for its warm list before it is announced.
    pub warm_wait: Duration,
    pub metrics: EventMetrics,
}

/// What the tasks share.
#[derive(Debug)]
struct Shared {
    catalog: Arc<Catalog>,
    buckets: Arc<Buckets>,
    deliver: Arc<Deliver>,
    places: Places,
    hooks: Vec<Arc<LiveHook>>,
    first: Option<BucketName>,
    warm: Arc<WarmQueue>,
    warm_wait: Duration,
    bus: Bus,
    metrics: EventMetrics,
}

/// The room. Dropping it ends its tasks; nothing is lost when they are cut.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    client: Client,
    patience: Patience,
    stop: DropGuard,
}

impl Events {
    pub fn new(parts: Parts) -> Result<Self, reqwest::Error> {
        let Parts { catalog, buckets, deliver, places, hooks, patience, first, warm_queue, warm_wait, metrics } = parts;
        let warm = WarmQueue::new(Arc::clone(&deliver), warm_queue, metrics.warm_queue.clone());
        let hooks = hooks.into_iter().map(LiveHook::new).collect();
        let bus = Bus::default();
        let shared = Shared { catalog, buckets, deliver, places, hooks, first, warm, warm_wait, bus, metrics };
        let (client, stop) = (delivery::client()?, CancellationToken::new().drop_guard());
        Ok(Self { shared: Arc::new(shared), client, patience, stop })
    }

    /// Starts the outbox, the warm queue and a sender for each webhook on the runtime that this is called on. To be called
    /// once, by the process that serves: others that open the catalogue leave what waits in it alone.
    pub fn start(&self) {
        let (shared, patience) = (&self.shared, self.patience);
        self.spawn(Outbox::new(Arc::clone(shared)).work());
        self.spawn(Arc::clone(&shared.warm).work());
        self.spawn(delivery::bury_unknown(Arc::clone(shared), patience));
        for hook in &shared.hooks {
            let sender = Sender::new(Arc::clone(shared), Arc::clone(hook), self.client.clone(), patience);
            self.spawn(sender.work());
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stop.token().clone().cancelled_owned();
        // Not tracked: most of them never end by themselves.
        tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                () = stopped => {}
            }
        });
    }

    /// Where facts are heard in this process.
    pub fn bus(&self) -> &Bus {
        &self.shared.bus
    }

    /// Somebody says that these objects may have changed: version records and purge at once, warm lists in a while.
    /// Returns how many of the hints mean nothing of ours.
    pub async fn take_hints(&self, hints: &[Hint], naming: Naming) -> Result<usize, StoreError> {
        let objects = hints.iter().map(|hint| self.shared.places.objects(hint, naming));
        let (mut meant, mut unknown) = (HashSet::new(), 0);
        for objects in objects {
            unknown += usize::from(objects.is_empty());
            meant.extend(objects);
        }
        let purged = stream::iter(meant).map(|object| async move { self.hint(&object).await });
        purged.buffer_unordered(HINTS_AT_ONCE).try_collect::<()>().await?;
        Ok(unknown)
    }

    async fn hint(&self, object: &ObjectId) -> Result<(), StoreError> {
        let scope = Scope::Object(object.bucket.clone(), object.key.clone());
        self.shared.deliver.purge(scope.clone()).await?;
        drop(self.shared.warm.push(object, self.shared.line_of(&object.bucket)));
        // Not to webhooks: two that tell each other would never stop.
        self.shared.bus.announce(CloudEvent::purge(&scope));
        Ok(())
    }

    /// Tells everyone of a purge that is done. Buckets that no URL can name are nobody else's business.
    pub async fn announce_purge(&self, scope: &Scope) -> Result<(), CatalogError> {
        let event = CloudEvent::purge(scope);
        if event.bucket().is_some_and(BucketName::is_hidden) {
            return Ok(());
        }
        let deliveries = self.shared.deliveries_of(&event);
        if !deliveries.is_empty() {
            self.shared.catalog.add_deliveries(&deliveries).await?;
            self.shared.ring_hooks(&deliveries);
        }
        self.shared.bus.announce(event);
        Ok(())
    }

    /// Messages that were given up, newest first.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<Delivery>, CatalogError> {
        self.shared.catalog.dead_letters(limit).await
    }

    /// Sends a dead letter again; false where no webhook of the configuration has one of this id.
    pub async fn retry(&self, id: Uuid) -> Result<bool, CatalogError> {
        let hooks: Vec<String> = self.shared.hooks.iter().map(|live| live.hook.name.clone()).collect();
        let Some(hook) = self.shared.catalog.revive_delivery(id, &hooks).await? else { return Ok(false) };
        for live in self.shared.hooks.iter().filter(|live| live.hook.name == hook) {
            live.enable();
            live.ring.notify_one();
        }
        Ok(true)
    }

    /// Reads the gauges that only the catalogue knows.
    pub async fn measure(&self) {
        match self.shared.catalog.backlog().await {
            Ok(backlog) => self.shared.metrics.set_backlog(&backlog),
            Err(error) => tracing::warn!(%error, "the length of the outbox is not known"),
        }
    }
}

impl Shared {
    fn line_of(&self, bucket: &BucketName) -> Line {
        if self.first.as_ref() == Some(bucket) { Line::First } else { Line::Background }
    }

    fn deliveries_of(&self, event: &CloudEvent) -> Vec<NewDelivery> {
        self.hooks.iter().filter_map(|hook| hook.delivery_of(event)).collect()
    }

    fn ring_hooks<'a>(&self, deliveries: impl IntoIterator<Item = &'a NewDelivery>) {
        for delivery in deliveries {
            for live in self.hooks.iter().filter(|live| live.hook.name == delivery.hook) {
                live.ring.notify_one();
            }
        }
    }
}

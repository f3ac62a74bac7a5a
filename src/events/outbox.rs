//! The outbox: what is committed is acted upon, whatever happened in between.
//!
//! Oldest first, in order per subject, many subjects at once. An event leaves the catalogue in the transaction that notes
//! who is to be told of it; until then it is done again after a crash, under the same id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Shared;
use super::cloud::CloudEvent;
use crate::catalog::{CatalogError, Event, EventKind, HandOver};
use crate::object::ObjectId;
use crate::purge::Scope;

/// Events read at once.
const BATCH: u32 = 512;
/// Subjects that are acted upon at once. Most of them only wait for their warm lists.
const IN_FLIGHT: usize = 256;
/// How often the outbox is looked into without a ring: another node may have died over an event.
const IDLE: Duration = Duration::from_secs(10);
/// Pause after a failure of the catalogue or of a purge.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Outbox {
    shared: Arc<Shared>,
    acting: JoinSet<Event>,
    /// The subjects of `acting` and of `done`, each with its event.
    in_flight: HashMap<ObjectId, Uuid>,
    /// Effects done, not handed over yet.
    done: Vec<Event>,
    is_failing: bool,
}

impl Outbox {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, acting: JoinSet::new(), in_flight: HashMap::new(), done: Vec::new(), is_failing: false }
    }

    /// Works for ever.
    pub(super) async fn work(mut self) {
        let ring = Arc::clone(&self.shared.buckets.events);
        loop {
            let pause = match self.pass().await {
                Ok(()) => IDLE,
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::warn!(%error, "the outbox cannot be worked on; it is tried again");
                    }
                    PAUSE
                }
            };
            tokio::select! {
                () = ring.notified() => {}
                Some(ended) = self.acting.join_next() => self.note(ended),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Hands over what is done, and takes up what is free to be acted upon.
    async fn pass(&mut self) -> Result<(), CatalogError> {
        while let Some(ended) = self.acting.try_join_next() {
            self.note(ended);
        }
        self.hand_over().await?;
        if self.in_flight.len() <= IN_FLIGHT / 2 {
            self.take().await?;
        }
        self.is_failing = false;
        Ok(())
    }

    fn note(&mut self, ended: Result<Event, tokio::task::JoinError>) {
        match ended {
            Ok(event) => self.done.push(event),
            Err(error) => {
                // It stays in the outbox, and its subject in `in_flight`: until a restart nothing overtakes it.
                tracing::error!(%error, "an event could not be acted upon");
            }
        }
    }

    /// One transaction for everything that is done; then this process is told.
    async fn hand_over(&mut self) -> Result<(), CatalogError> {
        if self.done.is_empty() {
            return Ok(());
        }
        let told: Vec<CloudEvent> = self.done.iter().cloned().map(CloudEvent::from).collect();
        let hand_over = |event: &CloudEvent| HandOver { event: event.id, deliveries: self.shared.deliveries_of(event) };
        let events: Vec<HandOver> = told.iter().map(hand_over).collect();
        let handed = self.shared.catalog.hand_over(&events).await?;
        for event in self.done.drain(..) {
            self.in_flight.remove(&event.object);
        }
        self.shared.ring_hooks(events.iter().flat_map(|event| &event.deliveries));
        for event in told.into_iter().filter(|event| handed.contains(&event.id)) {
            self.shared.bus.announce(event);
        }
        Ok(())
    }

    async fn take(&mut self) -> Result<(), CatalogError> {
        let events = self.shared.catalog.events(BATCH).await?;
        let newest: HashMap<ObjectId, Uuid> = events.iter().map(|event| (event.object.clone(), event.id)).collect();
        let mut held = HashSet::new();
        for event in events {
            if let Some(current) = self.in_flight.get(&event.object) {
                if *current != event.id {
                    // What the older one waits for is of no use any more.
                    self.shared.warm.cancel(&event.object);
                }
                continue;
            }
            // Behind an older event of its subject, or too much at once: its turn comes with a later pass.
            if held.contains(&event.object)
                || self.shared.buckets.is_writing(&event.object)
                || self.in_flight.len() >= IN_FLIGHT
            {
                held.insert(event.object);
                continue;
            }
            self.in_flight.insert(event.object.clone(), event.id);
            let is_newest = newest.get(&event.object) == Some(&event.id);
            self.acting.spawn(act(Arc::clone(&self.shared), event, is_newest));
        }
        Ok(())
    }
}

/// Version record and purge, then warm.
async fn act(shared: Arc<Shared>, event: Event, is_newest: bool) -> Event {
    if !shared.buckets.has_purged_for(&event) {
        purge(&shared, &event.object).await;
    }
    if event.kind == EventKind::Deleted || !is_newest {
        shared.warm.cancel(&event.object);
        return event;
    }
    let filled = shared.warm.push(&event.object, shared.line_of(&event.object.bucket));
    // Long lists go on while the event is told.
    let _ = tokio::time::timeout(shared.warm_wait, filled).await;
    event
}

async fn purge(shared: &Shared, object: &ObjectId) {
    let scope = Scope::Object(object.bucket.clone(), object.key.clone());
    let mut is_told = false;
    while let Err(error) = shared.deliver.purge(scope.clone()).await {
        if !std::mem::replace(&mut is_told, true) {
            tracing::warn!(%object, %error, "a changed object could not be purged; it is tried again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How long ago the oldest event happened.
pub(super) fn age(oldest: Option<OffsetDateTime>) -> Duration {
    let age = oldest.map(|oldest| OffsetDateTime::now_utc() - oldest).unwrap_or_default();
    Duration::try_from(age).unwrap_or_default()
}

//! A write between its commit and its purge.
//!
//! The outbox has an event as soon as its row is committed. Whoever acts on it waits until the write has ended, so that
//! what it makes of the new version is not purged with what was made of the old one. A write whose caller goes away in
//! between is purged all the same: whether its commit came through is not known then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::catalog::CatalogError;
use crate::deliver::Deliver;
use crate::object::ObjectId;
use crate::purge::Scope;

/// Versions of ours that are remembered, and for how long: an event that is older is purged once more, which is harmless.
const REMEMBERED: u64 = 100_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// The writes of this process.
#[derive(Debug)]
pub(super) struct Writes {
    deliver: Arc<Deliver>,
    /// Rung when a write ends.
    events: Arc<Notify>,
    open: Mutex<HashMap<ObjectId, usize>>,
    /// Versions whose events follow a purge of ours.
    ours: Cache<Uuid, ()>,
}

/// One write of one object. Dropping it ends the write, with a purge unless it was refused or purged already.
#[derive(Debug)]
pub(super) struct Writing {
    writes: Arc<Writes>,
    object: ObjectId,
    is_settled: bool,
}

impl Writes {
    pub(super) fn new(deliver: Arc<Deliver>, events: Arc<Notify>) -> Arc<Self> {
        let ours = Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build();
        Arc::new(Self { deliver, events, open: Mutex::default(), ours })
    }

    /// Begins a write, before anything is committed.
    pub(super) fn begin(self: &Arc<Self>, object: &ObjectId, version: Uuid) -> Writing {
        *self.open.lock().entry(object.clone()).or_default() += 1;
        self.claim(version);
        Writing { writes: Arc::clone(self), object: object.clone(), is_settled: false }
    }

    /// Notes that this process purges for the version's event.
    pub(super) fn claim(&self, version: Uuid) {
        self.ours.insert(version, ());
    }

    pub(super) fn is_open(&self, object: &ObjectId) -> bool {
        self.open.lock().contains_key(object)
    }

    pub(super) fn is_ours(&self, version: Uuid) -> bool {
        self.ours.contains_key(&version)
    }

    /// After the commit point only a warning: the version is in every key, so what is left on disk is never served.
    pub(super) async fn purge(&self, scope: Scope) {
        if let Err(error) = self.deliver.purge(scope).await {
            tracing::warn!(%error, "variants of a changed object could not be removed");
        }
    }

    fn end(&self, object: &ObjectId) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(object) {
            *count -= 1;
            if *count == 0 {
                open.remove(object);
            }
        }
        drop(open);
        self.events.notify_one();
    }
}

impl Writing {
    /// After the commit, before it is answered: nothing that was made of the old version is served any more.
    pub(super) async fn committed(mut self) {
        self.writes.purge(scope(&self.object)).await;
        self.is_settled = true;
    }

    /// Nothing was written, unless the database went away before it could say so.
    pub(super) fn failed(mut self, error: &CatalogError) {
        self.is_settled = !matches!(error, CatalogError::Unavailable(_) | CatalogError::Broken(_));
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.is_settled {
            return self.writes.end(&self.object);
        }
        let (writes, object) = (Arc::clone(&self.writes), self.object.clone());
        self.writes.deliver.spawn(async move {
            writes.purge(scope(&object)).await;
            writes.end(&object);
        });
    }
}

pub(super) fn scope(object: &ObjectId) -> Scope {
    Scope::Object(object.bucket.clone(), object.key.clone())
}

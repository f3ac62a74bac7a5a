//! Writes between their commit and their purge.
//!
//! The outbox has an event as soon as its row is committed. Whoever acts on it waits until the write has ended, so that
//! what it makes of the new version is not purged with what was made of the old one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::catalog::EventKind;
use crate::object::ObjectId;

/// Purges that are remembered, and for how long: for an older event there is one more, which is harmless.
const REMEMBERED: u64 = 100_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// What happened to a version: one that came here may go elsewhere, and come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Came,
    Went,
}

impl Step {
    pub(super) fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Created | EventKind::Updated => Self::Came,
            EventKind::Deleted => Self::Went,
        }
    }
}

/// The writes of this process.
#[derive(Debug)]
pub(super) struct Writes {
    open: Mutex<HashMap<ObjectId, usize>>,
    /// Versions, come or gone, whose objects were purged after their commit.
    purged: Cache<(ObjectId, Uuid, Step), ()>,
    /// Rung when a write ends.
    events: Arc<Notify>,
}

/// A write of some objects, until it is dropped.
#[derive(Debug)]
pub(super) struct Writing {
    writes: Arc<Writes>,
    objects: Vec<ObjectId>,
}

impl Writes {
    pub(super) fn new(events: Arc<Notify>) -> Arc<Self> {
        let purged = Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build();
        Arc::new(Self { open: Mutex::default(), purged, events })
    }

    /// Begins a write, before anything is committed.
    pub(super) fn begin(self: &Arc<Self>, objects: impl IntoIterator<Item = ObjectId>) -> Writing {
        let objects: Vec<ObjectId> = objects.into_iter().collect();
        let mut open = self.open.lock();
        for object in &objects {
            *open.entry(object.clone()).or_default() += 1;
        }
        drop(open);
        Writing { writes: Arc::clone(self), objects }
    }

    pub(super) fn is_open(&self, object: &ObjectId) -> bool {
        self.open.lock().contains_key(object)
    }

    pub(super) fn note_purge(&self, object: &ObjectId, version: Uuid, step: Step) {
        self.purged.insert((object.clone(), version, step), ());
    }

    pub(super) fn has_purged(&self, object: &ObjectId, version: Uuid, step: Step) -> bool {
        self.purged.contains_key(&(object.clone(), version, step))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut open = self.writes.open.lock();
        for object in &self.objects {
            if let Some(count) = open.get_mut(object) {
                *count -= 1;
                if *count == 0 {
                    open.remove(object);
                }
            }
        }
        drop(open);
        self.writes.events.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{BucketName, ObjectKey};

    #[tokio::test]
    async fn a_write_is_open_until_its_last_holder_ends_and_rings() {
        let events = Arc::new(Notify::new());
        let writes = Writes::new(Arc::clone(&events));
        let object = ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse("a").unwrap());
        let (first, second) = (writes.begin([object.clone()]), writes.begin([object.clone()]));
        drop(first);
        events.notified().await;
        assert!(writes.is_open(&object));
        drop(second);
        events.notified().await;
        assert!(!writes.is_open(&object));
        let version = Uuid::new_v4();
        writes.note_purge(&object, version, Step::Came);
        assert!(writes.has_purged(&object, version, Step::Came));
        assert!(!writes.has_purged(&object, Uuid::new_v4(), Step::Came));
        // It may be another process that removes what came to this one.
        assert!(!writes.has_purged(&object, version, Step::Went));
    }
}

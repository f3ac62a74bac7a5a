//! The write side of our own buckets, one file a verb. Knows no HTTP.
//!
//! The order of a write is always the same: may they → bytes under `{bucket}/{version}`, never under the client's key →
//! row and outbox event in one transaction → what was made of the old version is purged → the old bytes go later. A
//! crash in between leaves at most bytes without a row, which `tintype cleanup` finds.

mod copy;
mod error;
mod manage;
mod put;
mod remove;
mod tidy;
mod writing;

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};

pub use copy::Changed;
pub use error::BucketError;
pub use put::{Door, Upload};
pub use tidy::{Tidied, remove_orphans, remove_stale};

use crate::admission::{BucketBook, OwnBucket};
use crate::blobs::Blobs;
use crate::catalog::{Catalog, CatalogError, Event, Object};
use crate::config::Access;
use crate::deliver::Deliver;
use crate::object::ObjectId;
use crate::purge::Scope;
use writing::Writes;

/// Uploads whose bytes are read back into memory to be looked at, at once.
const LOOKED_AT: usize = 4;

/// What the write side is built from.
#[derive(Debug)]
pub struct Parts {
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    pub book: Arc<BucketBook>,
    pub deliver: Arc<Deliver>,
    /// Largest upload into any bucket in bytes.
    pub upload_bytes: u64,
}

/// Our own buckets.
#[derive(Debug)]
pub struct Buckets {
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    book: Arc<BucketBook>,
    deliver: Arc<Deliver>,
    writes: Arc<Writes>,
    upload_bytes: u64,
    looking: Semaphore,
    /// Rung after each commit: the outbox has something new.
    pub events: Arc<Notify>,
}

impl Buckets {
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, blobs, book, deliver, upload_bytes } = parts;
        let looking = Semaphore::new(LOOKED_AT);
        let events = Arc::new(Notify::new());
        let writes = Writes::new(Arc::clone(&deliver), Arc::clone(&events));
        Self { catalog, blobs, book, deliver, writes, upload_bytes, looking, events }
    }

    /// Whether a write of the object has not ended yet: its event is not to be acted upon before.
    pub fn is_writing(&self, object: &ObjectId) -> bool {
        self.writes.is_open(object)
    }

    /// Whether the write that made this event purges by itself; others' events, and those of a process that ended, do not.
    pub fn purges_for(&self, event: &Event) -> bool {
        self.writes.is_ours(event.version)
    }

    /// What follows a removal, before it is answered: nothing that was made of the object is served any more.
    async fn removed(&self, object: &Object) {
        self.writes.claim(object.version);
        self.purge(writing::scope(&object.id)).await;
        self.events.notify_one();
    }

    async fn purge(&self, scope: Scope) {
        self.writes.purge(scope).await;
    }

    /// Tells readers which buckets there are now.
    async fn refresh_book(&self) -> Result<(), CatalogError> {
        fill_book(&self.book, &self.catalog).await
    }
}

/// Tells readers which of our own buckets there are.
pub async fn fill_book(book: &BucketBook, catalog: &Catalog) -> Result<(), CatalogError> {
    let buckets = catalog.all_buckets().await?.into_iter();
    book.replace_own(buckets.map(|bucket| OwnBucket {
        name: bucket.id,
        access: if bucket.public { Access::Public } else { Access::Private },
    }));
    Ok(())
}

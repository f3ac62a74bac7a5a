//! The write side of our own buckets, one file a verb. Knows no HTTP.
//!
//! The order of a write is always the same: may they → bytes under `{bucket}/{version}`, never under the client's key →
//! row and outbox event in one transaction → what was made of the old version is purged → the old bytes go later. A
//! crash in between leaves at most bytes without a row, which `tintype cleanup` finds.

mod avatar;
mod claim;
mod copy;
mod error;
mod fetch;
mod manage;
mod put;
mod remove;
mod resume;
mod tidy;
mod turns;
mod undo;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use avatar::Ready;
pub use claim::{Claim, FOREIGN, adopt, claim, claim_empty};
pub use copy::Changed;
pub use error::BucketError;
pub use fetch::{FetchError, Fetching};
pub use put::{Door, Upload};
pub use resume::{Checksum, Part, Reached, ResumeError, Standing};
pub use tidy::{By, Orphans, Swept, find_orphans, remove_expired, remove_halves, remove_stale, remove_stray_uploads};
pub use turns::Turn;
pub use undo::Undone;

use crate::admission::{BucketBook, OwnBucket};
use crate::blobs::Blobs;
use crate::catalog::{Catalog, CatalogError, Event, Object};
use crate::config::Access;
use crate::deliver::Deliver;
use crate::object::ObjectId;
use crate::purge::Scope;

use turns::Turns;
use writing::{Step, Writes};

/// Uploads whose bytes are read back into memory to be looked at, at once.
const LOOKED_AT: usize = 4;

/// What the write side is built from.
#[derive(Debug)]
pub struct Parts {
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    pub book: Arc<BucketBook>,
    pub deliver: Arc<Deliver>,
    pub fetching: Fetching,
    /// Largest upload into any bucket in bytes.
    pub upload_bytes: u64,
    /// How long a resumable upload may take.
    pub upload_life: Duration,
    /// How long what is removed through the API can be brought back.
    pub undo: Duration,
    /// Owned tasks, waited for at shutdown.
    pub tasks: TaskTracker,
}

/// Our own buckets.
#[derive(Debug)]
pub struct Buckets {
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    book: Arc<BucketBook>,
    deliver: Arc<Deliver>,
    fetching: Fetching,
    upload_bytes: u64,
    upload_life: Duration,
    undo: Duration,
    looking: Semaphore,
    turns: Turns,
    writes: Arc<Writes>,
    tasks: TaskTracker,
    /// Where owned tasks run, whatever thread asks.
    runtime: Handle,
    /// Rung after each commit: the outbox has something new.
    pub events: Arc<Notify>,
}

impl Buckets {
    /// Must run inside the tokio runtime on which the owned tasks are to run.
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, blobs, book, deliver, fetching, upload_bytes, upload_life, undo, tasks } = parts;
        let events = Arc::new(Notify::new());
        Self {
            catalog,
            blobs,
            book,
            deliver,
            fetching,
            upload_bytes,
            upload_life,
            undo,
            looking: Semaphore::new(LOOKED_AT),
            turns: Turns::default(),
            writes: Writes::new(Arc::clone(&events)),
            tasks,
            runtime: Handle::current(),
            events,
        }
    }

    /// Runs to its end whatever becomes of the caller: a client that hangs up must not come between a commit and what
    /// follows it.
    async fn owned<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, BucketError>> + Send + 'static,
    ) -> Result<T, BucketError> {
        self.tasks.spawn_on(work, &self.runtime).await.map_err(|_| BucketError::Aborted)?
    }

    /// Most bytes of an upload into any bucket.
    pub fn upload_limit(&self) -> u64 {
        self.upload_bytes
    }

    /// Whether a write of the object has not ended yet: its event is not to be acted upon before.
    pub fn is_writing(&self, object: &ObjectId) -> bool {
        self.writes.is_open(object)
    }

    /// Whether the write that made this event has purged already; another node's, or one of a process that ended, has not.
    pub fn has_purged_for(&self, event: &Event) -> bool {
        self.writes.has_purged(&event.object, event.version, Step::of(event.kind))
    }

    /// What follows a commit, before it is answered: nothing that was made of the old version is served any more.
    /// `version` is the one that came.
    async fn changed(&self, object: &ObjectId, version: Uuid) {
        self.followed(object, version, Step::Came).await;
    }

    /// [`Self::changed`] where nothing came; `version` is the one that went.
    async fn gone(&self, object: &ObjectId, version: Uuid) {
        self.followed(object, version, Step::Went).await;
    }

    async fn followed(&self, object: &ObjectId, version: Uuid, step: Step) {
        if self.purge(Scope::Object(object.bucket.clone(), object.key.clone())).await {
            self.writes.note_purge(object, version, step);
        }
        self.events.notify_one();
    }

    /// What follows where retention removed objects.
    pub async fn follow_removed(&self, objects: &[Object]) {
        for object in objects {
            self.gone(&object.id, object.version).await;
        }
    }

    /// What follows where a removed object was brought back.
    pub async fn follow_restored(&self, object: &Object) {
        self.changed(&object.id, object.version).await;
    }

    /// After the commit point only a warning: the version is in every key, so what is left on disk is never served.
    async fn purge(&self, scope: Scope) -> bool {
        let purged = self.deliver.purge(scope).await;
        if let Err(error) = &purged {
            tracing::warn!(%error, "variants of a changed object could not be removed");
        }
        purged.is_ok()
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

//! Asking the source which version is the current one, once for everyone who wants to know.

use std::future::Future;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::{Deliver, DeliverError, Handed, OriginKind};
use crate::fills::Aborted;
use crate::imaging;
use crate::object::{ObjectId, VersionId};
use crate::pictures::{OpenPicture, Place};
use crate::purge::{Moment, Scope};
use crate::source::{Opened, Original, SourceError};
use crate::versions::Record;

/// Bytes for which there has to be room before an original is fetched whose size is not known.
const EXPECTED_BYTES: u64 = 1_000_000;

/// What is asked of a source; each is asked once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    StillCurrent,
    Bytes,
    /// The bytes of this version, which readers are being sent in answer to requests of their own.
    Shown(VersionId),
}

/// The current version, with its bytes where they were just read.
#[derive(Clone, Debug)]
pub(super) struct Confirmed {
    pub record: Arc<Record>,
    pub picture: Handed,
    /// Before anything of this was read: what is made of it is not kept if a purge came since.
    pub began: Moment,
}

impl Deliver {
    /// Asks the source in an owned task: conditionally where a version is known.
    pub(super) fn confirm(
        self: &Arc<Self>,
        object: &ObjectId,
        known: Option<Arc<Record>>,
    ) -> impl Future<Output = Result<Result<Confirmed, DeliverError>, Aborted>> + use<> {
        let (deliver, asked) = (Arc::clone(self), object.clone());
        let question = (object.clone(), Question::StillCurrent);
        let (_, landing) = self.confirming.join(&question, || async move { deliver.ask_source(asked, known).await });
        landing
    }

    /// Reads the object's bytes in an owned task, whatever is known.
    pub(super) fn open(
        self: &Arc<Self>,
        object: &ObjectId,
    ) -> impl Future<Output = Result<Result<Confirmed, DeliverError>, Aborted>> + use<> {
        let (deliver, asked) = (Arc::clone(self), object.clone());
        let question = (object.clone(), Question::Bytes);
        let (_, landing) = self.confirming.join(&question, || async move { deliver.ask_source(asked, None).await });
        landing
    }

    async fn ask_source(
        self: &Arc<Self>,
        object: ObjectId,
        known: Option<Arc<Record>>,
    ) -> Result<Confirmed, DeliverError> {
        let began = self.purges.now();
        let origin = self.origins.get(&object.bucket).ok_or(DeliverError::Missing)?;
        let validators = known.as_ref().map(|record| &record.validators).filter(|validators| validators.can_ask());
        // Where a version is known the answer is most often that it still is.
        let expected = if validators.is_some() { 0 } else { EXPECTED_BYTES.min(origin.source_bytes) };
        let place = self.originals.take(expected).await;
        let clock = Instant::now();
        let opened = origin.source.open(&object, validators, origin.source_bytes).await;
        match (opened, known) {
            (Ok(Opened::Changed(original)), _) => Ok(self.admit(object, original, began, clock, place).await),
            (Ok(Opened::Unchanged { inward, cache_control, .. }), Some(record)) => {
                let record = Arc::new(record.confirmed(SystemTime::now(), inward, cache_control));
                self.remember(&record, began);
                // A folder is asked every few seconds, and its record says nothing new.
                if origin.kind != OriginKind::Folder {
                    self.persist_record(&record, began).await;
                }
                Ok(Confirmed { record, picture: None, began })
            }
            (Ok(Opened::Unchanged { .. }), None) => Err(SourceError::Status(304).into()),
            (Err(SourceError::Missing), known) => {
                self.forget_missing(&object, known.is_some(), began).await;
                Err(DeliverError::Missing)
            }
            (Err(error), known) => {
                tracing::info!(%object, %error, "a source could not be asked");
                if let Some(record) = known {
                    self.remember(&Arc::new(record.unconfirmed(SystemTime::now())), began);
                }
                Err(error.into())
            }
        }
    }

    /// Looks at an original that was just read, and keeps what is known of it.
    pub(super) async fn admit(
        self: &Arc<Self>,
        object: ObjectId,
        original: Original,
        began: Moment,
        clock: Instant,
        mut place: Place,
    ) -> Confirmed {
        let fetched_in = clock.elapsed();
        place.resize(original.bytes.len() as u64);
        let seen = imaging::probe(&original.bytes).and_then(|probe| probe.admit(&self.bounds.imaging).map(|()| probe));
        let natural = seen.clone().map(|probe| probe.natural);
        let record = Arc::new(Record::of(object.clone(), &original, natural, SystemTime::now()));
        let picture = Arc::new(OpenPicture::new(original.bytes, seen.ok(), fetched_in, Some(place)));
        if record.keep {
            self.remember(&record, began);
            self.pictures.insert(&object, record.version, Arc::clone(&picture));
            // A purge by prefix finds the object by this record.
            if record.seen.is_some() {
                let (deliver, record) = (Arc::clone(self), Arc::clone(&record));
                self.behind(async move { deliver.persist_record(&record, began).await }).await;
            }
        }
        Confirmed { record, picture: Some(picture), began }
    }

    /// The record kept beside the variants, unless a purge named the object since `began`: it is then being removed.
    pub(super) async fn load(&self, object: &ObjectId, began: Moment) -> Option<Arc<Record>> {
        let Some(record) = self.versions.read(object).await else {
            // The answer of somebody who asked the source may have come during the look: it is not asked twice.
            return self.versions.get(object);
        };
        self.purges.unless_purged(began, object, || self.versions.insert_read(record))
    }

    pub(super) fn remember(&self, record: &Arc<Record>, began: Moment) {
        let known = self.versions.get(&record.object);
        self.purges.unless_purged(began, &record.object, || self.versions.insert(Arc::clone(record)));
        if known.is_none_or(|known| !known.answers_like(record)) {
            self.changes.bump(&record.object);
        }
    }

    async fn persist_record(&self, record: &Record, began: Moment) {
        if self.purges.purged_since(began, &record.object) {
            return;
        }
        self.versions.persist(record).await;
        // A purge that came during the write may have missed the file.
        if self.purges.purged_since(began, &record.object) {
            self.variants.remove_record(&record.object).await;
        }
    }

    /// The source says that the object is gone: so is everything made of it.
    async fn forget_missing(&self, object: &ObjectId, was_known: bool, began: Moment) {
        self.purges.unless_purged(began, object, || self.versions.insert_missing(object));
        if was_known {
            let gone = object.clone();
            self.memory.remove_where(move |held| *held == gone);
            self.changes.bump(object);
            self.remove_stored(object).await;
        }
        self.changes.bump(object);
    }

    async fn remove_stored(&self, object: &ObjectId) {
        let scope = Scope::Object(object.bucket.clone(), object.key.clone());
        if let Err(error) = self.variants.purge(&scope, crate::versions::Versions::object_of).await {
            tracing::warn!(%object, %error, "stored variants could not be removed");
        }
    }
}

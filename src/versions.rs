//! What is known of each object's current version, in memory and beside the variant store, so that after a restart
//! stored variants are hits and stale ones can stand in for a source that is down.

mod freshness;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

pub use freshness::{Clocks, Standing, judge};

use crate::imaging::ImagingError;
use crate::object::{ObjectId, VersionId};
use crate::purge::Scope;
use crate::source::{Original, Validators};
use crate::transform::Natural;
use crate::variants::VariantStore;

/// Records kept in memory.
const RECORDS: u64 = 200_000;
/// Missing objects remembered.
const MISSING: u64 = 10_000;

/// What the bytes turned out to be.
pub type Seen = Result<Natural, ImagingError>;

/// What is known of one version of an object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    #[serde(deserialize_with = "ObjectId::deserialize_own")]
    pub object: ObjectId,
    pub version: VersionId,
    pub validators: Validators,
    /// Bytes of the original.
    pub size: u64,
    /// As the source says it, unchecked.
    pub content_type: Option<String>,
    /// The source's own `Cache-Control`.
    pub cache_control: Option<String>,
    /// When the source last said that this is the current version.
    pub confirmed_at: SystemTime,
    /// How long after that the source is not asked.
    pub inward: Duration,
    /// Whether anything of this object may be kept.
    pub keep: bool,
    /// What the bytes are; not stored where they are no picture, since the next start may know more kinds.
    pub seen: Option<Natural>,
    #[serde(skip)]
    pub refused: Option<ImagingError>,
    /// After a failed attempt: not to be asked again before, and for how long to wait after the next failure.
    #[serde(skip)]
    pub backoff: Option<Backoff>,
    /// Written once a version instead of once an answer.
    #[serde(skip)]
    pub headers: OnceLock<RecordHeaders>,
}

/// What every answer says of a version.
#[derive(Clone, Debug)]
pub struct RecordHeaders {
    pub version: HeaderValue,
    pub last_modified: Option<HeaderValue>,
}

/// When to ask a failing source again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub until: SystemTime,
    pub pause: Duration,
}

/// Pause after the first failure of a source, doubled by each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Record {
    /// The record of an original as it was just read.
    pub fn of(object: ObjectId, original: &Original, seen: Seen, now: SystemTime) -> Self {
        let version = match original.validators.identity() {
            Some(identity) => VersionId::of(&[identity.as_bytes(), &(original.bytes.len() as u64).to_le_bytes()]),
            None => VersionId::of(&[blake3::hash(&original.bytes).as_bytes()]),
        };
        Self {
            object,
            version,
            validators: original.validators.clone(),
            size: original.bytes.len() as u64,
            content_type: original.content_type.clone(),
            cache_control: original.cache_control.clone(),
            confirmed_at: now,
            inward: original.inward,
            keep: original.keep,
            seen: seen.as_ref().ok().copied(),
            refused: seen.err(),
            backoff: None,
            headers: OnceLock::new(),
        }
    }

    /// Headers of every answer with this version.
    pub fn headers(&self) -> &RecordHeaders {
        self.headers.get_or_init(|| RecordHeaders {
            version: HeaderValue::from_str(&self.version.to_string()).unwrap_or(HeaderValue::from_static("")),
            last_modified: self.validators.last_modified.and_then(http_date),
        })
    }

    /// Whether answers made with the other are the same but for their age.
    pub fn answers_like(&self, other: &Self) -> bool {
        let Self { version, validators, cache_control, keep, .. } = self;
        (version, cache_control, keep) == (&other.version, &other.cache_control, &other.keep)
            && validators.last_modified == other.validators.last_modified
    }

    /// The same version, confirmed again.
    pub fn confirmed(&self, now: SystemTime, inward: Duration, cache_control: Option<String>) -> Self {
        let cache_control = cache_control.or_else(|| self.cache_control.clone());
        Self { confirmed_at: now, inward, cache_control, backoff: None, ..self.clone() }
    }

    /// The same version after its source failed to answer.
    pub fn unconfirmed(&self, now: SystemTime) -> Self {
        let pause = self.backoff.map_or(FIRST_PAUSE, |backoff| (backoff.pause * 2).min(LONGEST_PAUSE));
        Self { backoff: Some(Backoff { until: now + pause, pause }), ..self.clone() }
    }
}

/// The first second that an HTTP date cannot say: the year 10000.
const AFTER_HTTP_DATES: u64 = 253_402_300_800;

/// An HTTP date, or none for times that it cannot say: a file's time may be any.
pub fn http_date(time: SystemTime) -> Option<HeaderValue> {
    let since = time.duration_since(UNIX_EPOCH).ok().filter(|since| since.as_secs() < AFTER_HTTP_DATES)?;
    HeaderValue::from_str(&httpdate::fmt_http_date(UNIX_EPOCH + since)).ok()
}

/// Records by object, and what is known to be missing.
#[derive(Debug)]
pub struct Versions {
    records: Cache<ObjectId, Arc<Record>>,
    missing: Cache<ObjectId, ()>,
    store: Arc<VariantStore>,
}

impl Versions {
    /// `missing_for`: how long a missing object is remembered.
    pub fn new(store: Arc<VariantStore>, missing_for: Duration) -> Self {
        let records = Cache::builder().max_capacity(RECORDS).support_invalidation_closures().build();
        let missing = Cache::builder()
            .max_capacity(MISSING)
            .time_to_live(missing_for.max(Duration::from_millis(1)))
            .support_invalidation_closures()
            .build();
        Self { records, missing, store }
    }

    /// The record in memory.
    pub fn get(&self, object: &ObjectId) -> Option<Arc<Record>> {
        self.records.get(object)
    }

    /// Puts a record into memory that was kept beside the variants, unless there is one by now: that is then the record.
    pub fn insert_read(&self, record: Arc<Record>) -> Arc<Record> {
        let object = record.object.clone();
        self.records.entry(object).or_insert(record).into_value()
    }

    /// The record kept beside the variants. Damaged ones are as good as none.
    pub async fn read(&self, object: &ObjectId) -> Option<Arc<Record>> {
        let bytes = self.store.get_record(object).await?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        if record.object != *object || record.seen.is_none() {
            return None;
        }
        Some(Arc::new(record))
    }

    /// Keeps a record in memory. Never blocks.
    pub fn insert(&self, record: Arc<Record>) {
        self.missing.invalidate(&record.object);
        self.records.insert(record.object.clone(), record);
    }

    /// Keeps a record beside the variants.
    pub async fn persist(&self, record: &Record) {
        match serde_json::to_vec(record) {
            Ok(bytes) => self.store.put_record(&record.object, bytes.into()).await,
            Err(error) => tracing::warn!(object = %record.object, %error, "a version record cannot be written"),
        }
    }

    pub fn is_missing(&self, object: &ObjectId) -> bool {
        self.missing.contains_key(object)
    }

    /// Remembers for a short while that the object is missing.
    pub fn insert_missing(&self, object: &ObjectId) {
        self.records.invalidate(object);
        self.missing.insert(object.clone(), ());
    }

    /// Forgets what memory knows of everything the scope names.
    pub fn forget(&self, scope: &Scope) {
        if let Scope::Object(bucket, key) = scope {
            let object = ObjectId::new(bucket.clone(), key.clone());
            self.records.invalidate(&object);
            self.missing.invalidate(&object);
            return;
        }
        let (records, missing) = (scope.clone(), scope.clone());
        // Both fail only for caches built without invalidation closures, which these were not.
        let _ = self.records.invalidate_entries_if(move |object, _| records.matches(object));
        let _ = self.missing.invalidate_entries_if(move |object, ()| missing.matches(object));
    }

    /// Reads the object's name out of a stored record.
    pub fn object_of(bytes: &[u8]) -> Option<ObjectId> {
        serde_json::from_slice::<Record>(bytes).ok().map(|record| record.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_http_dates_have_none() {
        let second = Duration::from_secs(1);
        assert_eq!(http_date(UNIX_EPOCH).unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(UNIX_EPOCH - second), None);
        let last = UNIX_EPOCH + Duration::from_secs(AFTER_HTTP_DATES) - second;
        assert_eq!(http_date(last).unwrap(), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(http_date(last + second), None);
    }
}

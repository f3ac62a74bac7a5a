//! What the caches hold, for those who look after them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Deliver, DeliverError};
use crate::fills::Aborted;
use crate::object::{BucketName, ObjectId};
use crate::popularity::Asked;
use crate::variants::{Held, StoreError};
use crate::versions::{Record, Standing, judge};

/// What the caches know and hold of one object. Looking changes nothing.
#[derive(Clone, Debug)]
pub struct Cached {
    /// The version that was last seen, and how it stands against the clock.
    pub record: Option<(Arc<Record>, Standing)>,
    /// The source said a moment ago that there is no such object.
    pub is_missing: bool,
    /// Of every version that is still there.
    pub variants: Vec<CachedVariant>,
    /// Since the process began; `None`: not asked for, or forgotten.
    pub asked: Option<Asked>,
}

/// One variant in memory, in the store, or in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedVariant {
    pub version: String,
    /// What was made: `original`, `stripped`, or the rendering's name after its revision.
    pub made: String,
    pub bytes: u64,
    pub content_type: Option<String>,
    pub is_stored: bool,
    pub is_in_memory: bool,
    /// Answers from the caches with any version of it, since the process began; as far as they are remembered.
    pub hits: u64,
}

/// What is held of each bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub stored: BTreeMap<BucketName, Held>,
    pub memory: BTreeMap<BucketName, Held>,
}

impl Deliver {
    /// What is held of each bucket. Looks at every entry, beside the threads that serve.
    pub async fn usage(self: &Arc<Self>) -> Result<Usage, DeliverError> {
        let deliver = Arc::clone(self);
        let looking = move || Usage { stored: deliver.variants.by_bucket(), memory: deliver.memory.by_bucket() };
        Ok(self.runtime.spawn_blocking(looking).await.map_err(|_| Aborted)?)
    }

    /// What is known and held of one object.
    pub async fn inspect(self: &Arc<Self>, object: &ObjectId) -> Result<Cached, StoreError> {
        let known = match self.versions.get(object) {
            Some(record) => Some(record),
            None => self.versions.read(object).await,
        };
        let clocks = self.origins.get(&object.bucket).map(|origin| origin.clocks);
        let record = known.zip(clocks).map(|(record, clocks)| {
            let standing = judge(&record, clocks, SystemTime::now());
            (record, standing)
        });
        Ok(Cached {
            record,
            is_missing: self.versions.is_missing(object),
            variants: self.cached_variants(object).await?,
            asked: self.popularity.of(object),
        })
    }

    async fn cached_variants(self: &Arc<Self>, object: &ObjectId) -> Result<Vec<CachedVariant>, StoreError> {
        let (deliver, wanted) = (Arc::clone(self), object.clone());
        let looking = move || deliver.memory.of_object(&wanted);
        let held = self.runtime.spawn_blocking(looking).await.map_err(|_| StoreError::Aborted)?;
        let mut variants: BTreeMap<(String, String), CachedVariant> = BTreeMap::new();
        for stored in self.variants.of_object(object).await? {
            let variant = CachedVariant {
                version: stored.version.clone(),
                made: stored.made.clone(),
                bytes: stored.bytes,
                content_type: stored.content_type,
                is_stored: true,
                is_in_memory: false,
                hits: 0,
            };
            variants.insert((stored.version, stored.made), variant);
        }
        for (key, variant) in held {
            let (version, made) = (key.version.to_string(), key.made.to_string());
            let cached = variants.entry((version.clone(), made.clone())).or_insert_with(|| CachedVariant {
                version,
                made,
                bytes: variant.body.len() as u64,
                content_type: variant.content_type.to_str().ok().map(str::to_owned),
                is_stored: false,
                is_in_memory: true,
                hits: 0,
            });
            cached.is_in_memory = true;
        }
        for (made, hits) in self.popularity.hits(object) {
            let made = made.to_string();
            variants.values_mut().filter(|variant| variant.made == made).for_each(|variant| variant.hits = hits);
        }
        Ok(variants.into_values().collect())
    }
}

//! The memory tier, by bytes, and how a request met the cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderValue;
use moka::sync::Cache;

use crate::imaging::Effort;
use crate::object::{BucketName, ObjectId};
use crate::variants::{Held, Variant, VariantKey};

/// How a request met the cache: log field, metric label and `Cache-Status` (RFC 9211) come from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheStatus {
    Hit,
    /// Served past its time by this many seconds.
    Stale(u64),
    /// Made for this request, and kept.
    Stored,
    /// Made for this request, and not kept.
    Unstored,
    /// Waited for a fill that another request began.
    Collapsed,
}

impl CacheStatus {
    /// Metric label and log field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale(_) => "stale",
            Self::Stored | Self::Unstored => "miss",
            Self::Collapsed => "collapsed",
        }
    }

    /// `X-Nextjs-Cache`.
    pub const fn as_nextjs(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale(_) => "STALE",
            Self::Stored | Self::Unstored | Self::Collapsed => "MISS",
        }
    }

    /// `Cache-Status`.
    pub fn header(self) -> HeaderValue {
        match self {
            Self::Hit => HeaderValue::from_static("tintype; hit"),
            Self::Stale(seconds) => HeaderValue::from_str(&format!("tintype; hit; ttl=-{seconds}"))
                .unwrap_or(HeaderValue::from_static("tintype; hit")),
            Self::Stored => HeaderValue::from_static("tintype; fwd=miss; stored"),
            Self::Unstored => HeaderValue::from_static("tintype; fwd=miss"),
            Self::Collapsed => HeaderValue::from_static("tintype; fwd=miss; collapsed"),
        }
    }
}

impl CacheStatus {
    /// `Cache-Status`, with the effort by which the variant was made where that is not the hurried one.
    pub fn header_of(self, effort: Effort) -> HeaderValue {
        match (effort, self) {
            (Effort::Fast, _) => self.header(),
            (Effort::Small, Self::Hit) => HeaderValue::from_static("tintype; hit; detail=small"),
            (Effort::Small, _) => {
                let header = self.header();
                let text = header.to_str().map(|text| format!("{text}; detail=small")).unwrap_or_default();
                HeaderValue::from_str(&text).unwrap_or(header)
            }
        }
    }
}

/// Variants in memory, capped in bytes, admitted and evicted by TinyLFU.
#[derive(Debug)]
pub struct Memory {
    capacity: u64,
    variants: Cache<VariantKey, Arc<Variant>>,
}

/// Bytes that an entry costs beside its body: key, headers, list nodes (measured, rounded up).
const ENTRY_OVERHEAD: usize = 600;

impl Memory {
    /// A tier that holds at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        let weigh = |key: &VariantKey, variant: &Arc<Variant>| {
            u32::try_from(variant.body.len() + key.object.key.as_str().len() + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
        };
        Self {
            capacity,
            variants: Cache::builder().max_capacity(capacity).weigher(weigh).support_invalidation_closures().build(),
        }
    }

    pub fn get(&self, key: &VariantKey) -> Option<Arc<Variant>> {
        self.variants.get(key)
    }

    /// Keeps the variant, unless it alone would take more than a sixteenth of the tier.
    pub fn insert(&self, key: VariantKey, variant: Arc<Variant>) {
        if variant.body.len() as u64 <= self.capacity / 16 {
            self.variants.insert(key, variant);
        }
    }

    pub fn remove(&self, key: &VariantKey) {
        self.variants.invalidate(key);
    }

    /// Drops every variant whose object the predicate names.
    pub fn remove_where(&self, matches: impl Fn(&ObjectId) -> bool + Send + Sync + 'static) {
        // It fails only for a cache built without invalidation closures, which this one was not.
        let _ = self.variants.invalidate_entries_if(move |key, _| matches(&key.object));
    }

    /// Everything held of one object. Looks at every entry: not for the hot path.
    pub fn of_object(&self, object: &ObjectId) -> Vec<(VariantKey, Arc<Variant>)> {
        let entries = self.variants.iter().filter(|(key, _)| key.object == *object);
        entries.map(|(key, variant)| (VariantKey::clone(&key), variant)).collect()
    }

    /// Variants and their bytes by bucket. Looks at every entry: not for the hot path.
    pub fn by_bucket(&self) -> BTreeMap<BucketName, Held> {
        let mut buckets: BTreeMap<BucketName, Held> = BTreeMap::new();
        for (key, variant) in &self.variants {
            buckets.entry(key.object.bucket.clone()).or_default().add(variant.body.len() as u64);
        }
        buckets
    }

    /// Bytes and entries held, after pending evictions.
    pub fn usage(&self) -> (u64, u64) {
        self.variants.run_pending_tasks();
        (self.variants.weighted_size(), self.variants.entry_count())
    }
}

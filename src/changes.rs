//! What tells those who remember answers that an object may have changed: counters that only ever grow.
//!
//! Whoever changes something changes it first and counts after. Whoever remembers notes the count before it looks, and
//! uses what it remembers only while the count stands: so what was read before a change is of no use after it.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::object::ObjectId;
use crate::purge::Scope;

/// Counters; objects that share one disturb each other, which costs them one ordinary walk.
const SHARDS: usize = 256;

/// On a cache line of its own: cores that read other counters are not disturbed by a change of this one.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(AtomicU64);

/// How often objects changed, by the hash of their names.
#[derive(Debug)]
pub struct Changes {
    hasher: RandomState,
    shards: Box<[Shard]>,
}

/// The count of an object at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    shard: usize,
    count: u64,
}

impl Default for Changes {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect() }
    }
}

impl Changes {
    /// The object's count now, to be taken before anything of it is looked at.
    pub fn seen(&self, object: &ObjectId) -> Seen {
        let shard = self.shard(object);
        Seen { shard, count: self.shards[shard].0.load(Ordering::Acquire) }
    }

    /// Whether nothing has changed since.
    pub fn is_current(&self, seen: Seen) -> bool {
        self.shards[seen.shard].0.load(Ordering::Acquire) == seen.count
    }

    /// The object has changed: to be called after the change.
    pub fn bump(&self, object: &ObjectId) {
        self.shards[self.shard(object)].0.fetch_add(1, Ordering::AcqRel);
    }

    /// Everything that the scope names has changed.
    pub fn bump_all(&self, scope: &Scope) {
        if let Scope::Object(bucket, key) = scope {
            return self.bump(&ObjectId::new(bucket.clone(), key.clone()));
        }
        for shard in &self.shards {
            shard.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn shard(&self, object: &ObjectId) -> usize {
        self.hasher.hash_one(object) as usize % SHARDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{BucketName, ObjectKey};

    #[test]
    fn what_was_seen_before_a_change_is_not_current_after_it() {
        let (bucket, key) = (BucketName::parse("b").unwrap(), ObjectKey::parse("k").unwrap());
        let object = ObjectId::new(bucket.clone(), key.clone());
        let changes = Changes::default();
        for scope in [
            Scope::All,
            Scope::Bucket(bucket.clone()),
            Scope::Prefix(bucket.clone(), "z".into()),
            Scope::Object(bucket, key),
        ] {
            let seen = changes.seen(&object);
            assert!(changes.is_current(seen));
            changes.bump_all(&scope);
            assert!(!changes.is_current(seen), "{scope:?}");
        }
        let seen = changes.seen(&object);
        changes.bump(&object);
        assert!(!changes.is_current(seen) && changes.is_current(changes.seen(&object)));
    }
}

//! What a purge names, and the log that keeps a fill begun before a purge from storing after it.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::object::{BucketName, ObjectId, ObjectKey};

/// The objects a purge names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    All,
    Bucket(BucketName),
    /// Every object of the bucket whose key begins so.
    Prefix(BucketName, String),
    Object(BucketName, ObjectKey),
}

impl Scope {
    pub fn matches(&self, object: &ObjectId) -> bool {
        match self {
            Self::All => true,
            Self::Bucket(bucket) => object.bucket == *bucket,
            Self::Prefix(bucket, prefix) => {
                object.bucket == *bucket && object.key.as_str().starts_with(prefix.as_str())
            }
            Self::Object(bucket, key) => object.bucket == *bucket && object.key == *key,
        }
    }
}

/// A point in the order of purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// Purges remembered; a fill older than all of them is treated as purged.
const REMEMBERED: usize = 4096;

#[derive(Debug, Default)]
struct Recent {
    /// Number of the newest purge; 0 before the first.
    newest: u64,
    scopes: VecDeque<Scope>,
}

impl Recent {
    fn purged_since(&self, Moment(began): Moment, object: &ObjectId) -> bool {
        let since = (self.newest - began) as usize;
        since > self.scopes.len() || self.scopes.iter().rev().take(since).any(|scope| scope.matches(object))
    }
}

/// The order of purges and fills. A purge is noted here first and then removes; a fill keeps its result only through
/// [`PurgeLog::unless_purged`]: so either the purge finds it and removes it, or it is never kept.
#[derive(Debug, Default)]
pub struct PurgeLog {
    recent: Mutex<Recent>,
}

impl PurgeLog {
    /// The present moment: what a fill takes before it asks its source.
    pub fn now(&self) -> Moment {
        Moment(self.recent.lock().newest)
    }

    /// Notes a purge. Removing comes after.
    pub fn note(&self, scope: Scope) {
        let mut recent = self.recent.lock();
        recent.newest += 1;
        if recent.scopes.len() == REMEMBERED {
            recent.scopes.pop_front();
        }
        recent.scopes.push_back(scope);
    }

    /// Runs `keep` unless a purge named the object since `began`; no purge is noted meanwhile, so `keep` must not block.
    pub fn unless_purged<T>(&self, began: Moment, object: &ObjectId, keep: impl FnOnce() -> T) -> Option<T> {
        let recent = self.recent.lock();
        (!recent.purged_since(began, object)).then(keep)
    }

    /// Whether a purge named the object since `began`.
    pub fn purged_since(&self, began: Moment, object: &ObjectId) -> bool {
        self.recent.lock().purged_since(began, object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str) -> ObjectId {
        ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse(key).unwrap())
    }

    #[test]
    fn only_a_later_purge_of_the_object_counts() {
        let log = PurgeLog::default();
        let bucket = BucketName::parse("b").unwrap();
        log.note(Scope::All);
        let began = log.now();
        assert!(!log.purged_since(began, &object("a/1")));
        log.note(Scope::Prefix(bucket.clone(), "a/".to_owned()));
        assert!(log.purged_since(began, &object("a/1")));
        assert!(!log.purged_since(began, &object("c")));
        assert_eq!(log.unless_purged(began, &object("c"), || 1), Some(1));
        assert_eq!(log.unless_purged(began, &object("a/1"), || 1), None);
        assert!(!log.purged_since(log.now(), &object("a/1")));
    }

    #[test]
    fn a_fill_older_than_the_memory_of_purges_is_not_kept() {
        let log = PurgeLog::default();
        let began = log.now();
        for number in 0..=REMEMBERED {
            log.note(Scope::Object(
                BucketName::parse("other").unwrap(),
                ObjectKey::parse(&number.to_string()).unwrap(),
            ));
        }
        assert!(log.purged_since(began, &object("a")));
    }
}

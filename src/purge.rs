//! What a purge names, and the log that keeps a fill begun before a purge from storing after it.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::object::{BucketName, NameError, ObjectId, ObjectKey};

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

impl Scope {
    /// The same for what permitted readers were shown; `None` where the scope covers that already.
    pub fn restricted(&self) -> Option<Self> {
        match self {
            Self::All => None,
            Self::Bucket(bucket) => Some(Self::Bucket(bucket.restricted())),
            Self::Prefix(bucket, prefix) => Some(Self::Prefix(bucket.restricted(), prefix.clone())),
            Self::Object(bucket, key) => Some(Self::Object(bucket.restricted(), key.clone())),
        }
    }
}

/// A purge as it is asked for: `{"all": true}`, a remote `url`, or a `bucket` with at most one of `prefix` and `object`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeRequest {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<url::Url>,
}

/// Why a [`PurgeRequest`] names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    #[error("{part}: {error}")]
    Name { part: &'static str, error: NameError },
    #[error("name {{\"all\": true}}, a remote \"url\", or a \"bucket\" with at most one of \"prefix\" and \"object\"")]
    Shape,
}

impl PurgeRequest {
    /// What is to be purged.
    pub fn scope(self) -> Result<Scope, ScopeError> {
        let name = |part| move |error| ScopeError::Name { part, error };
        let bucket = self.bucket.as_deref().map(BucketName::parse).transpose().map_err(name("bucket"))?;
        match (self.all, bucket, self.prefix, self.object, self.url) {
            (true, None, None, None, None) => Ok(Scope::All),
            (false, None, None, None, Some(url)) => Ok(Scope::Object(BucketName::remote(), ObjectKey::from_url(&url))),
            (false, Some(bucket), None, None, None) => Ok(Scope::Bucket(bucket)),
            (false, Some(bucket), Some(prefix), None, None) => Ok(Scope::Prefix(bucket, prefix)),
            (false, Some(bucket), None, Some(object), None) => {
                Ok(Scope::Object(bucket, ObjectKey::parse(&object).map_err(name("object"))?))
            }
            _ => Err(ScopeError::Shape),
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
    fn a_request_names_one_scope_or_is_refused() {
        let scope = |text: &str| serde_json::from_str::<PurgeRequest>(text).unwrap().scope();
        let bucket = BucketName::parse("b").unwrap();
        assert_eq!(scope(r#"{"all":true}"#), Ok(Scope::All));
        assert_eq!(scope(r#"{"bucket":"b","prefix":"a/"}"#), Ok(Scope::Prefix(bucket, "a/".to_owned())));
        assert!(
            matches!(scope(r#"{"url":"https://a.example/b.png"}"#), Ok(Scope::Object(bucket, _)) if bucket.is_hidden())
        );
        for mixed in [
            "{}",
            r#"{"prefix":"a"}"#,
            r#"{"all":true,"bucket":"b"}"#,
            r#"{"bucket":"b","prefix":"a","object":"a"}"#,
            r#"{"bucket":"b","url":"https://a.example/"}"#,
            r#"{"url":"https://a.example/","prefix":"a"}"#,
        ] {
            assert_eq!(scope(mixed), Err(ScopeError::Shape), "{mixed}");
        }
        assert!(matches!(scope(r#"{"bucket":"b","object":"a//b"}"#), Err(ScopeError::Name { part: "object", .. })));
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

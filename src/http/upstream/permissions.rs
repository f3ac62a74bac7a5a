//! The upstream's yes to one caller, for one version, remembered for seconds. A no is never remembered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use moka::sync::Cache;

use crate::object::{ObjectId, VersionId};

/// Permissions remembered at once.
const MOST: u64 = 100_000;

/// Who may read what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Permission {
    /// Of everything that the upstream is sent of the caller.
    pub credential: blake3::Hash,
    pub object: ObjectId,
    pub version: VersionId,
}

/// Permissions, each with the time until which it holds.
#[derive(Debug)]
pub(super) struct Permissions {
    given: Cache<Permission, SystemTime>,
    /// Zero: nothing is remembered.
    keep: Duration,
}

impl Permissions {
    pub fn new(keep: Duration) -> Self {
        let given = Cache::builder().max_capacity(MOST).time_to_live(keep.max(Duration::from_millis(1))).build();
        Self { given, keep }
    }

    pub fn holds(&self, permission: &Permission, now: SystemTime) -> bool {
        self.given.get(permission).is_some_and(|until| now < until)
    }

    /// Remembers a yes, never past `expires` (Unix seconds).
    pub fn give(&self, permission: Permission, expires: Option<u64>, now: SystemTime) {
        let end = expires.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        let until = end.map_or(now + self.keep, |end| end.min(now + self.keep));
        if until > now {
            self.given.insert(permission, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{BucketName, ObjectKey};

    fn permission(credential: &str, version: &str) -> Permission {
        Permission {
            credential: blake3::hash(credential.as_bytes()),
            object: ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse("k").unwrap()),
            version: VersionId::of(&[version.as_bytes()]),
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn a_yes_holds_for_its_caller_and_version_and_ends_with_its_time_or_its_token() {
        let permissions = Permissions::new(Duration::from_secs(30));
        permissions.give(permission("ann", "1"), None, at(0));
        assert!(permissions.holds(&permission("ann", "1"), at(29)));
        assert!(!permissions.holds(&permission("ann", "1"), at(30)));
        assert!(!permissions.holds(&permission("bob", "1"), at(0)));
        assert!(!permissions.holds(&permission("ann", "2"), at(0)));
        permissions.give(permission("bob", "1"), Some(1_000_005), at(0));
        assert!(permissions.holds(&permission("bob", "1"), at(4)));
        assert!(!permissions.holds(&permission("bob", "1"), at(5)));
        permissions.give(permission("eve", "1"), Some(1_000_000), at(0));
        assert!(!permissions.holds(&permission("eve", "1"), at(0)));
    }

    #[test]
    fn nothing_is_remembered_for_no_time() {
        let permissions = Permissions::new(Duration::ZERO);
        permissions.give(permission("ann", "1"), None, at(0));
        assert!(!permissions.holds(&permission("ann", "1"), at(0)));
    }
}

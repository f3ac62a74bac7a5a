//! Where originals come from, and what their bytes are to us.

use std::collections::HashMap;

use crate::object::BucketName;
use crate::source::Source;
use crate::versions::Clocks;

/// A bucket's read side as `deliver` sees it.
#[derive(Debug)]
pub struct Origin {
    pub source: Source,
    /// Largest original in bytes, after content-decoding.
    pub source_bytes: u64,
    pub clocks: Clocks,
    pub kind: OriginKind,
}

/// What a bucket's bytes are to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginKind {
    /// A folder on this machine: asking is one stat, and only pictures are served.
    Folder,
    /// Ours, on this machine's disk: what is known of it holds until we write.
    OwnDisk,
    /// Ours, in an object store.
    OwnStore,
    /// Somebody else's.
    Foreign,
}

impl OriginKind {
    /// Whether the original's bytes are on this machine's disk already.
    pub(super) const fn is_local(self) -> bool {
        matches!(self, Self::Folder | Self::OwnDisk)
    }

    pub(crate) const fn is_foreign(self) -> bool {
        matches!(self, Self::Foreign)
    }

    pub(super) const fn is_own(self) -> bool {
        matches!(self, Self::OwnDisk | Self::OwnStore)
    }
}

/// Every read side: the configured buckets by name, and the others, which come and go.
#[derive(Debug, Default)]
pub struct Origins {
    pub named: HashMap<BucketName, Origin>,
    /// All buckets that are not named: our own, or an upstream's public ones.
    pub others: Option<Origin>,
    /// What an upstream shows to permitted readers alone ([`BucketName::restricted`]).
    pub restricted: Option<Origin>,
}

impl Origins {
    pub fn get(&self, bucket: &BucketName) -> Option<&Origin> {
        if bucket.is_restricted() {
            return self.restricted.as_ref();
        }
        self.named.get(bucket).or(self.others.as_ref())
    }
}

//! Warm lists: the variants that the operator expects of every object of a bucket.

use std::collections::HashMap;
use std::sync::Arc;

use crate::object::BucketName;
use crate::transform::{Dialect, Resolved, Want};
use crate::variants::{Made, VariantKey};
use crate::versions::Record;

/// What is made of every new version of a bucket's objects, and kept at its first request otherwise.
#[derive(Clone, Debug, Default)]
pub struct WarmLists(HashMap<BucketName, Arc<[Want]>>);

impl WarmLists {
    pub fn new(lists: impl IntoIterator<Item = (BucketName, Vec<Want>)>) -> Self {
        Self(lists.into_iter().map(|(bucket, wants)| (bucket, wants.into())).collect())
    }

    /// The bucket's list; `None` where it is empty.
    pub fn of(&self, bucket: &BucketName) -> Option<&Arc<[Want]>> {
        self.0.get(bucket).filter(|wants| !wants.is_empty())
    }

    /// Whether a variant is on its bucket's list.
    pub(super) fn names(&self, key: &VariantKey, record: &Record, output_side: u32) -> bool {
        let (Made::Rendered(rendering), Some(natural)) = (key.made, record.seen) else { return false };
        self.of(&key.object.bucket).into_iter().flat_map(|wants| wants.iter()).any(|want| match want {
            Want::Original | Want::Placeholder(_) => false,
            Want::Variant { transform, format } => match transform.resolve(&natural, *format, Dialect::Native) {
                Resolved::Passthrough => false,
                Resolved::Render(listed) => listed.bounded(output_side) == rendering,
            },
        })
    }
}

//! Which buckets there are, as strangers meet them: the configured ones for good, our own as they come and go.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::config::Access;
use crate::object::BucketName;
use crate::transform::policy::PolicyRules;

/// A bucket as strangers meet it.
#[derive(Debug)]
pub struct BucketRules {
    pub access: Access,
    pub policy: PolicyRules,
}

/// A bucket of our own, as far as readers are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnBucket {
    pub name: BucketName,
    pub access: Access,
}

/// The rules of every bucket. Reading it takes no lock: it is asked by every request.
#[derive(Debug, Default)]
pub struct BucketBook {
    /// Buckets with a place of their own (`url`); no bucket of ours can take their name.
    configured: HashMap<BucketName, Arc<BucketRules>>,
    /// What the configuration says of buckets that are ours.
    policies: HashMap<BucketName, PolicyRules>,
    own: ArcSwap<HashMap<BucketName, Arc<BucketRules>>>,
    /// Where any other name may be a bucket: which are, and are public, only an upstream knows.
    others: Option<Arc<BucketRules>>,
    /// Counted after every change of what is above.
    changes: AtomicU64,
}

impl BucketBook {
    pub fn new(configured: HashMap<BucketName, Arc<BucketRules>>, policies: HashMap<BucketName, PolicyRules>) -> Self {
        Self { configured, policies, ..Self::default() }
    }

    /// The book of one who stands in front of an upstream: `named` are the upstream's buckets of which the configuration
    /// says something, all others are open.
    pub fn in_front(
        configured: HashMap<BucketName, Arc<BucketRules>>,
        named: HashMap<BucketName, Arc<BucketRules>>,
    ) -> Self {
        let others = Arc::new(BucketRules { access: Access::Public, policy: PolicyRules::default() });
        Self { configured, own: ArcSwap::from_pointee(named), others: Some(others), ..Self::default() }
    }

    pub fn get(&self, bucket: &BucketName) -> Option<Arc<BucketRules>> {
        let known = self.configured.get(bucket).cloned().or_else(|| self.own.load().get(bucket).cloned());
        known.or_else(|| self.others.clone().filter(|_| !bucket.is_hidden()))
    }

    /// Whether the name belongs to a bucket with a place of its own.
    pub fn is_configured(&self, bucket: &BucketName) -> bool {
        self.configured.contains_key(bucket)
    }

    /// How often the rules changed: what was admitted before a change may be refused after it.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Puts these in the place of all our own buckets.
    pub fn replace_own(&self, buckets: impl IntoIterator<Item = OwnBucket>) {
        let rules: HashMap<_, _> = buckets
            .into_iter()
            .map(|OwnBucket { name, access }| {
                let policy = self.policies.get(&name).cloned().unwrap_or_default();
                (name, Arc::new(BucketRules { access, policy }))
            })
            .collect();
        let rules = Arc::new(rules);
        let known = self.own.swap(Arc::clone(&rules));
        // Policies stay: a book that is read again and names the same buckets changes nothing.
        let is_known = |(name, now): (&BucketName, &Arc<BucketRules>)| {
            known.get(name).is_some_and(|known| known.access == now.access)
        };
        if known.len() != rules.len() || !rules.iter().all(is_known) {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
    }
}

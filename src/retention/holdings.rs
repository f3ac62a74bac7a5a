//! Where the rows and objects are that retention is about: the one place that knows. Turns, rules and the log of what was
//! done are the catalogue's wherever that is.

use std::sync::Arc;

use super::RetentionError;
use super::upstream::{UpstreamHoldings, Walk};
use crate::blobs::{BlobError, Blobs};
use crate::bucket::Buckets;
use crate::catalog::{Actor, Catalog, Object, Removed, Restored, Retire, Seen};
use crate::config::ColumnName;
use crate::object::BucketName;
use crate::transform::Pointed;

/// Rows of ours read at once.
const PAGE: u32 = 1000;

/// Where the rows and objects are.
#[derive(Debug)]
pub(super) enum Holdings {
    Own(OwnHoldings),
    Upstream(UpstreamHoldings),
}

/// Rows in our catalogue, and bytes in our blobs.
#[derive(Debug)]
pub(super) struct OwnHoldings {
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    /// Those of this process, which purge at once. Without them the outbox has it done by a server.
    pub buckets: Option<Arc<Buckets>>,
    /// What points at objects beside the characters.
    pub columns: Vec<ColumnName>,
}

/// Some objects of a bucket.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub objects: Vec<Object>,
    /// Objects of which not enough is known for any rule.
    pub others: u64,
}

/// A bucket's objects page by page; those of one folder come one after the other.
#[derive(Debug)]
pub(super) enum Pages<'a> {
    Own { own: &'a OwnHoldings, bucket: &'a BucketName, after: String },
    Upstream(Walk<'a>),
}

impl Pages<'_> {
    /// `None`: that was all.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, RetentionError> {
        match self {
            Self::Own { own, bucket, after } => {
                let objects = own.catalog.objects_after(bucket, after, PAGE).await?;
                let Some(last) = objects.last() else { return Ok(None) };
                last.id.key.as_str().clone_into(after);
                Ok(Some(Page { objects, others: 0 }))
            }
            Self::Upstream(walk) => walk.next().await,
        }
    }
}

impl Holdings {
    pub(super) fn pages<'a>(&'a self, bucket: &'a BucketName) -> Pages<'a> {
        match self {
            Self::Own(own) => Pages::Own { own, bucket, after: String::new() },
            Self::Upstream(upstream) => Pages::Upstream(upstream.walk(bucket)),
        }
    }

    /// Tells `pointed` every URL that a row shows an object by, or fails.
    pub(super) async fn read_references(&self, pointed: &mut Pointed) -> Result<Seen, RetentionError> {
        match self {
            Self::Own(own) => Ok(own.catalog.read_references(&own.columns, pointed).await?),
            Self::Upstream(upstream) => upstream.read_references(pointed).await,
        }
    }

    /// Finds out what became of what a run before this one broke off over. Whoever asks has the turn.
    pub(super) async fn settle(&self, actor: Actor) -> Result<(), RetentionError> {
        match self {
            // All of it is one transaction.
            Self::Own(_) => Ok(()),
            Self::Upstream(upstream) => upstream.settle(actor).await,
        }
    }

    /// Removes those objects of a batch that are still the same and that nothing points at, and has what was made of them
    /// removed. `seen`: when it was read what points at them.
    pub(super) async fn retire(&self, retire: &Retire<'_>, seen: &Seen) -> Result<Vec<Object>, RetentionError> {
        match self {
            Self::Own(own) => own.retire(retire, seen).await,
            Self::Upstream(upstream) => upstream.retire(retire).await,
        }
    }

    /// Brings a removed object back; the reason where it stays away.
    pub(super) async fn bring_back(&self, removed: &Removed) -> Result<Result<(), &'static str>, RetentionError> {
        match self {
            Self::Own(own) => own.bring_back(removed).await,
            Self::Upstream(upstream) => upstream.bring_back(removed, Actor::Operator, "brought back by hand").await,
        }
    }

    /// Forgets what nobody needs to know of restored objects.
    pub(super) async fn prune(&self) -> Result<(), RetentionError> {
        match self {
            Self::Own(own) => Ok(own.catalog.prune_restored().await?),
            // Few, since each was brought back by hand; which of them are there is not known here.
            Self::Upstream(_) => Ok(()),
        }
    }

    /// What a rule says beside its numbers: at another place it is another rule.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Own(_) => String::new(),
            Self::Upstream(upstream) => format!(", at {}", upstream.project.origin()),
        }
    }
}

impl OwnHoldings {
    async fn retire(&self, retire: &Retire<'_>, seen: &Seen) -> Result<Vec<Object>, RetentionError> {
        let mut pointed = Pointed::among(retire.bucket, retire.objects.iter().map(|retiree| &retiree.key));
        let gone = self.catalog.retire(retire, &self.columns, seen, &mut pointed).await?;
        if let Some(buckets) = &self.buckets {
            buckets.follow_removed(&gone).await;
        }
        Ok(gone)
    }

    async fn bring_back(&self, removed: &Removed) -> Result<Result<(), &'static str>, RetentionError> {
        let object = &removed.object;
        match self.blobs.size(&object.id.bucket, object.version).await {
            Ok(size) if size == object.size => {}
            Ok(_) | Err(BlobError::Missing) => return Ok(Err("its bytes are not there any more")),
            Err(error) => return Err(error.into()),
        }
        Ok(match self.catalog.restore(removed, Actor::Operator).await? {
            Restored::Back(object) => {
                if let Some(buckets) = &self.buckets {
                    buckets.follow_restored(&object).await;
                }
                Ok(())
            }
            Restored::Taken => Err("there is a newer object of this name"),
            Restored::NoBucket => Err("its bucket is gone"),
            Restored::Gone => Err("its time is over, or it is back already"),
        })
    }
}

//! Where the rows and objects are that retention is about: the one place that knows. Turns, rules and the log of what was
//! done are the catalogue's wherever that is.

use std::sync::Arc;

use crate::blobs::{BlobError, Blobs};
use crate::bucket::Buckets;
use crate::catalog::{Actor, Catalog, CatalogError, Object, Removed, Restored, Retire};
use crate::config::ColumnName;
use crate::object::BucketName;
use crate::transform::Pointed;

/// Where the rows and objects are. An upstream's would be another one.
#[derive(Debug)]
pub(super) enum Holdings {
    Own(OwnHoldings),
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

impl Holdings {
    /// Up to `limit` objects of a bucket in the order of their names.
    pub(super) async fn objects_after(
        &self,
        bucket: &BucketName,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Object>, CatalogError> {
        let Self::Own(own) = self;
        own.catalog.objects_after(bucket, after, limit).await
    }

    /// Tells `pointed` every URL that a row shows an object by.
    pub(super) async fn read_references(&self, pointed: &mut Pointed) -> Result<(), CatalogError> {
        let Self::Own(own) = self;
        own.catalog.read_references(&own.columns, pointed).await
    }

    /// Removes those objects of a batch that are still the same and that nothing points at, and has what was made of them
    /// removed.
    pub(super) async fn retire(&self, retire: &Retire<'_>) -> Result<Vec<Object>, CatalogError> {
        let Self::Own(own) = self;
        let mut pointed = Pointed::among(retire.bucket, retire.objects.iter().map(|retiree| &retiree.key));
        let gone = own.catalog.retire(retire, &own.columns, &mut pointed).await?;
        if let Some(buckets) = &own.buckets {
            buckets.follow_removed(&gone).await;
        }
        Ok(gone)
    }

    /// Brings a removed object back; the reason where it stays away.
    pub(super) async fn bring_back(
        &self,
        removed: &Removed,
    ) -> Result<Result<(), &'static str>, super::RetentionError> {
        let Self::Own(own) = self;
        let object = &removed.object;
        match own.blobs.size(&object.id.bucket, object.version).await {
            Ok(size) if size == object.size => {}
            Ok(_) | Err(BlobError::Missing) => return Ok(Err("its bytes are not there any more")),
            Err(error) => return Err(error.into()),
        }
        Ok(match own.catalog.restore(removed, Actor::Operator).await? {
            Restored::Back(object) => {
                if let Some(buckets) = &own.buckets {
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

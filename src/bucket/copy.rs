//! Copying and moving objects. Bytes never change, so both are cheap where they stay in one place.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{BucketError, Buckets};
use crate::auth::Caller;
use crate::catalog::{NewObject, Object, Put};
use crate::object::ObjectId;

/// What a copy has instead of the original's.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    pub mime_type: Option<String>,
    pub cache_control: Option<String>,
    /// `None`: as the original has it.
    pub user_metadata: Option<Option<Map<String, Value>>>,
}

impl Buckets {
    /// Makes a second object of the same bytes.
    pub async fn copy(
        self: &Arc<Self>,
        caller: &Caller,
        from: &ObjectId,
        to: &ObjectId,
        changed: Changed,
        upsert: bool,
    ) -> Result<Put, BucketError> {
        let original = self.catalog.object(caller, from).await?;
        let door = self.door(&to.bucket).await?;
        let mime_type = changed.mime_type.unwrap_or_else(|| original.mime_type.clone());
        door.holds(&mime_type, original.size)?;
        self.catalog.may_put(caller, to, upsert).await?;
        let version = Uuid::new_v4();
        self.blobs.copy((&from.bucket, original.version), (&to.bucket, version)).await?;
        let new = NewObject {
            id: to.clone(),
            version,
            size: original.size,
            etag: original.etag,
            mime_type,
            cache_control: changed.cache_control.unwrap_or(original.cache_control),
            user_metadata: changed.user_metadata.unwrap_or(original.user_metadata),
        };
        self.commit(caller, new, upsert).await
    }

    /// Gives an object another name, perhaps in another bucket.
    pub async fn rename(
        self: &Arc<Self>,
        caller: &Caller,
        from: &ObjectId,
        to: &ObjectId,
    ) -> Result<Object, BucketError> {
        let original = self.catalog.object(caller, from).await?;
        let moved = if from.bucket == to.bucket {
            None
        } else {
            self.door(&to.bucket).await?.holds(&original.mime_type, original.size)?;
            let version = Uuid::new_v4();
            self.blobs.copy((&from.bucket, original.version), (&to.bucket, version)).await?;
            Some(version)
        };
        let (buckets, caller, from, to) = (Arc::clone(self), caller.clone(), from.clone(), to.clone());
        self.owned(async move {
            let _writing = buckets.writes.begin([from.clone(), to.clone()]);
            let renamed = match (buckets.catalog.rename(&caller, &from, &to, moved).await, moved) {
                (Ok(renamed), _) => renamed,
                (Err(error), Some(version)) => return Err(buckets.without_bytes(&to, version, error.into()).await),
                (Err(error), None) => return Err(error.into()),
            };
            buckets.gone(&from, original.version).await;
            buckets.changed(&to, renamed.version).await;
            Ok(renamed)
        })
        .await
    }

    /// Removes bytes whose row was refused. Where the database failed nobody knows whether it kept the row: then they
    /// stay, and cleanup finds them if it did not.
    pub(super) async fn without_bytes(&self, object: &ObjectId, version: Uuid, error: BucketError) -> BucketError {
        if error.is_passing() {
            return error;
        }
        if let Err(error) = self.blobs.remove(&object.bucket, version).await {
            tracing::warn!(%error, "bytes of a refused write are left for cleanup");
        }
        error
    }
}

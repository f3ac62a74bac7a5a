//! Copying and moving objects: what comes into a bucket comes through the door that uploads come through.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::put::Door;
use super::{BucketError, Buckets};
use crate::auth::Caller;
use crate::blobs::{Described, Incoming};
use crate::catalog::{Copied, NewObject, Object, Put};
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
        let mime_type = changed.mime_type.as_deref().unwrap_or(&original.mime_type);
        door.holds(mime_type, original.size)?;
        self.catalog.may_put(caller, to, upsert).await?;
        let cache_control = changed.cache_control.unwrap_or_else(|| original.cache_control.clone());
        let copied = self.brought(&original, &door, Described { mime_type, cache_control: &cache_control }).await?;
        let new = NewObject {
            id: to.clone(),
            version: copied.version,
            size: copied.size,
            etag: copied.etag,
            mime_type: copied.mime_type,
            cache_control,
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
            let door = self.door(&to.bucket).await?;
            door.holds(&original.mime_type, original.size)?;
            // Before any bytes are looked at, which costs something.
            self.catalog.may_put(caller, to, false).await?;
            let described = Described { mime_type: &original.mime_type, cache_control: &original.cache_control };
            Some(self.brought(&original, &door, described).await?)
        };
        let (buckets, caller, from, to) = (Arc::clone(self), caller.clone(), from.clone(), to.clone());
        self.owned(async move {
            let _writing = buckets.writes.begin([from.clone(), to.clone()]);
            let version = moved.as_ref().map(|copied| copied.version);
            let renamed = match (buckets.catalog.rename(&caller, &from, &to, moved).await, version) {
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

    /// The original's bytes in another place, by the rules of an upload into it: what comes out may be other bytes, of
    /// another type.
    async fn brought(
        self: &Arc<Self>,
        original: &Object,
        door: &Door,
        described: Described<'_>,
    ) -> Result<Copied, BucketError> {
        let (version, id) = (Uuid::new_v4(), &original.id);
        if !door.looks() {
            self.blobs.copy((&id.bucket, original.version), (door.bucket(), version)).await?;
            let (size, etag, mime_type) = (original.size, original.etag.clone(), described.mime_type.to_owned());
            return Ok(Copied { version, size, etag, mime_type });
        }
        let incoming = self.read_aside(original, door.limit).await?;
        let (incoming, mime_type) = self.looked_at(door, described.mime_type, incoming).await?;
        let copied = Copied { version, size: incoming.size, etag: incoming.etag.clone(), mime_type };
        let described = Described { mime_type: &copied.mime_type, ..described };
        self.blobs.keep(door.bucket(), version, incoming, described).await?;
        Ok(copied)
    }

    /// An object's bytes as if they had just arrived. A few at a time: each is in memory as a whole.
    async fn read_aside(&self, original: &Object, limit: u64) -> Result<Incoming, BucketError> {
        let _permit = self.looking.acquire().await;
        let bytes = self.blobs.read(&original.id.bucket, original.version, limit).await?;
        self.anew(bytes).await
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

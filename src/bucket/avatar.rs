//! A painted picture on its way into its bucket: looked at and treated before it has a name, since the name tells its type;
//! then written with its job and its character in one transaction.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{BucketError, Buckets, Door};
use crate::auth::Caller;
use crate::blobs::{Described, Incoming};
use crate::catalog::{AvatarWrite, BucketSettings, NewObject, Put};
use crate::ingest::IngestError;
use crate::object::ObjectId;

/// What avatars may be, whatever else the bucket takes.
const PICTURES: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];

/// A picture that may come in: whole, without metadata, within the bucket's limit.
#[derive(Debug)]
pub struct Ready {
    incoming: Incoming,
    /// By its content.
    pub mime_type: String,
}

impl Ready {
    /// Its bytes, in memory.
    pub async fn bytes(&self) -> Result<Bytes, BucketError> {
        Ok(self.incoming.bytes().await?)
    }
}

impl Buckets {
    /// Holds a picture against the rules of avatars; one with too many bytes is encoded anew.
    pub async fn treat_avatar(&self, door: &Door, bytes: Bytes) -> Result<Ready, BucketError> {
        let door = door.stricter(|settings, limit| BucketSettings {
            verify_content: true,
            must_decode: true,
            normalise: true,
            reencode_over: Some(settings.reencode_over.map_or(limit, |own| own.min(limit))),
        });
        let incoming = self.anew(bytes).await?;
        // No type is declared that the bytes could have instead of a picture's.
        let (incoming, mime_type) = self.looked_at(&door, "image/png", incoming).await?;
        if !PICTURES.contains(&mime_type.as_str()) {
            return Err(IngestError::Type(mime_type).into());
        }
        Ok(Ready { incoming, mime_type })
    }

    /// Writes the picture under a new name, and what is written with it. A refusal leaves nothing behind.
    pub async fn put_avatar(
        self: &Arc<Self>,
        caller: &Caller,
        object: ObjectId,
        cache_control: &str,
        ready: Ready,
        write: AvatarWrite,
    ) -> Result<Put, BucketError> {
        let (version, Ready { incoming, mime_type }) = (Uuid::new_v4(), ready);
        let (size, etag) = (incoming.size, incoming.etag.clone());
        let described = Described { mime_type: &mime_type, cache_control };
        self.blobs.keep(&object.bucket, version, incoming, described).await?;
        let cache_control = cache_control.to_owned();
        let new = NewObject { id: object, version, size, etag, mime_type, cache_control, user_metadata: None };
        let (buckets, caller) = (Arc::clone(self), caller.clone());
        self.owned(async move {
            let object = new.id.clone();
            let _writing = buckets.writes.begin([object.clone()]);
            match buckets.catalog.put_avatar(&caller, new, &write).await {
                Ok(put) => {
                    buckets.changed(&object, version).await;
                    Ok(put)
                }
                Err(error) => Err(buckets.without_bytes(&object, version, error.into()).await),
            }
        })
        .await
    }
}

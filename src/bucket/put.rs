//! Writing an object: new, or over the one that is there.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{BucketError, Buckets};
use crate::auth::Caller;
use crate::blobs::{Described, Incoming};
use crate::catalog::{Bucket, BucketSettings, CatalogError, NewObject, Put};
use crate::ingest::{self, IngestError, Looked};
use crate::object::{BucketName, ObjectId};
use crate::render::{Cost, Priority};

/// An upload, before its bytes.
#[derive(Clone, Debug)]
pub struct Upload {
    pub object: ObjectId,
    /// As the client says it.
    pub mime_type: String,
    /// `max-age=3600`, `no-cache`.
    pub cache_control: String,
    pub user_metadata: Option<Map<String, Value>>,
    /// Whether an object that is there may be replaced.
    pub upsert: bool,
}

/// What a bucket asks of every upload.
#[derive(Clone, Debug)]
pub struct Door {
    bucket: Bucket,
    /// Most bytes.
    pub limit: u64,
}

impl Door {
    /// That of a bucket which somebody else keeps, of at most so many bytes an object.
    pub fn elsewhere(id: BucketName, limit: u64) -> Self {
        let (created_at, updated_at) = (OffsetDateTime::UNIX_EPOCH, OffsetDateTime::UNIX_EPOCH);
        let (owner, allowed_mime_types, settings) = (None, None, BucketSettings::default());
        let file_size_limit = Some(limit);
        let bucket =
            Bucket { id, owner, public: true, file_size_limit, allowed_mime_types, settings, created_at, updated_at };
        Self { bucket, limit }
    }

    /// The same bucket with other settings, made of its own and of its limit.
    pub(super) fn stricter(&self, settings: impl Fn(&BucketSettings, u64) -> BucketSettings) -> Self {
        let settings = settings(&self.bucket.settings, self.limit);
        Self { bucket: Bucket { settings, ..self.bucket.clone() }, limit: self.limit }
    }

    pub(super) fn bucket(&self) -> &BucketName {
        &self.bucket.id
    }

    /// Whether the bytes matter to the bucket at all.
    pub(super) fn looks(&self) -> bool {
        let settings = &self.bucket.settings;
        settings.verify_content || settings.must_decode || settings.normalise || settings.reencode_over.is_some()
    }

    /// Whether bytes that are here already, of this type, may come in.
    pub(super) fn holds(&self, mime_type: &str, size: u64) -> Result<(), BucketError> {
        if size > self.limit {
            return Err(IngestError::TooLarge.into());
        }
        Ok(ingest::declared(mime_type, self.bucket.allowed_mime_types.as_deref())?)
    }
}

impl Buckets {
    /// The bucket's own limits, whoever asks.
    pub async fn door(&self, bucket: &BucketName) -> Result<Door, BucketError> {
        if self.book.is_configured(bucket) {
            return Err(BucketError::ReadOnly);
        }
        let bucket = self.catalog.find_bucket(bucket).await?.ok_or(CatalogError::NoBucket)?;
        let limit = bucket.file_size_limit.map_or(self.upload_bytes, |limit| limit.min(self.upload_bytes));
        Ok(Door { bucket, limit })
    }

    /// Whether the upload may come in, asked before its bytes are read: its declared type, then the rules.
    pub async fn admit(&self, caller: &Caller, door: &Door, upload: &Upload) -> Result<(), BucketError> {
        ingest::declared(&upload.mime_type, door.bucket.allowed_mime_types.as_deref())?;
        Ok(self.catalog.may_put(caller, &upload.object, upload.upsert).await?)
    }

    /// Makes bytes that arrived the object's current version.
    pub async fn put(
        self: &Arc<Self>,
        caller: &Caller,
        door: &Door,
        upload: Upload,
        incoming: Incoming,
    ) -> Result<Put, BucketError> {
        self.put_version(caller, door, upload, incoming, Uuid::new_v4()).await
    }

    /// [`Self::put`] of a version that has its name already.
    pub(super) async fn put_version(
        self: &Arc<Self>,
        caller: &Caller,
        door: &Door,
        upload: Upload,
        incoming: Incoming,
        version: Uuid,
    ) -> Result<Put, BucketError> {
        let (incoming, mime_type) = self.looked_at(door, &upload.mime_type, incoming).await?;
        let object = upload.object;
        let (size, etag) = (incoming.size, incoming.etag.clone());
        let described = Described { mime_type: &mime_type, cache_control: &upload.cache_control };
        self.blobs.keep(&object.bucket, version, incoming, described).await?;
        let new = NewObject {
            id: object,
            version,
            size,
            etag,
            mime_type,
            cache_control: upload.cache_control,
            user_metadata: upload.user_metadata,
        };
        self.commit(caller, new, upload.upsert).await
    }

    /// Makes bytes that have their name the object's current version. A refusal removes them.
    pub(super) async fn commit(
        self: &Arc<Self>,
        caller: &Caller,
        new: NewObject,
        upsert: bool,
    ) -> Result<Put, BucketError> {
        let (buckets, caller) = (Arc::clone(self), caller.clone());
        self.owned(async move {
            let (object, version) = (new.id.clone(), new.version);
            let _writing = buckets.writes.begin([object.clone()]);
            match buckets.catalog.put(&caller, new, upsert).await {
                Ok(put) => {
                    buckets.changed(&object, version).await;
                    Ok(put)
                }
                // Refused after all: another upload or a change of rules came in between.
                Err(error) => Err(buckets.without_bytes(&object, version, error.into()).await),
            }
        })
        .await
    }

    /// Holds the bytes against the bucket's rules; what comes back may be other bytes of another type.
    pub(super) async fn looked_at(
        &self,
        door: &Door,
        declared: &str,
        incoming: Incoming,
    ) -> Result<(Incoming, String), BucketError> {
        if !door.looks() {
            return Ok((incoming, declared.to_owned()));
        }
        // A few at a time: each is in memory as a whole.
        let _permit = self.looking.acquire().await;
        let bytes = incoming.bytes().await?;
        let allowed = door.bucket.allowed_mime_types.as_deref();
        let looked = ingest::look(&bytes, declared, allowed, &self.deliver.bounds.imaging)?;
        let Looked { mime_type, picture } = looked;
        let Some(probe) = picture else { return Ok((incoming, mime_type)) };
        let Some(work) = ingest::work(&probe, bytes.len() as u64, &door.bucket.settings) else {
            return Ok((incoming, mime_type));
        };
        let limits = self.deliver.bounds.imaging;
        let treated = self.deliver.gate.run(Cost::of_decoding(probe.pixels()), Priority::Request(None), move || {
            ingest::treat(&bytes, &probe, work, &limits)
        });
        match treated.await?? {
            None => Ok((incoming, mime_type)),
            Some((bytes, mime_type)) if bytes.len() as u64 <= door.limit => Ok((self.anew(bytes).await?, mime_type)),
            Some(_) => Err(IngestError::TooLarge.into()),
        }
    }

    /// Writes bytes aside that are in memory.
    pub(super) async fn anew(&self, bytes: Bytes) -> Result<Incoming, BucketError> {
        let mut receiving = self.blobs.receive(bytes.len() as u64).await?;
        receiving.write(&bytes).await?;
        Ok(receiving.finish().await?)
    }
}

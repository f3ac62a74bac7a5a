//! What is known of one object, and giving it another name or place.

use axum::Json;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::HeaderMap;
use serde_json::json;

use super::body::{self, Fields};
use super::route::Place;
use super::uploads::{max_age, metadata_header, wants_upsert};
use super::{Answer, Fault, Storage, json as rows};
use crate::bucket::Changed;
use crate::config::Access;
use crate::object::ObjectId;

impl Storage {
    pub(super) async fn info(&self, place: Place<'_>, headers: &HeaderMap) -> Answer {
        let object = self.object(place)?;
        let is_public = self.access(&object) == Some(Access::Public);
        let found = match self.caller(headers) {
            // A public bucket's objects are for everyone, with whatever key.
            _ if is_public => self.buckets.catalog.find_object(&object).await?.ok_or(Fault::NoObject)?,
            Ok(caller) => self.buckets.catalog.object(&caller, &object).await?,
            Err(fault) => return Err(fault),
        };
        Ok(Json(rows::info(&found)).into_response())
    }

    pub(super) async fn info_public(&self, place: Place<'_>) -> Answer {
        let object = self.object(place)?;
        if self.access(&object) != Some(Access::Public) {
            return Err(Fault::NoBucket);
        }
        let found = self.buckets.catalog.find_object(&object).await?.ok_or(Fault::NoObject)?;
        Ok(Json(rows::info(&found)).into_response())
    }

    pub(super) async fn rename(&self, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let (from, to) = self.both_ends(&fields)?;
        let renamed = self.buckets.rename(&caller, &from, &to).await?;
        let key = renamed.id.to_string();
        Ok(Json(json!({"message": "Successfully moved", "Id": renamed.row, "Key": key})).into_response())
    }

    pub(super) async fn copy(&self, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let upsert = wants_upsert(request.headers());
        let header = metadata_header(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let (from, to) = self.both_ends(&fields)?;
        let copies_metadata = fields.flag("copyMetadata")?.unwrap_or(true);
        let mut changed =
            Changed { user_metadata: (header.is_some() || !copies_metadata).then_some(header), ..Changed::default() };
        if let Some(metadata) = fields.object("metadata")? {
            changed.cache_control = metadata.text("cacheControl")?.map(|text| max_age(&text)).transpose()?;
            changed.mime_type = metadata.text("mimetype")?;
        }
        let put = self.buckets.copy(&caller, &from, &to, changed, upsert).await?;
        let mut answer = rows::row(&put.object);
        answer["Id"] = json!(put.object.row);
        answer["Key"] = json!(put.object.id.to_string());
        Ok(Json(answer).into_response())
    }

    fn both_ends(&self, fields: &Fields) -> Result<(ObjectId, ObjectId), Fault> {
        let bucket = fields.required_text("bucketId")?;
        let (source, destination) = (fields.required_text("sourceKey")?, fields.required_text("destinationKey")?);
        let other = fields.text("destinationBucket")?.unwrap_or_else(|| bucket.clone());
        // These names are not part of a URL: nothing in them is encoded.
        let name = |text: &str| crate::object::BucketName::parse(text).map_err(|_| Fault::NoBucket);
        let from = ObjectId::new(name(&bucket)?, self.key(&source)?);
        Ok((from, ObjectId::new(name(&other)?, self.key(&destination)?)))
    }

    /// Who may read the object's bucket; `None`: there is no such bucket.
    pub(super) fn access(&self, object: &ObjectId) -> Option<Access> {
        self.images.admission.buckets.get(&object.bucket).map(|rules| rules.access)
    }
}

//! Removing objects, and bringing them back.

use axum::Json;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::HeaderMap;
use serde_json::json;
use uuid::Uuid;

use super::route::Place;
use super::{Answer, Fault, Storage, body, bucket_name, json as rows};
use crate::bucket::Undone;
use crate::object::BucketName;

/// Most objects of one request.
const MOST: usize = 1000;

impl Storage {
    /// What is missing or forbidden is just not among the removed.
    pub(super) async fn remove_many(&self, bucket: &str, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let keys = fields.required_texts("prefixes", MOST)?;
        // Names that no object can have are not there.
        let keys: Vec<_> = keys.iter().filter_map(|key| self.key(key).ok()).collect();
        let removed = self.buckets.remove(&caller, &bucket_name(bucket)?, &keys).await?;
        Ok(Json(removed.iter().map(rows::row).collect::<Vec<_>>()).into_response())
    }

    /// Says of every name what became of it. Who may not bring it back hears what they hear of what is not there.
    pub(super) async fn restore(&self, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let (bucket, names) = (fields.required_text("bucket")?, fields.required_texts("names", MOST)?);
        let version = fields.text("version")?.map(|text| Uuid::parse_str(&text)).transpose();
        let version = version.map_err(|_| Fault::schema("body/version must match format \"uuid\""))?;
        let bucket = BucketName::parse(&bucket).map_err(|_| Fault::NoBucket)?;
        let keys: Vec<_> = names.iter().filter_map(|name| self.key(name).ok()).collect();
        let undone = self.buckets.restore(&caller, &bucket, keys, version).await?;
        let outcome =
            |name: &str| undone.iter().find(|(key, _)| key.as_str() == name).map_or(Undone::Gone, |one| one.1);
        let row = |name: &String| json!({"name": name, "result": outcome(name).as_str()});
        Ok(Json(names.iter().map(row).collect::<Vec<_>>()).into_response())
    }

    pub(super) async fn remove_one(&self, place: Place<'_>, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.buckets.remove_one(&caller, &self.object(place)?).await?;
        Ok(Json(json!({"message": "Successfully deleted"})).into_response())
    }
}

//! Removing objects.

use axum::Json;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::HeaderMap;
use serde_json::json;

use super::route::Place;
use super::{Answer, Storage, body, bucket_name, json as rows};

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

    pub(super) async fn remove_one(&self, place: Place<'_>, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.buckets.remove_one(&caller, &self.object(place)?).await?;
        Ok(Json(json!({"message": "Successfully deleted"})).into_response())
    }
}

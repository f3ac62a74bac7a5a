//! Buckets: list, make, change, empty, remove.

use axum::Json;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::HeaderMap;
use http::request::Parts;
use serde_json::json;

use super::body::{self, Fields};
use super::{Answer, Fault, Storage, bucket_name, json as rows};
use crate::catalog::{BucketChange, BucketOrder, BucketQuery, BucketSettings, Direction, NewBucket};
use crate::object::BucketName;

impl Storage {
    pub(super) async fn list_buckets(&self, request: &Parts) -> Answer {
        let caller = self.caller(&request.headers)?;
        let query = query(request.uri.query().unwrap_or_default())?;
        let buckets = self.buckets.catalog.buckets(&caller, &query).await?;
        Ok(Json(buckets.iter().map(rows::bucket).collect::<Vec<_>>()).into_response())
    }

    pub(super) async fn get_bucket(&self, bucket: &str, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        let bucket = self.buckets.catalog.bucket(&caller, &bucket_name(bucket)?).await?;
        Ok(Json(rows::bucket(&bucket)).into_response())
    }

    pub(super) async fn create_bucket(&self, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let name = fields.required_text("name")?;
        let id = fields.text("id")?.unwrap_or_else(|| name.clone());
        let id = BucketName::parse(&id).map_err(|_| Fault::BucketName)?;
        let bucket = NewBucket {
            id,
            public: fields.flag("public")?.unwrap_or_default(),
            file_size_limit: fields.size("file_size_limit")?,
            allowed_mime_types: fields.texts("allowed_mime_types")?,
            settings: settings(&fields, BucketSettings::default())?,
        };
        let made = self.buckets.create_bucket(&caller, bucket).await?;
        Ok(Json(json!({"name": made.id.as_str()})).into_response())
    }

    pub(super) async fn update_bucket(&self, bucket: &str, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let name = bucket_name(bucket)?;
        let before = self.buckets.catalog.bucket(&caller, &name).await?;
        let change = BucketChange {
            public: fields.flag("public")?,
            file_size_limit: if fields.names("file_size_limit") { Some(fields.size("file_size_limit")?) } else { None },
            allowed_mime_types: if fields.names("allowed_mime_types") {
                Some(fields.texts("allowed_mime_types")?)
            } else {
                None
            },
            settings: Some(settings(&fields, before.settings)?),
        };
        self.buckets.update_bucket(&caller, &name, change).await?;
        Ok(Json(json!({"message": "Successfully updated"})).into_response())
    }

    pub(super) async fn empty_bucket(&self, bucket: &str, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        let name = bucket_name(bucket)?;
        self.buckets.catalog.bucket(&caller, &name).await?;
        self.buckets.empty(&caller, &name).await?;
        let message = "Empty bucket has been queued. Completion may take up to an hour.";
        Ok(Json(json!({"message": message})).into_response())
    }

    pub(super) async fn delete_bucket(&self, bucket: &str, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.buckets.delete_bucket(&caller, &bucket_name(bucket)?).await?;
        Ok(Json(json!({"message": "Successfully deleted"})).into_response())
    }
}

/// Our own settings, which Supabase's clients never send.
fn settings(fields: &Fields, before: BucketSettings) -> Result<BucketSettings, Fault> {
    Ok(BucketSettings {
        verify_content: fields.flag("verify_content")?.unwrap_or(before.verify_content),
        must_decode: fields.flag("must_decode")?.unwrap_or(before.must_decode),
        normalise: fields.flag("normalise")?.unwrap_or(before.normalise),
        reencode_over: if fields.names("reencode_over") { fields.size("reencode_over")? } else { before.reencode_over },
    })
}

fn query(text: &str) -> Result<BucketQuery, Fault> {
    let mut query = BucketQuery::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let number = || value.parse::<u32>().map_err(|_| Fault::schema(format!("querystring/{name} must be integer")));
        let not_allowed = || Fault::schema(format!("querystring/{name} must be equal to one of the allowed values"));
        match &*name {
            "limit" => query.limit = Some(number()?),
            "offset" => query.offset = number()?,
            "search" => query.search = Some(value.into_owned()).filter(|text| !text.is_empty()),
            "sortColumn" => {
                query.order = match &*value {
                    "id" => BucketOrder::Id,
                    "name" => BucketOrder::Name,
                    "created_at" => BucketOrder::CreatedAt,
                    "updated_at" => BucketOrder::UpdatedAt,
                    _ => return Err(not_allowed()),
                }
            }
            "sortOrder" => {
                query.direction = match &*value {
                    "asc" => Direction::Ascending,
                    "desc" => Direction::Descending,
                    _ => return Err(not_allowed()),
                }
            }
            _ => {}
        }
    }
    Ok(query)
}

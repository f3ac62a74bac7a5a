//! `POST /api/storage/store`: an upload whose bytes are behind a URL. Our own call, not Supabase's.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use url::Url;

use super::body::{self, Fields};
use super::uploads::max_age;
use super::{Fault, Storage};
use crate::bucket::Upload;
use crate::catalog::Put;
use crate::error::Code;
use crate::http::problem::Refusal;
use crate::object::{BucketName, ObjectId};

impl Storage {
    /// Answers `{bucketId, objectName, url, upsert?, cacheControl?, metadata?}`, by the rules of an upload.
    pub async fn store_by_url(&self, request: Request) -> Response {
        match self.stored(request).await {
            Ok(put) => {
                let object = put.object;
                let key = object.id.to_string();
                let answer = json!({"Id": object.row, "Key": key, "size": object.size, "mime_type": object.mime_type});
                Json(answer).into_response()
            }
            Err(refusal) => refusal.into_response(),
        }
    }

    async fn stored(&self, request: Request) -> Result<Put, Refusal> {
        let caller = self.keys.caller(request.headers());
        // Read in any case: a client that still sends would not see the refusal.
        let fields = body::json(request.into_body(), self.body_timeout).await;
        let caller = caller.map_err(|error| Refusal::unauthorized(error.to_string()))?;
        let (upload, url) = self.asked(&fields?)?;
        Ok(self.buckets.put_from_url(&caller, upload, &url).await?)
    }

    fn asked(&self, fields: &Fields) -> Result<(Upload, Url), Refusal> {
        let bucket = fields.required_text("bucketId")?;
        let object = self.key(&fields.required_text("objectName")?)?;
        let url = fields.required_text("url")?;
        let url = Url::parse(&url).map_err(|_| Refusal::new(Code::BadParameter, "body/url is no absolute URL"))?;
        let upload = Upload {
            object: ObjectId::new(BucketName::parse(&bucket).map_err(|_| Fault::NoBucket)?, object),
            // That of the bytes, once they are here.
            mime_type: String::new(),
            cache_control: max_age(&fields.text("cacheControl")?.unwrap_or_default())?,
            user_metadata: fields.map("metadata")?,
            upsert: fields.flag("upsert")?.unwrap_or_default(),
        };
        Ok((upload, url))
    }
}

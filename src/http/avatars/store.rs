//! `POST /api/kinksters/avatar/store`: a picture behind a URL becomes somebody's avatar.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::NO_STORE;
use super::fault::{Fault, unstored};
use super::session::{self, user_of};
use crate::bucket::BucketError;
use crate::catalog::CatalogError;
use crate::http::api::Api;
use crate::ingest::IngestError;
use crate::render::GateError;
use crate::sidecar::field::parse;
use crate::sidecar::jobs::StoreError;
use crate::source::SourceError;

#[derive(Debug, Deserialize)]
struct Asked {
    image_url: Option<String>,
    #[serde(alias = "kinksterId")]
    kinkster_id: Option<Uuid>,
    user_id: Option<Uuid>,
}

pub(super) async fn store(State(api): State<Arc<Api>>, request: Request) -> Response {
    match stored(&api, request).await {
        Ok(answer) => (NO_STORE, Json(answer)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn stored(api: &Api, request: Request) -> Result<Value, Fault> {
    let (head, body) = request.into_parts();
    let caller = session::caller(api, &head)?;
    let body = session::read(api, body).await?;
    let Asked { image_url, kinkster_id, user_id } = parse(&body)?;
    let user = user_of(&caller, user_id)?;
    let url =
        image_url.filter(|url| !url.trim().is_empty()).ok_or_else(|| Fault::bad_request("image_url is required"))?;
    let url = Url::parse(url.trim()).map_err(|_| Fault::bad_request("image_url must be a URL"))?;
    let token = session::own_token(api, &head.headers);
    let stored = api.avatars.jobs.store_url(&user, token.as_ref(), kinkster_id, &url).await;
    let written = stored.map_err(refused)?;
    Ok(json!({
        "storage_url": written.url,
        "storage_path": written.key.as_str(),
        "content_type": written.mime_type,
        "size": written.size,
    }))
}

fn refused(error: StoreError) -> Fault {
    let told = |status: u16, text: &str| {
        Fault::told(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text)
    };
    match error {
        StoreError::NotTheirs => Fault::Forbidden("This kinkster belongs to somebody else"),
        StoreError::Busy => Fault::busy("Too much is being fetched; please try again", None),
        StoreError::Source(error) => match &error {
            SourceError::Refused(_) => told(403, "This host is not allowed"),
            SourceError::TooManyBytes { .. } => told(413, "The picture is too large"),
            SourceError::Slow => told(504, "The other side took too long"),
            other => told(502, &format!("The picture could not be fetched: {}", other.public_text())),
        },
        StoreError::Bucket(BucketError::Ingest(error)) => match error {
            IngestError::TooLarge => told(413, "The picture is too large"),
            IngestError::Type(_) | IngestError::MalformedType => {
                told(415, "Only PNG, JPEG and WebP pictures are stored")
            }
            IngestError::Corrupt => told(422, "The picture is damaged or incomplete"),
            IngestError::TooManyPixels => told(422, "The picture has too many pixels"),
        },
        StoreError::Project(error) => unstored(&error),
        StoreError::Changed => Fault::Conflict("The kinkster's avatar was changed meanwhile"),
        StoreError::Bucket(BucketError::Busy(error)) => {
            let GateError::Busy { retry_after } = error else { return Fault::Internal };
            Fault::busy("The server is busy; please try again", Some(retry_after))
        }
        StoreError::Bucket(BucketError::Catalog(CatalogError::NoBucket)) => {
            Fault::Conflict("The bucket of the avatars was removed; create it again to store pictures")
        }
        StoreError::Bucket(error) => {
            tracing::error!(%error, "a picture could not be stored");
            Fault::Internal
        }
    }
}

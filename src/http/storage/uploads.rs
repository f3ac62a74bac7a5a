//! Uploads: raw bodies and forms, new and over what is there, with a token of one's own or a signed one.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};

use super::route::Place;
use super::signing::upload_caller;
use super::{Answer, Fault, Storage};
use crate::auth::Caller;
use crate::blobs::{Incoming, Receiving};
use crate::bucket::{Door, Upload};
use crate::catalog::Put;
use crate::object::ObjectId;

/// Where the client says nothing.
pub(super) const NO_CACHE: &str = "no-cache";
/// Longest value of a form's field that is no file, in bytes.
const FIELD_BYTES: usize = 1 << 20;
/// Most fields of a form.
const MOST_FIELDS: usize = 12;
/// Time for a whole body, however steadily it comes.
const WHOLE_BODY: Duration = Duration::from_secs(900);

impl Storage {
    pub(super) async fn upload(&self, place: Place<'_>, replace: bool, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let object = self.object(place)?;
        let upsert = replace || wants_upsert(request.headers());
        let put = self.received(&caller, object, upsert, request).await?;
        Ok(Json(json!({"Id": put.object.row, "Key": put.object.id.to_string()})).into_response())
    }

    pub(super) async fn signed_upload(&self, place: Place<'_>, request: Request) -> Answer {
        let object = self.object(place)?;
        let token = self.upload_token(&object, request.uri().query())?;
        let upsert = token.upsert.unwrap_or_default();
        let put = self.received(&upload_caller(&token), object, upsert, request).await?;
        Ok(Json(json!({"Key": put.object.id.to_string()})).into_response())
    }

    async fn received(&self, caller: &Caller, object: ObjectId, upsert: bool, request: Request) -> Result<Put, Fault> {
        let door = self.buckets.door(&object.bucket).await?;
        let content_type = text(request.headers(), CONTENT_TYPE);
        let is_form = content_type.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"));
        let (user_metadata, cache_control) = (metadata_header(request.headers())?, cache_control(request.headers())?);
        let mime_type = content_type.unwrap_or("application/octet-stream").to_owned();
        let upload = Upload { object, mime_type, cache_control, user_metadata, upsert };
        let receiving = async {
            if is_form {
                self.form(caller, &door, upload, request).await
            } else {
                self.raw(caller, &door, upload, request.into_body()).await
            }
        };
        let (upload, incoming) = tokio::time::timeout(WHOLE_BODY, receiving).await.map_err(|_| Fault::TooSlow)??;
        Ok(self.buckets.put(caller, &door, upload, incoming).await?)
    }

    async fn raw(&self, caller: &Caller, door: &Door, upload: Upload, body: Body) -> Result<(Upload, Incoming), Fault> {
        self.buckets.admit(caller, door, &upload).await?;
        let receiving = self.buckets.blobs.receive(door.limit).await?;
        let incoming = self.filled(receiving, body.into_data_stream()).await?;
        Ok((upload, incoming))
    }

    /// Reads a form to its end: one file, with the fields that say more about it before it.
    async fn form(
        &self,
        caller: &Caller,
        door: &Door,
        mut upload: Upload,
        request: Request,
    ) -> Result<(Upload, Incoming), Fault> {
        let mut form = Multipart::from_request(request, &()).await.map_err(|error| Fault::schema(error.body_text()))?;
        let (mut incoming, mut declared) = (None, None);
        for _ in 0..=MOST_FIELDS {
            let next = tokio::time::timeout(self.body_timeout, form.next_field()).await.map_err(|_| Fault::TooSlow)?;
            let Some(field) = next.map_err(|error| Fault::schema(error.body_text()))? else {
                let incoming = incoming.ok_or_else(|| Fault::schema("body must have a file"))?;
                return Ok((upload, incoming));
            };
            if is_file(&field) {
                if incoming.is_some() {
                    return Err(Fault::schema("body must have one file"));
                }
                // As it stands there: parsed, `charset=UTF-8` would come out in other letters.
                let kind = declared.clone().or_else(|| text(field.headers(), CONTENT_TYPE).map(str::to_owned));
                upload.mime_type = kind.unwrap_or_else(|| "application/octet-stream".to_owned());
                if upload.mime_type.to_ascii_lowercase().starts_with("multipart/") {
                    return Err(Fault::MalformedType);
                }
                self.buckets.admit(caller, door, &upload).await?;
                let receiving = self.buckets.blobs.receive(door.limit).await?;
                incoming = Some(self.filled(receiving, field).await?);
                continue;
            }
            let name = field.name().unwrap_or_default().to_owned();
            let value = self.value(field).await?;
            match &*name {
                "cacheControl" => upload.cache_control = max_age(&value)?,
                "metadata" => upload.user_metadata = Some(user_metadata(value.as_bytes())?),
                "contentType" => declared = Some(value),
                _ => {}
            }
        }
        Err(Fault::schema("body has too many fields"))
    }

    /// Writes a body aside; a pause that is too long ends it.
    async fn filled<S, E>(&self, mut receiving: Receiving, stream: S) -> Result<Incoming, Fault>
    where
        S: Stream<Item = Result<bytes::Bytes, E>>,
    {
        let mut stream = std::pin::pin!(stream);
        loop {
            let next = tokio::time::timeout(self.body_timeout, stream.next()).await.map_err(|_| Fault::TooSlow)?;
            match next {
                Some(Ok(part)) => receiving.write(&part).await?,
                Some(Err(_)) => return Err(Fault::schema("the body ended early")),
                None => return Ok(receiving.finish().await?),
            }
        }
    }

    async fn value(&self, mut field: Field<'_>) -> Result<String, Fault> {
        let mut value = Vec::new();
        loop {
            let next = tokio::time::timeout(self.body_timeout, field.chunk()).await.map_err(|_| Fault::TooSlow)?;
            match next.map_err(|error| Fault::schema(error.body_text()))? {
                Some(part) if value.len() + part.len() <= FIELD_BYTES => value.extend_from_slice(&part),
                Some(_) => return Err(Fault::TooLarge),
                None => break,
            }
        }
        String::from_utf8(value).map_err(|_| Fault::schema("a field of the body is no text"))
    }
}

/// The JavaScript clients send the file under an empty name, others under a name of their own with a file's name.
fn is_file(field: &Field<'_>) -> bool {
    field.file_name().is_some() || field.name().is_none_or(str::is_empty)
}

pub(super) fn wants_upsert(headers: &HeaderMap) -> bool {
    headers.get("x-upsert").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn cache_control(headers: &HeaderMap) -> Result<String, Fault> {
    match headers.get(CACHE_CONTROL).map(|value| value.to_str()) {
        None | Some(Ok("")) => Ok(NO_CACHE.to_owned()),
        Some(Ok(text)) => Ok(text.to_owned()),
        Some(Err(_)) => Err(Fault::schema("headers/cache-control must be printable ASCII")),
    }
}

/// What a form, a document or TUS says, which is only the seconds. It becomes a header of every answer: what a header cannot
/// say is refused.
pub(super) fn max_age(seconds: &str) -> Result<String, Fault> {
    if !is_plain(seconds) {
        return Err(Fault::schema("cacheControl must be printable ASCII"));
    }
    let seconds = seconds.trim();
    Ok(match seconds.parse::<u64>() {
        Ok(seconds) => format!("max-age={seconds}"),
        Err(_) if seconds.is_empty() => NO_CACHE.to_owned(),
        Err(_) => seconds.to_owned(),
    })
}

/// Whether a header can say it: printable ASCII.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// `x-metadata`: JSON in base64.
pub(super) fn metadata_header(headers: &HeaderMap) -> Result<Option<Map<String, Value>>, Fault> {
    let Some(encoded) = headers.get("x-metadata") else { return Ok(None) };
    let decoded = STANDARD.decode(encoded.as_bytes()).map_err(|_| Fault::schema("headers/x-metadata is no base64"))?;
    user_metadata(&decoded).map(Some)
}

pub(super) fn user_metadata(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    serde_json::from_slice(bytes).map_err(|_| Fault::schema("metadata must be a JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_max_age() {
        let said = |text| max_age(text).unwrap();
        assert_eq!(said("3600"), "max-age=3600");
        assert_eq!(said(""), NO_CACHE);
        assert_eq!(said("no-store"), "no-store");
        for text in ["a\r\nb", "3600\r\n", "\n", "ü", "\0"] {
            assert!(max_age(text).is_err(), "{text:?}");
        }
    }
}

//! Resumable uploads by TUS 1.0.0: creation, creation-with-upload, expiration, termination, checksum; signed ones too.
//!
//! Lengths are declared at creation (no `Upload-Defer-Length`), and an upload lives from its creation on for
//! `storage.upload_seconds`, whatever is sent meanwhile. Whoever has an upload's URL may ask where it stands; writing to
//! it and ending it is for its creator, the service role, or the signature that it was begun with.

mod grant;
mod headers;
mod metadata;
mod place;
mod refusal;

use std::time::SystemTime;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::Storage;
use super::route::Resumable;
use crate::bucket::{Part, Reached, Standing};
use crate::catalog;

use metadata::Metadata;
use place::Place;
use refusal::Refusal;

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,creation-with-upload,expiration,termination,checksum");
const ALGORITHMS: HeaderValue = HeaderValue::from_static("sha1,sha256");
const METHODS: HeaderValue = HeaderValue::from_static("OPTIONS, POST, HEAD, PATCH, DELETE");

type Answer = Result<Response, Refusal>;

impl Storage {
    /// Answers every request below `/storage/v1/upload/resumable`.
    pub(super) async fn resumable(&self, resumable: Resumable<'_>, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let method = headers::method(&head);
        let answer = self.resume(resumable, &method, &head, body).await;
        let mut response = answer.unwrap_or_else(IntoResponse::into_response);
        let headers = response.headers_mut();
        headers.insert("tus-resumable", VERSION);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn resume(&self, resumable: Resumable<'_>, method: &Method, head: &Parts, body: Body) -> Answer {
        if method == Method::OPTIONS {
            return Ok(self.abilities());
        }
        if head.headers.get("tus-resumable") != Some(&VERSION) {
            return Err(Refusal::Version);
        }
        match (method, resumable.id) {
            (&Method::POST, None) => self.begin(resumable.signed, head, body).await,
            (&Method::HEAD, Some(id)) => self.stands(id).await,
            (&Method::PATCH, Some(id)) => self.append(resumable.signed, id, &head.headers, body).await,
            (&Method::DELETE, Some(id)) => self.terminate(resumable.signed, id, &head.headers).await,
            _ => Err(Refusal::Method),
        }
    }

    /// What is offered to whoever asks.
    fn abilities(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert("tus-version", VERSION);
        headers.insert("tus-extension", EXTENSIONS);
        headers.insert("tus-checksum-algorithm", ALGORITHMS);
        headers.insert("tus-max-size", HeaderValue::from(self.buckets.upload_limit()));
        headers.insert(ALLOW, METHODS);
        response
    }

    async fn begin(&self, signed: bool, head: &Parts, body: Body) -> Answer {
        let headers = &head.headers;
        let length = headers::length(headers)?;
        let metadata = Metadata::parse(headers)?;
        let object = metadata.object(self)?;
        let grant = self.grant(signed, headers, &object)?;
        let upsert = grant.upsert().unwrap_or_else(|| super::uploads::wants_upsert(headers));
        let with_part = headers::is_part(headers);
        let checksum = headers::checksum(headers)?.filter(|_| with_part);
        let declared = headers::declared(headers).filter(|_| with_part);
        if declared.is_some_and(|declared| declared > length) {
            return Err(Refusal::TooLong);
        }
        let upload = self.buckets.begin(&grant.caller(), metadata.upload(object, upsert)?, length).await?;
        let place = Place::of(&upload).url(signed, head, &self.public_urls);
        let mut response = (StatusCode::CREATED, [(LOCATION, place)]).into_response();
        if !with_part && length > 0 {
            expires(response.headers_mut(), &upload);
            return Ok(response);
        }
        let body = if with_part { body } else { Body::empty() };
        let part = Part { checksum, body: body.into_data_stream(), patience: self.body_timeout };
        let reached = match self.buckets.append(self.buckets.turn(upload.version)?, upload.clone(), part).await {
            Ok(reached) => reached,
            Err(error) => {
                // Nobody was told where it is.
                self.buckets.terminate(self.buckets.turn(upload.version)?, &upload).await?;
                return Err(error.into());
            }
        };
        told(response.headers_mut(), &reached, &upload);
        Ok(response)
    }

    async fn stands(&self, id: &str) -> Answer {
        let place = Place::parse(id)?;
        // No turn is taken: asking must not get in the way of sending.
        self.buckets.settle(place.version).await?;
        let mut response = StatusCode::OK.into_response();
        let headers = response.headers_mut();
        let (offset, length) = match self.buckets.standing(&place.object, place.version).await? {
            Standing::Open(upload) => {
                headers.insert("upload-metadata", metadata::told(&upload));
                expires(headers, &upload);
                (upload.offset, upload.length)
            }
            Standing::Finished(size) => (size, size),
        };
        headers.insert("upload-offset", HeaderValue::from(offset));
        headers.insert("upload-length", HeaderValue::from(length));
        Ok(response)
    }

    async fn append(&self, signed: bool, id: &str, headers: &HeaderMap, body: Body) -> Answer {
        if !headers::is_part(headers) {
            return Err(Refusal::PartType);
        }
        let (offset, checksum) = (headers::offset(headers)?, headers::checksum(headers)?);
        let place = Place::parse(id)?;
        let grant = self.grant(signed, headers, &place.object)?;
        let turn = self.buckets.turn(place.version)?;
        let Standing::Open(upload) = self.buckets.standing(&place.object, place.version).await? else {
            return Err(Refusal::Offset);
        };
        grant.covers(&upload)?;
        if upload.offset != offset {
            return Err(Refusal::Offset);
        }
        if headers::declared(headers).is_some_and(|declared| declared > upload.length - offset) {
            return Err(Refusal::TooLong);
        }
        let part = Part { checksum, body: body.into_data_stream(), patience: self.body_timeout };
        let reached = self.buckets.append(turn, (*upload).clone(), part).await?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        told(response.headers_mut(), &reached, &upload);
        Ok(response)
    }

    async fn terminate(&self, signed: bool, id: &str, headers: &HeaderMap) -> Answer {
        let place = Place::parse(id)?;
        let grant = self.grant(signed, headers, &place.object)?;
        self.buckets.settle(place.version).await?;
        let turn = self.buckets.turn(place.version)?;
        let Standing::Open(upload) = self.buckets.standing(&place.object, place.version).await? else {
            return Err(Refusal::Finished);
        };
        grant.covers(&upload)?;
        self.buckets.terminate(turn, &upload).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

/// How far the upload has come, and until when it must be finished if it is not.
fn told(headers: &mut HeaderMap, reached: &Reached, upload: &catalog::Upload) {
    let offset = match reached {
        Reached::Offset(offset) => {
            expires(headers, upload);
            *offset
        }
        Reached::Finished(_) => upload.length,
    };
    headers.insert("upload-offset", HeaderValue::from(offset));
}

fn expires(headers: &mut HeaderMap, upload: &catalog::Upload) {
    let date = httpdate::fmt_http_date(SystemTime::from(upload.expires_at));
    if let Ok(date) = HeaderValue::try_from(date) {
        headers.insert(HeaderName::from_static("upload-expires"), date);
    }
}

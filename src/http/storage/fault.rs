//! The one table of the storage API's refusals: HTTP status, envelope status, error, code, message.
//!
//! Nearly everything is HTTP 400 with the true status as a text in the body: clients match on that.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::auth::{SignedTokenError, TokenError};
use crate::blobs::BlobError;
use crate::bucket::BucketError;
use crate::catalog::CatalogError;
use crate::error::Code;
use crate::http::help::Help;
use crate::ingest::IngestError;
use crate::render::GateError;

/// Why the storage API does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    NoObject,
    NoBucket,
    /// The row is there, the bytes are not.
    NoBytes,
    /// The token on a protected route, in its library's words.
    Token(String),
    Denied,
    /// An object or a bucket is there already.
    ObjectExists,
    BucketExists,
    NotEmpty,
    TooLarge,
    Type(String),
    MalformedType,
    Key(String),
    BucketName,
    /// The token of a signed URL.
    SignedToken(String),
    Signature(String),
    /// Against the schema, in its validator's words.
    Schema(String),
    /// The bytes are no whole picture, or too large a one.
    Picture(String),
    Route(String),
    /// The machine has too much to do. 503 and not the 429 of a caller who is too fast: TUS clients give up at a 4xx.
    Busy,
    /// The body stopped coming.
    TooSlow,
    DiskFull,
    Internal,
}

/// HTTP status, `statusCode`, `error`, `code`, `message`.
type Row<'a> = (u16, &'a str, &'a str, &'a str, &'a str);

impl Fault {
    fn row(&self) -> Row<'_> {
        match self {
            Self::NoObject => (400, "404", "not_found", "NoSuchKey", "Object not found"),
            Self::NoBucket => (400, "404", "Bucket not found", "NoSuchBucket", "Bucket not found"),
            Self::NoBytes => (400, "404", "Not found", "NoSuchKey", "The resource was not found"),
            Self::Token(message) => (400, "403", "Unauthorized", "AccessDenied", message),
            Self::Denied => (400, "403", "Unauthorized", "AccessDenied", "new row violates row-level security policy"),
            Self::ObjectExists => (400, "409", "Duplicate", "KeyAlreadyExists", "The resource already exists"),
            Self::BucketExists => (400, "409", "Duplicate", "BucketAlreadyExists", "The resource already exists"),
            Self::NotEmpty => {
                (400, "409", "ResourceNotEmpty", "ResourceNotEmpty", "The bucket you tried to delete is not empty")
            }
            Self::TooLarge => {
                (400, "413", "Payload too large", "EntityTooLarge", "The object exceeded the maximum allowed size")
            }
            Self::Type(message) => (400, "415", "invalid_mime_type", "InvalidMimeType", message),
            Self::MalformedType => (400, "415", "invalid_mime_type", "InvalidMimeType", "Invalid Content-Type header"),
            Self::Key(message) => (400, "400", "InvalidKey", "InvalidKey", message),
            Self::BucketName => (400, "400", "Invalid Input", "InvalidBucketName", "Bucket name invalid"),
            Self::SignedToken(message) => (400, "400", "InvalidJWT", "InvalidJWT", message),
            Self::Signature(message) => (400, "400", "InvalidSignature", "InvalidSignature", message),
            Self::Schema(message) => (400, "400", "Error", "InvalidRequest", message),
            Self::Picture(message) => (400, "400", "InvalidRequest", "InvalidRequest", message),
            Self::Route(message) => (404, "404", "Not Found", "InvalidRequest", message),
            Self::Busy => (503, "503", "SlowDown", "SlowDown", "The server is busy, please try again"),
            Self::TooSlow => (408, "408", "RequestTimeout", "RequestTimeout", "The body took too long"),
            Self::DiskFull => (507, "507", "Internal", "InternalError", "There is no space left for this object"),
            Self::Internal => (500, "500", "Internal", "InternalError", "Internal Server Error"),
        }
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The status without the envelope: what the body's `statusCode` says.
    pub(in crate::http) fn true_status(&self) -> StatusCode {
        self.row().1.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What it is among all errors, and where that is explained.
    pub(in crate::http) fn help(&self) -> Help {
        let code = match self {
            Self::NoObject | Self::NoBucket | Self::NoBytes | Self::Route(_) => Code::Missing,
            Self::Denied => Code::Forbidden,
            Self::TooLarge => Code::TooManyBytes,
            Self::Type(_) | Self::MalformedType => Code::NotAPicture,
            Self::Picture(_) => Code::Corrupt,
            Self::Key(_) | Self::BucketName | Self::Schema(_) | Self::SignedToken(_) | Self::Signature(_) => {
                Code::BadParameter
            }
            Self::Busy => Code::Busy,
            Self::Internal => Code::Internal,
            Self::Token(_) => return Help::Unauthorized,
            Self::ObjectExists | Self::BucketExists | Self::NotEmpty => return Help::Conflict,
            Self::TooSlow => return Help::BodyTooSlow,
            Self::DiskFull => return Help::DiskFull,
        };
        Help::Code(code)
    }

    /// What was wrong, for people.
    pub fn message(&self) -> String {
        match self {
            Self::Key(key) => format!("Invalid key: {key}"),
            other => other.row().4.to_owned(),
        }
    }

    pub(super) fn schema(message: impl Into<String>) -> Self {
        Self::Schema(message.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (_, status_code, error, code, _) = self.row();
        let envelope = json!({"statusCode": status_code, "error": error, "message": self.message(), "code": code});
        let mut response = (self.status(), Json(envelope)).into_response();
        response.extensions_mut().insert(self.help());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self == Self::Busy {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        if error.is_missing() { Self::Schema(error.to_string()) } else { Self::Token(error.to_string()) }
    }
}

impl From<SignedTokenError> for Fault {
    fn from(error: SignedTokenError) -> Self {
        match error {
            SignedTokenError::Jwt(error) => Self::SignedToken(error.to_string()),
            SignedTokenError::Signature(error) => Self::Signature(error.to_string()),
        }
    }
}

impl From<CatalogError> for Fault {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NoBucket => Self::NoBucket,
            CatalogError::NoObject => Self::NoObject,
            CatalogError::BucketExists => Self::BucketExists,
            CatalogError::ObjectExists => Self::ObjectExists,
            CatalogError::NotEmpty => Self::NotEmpty,
            CatalogError::Denied => Self::Denied,
            CatalogError::Superseded
            | CatalogError::Unavailable(_)
            | CatalogError::NotSetUp(_)
            | CatalogError::Broken(_) => {
                tracing::error!(%error, "the catalogue failed");
                Self::Internal
            }
        }
    }
}

impl From<BlobError> for Fault {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Missing => Self::NoBytes,
            BlobError::TooLarge { .. } => Self::TooLarge,
            BlobError::Incomplete(_) => Self::Schema("the body ended early".to_owned()),
            BlobError::Full => {
                tracing::error!("an upload was refused: the disk is full");
                Self::DiskFull
            }
            BlobError::File(_) | BlobError::Store(_) => {
                tracing::error!(%error, "bytes could not be kept or read");
                Self::Internal
            }
        }
    }
}

impl From<IngestError> for Fault {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Type(_) => Self::Type(error.to_string()),
            IngestError::MalformedType => Self::MalformedType,
            IngestError::TooLarge => Self::TooLarge,
            IngestError::Corrupt | IngestError::TooManyPixels => Self::Picture(error.to_string()),
        }
    }
}

impl From<BucketError> for Fault {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Catalog(error) => error.into(),
            BucketError::Blob(error) => error.into(),
            BucketError::Ingest(error) => error.into(),
            BucketError::Busy(GateError::Busy { .. }) => Self::Busy,
            BucketError::Busy(GateError::Panicked) | BucketError::Aborted => Self::Internal,
            BucketError::ReadOnly => Self::Denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_busy_broken_or_no_route_has_a_status_of_its_own() {
        let own = [Fault::Busy, Fault::Internal, Fault::TooSlow, Fault::DiskFull, Fault::Route(String::new())];
        assert!(own.iter().all(|fault| fault.status() != StatusCode::BAD_REQUEST));
        for fault in [Fault::NoObject, Fault::Denied, Fault::TooLarge, Fault::Key("a".into()), Fault::NotEmpty] {
            assert_eq!(fault.status(), StatusCode::BAD_REQUEST, "{fault:?}");
        }
    }
}

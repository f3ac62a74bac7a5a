//! Why a request does not reach the upstream, or its answer does not come back: one table.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::http::help::Help;

/// Why nothing can be passed on. The texts are for strangers: no address, no chain of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the request names a target of its own; ask with a path")]
    AbsoluteForm,
    #[error("CONNECT is not answered here")]
    Connect,
    #[error("the path has dot segments, an encoded slash, a backslash, or characters that no path has")]
    Path,
    #[error("this server asks itself")]
    Loop,
    #[error("the body is larger than what is passed on")]
    TooLarge,
    #[error("the body took too long")]
    BodySlow,
    #[error("the body ended early")]
    BodyBroken,
    #[error("too many websockets are open")]
    Busy,
    #[error("the upstream could not be reached")]
    Unreachable,
    #[error("the upstream's answer is of no use")]
    BadAnswer,
    #[error("the upstream took too long")]
    Slow,
    #[error("the object changes faster than it can be read")]
    Changing,
}

impl Fault {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::AbsoluteForm | Self::Path | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodySlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreachable | Self::BadAnswer | Self::Changing => StatusCode::BAD_GATEWAY,
            Self::Slow => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Whether the upstream may have done what was asked although its answer is not known.
    pub(super) const fn leaves_doubt(self) -> bool {
        // Half a body is no write. Were it one to us, strangers could empty the cache.
        matches!(self, Self::Unreachable | Self::BadAnswer | Self::Slow | Self::Changing)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, message) = (self.status(), self.to_string());
        let error = status.canonical_reason().unwrap_or_default();
        let envelope =
            json!({"statusCode": status.as_str(), "error": error, "message": message, "code": "UpstreamError"});
        let mut response = (status, Json(envelope)).into_response();
        response.extensions_mut().insert(Help::Upstream);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self == Self::Busy {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

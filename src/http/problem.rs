//! Refusals of our own API (`/api`, `/admin`): problem JSON (RFC 9457) with true statuses.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::errors::native_status;
use super::help::Help;
use super::storage::Fault;
use crate::bucket::FetchError;
use crate::deliver::DeliverError;
use crate::error::Code;
use crate::source::{Refused, SourceError};

/// Why our own API does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    /// Its name is stable, for programs.
    help: Help,
    /// For people; never an internal detail.
    detail: String,
}

impl Refusal {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { status: native_status(code), help: Help::Code(code), detail: detail.into() }
    }

    /// No token, or one that is not good.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, help: Help::Unauthorized, detail: detail.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, help, detail } = self;
        let (title, code) = (status.canonical_reason(), help.as_str());
        let problem =
            json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code});
        let headers = [(CONTENT_TYPE, "application/problem+json"), (CACHE_CONTROL, "no-store")];
        let mut response = (status, headers, problem.to_string()).into_response();
        response.extensions_mut().insert(help);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = match fault.help() {
            Help::Code(code) => native_status(code),
            Help::Unauthorized => StatusCode::UNAUTHORIZED,
            _ => fault.true_status(),
        };
        Self { status, help: fault.help(), detail: fault.message() }
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Bucket(error) => Fault::from(error).into(),
            FetchError::Source(SourceError::Refused(Refused::Host)) => {
                Self::new(Code::Forbidden, "this host is not one of storage.fetch_hosts")
            }
            // 404 is for what is missing here.
            FetchError::Source(error @ SourceError::Missing) => Self::new(Code::OriginFailed, error.public_text()),
            FetchError::Source(error) => {
                tracing::info!(%error, "nothing was stored by URL");
                Self::new(error.code(), error.public_text())
            }
            FetchError::Own(error) => from_delivery(&error),
            FetchError::NotAnObject => Self::new(Code::Missing, error.to_string()),
            FetchError::Busy => Self::new(Code::Busy, error.to_string()),
        }
    }
}

fn from_delivery(error: &DeliverError) -> Refusal {
    Refusal::new(error.code(), error.public_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_true_status() {
        let rows = [
            (Fault::NoBucket, 404),
            (Fault::Denied, 403),
            (Fault::Token("expired".into()), 401),
            (Fault::ObjectExists, 409),
            (Fault::TooLarge, 413),
            (Fault::Type("text/html".into()), 415),
            (Fault::Picture("corrupt".into()), 422),
            (Fault::Key("..".into()), 400),
            (Fault::Busy, 503),
            (Fault::DiskFull, 507),
            (Fault::Internal, 500),
        ];
        for (fault, status) in rows {
            let answer = Refusal::from(fault.clone()).into_response();
            assert_eq!(answer.status(), status, "{fault:?}");
            assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
        }
        let refused = |error: SourceError| Refusal::from(FetchError::from(error)).status.as_u16();
        assert_eq!(refused(Refused::Host.into()), 403);
        assert_eq!(refused(SourceError::Missing), 502);
        assert_eq!(refused(SourceError::TooManyBytes { limit: 1 }), 413);
        assert_eq!(refused(SourceError::Redirects), 502);
        assert_eq!(refused(SourceError::Slow), 504);
    }
}

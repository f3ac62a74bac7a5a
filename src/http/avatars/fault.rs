//! The avatar routes' refusals beside those of a request's fields: `{error, details?}`.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::AvatarFault;
use crate::bucket::BucketError;
use crate::catalog::{CatalogError, QuotaExceeded};
use crate::http::help::Help;
use crate::project::ProjectError;
use crate::sidecar::field::FieldError;
use crate::sidecar::home::HomeError;
use crate::sidecar::jobs::JobError;

/// The contract's words, whichever limit it was.
pub(super) const RATE_LIMITED: &str = "Rate limit exceeded. Please try again later.";

/// When nobody said how long it takes.
const SOON: Duration = Duration::from_secs(5);

/// Why a job route does not do what was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    Avatar(AvatarFault),
    Forbidden(&'static str),
    NotFound(&'static str),
    /// What is asked does not fit what is there.
    Conflict(&'static str),
    OtherRequest,
    Quota(QuotaExceeded),
    Disabled,
    Told {
        status: StatusCode,
        error: String,
        details: Value,
        retry_after: Option<Duration>,
    },
    Internal,
}

impl Fault {
    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::told(StatusCode::BAD_REQUEST, error)
    }

    pub(super) fn told(status: StatusCode, error: impl Into<String>) -> Self {
        Self::Told { status, error: error.into(), details: Value::Null, retry_after: None }
    }

    /// It may go better soon.
    pub(super) fn busy(error: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self::Told {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: error.into(),
            details: Value::Null,
            retry_after: Some(retry_after.unwrap_or(SOON)),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            // Answered by itself.
            Self::Avatar(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::OtherRequest => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Quota(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Disabled => StatusCode::SERVICE_UNAVAILABLE,
            Self::Told { status, .. } => *status,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Avatar(_) | Self::Internal => "Internal Server Error",
            Self::Forbidden(text) | Self::NotFound(text) | Self::Conflict(text) => text,
            Self::OtherRequest => "This Idempotency-Key was used for another request",
            Self::Quota(_) => RATE_LIMITED,
            Self::Disabled => "Avatars are switched off; please try again later",
            Self::Told { error, .. } => error,
        }
    }

    fn details(&self) -> Value {
        match self {
            Self::Quota(refused) => json!({"quota": refused.quota.as_str()}),
            Self::Told { details, .. } => details.clone(),
            _ => Value::Null,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Quota(refused) => Some(refused.retry_after),
            Self::Disabled => Some(Duration::from_secs(60)),
            Self::Told { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        if let Self::Avatar(fault) = self {
            return fault.into_response();
        }
        let mut body = json!({"error": self.text()});
        let details = self.details();
        if !details.is_null() {
            body["details"] = details;
        }
        let mut response = (self.status(), Json(body)).into_response();
        if matches!(self, Self::Quota(_)) {
            response.extensions_mut().insert(Help::Quota);
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(pause) = self.retry_after() {
            let seconds = pause.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<AvatarFault> for Fault {
    fn from(fault: AvatarFault) -> Self {
        Self::Avatar(fault)
    }
}

impl From<FieldError> for Fault {
    fn from(error: FieldError) -> Self {
        Self::Avatar(error.into())
    }
}

impl From<CatalogError> for Fault {
    fn from(error: CatalogError) -> Self {
        tracing::error!(%error, "the catalogue failed");
        Self::Internal
    }
}

impl From<HomeError> for Fault {
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Project(error) => unstored(&error),
            HomeError::Bucket(BucketError::Catalog(error)) => error.into(),
            error => {
                tracing::error!(%error, "an avatar's bucket failed");
                Self::Internal
            }
        }
    }
}

/// What the upstream does not do for us.
pub(super) fn unstored(error: &ProjectError) -> Fault {
    let status = match error {
        ProjectError::Slow => StatusCode::GATEWAY_TIMEOUT,
        ProjectError::Busy { retry_after } => return Fault::busy(error.public_text(), *retry_after),
        ProjectError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProjectError::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ProjectError::Failed { .. } | ProjectError::Unreachable(_) | ProjectError::Nonsense => StatusCode::BAD_GATEWAY,
        // What is set up wrongly is ours to repair.
        ProjectError::Key { .. } | ProjectError::Policy | ProjectError::Missing | ProjectError::Rejected { .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    tracing::warn!(%error, "the upstream did not do what an avatar needs");
    Fault::told(status, error.public_text())
}

impl From<JobError> for Fault {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Disabled => Self::Disabled,
            JobError::Provider(error) => Self::Avatar(error.into()),
            JobError::Catalog(error) => error.into(),
            JobError::Home(error) => error.into(),
        }
    }
}

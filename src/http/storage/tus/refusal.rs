//! The one table of TUS refusals: a true status and a line of text.

use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::{METHODS, VERSION};
use crate::bucket::{BucketError, ResumeError};
use crate::http::storage::Fault;

/// Why a resumable upload does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What the storage API refuses too, with the status that its envelope tells.
    Fault(Fault),
    Version,
    Method,
    Unknown,
    Expired,
    Finished,
    Offset,
    PartType,
    TooLong,
    Checksum,
    Locked,
    Broken,
}

impl Refusal {
    fn row(&self) -> (StatusCode, String) {
        let (status, text) = match self {
            Self::Fault(fault) => return (fault.true_status(), fault.message()),
            Self::Version => (412, "This server speaks TUS 1.0.0: Tus-Resumable must be 1.0.0"),
            Self::Method => (405, "This method is not allowed here"),
            Self::Unknown => (404, "There is no such upload"),
            Self::Expired => (410, "The upload's time is over"),
            Self::Finished => (400, "The upload is finished and cannot be terminated"),
            Self::Offset => (409, "The upload stands at another offset"),
            Self::PartType => (415, "Content-Type must be application/offset+octet-stream"),
            Self::TooLong => (413, "The body is longer than what is left of the upload"),
            // The extension's own status.
            Self::Checksum => (460, "The body is not what Upload-Checksum says"),
            Self::Locked => (423, "The upload is being written by another request"),
            Self::Broken => (400, "The body ended early"),
        };
        (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text.to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.row().into_response();
        let headers = response.headers_mut();
        match self {
            Self::Version => drop(headers.insert("tus-version", VERSION)),
            Self::Method => drop(headers.insert(http::header::ALLOW, METHODS)),
            Self::Fault(Fault::Busy) | Self::Locked => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => {}
        }
        response
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BucketError> for Refusal {
    fn from(error: BucketError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<ResumeError> for Refusal {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Unknown => Self::Unknown,
            ResumeError::Expired => Self::Expired,
            ResumeError::Locked => Self::Locked,
            ResumeError::Offset => Self::Offset,
            ResumeError::TooLong => Self::TooLong,
            ResumeError::Checksum => Self::Checksum,
            ResumeError::Slow => Self::Fault(Fault::TooSlow),
            ResumeError::Broken => Self::Broken,
            ResumeError::Cut => {
                tracing::error!("the task of a resumable upload was cut");
                Self::Fault(Fault::Internal)
            }
            ResumeError::Bucket(error) => error.into(),
        }
    }
}

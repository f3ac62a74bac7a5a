//! Why nothing could be delivered.

use std::sync::Arc;
use std::time::Duration;

use crate::clients::TooFast;
use crate::error::{Code, Fault};
use crate::fills::Aborted;
use crate::imaging::ImagingError;
use crate::pictures::RenderError;
use crate::render::GateError;
use crate::source::SourceError;
use crate::versions::Record;

/// Why nothing could be delivered. Shared by everyone who waited for the same work.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeliverError {
    #[error("there is no such object")]
    Missing,
    #[error(transparent)]
    Source(Arc<SourceError>),
    #[error(transparent)]
    Imaging(Arc<ImagingError>),
    #[error("too much work is waiting")]
    Busy { retry_after: Duration },
    #[error(transparent)]
    TooFast(#[from] TooFast),
    #[error("{0}")]
    Internal(&'static str),
}

impl DeliverError {
    /// The row of the error table.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing => Code::Missing,
            Self::Source(error) => error.code(),
            Self::Imaging(error) => error.code(),
            Self::Busy { .. } => Code::Busy,
            Self::TooFast(_) => Code::TooFast,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// When to come back, where that helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } | Self::TooFast(TooFast { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The origin's own status, where it answered with one that is no picture.
    pub fn origin_status(&self) -> Option<u16> {
        match self {
            Self::Source(error) => match **error {
                SourceError::Status(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a stranger may read.
    pub fn public_text(&self) -> String {
        match self {
            Self::Source(error) => error.public_text().to_owned(),
            Self::Internal(_) => "internal failure".to_owned(),
            other => other.to_string(),
        }
    }

    /// Whether the source is down rather than the object gone or wrong: a stale variant may stand in.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self.code().fault(), Fault::Origin | Fault::Us | Fault::Busy)
    }

    /// Whether the original's bytes are needed, which only a reader's own request can read.
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Source(error) if **error == SourceError::Restricted)
    }

    /// Whether the original is too large, or too empty, to be kept here, although it may be there.
    pub fn is_unkept(&self) -> bool {
        matches!(self, Self::Source(error) if matches!(**error, SourceError::TooManyBytes { .. } | SourceError::Empty))
    }

    pub(super) fn not_a_picture(record: &Record) -> Self {
        Self::Imaging(Arc::new(record.refused.clone().unwrap_or(ImagingError::NotAPicture)))
    }
}

impl From<SourceError> for DeliverError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Missing => Self::Missing,
            other => Self::Source(Arc::new(other)),
        }
    }
}

impl From<ImagingError> for DeliverError {
    fn from(error: ImagingError) -> Self {
        Self::Imaging(Arc::new(error))
    }
}

impl From<RenderError> for DeliverError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Imaging(error) => error.into(),
            RenderError::Gate(GateError::Busy { retry_after }) => Self::Busy { retry_after },
            RenderError::Gate(GateError::Panicked) => Self::Internal("a render thread panicked"),
        }
    }
}

impl From<GateError> for DeliverError {
    fn from(error: GateError) -> Self {
        RenderError::Gate(error).into()
    }
}

impl From<Aborted> for DeliverError {
    fn from(_: Aborted) -> Self {
        Self::Internal("an owned task ended without a result")
    }
}

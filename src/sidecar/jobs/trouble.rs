//! Why a job did not get to its end this time.

use std::time::Duration;

use crate::bucket::BucketError;
use crate::catalog::{CatalogError, Failure};
use crate::ingest::IngestError;
use crate::project::ProjectError;
use crate::render::GateError;
use crate::sidecar::home::HomeError;
use crate::sidecar::provider::{Nonsense, ProviderError, Retry};

/// Why a walk broke off.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The job is not this worker's any more: cancelled, or given to another one.
    Lost,
    /// This process ends.
    Cut,
    Failed {
        failure: Failure,
        again: Again,
    },
}

/// Whether another attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// Not by itself, and to ask before this pause is over would be in vain.
    NotBefore(Duration),
    /// What was painted is of no use: who asks again has it painted anew.
    Anew,
    /// After a pause of this length or of our own choice, whichever is longer.
    Later(Option<Duration>),
}

impl Trouble {
    pub(super) fn new(code: &str, text: impl Into<String>, again: Again) -> Self {
        Self::Failed { failure: Failure { code: code.to_owned(), text: text.into() }, again }
    }

    /// The provider painted nothing.
    pub(super) fn painting(error: &ProviderError) -> Self {
        let again = match (error, error.retry()) {
            // It may have been paid for: once is enough unless somebody asks again.
            (ProviderError::Nonsense(_) | ProviderError::Timeout | ProviderError::Unreachable(_), _)
            | (_, Retry::Never) => Again::Never,
            (_, Retry::After(pause)) => Again::Later(pause),
        };
        Self::new(error.code(), error.public_text(), again)
    }

    /// What it painted could not be fetched, or is none.
    pub(super) fn fetching(error: &ProviderError) -> Self {
        let (code, again) = match (error, error.retry()) {
            (ProviderError::Nonsense(Nonsense::Address), _) => ("address", Again::Anew),
            (ProviderError::Nonsense(_), Retry::Never) => ("download", Again::Anew),
            (_, Retry::Never) => ("download", Again::Never),
            (_, Retry::After(pause)) => ("download", Again::Later(pause)),
        };
        Self::new(code, error.public_text(), again)
    }
}

impl From<CatalogError> for Trouble {
    fn from(error: CatalogError) -> Self {
        if error == CatalogError::Superseded {
            return Self::Lost;
        }
        tracing::warn!(%error, "a job could not be noted; it is tried again");
        Self::new("internal", "Something went wrong here; please try again", Again::Later(None))
    }
}

impl From<BucketError> for Trouble {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Catalog(CatalogError::Superseded) => Self::Lost,
            BucketError::Ingest(error) => Self::new("picture", refused(&error), Again::Anew),
            BucketError::Busy(GateError::Busy { retry_after }) => {
                Self::new("busy", "The server is busy; please try again later", Again::Later(Some(retry_after)))
            }
            BucketError::Catalog(CatalogError::NoBucket) => Self::new(
                "no_bucket",
                "The bucket of the avatars was removed; create it again to store pictures",
                Again::Never,
            ),
            BucketError::ReadOnly | BucketError::Catalog(CatalogError::Denied) => {
                tracing::error!(%error, "avatars have no bucket to be stored in");
                Self::new("storage", "The picture could not be stored", Again::Never)
            }
            error => {
                tracing::warn!(%error, "a picture could not be stored; it is tried again");
                Self::new("storage", "The picture could not be stored; please try again", Again::Later(None))
            }
        }
    }
}

impl From<ProjectError> for Trouble {
    fn from(error: ProjectError) -> Self {
        let again = error.retry().map_or(Again::Never, Again::Later);
        if again == Again::Never {
            tracing::error!(%error, "the upstream does not store an avatar");
        } else {
            tracing::warn!(%error, "an avatar could not be stored at the upstream; it is tried again");
        }
        let code = if matches!(error, ProjectError::Busy { .. }) { "busy" } else { "storage" };
        Self::new(code, error.public_text(), again)
    }
}

impl From<HomeError> for Trouble {
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Bucket(error) => error.into(),
            HomeError::Project(error) => error.into(),
            // A job replaces whatever its row shows.
            HomeError::Changed => Self::Lost,
        }
    }
}

fn refused(error: &IngestError) -> &'static str {
    match error {
        IngestError::Type(_) | IngestError::MalformedType => "What was painted is not a PNG, JPEG or WebP picture",
        IngestError::Corrupt => "The painted picture is damaged or incomplete; please try again",
        IngestError::TooManyPixels | IngestError::TooLarge => "The painted picture is too large",
    }
}

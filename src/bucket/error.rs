//! Why a bucket did not do what was asked.

use crate::blobs::BlobError;
use crate::catalog::CatalogError;
use crate::ingest::IngestError;
use crate::render::GateError;

/// Why a bucket did not do what was asked. `http` turns each into its envelope.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error(transparent)]
    Busy(#[from] GateError),
    #[error("the work ended before its result was there")]
    Aborted,
    /// The name belongs to a bucket with a place of its own.
    #[error("the bucket is read from elsewhere and cannot be written")]
    ReadOnly,
}

impl BucketError {
    /// Whether the same may succeed later: the fault is ours.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Catalog(error) => matches!(error, CatalogError::Unavailable(_) | CatalogError::Broken(_)),
            Self::Blob(error) => !matches!(error, BlobError::TooLarge { .. }),
            Self::Busy(_) | Self::Aborted => true,
            Self::Ingest(_) | Self::ReadOnly => false,
        }
    }
}

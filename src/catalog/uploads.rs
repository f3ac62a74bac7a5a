//! Resumable uploads.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Catalog, CatalogError, NewUpload, Upload, either};
use crate::auth::Caller;

impl Catalog {
    /// Notes a resumable upload; [`Self::may_put`] comes before it.
    pub async fn begin_upload(&self, caller: &Caller, new: NewUpload) -> Result<Upload, CatalogError> {
        either!(self, begin_upload(caller, new))
    }

    /// A resumable upload that is not finished.
    pub async fn upload(&self, version: Uuid) -> Result<Option<Upload>, CatalogError> {
        either!(self, upload(version))
    }

    /// Moves the offset, if it is still where it is expected.
    pub async fn advance_upload(&self, version: Uuid, expected: u64, reached: u64) -> Result<bool, CatalogError> {
        either!(self, advance_upload(version, expected, reached))
    }

    /// Gives an upload up; its bytes are stale from then on. [`Self::put`] of its version finishes it instead.
    pub async fn forget_upload(&self, version: Uuid) -> Result<bool, CatalogError> {
        either!(self, forget_upload(version))
    }

    /// Uploads that were not finished in time, oldest first.
    pub async fn expired_uploads(&self, at: OffsetDateTime, limit: u32) -> Result<Vec<Upload>, CatalogError> {
        either!(self, expired_uploads(at, limit))
    }
}

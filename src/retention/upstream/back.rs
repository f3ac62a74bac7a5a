//! Bringing an object back to its project.

use super::{UpstreamHoldings, failed};
use crate::blobs::BlobError;
use crate::catalog::{Actor, Removed};
use crate::object::ObjectId;
use crate::project::{NewContent, ProjectError, ProjectInfo};
use crate::retention::RetentionError;

impl UpstreamHoldings {
    pub(in crate::retention) async fn bring_back(
        &self,
        removed: &Removed,
        actor: Actor,
        reason: &str,
    ) -> Result<Result<(), &'static str>, RetentionError> {
        if removed.is_pending {
            return Ok(Err("it is not known yet whether it was removed; the next run finds out"));
        }
        let object = &removed.object;
        let bytes = match self.blobs.read(&object.id.bucket, object.version, object.size).await {
            Ok(bytes) if bytes.len() as u64 == object.size => bytes,
            Ok(_) | Err(BlobError::Missing | BlobError::TooLarge { .. }) => {
                return Ok(Err("its bytes are not there any more"));
            }
            Err(error) => return Err(error.into()),
        };
        let content = NewContent {
            mime_type: &object.mime_type,
            cache_control: &object.cache_control,
            user_metadata: object.user_metadata.as_ref(),
            bytes,
        };
        let created = self.project.create(&object.id, content).await;
        let info = match self.confirmed(removed, created).await? {
            Ok(info) => info,
            Err(reason) => return Ok(Err(reason)),
        };
        if !self.catalog.note_back(removed, actor, reason, info.object.version()).await? {
            return Ok(Err("its time is over, or it is back already"));
        }
        self.purge(&object.id).await;
        Ok(Ok(()))
    }

    /// What is there now, if it is what was to be brought back: an upload whose answer was lost, or that was not noted
    /// before we died, is known by its bytes.
    async fn confirmed(
        &self,
        removed: &Removed,
        created: Result<(), ProjectError>,
    ) -> Result<Result<ProjectInfo, &'static str>, RetentionError> {
        let object = &removed.object;
        let what = |id: &ObjectId| format!("`{id}` cannot be brought back");
        let failure = match created {
            Ok(()) => None,
            Err(ProjectError::Missing) => return Ok(Err("its bucket is gone")),
            Err(error) if error.is_conflict() || error.retry().is_some() => Some(error),
            Err(error) => return Err(failed(what(&object.id), error)),
        };
        let info = self.project.info(&object.id).await.map_err(|error| failed(what(&object.id), error))?;
        match (info, failure) {
            (Some(info), None) => Ok(Ok(info)),
            (Some(info), Some(_)) if info.object.has_bytes_of(object.size, &object.etag) => Ok(Ok(info)),
            (Some(_), Some(_)) => Ok(Err("there is a newer object of this name")),
            (None, Some(error)) => Err(failed(what(&object.id), error)),
            (None, None) => Err(failed(what(&object.id), ProjectError::Missing)),
        }
    }
}

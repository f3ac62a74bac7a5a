//! Bringing back what a caller has removed, for as long as the configuration says.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{BucketError, Buckets};
use crate::auth::Caller;
use crate::blobs::BlobError;
use crate::catalog::{Removed, Restored, Undo};
use crate::object::{BucketName, ObjectKey};

/// What became of an object that its remover wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It is as it was.
    Restored,
    /// There is something of that name again: it stays.
    Newer,
    /// Its time is over, it is back already, or it is not for this caller to bring back.
    Gone,
}

impl Undone {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Newer => "newer",
            Self::Gone => "gone",
        }
    }
}

impl Buckets {
    /// How long what is removed can be brought back.
    pub fn undo_time(&self) -> Duration {
        self.undo
    }

    /// Until when what is removed now can be brought back.
    pub(super) fn undo(&self) -> Option<Undo> {
        Undo::within(self.undo)
    }

    /// Brings objects back that this caller has removed, or whoever, for the service; by name, the newest of each.
    /// `version`: only that one.
    pub async fn restore(
        self: &Arc<Self>,
        caller: &Caller,
        bucket: &BucketName,
        keys: Vec<ObjectKey>,
        version: Option<Uuid>,
    ) -> Result<Vec<(ObjectKey, Undone)>, BucketError> {
        let (buckets, caller, bucket) = (Arc::clone(self), caller.clone(), bucket.clone());
        self.owned(async move {
            let mut found = buckets.catalog.removed_named(&caller, &bucket, &keys, version).await?;
            let mut undone = Vec::with_capacity(keys.len());
            for key in keys {
                let removed = found.iter().position(|removed| removed.object.id.key == key);
                let outcome = match removed.map(|index| found.swap_remove(index)) {
                    Some(removed) => buckets.bring_back(&caller, &removed).await?,
                    None => Undone::Gone,
                };
                undone.push((key, outcome));
            }
            Ok(undone)
        })
        .await
    }

    /// One transaction each: what fails later leaves what is back.
    async fn bring_back(&self, caller: &Caller, removed: &Removed) -> Result<Undone, BucketError> {
        let object = &removed.object;
        // They cannot go between this and the commit: nobody removes bytes before the row has let go of them.
        match self.blobs.size(&object.id.bucket, object.version).await {
            Ok(size) if size == object.size => {}
            Ok(_) | Err(BlobError::Missing) => return Ok(Undone::Gone),
            Err(error) => return Err(error.into()),
        }
        let _writing = self.writes.begin([object.id.clone()]);
        Ok(match self.catalog.undo(removed, caller).await? {
            Restored::Back(object) => {
                self.follow_restored(&object).await;
                Undone::Restored
            }
            Restored::Taken => Undone::Newer,
            Restored::NoBucket | Restored::Gone => Undone::Gone,
        })
    }
}

//! Purging: bytes leave memory and store, and no fill that is under way brings them back.

use std::sync::Arc;

use super::Deliver;
use crate::object::ObjectId;
use crate::purge::Scope;
use crate::variants::StoreError;
use crate::versions::Versions;

impl Deliver {
    /// Removes everything made of the objects that the scope names; returns the number of files removed.
    ///
    /// Runs in an owned task: a caller that goes away leaves nothing half purged.
    pub async fn purge(self: &Arc<Self>, scope: Scope) -> Result<u64, StoreError> {
        let deliver = Arc::clone(self);
        let removing = async move { deliver.remove(scope).await };
        self.tasks.spawn_on(removing, &self.runtime).await.map_err(|_| StoreError::Aborted)?
    }

    /// What is known to have been written to an upstream: like a purge, and the next read of it passes by CDNs that may
    /// still hold the old bytes.
    pub async fn written(self: &Arc<Self>, scope: Scope) -> Result<u64, StoreError> {
        if let (Scope::Object(bucket, key), Some(others)) = (&scope, &self.origins.others) {
            others.source.note_written(&ObjectId::new(bucket.clone(), key.clone()));
        }
        self.purge(scope).await
    }

    /// The order matters: the purge is noted first, so that whatever a running fill keeps is either refused by the log
    /// or removed below.
    async fn remove(&self, scope: Scope) -> Result<u64, StoreError> {
        let restricted = scope.restricted().filter(|_| self.origins.restricted.is_some());
        let shown = match restricted {
            Some(restricted) => self.remove_one(restricted).await?,
            None => 0,
        };
        Ok(shown + self.remove_one(scope).await?)
    }

    async fn remove_one(&self, scope: Scope) -> Result<u64, StoreError> {
        self.forget(&scope);
        let removed = self.variants.purge(&scope, Versions::object_of).await;
        // Whoever came meanwhile may have read a file that was still there.
        self.forget(&scope);
        removed
    }

    fn forget(&self, scope: &Scope) {
        self.purges.note(scope.clone());
        self.confirming.part_from(|(object, _)| scope.matches(object));
        self.filling.part_from(|key| scope.matches(&key.object));
        self.versions.forget(scope);
        let (open, held) = (scope.clone(), scope.clone());
        self.pictures.remove_where(move |object| open.matches(object));
        self.memory.remove_where(move |object| held.matches(object));
        self.changes.bump_all(scope);
    }
}

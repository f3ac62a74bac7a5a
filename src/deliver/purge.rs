//! Purging: bytes leave memory and store, and no fill that is under way brings them back.

use super::Deliver;
use crate::purge::Scope;
use crate::variants::StoreError;
use crate::versions::Versions;

impl Deliver {
    /// Removes everything made of the objects that the scope names; returns the number of files removed.
    ///
    /// The order matters: the purge is noted first, so that whatever a running fill keeps is either refused by the log
    /// or removed below.
    pub async fn purge(&self, scope: Scope) -> Result<u64, StoreError> {
        self.purges.note(scope.clone());
        self.confirming.part_from(|(object, _)| scope.matches(object));
        self.filling.part_from(|key| scope.matches(&key.object));
        self.versions.forget(&scope);
        let (open, held) = (scope.clone(), scope.clone());
        self.pictures.remove_where(move |object| open.matches(object));
        self.memory.remove_where(move |object| held.matches(object));
        self.variants.purge(&scope, Versions::object_of).await
    }
}

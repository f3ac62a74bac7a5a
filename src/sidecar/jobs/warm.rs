//! The first views of a fresh avatar: made before anyone is told of it.

use futures_util::future::join_all;

use super::Jobs;
use crate::catalog::Job;
use crate::deliver::{Ask, Purpose};
use crate::object::{ObjectId, ObjectKey};
use crate::transform::{Dialect, Want};

impl Jobs {
    /// Fills the bucket's warm list, as far as that is done in time: beside the outbox, which does the same for its event,
    /// and after a crash for a job whose event is long forgotten. A failure costs the first viewer a moment.
    pub(super) async fn fill_first_views(&self, job: &Job) {
        let Some(key) = job.stored.as_ref().and_then(|stored| ObjectKey::parse(&stored.path).ok()) else { return };
        let object = self.home.object(key);
        let Some(wants) = self.deliver.listed.of(&object.bucket) else { return };
        let fills = wants.iter().map(|want| self.fill(&object, *want));
        if tokio::time::timeout(self.settings.first_wait, join_all(fills)).await.is_err() {
            tracing::info!(job = %job.id, "an avatar is announced before all of its sizes are made");
        }
    }

    async fn fill(&self, object: &ObjectId, want: Want) {
        let (dialect, purpose) = (Dialect::Native, Purpose::WarmFirst);
        let ask = Ask { object: object.clone(), want, dialect, client: None, purpose };
        if let Err(error) = self.deliver.deliver(&ask).await {
            tracing::info!(%object, %error, "a size of a fresh avatar could not be made");
        }
    }
}

//! The first views of a fresh avatar: made before anyone is told of it.

use futures_util::future::join_all;

use super::Jobs;
use crate::catalog::Job;
use crate::deliver::{Ask, Purpose};
use crate::object::{ObjectId, ObjectKey};
use crate::transform::{Dialect, Want, native};

/// Quality of the variants that the app's pages ask for.
const QUALITY: u8 = 75;

impl Jobs {
    /// Fills the sizes that pages ask for, as far as that is done in time. A failure costs the first viewer a moment.
    pub(super) async fn fill_first_views(&self, job: &Job) {
        let Some(key) = job.stored.as_ref().and_then(|stored| ObjectKey::parse(&stored.path).ok()) else { return };
        let object = ObjectId::new(self.settings.bucket.clone(), key);
        let fills = self.settings.first_widths.iter().map(|width| self.fill(&object, *width));
        if tokio::time::timeout(self.settings.first_wait, join_all(fills)).await.is_err() {
            tracing::info!(job = %job.id, "an avatar is announced before all of its sizes are made");
        }
    }

    async fn fill(&self, object: &ObjectId, width: u32) {
        let Some(want) = want(width) else { return };
        let (dialect, purpose) = (Dialect::Native, Purpose::Warm);
        let ask = Ask { object: object.clone(), want, dialect, client: None, purpose };
        if let Err(error) = self.deliver.deliver(&ask).await {
            tracing::info!(%object, width, %error, "a size of a fresh avatar could not be made");
        }
    }
}

fn want(width: u32) -> Option<Want> {
    let query = format!("w={width}&q={QUALITY}&f=webp");
    native::parse("any/object", &query, None).ok().map(|request| request.want)
}

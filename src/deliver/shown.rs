//! Versions that a source has just shown to one reader: what was made of them may be shown to that reader too.
//!
//! Nobody asks the source here. Whoever calls has asked it, with the reader's own credentials, and got a yes.

use std::future::Future;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::confirm::{Confirmed, Question};
use super::{ATTEMPTS, Ask, Deliver, DeliverError, Delivered};
use crate::fills::Aborted;
use crate::object::{ObjectId, VersionId};
use crate::purge::Moment;
use crate::source::{Original, SourceError};
use crate::versions::Record;

/// A version that a reader may have.
#[derive(Clone, Debug)]
pub struct Shown(Confirmed);

impl Shown {
    /// A version of which the reader has been told lately; `began` is the present moment.
    pub fn known(record: Arc<Record>, began: Moment) -> Self {
        Self(Confirmed { record, picture: None, began })
    }

    pub fn record(&self) -> &Arc<Record> {
        &self.0.record
    }
}

impl Deliver {
    /// The present moment, to be taken before a source is asked: what a purge named since is not kept.
    pub fn moment(&self) -> Moment {
        self.purges.now()
    }

    /// The version known last, of which nothing may be shown yet.
    pub async fn known(&self, object: &ObjectId) -> Option<Arc<Record>> {
        match self.versions.get(object) {
            Some(record) => Some(record),
            None => self.load(object, self.purges.now()).await,
        }
    }

    /// The reader was told that this is still the version.
    pub fn still_shown(&self, record: &Arc<Record>, began: Moment) -> Shown {
        let record = Arc::new(record.confirmed(SystemTime::now(), record.inward, None));
        self.remember(&record, began);
        Shown::known(record, began)
    }

    /// The reader is being sent the bytes: `reading` reads them, unless others are being sent the same version.
    ///
    /// Runs in an owned task. Without an entity tag nothing tells versions apart: then nothing is shared or kept.
    pub async fn take_shown<F>(
        self: &Arc<Self>,
        object: ObjectId,
        etag: Option<String>,
        began: Moment,
        reading: F,
    ) -> Result<Shown, DeliverError>
    where
        F: Future<Output = Result<Original, SourceError>> + Send + 'static,
    {
        let deliver = Arc::clone(self);
        let taking = async move {
            let (owner, clock) = (Arc::clone(&deliver), Instant::now());
            let version = etag.as_ref().map(|etag| VersionId::of(&[etag.as_bytes()]));
            let question = version.map(|version| (object.clone(), Question::Shown(version)));
            let work = async move {
                let place = owner.originals.take(0).await;
                let original = reading.await?;
                let original = Original { keep: version.is_some(), ..original };
                Ok(owner.admit(object, original, began, clock, place).await)
            };
            match question {
                Some(question) => deliver.confirming.join(&question, || work).1.await.map_err(DeliverError::from)?,
                None => work.await,
            }
        };
        self.tasks.spawn_on(taking, &self.runtime).await.map_err(|_| Aborted)?.map(Shown)
    }

    /// What is asked, of the version that the reader was shown.
    ///
    /// # Errors
    /// [`DeliverError::is_unread`]: it has to be made, and the reader was not sent the bytes.
    pub async fn deliver_shown(self: &Arc<Self>, ask: &Ask, shown: &Shown) -> Result<Delivered, DeliverError> {
        let (deliver, confirmed) = (Arc::clone(self), shown.0.clone());
        let ask = Ask { object: confirmed.record.object.clone(), ..ask.clone() };
        let walk = async move {
            let origin = deliver.origins.get(&ask.object.bucket).ok_or(DeliverError::Missing)?;
            let mut made = deliver.make_from(&ask, origin, confirmed.clone(), None, None).await;
            for _ in 1..ATTEMPTS {
                // It may have joined the fill of a reader who has no bytes.
                match made {
                    Err(ref error) if error.is_unread() && confirmed.picture.is_some() => {
                        made = deliver.make_from(&ask, origin, confirmed.clone(), None, None).await;
                    }
                    _ => break,
                }
            }
            made
        };
        self.tasks.spawn_on(walk, &self.runtime).await.map_err(|_| Aborted)?
    }
}

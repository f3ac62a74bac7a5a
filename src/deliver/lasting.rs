//! How long an answer from memory may be given again without asking anew.

use std::time::{Duration, SystemTime};

use super::{Deliver, Delivered, OriginKind};
use crate::cache::CacheStatus;
use crate::changes::{Changes, Seen};
use crate::object::ObjectId;
use crate::versions::{Standing, judge};

/// The longest: once a second everything is asked the ordinary way, so that memory knows what is used.
const LONGEST: Duration = Duration::from_secs(1);

impl Deliver {
    /// What changes of objects are counted with.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The object's changes until now, to be taken before it is delivered.
    pub fn seen(&self, object: &ObjectId) -> Seen {
        self.changes.seen(object)
    }

    /// Until when the same answer, `Age` included, is right if nothing changes. `None`: it is not to be given again.
    pub fn lasts_until(&self, delivered: &Delivered, now: SystemTime) -> Option<SystemTime> {
        let Delivered { variant, record, status, age, .. } = delivered;
        let origin = self.origins.get(&record.object.bucket)?;
        let is_fresh = *status == CacheStatus::Hit && judge(record, origin.clocks, now) == Standing::Fresh;
        if !is_fresh || !record.keep || !variant.is_persisted() {
            return None;
        }
        let until = now + LONGEST;
        // A clock that cannot say the time never gets there.
        let expires = record.confirmed_at.checked_add(record.inward).unwrap_or(until);
        let older = match origin.kind {
            OriginKind::Foreign => record.confirmed_at + Duration::from_secs(age.as_secs() + 1),
            OriginKind::Folder | OriginKind::OwnDisk | OriginKind::OwnStore => until,
        };
        Some(until.min(expires).min(older)).filter(|until| now < *until)
    }
}

//! How an object's record stands against the clock. Pure.

use std::time::{Duration, SystemTime};

use super::Record;

/// The inward clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// How long past its time a variant is served while the source is asked. Zero for folders, where asking is one stat.
    pub stale_while_revalidate: Duration,
    /// How long past its time a variant stands in for a source that is down.
    pub stale_if_error: Duration,
}

/// What to do with a record now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Serve without asking.
    Fresh,
    /// Serve, and ask beside it, unless the source is resting after a failure.
    Stale { over: Duration, ask: bool },
    /// Ask first; if the source is down, `or_serve` says whether the old one may stand in.
    Expired { over: Duration, or_serve: bool },
}

/// Judges a record. A clock that was set back makes a record fresh, never older.
pub fn judge(record: &Record, clocks: Clocks, now: SystemTime) -> Standing {
    let age = now.duration_since(record.confirmed_at).unwrap_or_default();
    let Some(over) = age.checked_sub(record.inward) else { return Standing::Fresh };
    let resting = record.backoff.is_some_and(|backoff| now < backoff.until);
    let or_serve = over <= clocks.stale_if_error;
    if over < clocks.stale_while_revalidate || (resting && or_serve) {
        return Standing::Stale { over, ask: !resting };
    }
    Standing::Expired { over, or_serve }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{BucketName, ObjectId, ObjectKey, VersionId};
    use crate::source::Validators;

    fn record(inward: u64) -> Record {
        Record {
            object: ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse("k").unwrap()),
            version: VersionId::of(&[]),
            validators: Validators::default(),
            size: 1,
            content_type: None,
            cache_control: None,
            confirmed_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1000),
            inward: Duration::from_secs(inward),
            keep: true,
            seen: None,
            refused: None,
            backoff: None,
            headers: std::sync::OnceLock::new(),
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1000 + seconds)
    }

    const CLOCKS: Clocks =
        Clocks { stale_while_revalidate: Duration::from_secs(100), stale_if_error: Duration::from_secs(1000) };

    #[test]
    fn a_record_is_fresh_then_stale_then_expired_then_useless() {
        let seconds = Duration::from_secs;
        assert_eq!(judge(&record(60), CLOCKS, at(59)), Standing::Fresh);
        assert_eq!(judge(&record(60), CLOCKS, at(61)), Standing::Stale { over: seconds(1), ask: true });
        assert_eq!(judge(&record(60), CLOCKS, at(160)), Standing::Expired { over: seconds(100), or_serve: true });
        assert_eq!(judge(&record(60), CLOCKS, at(1061)), Standing::Expired { over: seconds(1001), or_serve: false });
    }

    #[test]
    fn a_clock_set_back_is_not_an_age() {
        let before = SystemTime::UNIX_EPOCH;
        assert_eq!(judge(&record(60), CLOCKS, before), Standing::Fresh);
    }

    #[test]
    fn a_failing_source_rests_between_attempts_and_its_pause_doubles() {
        let failed = record(60).unconfirmed(at(61));
        assert_eq!(judge(&failed, CLOCKS, at(63)), Standing::Stale { over: Duration::from_secs(3), ask: false });
        assert_eq!(judge(&failed, CLOCKS, at(64)), Standing::Stale { over: Duration::from_secs(4), ask: true });
        let pauses: Vec<u64> = std::iter::successors(Some(failed), |record| Some(record.unconfirmed(at(0))))
            .take(6)
            .map(|record| record.backoff.unwrap().pause.as_secs())
            .collect();
        assert_eq!(pauses, [3, 6, 12, 24, 30, 30]);
    }
}

//! The idle re-encoder's queue: variants that were made in a hurry and are worth a smaller file, or an AVIF beside them.
//!
//! A variant is worth it once it is asked for again: most of what strangers ask for is asked for once. What was warmed is small
//! already and may lack its AVIF. Nothing here is durable but a [`Note`](crate::variants::Note) in each stored variant: one that
//! still waited when the process ended is offered again at its next request.
//!
//! One job runs at a time, on a thread of its own that the gate lets begin only while nothing else is to do; between two jobs it
//! pauses for as long as its share of a core says.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::transform::{Dialect, Rendering};
use crate::variants::VariantKey;

/// Requests after which an original is fetched again from somebody else's server for the sake of a variant's bytes. Before,
/// only one that is still open is used: what a fetch costs there is saved here by many requests only.
pub const WORTH_FETCHING: u64 = 64;

/// Most pixels of a variant that is refined, all frames summed.
pub const MOST_PIXELS: u64 = 16_000_000;
/// Most pixels of an AVIF that nobody named.
pub const MOST_AVIF_PIXELS: u64 = 4_000_000;

/// What refining is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub key: VariantKey,
    /// The same picture as AVIF, where that may be sent in place of it.
    pub avif: Option<Rendering>,
    /// Requests for it so far.
    pub asked: u64,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A smaller file, or an AVIF, is served from now on.
    Smaller,
    /// What there is stays: nothing smaller came out.
    Kept,
    /// The variant, its version or its original is gone, or was purged meanwhile.
    Outdated,
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Smaller, Self::Kept, Self::Outdated, Self::Failed];

    /// Metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smaller => "smaller",
            Self::Kept => "kept",
            Self::Outdated => "outdated",
            Self::Failed => "failed",
        }
    }
}

/// Jobs that wait, each variant once, and how the others ended. Cheap to ask whether it is on.
#[derive(Debug)]
pub struct Refining {
    /// `None`: refining is off.
    queue: Option<mpsc::Sender<Job>>,
    shared: Arc<Shared>,
    avif: Avif,
}

/// Which dialects' URLs may be answered with an AVIF that they do not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Avif {
    pub native: bool,
    pub next: bool,
    pub supabase: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<HashSet<VariantKey>>,
    ended: [AtomicU64; Outcome::ALL.len()],
    saved: AtomicU64,
}

/// The other end of the queue.
#[derive(Debug)]
pub struct Jobs {
    queue: mpsc::Receiver<Job>,
    shared: Arc<Shared>,
    /// Time to rest for each second of work.
    rest: f64,
}

/// What was refined since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefiningUsage {
    pub waiting: usize,
    /// In the order of [`Outcome::ALL`].
    pub ended: [u64; Outcome::ALL.len()],
    /// Bytes by which variants became smaller.
    pub saved: u64,
}

impl Refining {
    /// Jobs of at most `percent` of one core, `entries` of them waiting.
    pub fn new(avif: Avif, entries: usize, percent: u32) -> (Self, Jobs) {
        let (sender, queue) = mpsc::channel(entries.max(1));
        let shared = Arc::new(Shared::default());
        let rest = 100.0 / f64::from(percent.clamp(1, 100)) - 1.0;
        (Self { queue: Some(sender), shared: Arc::clone(&shared), avif }, Jobs { queue, shared, rest })
    }

    /// Nothing is refined; what was is still served.
    pub fn off(avif: Avif) -> Self {
        Self { queue: None, shared: Arc::default(), avif }
    }

    pub const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Whether a URL of this dialect may be answered with an AVIF that it does not name.
    pub const fn sends_avif(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Native => self.avif.native,
            Dialect::Next => self.avif.next,
            Dialect::Supabase => self.avif.supabase,
        }
    }

    /// Takes the job if there is room, and its variant does not wait already.
    pub fn offer(&self, job: Job) -> bool {
        let Some(queue) = &self.queue else { return false };
        if !self.shared.waiting.lock().insert(job.key.clone()) {
            return false;
        }
        match queue.try_send(job) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job)) => {
                self.shared.waiting.lock().remove(&job.key);
                false
            }
        }
    }

    pub fn usage(&self) -> RefiningUsage {
        RefiningUsage {
            waiting: self.shared.waiting.lock().len(),
            ended: [0, 1, 2, 3].map(|index| self.shared.ended[index].load(Ordering::Relaxed)),
            saved: self.shared.saved.load(Ordering::Relaxed),
        }
    }
}

impl Jobs {
    /// The next job; `None` once nobody can offer one any more.
    pub async fn next(&mut self) -> Option<Job> {
        self.queue.recv().await
    }

    /// Notes how a job ended and by how many bytes its variant shrank; it may be offered again from now on.
    pub fn done(&self, key: &VariantKey, outcome: Outcome, saved: u64) {
        self.shared.waiting.lock().remove(key);
        self.shared.ended[outcome as usize].fetch_add(1, Ordering::Relaxed);
        self.shared.saved.fetch_add(saved, Ordering::Relaxed);
    }

    /// How long to pause after so much work.
    pub fn rest_after(&self, worked: Duration) -> Duration {
        worked.mul_f64(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{BucketName, ObjectId, ObjectKey, VersionId};
    use crate::variants::Made;

    fn job(object: &str) -> Job {
        let object = ObjectId::new(BucketName::parse("b").unwrap(), ObjectKey::parse(object).unwrap());
        let key = VariantKey { object, version: VersionId::of(&[b"1"]), made: Made::Original };
        Job { key, avif: None, asked: 1 }
    }

    #[tokio::test]
    async fn a_variant_waits_once_and_no_more_than_fit() {
        let (refining, mut jobs) = Refining::new(Avif::default(), 2, 50);
        assert!(refining.offer(job("a")));
        assert!(!refining.offer(job("a")), "it waits already");
        assert!(refining.offer(job("b")));
        assert!(!refining.offer(job("c")), "there is no room");
        assert_eq!(refining.usage().waiting, 2);
        let first = jobs.next().await.unwrap();
        assert!(!refining.offer(first.clone()), "it is being worked on");
        jobs.done(&first.key, Outcome::Smaller, 100);
        assert!(refining.offer(first));
        assert_eq!((refining.usage().ended, refining.usage().saved), ([1, 0, 0, 0], 100));
    }

    #[tokio::test]
    async fn jobs_end_with_those_who_offer_them() {
        let (refining, mut jobs) = Refining::new(Avif::default(), 2, 50);
        drop(refining);
        assert_eq!(jobs.next().await, None);
        assert!(!Refining::off(Avif::default()).offer(job("a")));
    }

    #[test]
    fn a_share_of_a_core_is_kept_by_resting() {
        let second = Duration::from_secs(1);
        for (percent, rest) in [(100, 0), (50, 1), (25, 3), (1, 99)] {
            let (_, jobs) = Refining::new(Avif::default(), 1, percent);
            assert_eq!(jobs.rest_after(second), second * rest, "{percent}");
        }
    }
}

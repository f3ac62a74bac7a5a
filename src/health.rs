//! How the server is: rolling windows over the counts of `/metrics`, and what `tintype doctor` finds.
//!
//! Nothing is counted for it. The text of `/metrics` is read every few seconds ([`Reading`]), kept for a quarter of an hour
//! ([`Windows`]), and a [`Snapshot`] says what came between two readings. All of that is pure; [`Health`] holds it for a server.

mod finding;
mod reading;
mod snapshot;
mod windows;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use finding::{Finding, Grade};
pub use reading::{Reading, STAGES, Stage};
pub use snapshot::{Capacity, Point, Rates, Snapshot};
pub use windows::{STEP, Windows};

/// Time between two examinations at least: each tries pictures, the database and the provider's door.
const BETWEEN_EXAMINATIONS: Duration = Duration::from_secs(60);

/// Looks at everything a server needs. It blocks, on a thread of its own.
pub type Examiner = Box<dyn Fn() -> Vec<Finding> + Send + Sync>;

/// What doctor found, and when.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// When the findings were made; `None`: not yet.
    pub at: Option<SystemTime>,
    /// Whether somebody is looking now.
    pub is_running: bool,
    pub findings: Arc<Vec<Finding>>,
    /// Counts the examinations, so that who listens can tell them apart.
    pub number: u64,
}

/// The state of one server.
pub struct Health {
    windows: Mutex<Windows>,
    started: Instant,
    capacity: Capacity,
    examiner: OnceLock<Examiner>,
    examination: Mutex<(Examination, Option<Instant>)>,
    /// Most listeners at once, and the places that are left.
    places: usize,
    listeners: Arc<Semaphore>,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Health").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Health {
    /// `listeners`: most of them at once.
    pub fn new(capacity: Capacity, listeners: usize) -> Self {
        Self {
            windows: Mutex::default(),
            started: Instant::now(),
            capacity,
            examiner: OnceLock::new(),
            examination: Mutex::default(),
            places: listeners,
            listeners: Arc::new(Semaphore::new(listeners)),
        }
    }

    /// Says who looks; the first one counts. Without one there are no findings.
    pub fn examine_by(&self, examiner: Examiner) {
        drop(self.examiner.set(examiner));
    }

    /// Notes what `/metrics` says now, where the last note is old enough, and tells how the server is.
    pub fn look(&self, metrics: &str) -> Snapshot {
        let (age, reading) = (self.started.elapsed(), Reading::of(metrics));
        let mut windows = self.windows.lock();
        let snapshot = Snapshot::of(&windows, age, &reading, self.capacity);
        windows.note(age, reading);
        snapshot
    }

    /// How the last minutes were, oldest first.
    pub fn history(&self) -> Vec<Point> {
        self.windows.lock().points()
    }

    /// A place among the listeners, while it is held.
    pub fn listen(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.listeners).try_acquire_owned().ok()
    }

    /// Whether anybody listens.
    pub fn is_watched(&self) -> bool {
        self.listeners.available_permits() < self.places
    }

    pub fn examination(&self) -> Examination {
        self.examination.lock().0.clone()
    }

    /// Looks at everything in the background, unless somebody does or did within the last minute.
    pub fn examine(self: &Arc<Self>) {
        let mut examination = self.examination.lock();
        let (state, begun) = &mut *examination;
        let is_recent = begun.is_some_and(|begun| begun.elapsed() < BETWEEN_EXAMINATIONS);
        if self.examiner.get().is_none() || state.is_running || is_recent {
            return;
        }
        let health = Arc::clone(self);
        let thread = std::thread::Builder::new().name("doctor".to_owned()).spawn(move || health.examined());
        match thread {
            Ok(_) => (state.is_running, *begun) = (true, Some(Instant::now())),
            Err(error) => tracing::warn!(%error, "no thread for doctor"),
        }
    }

    fn examined(&self) {
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.examiner.get().map(|look| look())));
        let findings = looked.ok().flatten().unwrap_or_else(|| {
            vec![Finding::warning("doctor: it could not look", "run `tintype doctor` beside the server")]
        });
        let mut examination = self.examination.lock();
        let state = &mut examination.0;
        let number = state.number + 1;
        *state = Examination { at: Some(SystemTime::now()), is_running: false, findings: Arc::new(findings), number };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn doctor_is_asked_once_a_minute_however_many_want_to_know() {
        let capacity = Capacity { memory: 1, store: 1 };
        let health = Arc::new(Health::new(capacity, 1));
        health.examine();
        assert!(!health.examination().is_running, "nobody can look");
        let looked = Arc::new(AtomicU32::new(0));
        let counting = Arc::clone(&looked);
        health.examine_by(Box::new(move || {
            counting.fetch_add(1, Ordering::Relaxed);
            vec![Finding::ok("all is well")]
        }));
        for _ in 0..50 {
            health.examine();
        }
        while health.examination().is_running {
            std::thread::yield_now();
        }
        health.examine();
        let examination = health.examination();
        assert_eq!((examination.number, examination.findings.len(), looked.load(Ordering::Relaxed)), (1, 1, 1));
    }

    #[test]
    fn a_place_to_listen_is_free_again_when_the_listener_goes() {
        let health = Health::new(Capacity { memory: 1, store: 1 }, 1);
        let place = health.listen();
        assert!(place.is_some() && health.listen().is_none() && health.is_watched());
        drop(place);
        assert!(!health.is_watched() && health.listen().is_some());
    }
}

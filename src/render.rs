//! The gate: all processor work of pictures runs here, on a fixed number of threads, behind a bounded queue.
//!
//! What was begun goes first, so that pixels do not pile up between two steps; then requests, fairly among callers
//! (`queue`); then background work; and, while there is nothing of all this, idle work on a thread of the lowest priority
//! (`threads`). A request is refused when it could expect to wait longer than the budget, by the cost of what is queued
//! before it and the pace at which such costs were met lately; background and idle work waits as long as it takes and is
//! bounded by those who send it. Work that leaves pictures in memory begins when there is room for them.

mod pace;
mod queue;
mod threads;

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::clients::Client;

use pace::Pace;
use queue::{FairQueue, Outlook};

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The queue is full, or the expected wait is over the budget.
    #[error("too much work is waiting")]
    Busy { retry_after: Duration },
    #[error("the work panicked")]
    Panicked,
}

/// Who waits for the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// The next step of a request that was let in with the cost of all its steps.
    Begun,
    /// Somebody; `None` are all who are not limited.
    Request(Option<Client>),
    Background,
    /// Nobody: it begins while nothing else waits or runs, and gives way to whatever comes then.
    Idle,
}

/// Expected processor time of a piece of work, from what a header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    own: Duration,
    /// With the steps that will follow.
    total: Duration,
}

/// Nanoseconds a decoded pixel costs on the measured machine (PNG and JPEG decoding: 4 to 10).
const DECODE_NANOSECONDS: u64 = 9;
/// Nanoseconds an encoded pixel costs (WebP method 2 with its resize: 35 to 60).
const ENCODE_NANOSECONDS: u64 = 50;

/// Nanoseconds that a pixel of AVIF costs at the same effort.
const AVIF_NANOSECONDS: u64 = 420;

impl Cost {
    /// Cost of decoding this many pixels (all frames summed).
    pub const fn of_decoding(pixels: u64) -> Self {
        Self::of(Duration::from_nanos(pixels.saturating_mul(DECODE_NANOSECONDS)))
    }

    /// Cost of resizing to and encoding this many pixels (all frames summed).
    pub const fn of_encoding(pixels: u64) -> Self {
        Self::of(Duration::from_nanos(pixels.saturating_mul(ENCODE_NANOSECONDS)))
    }

    /// The same for AVIF.
    pub const fn of_encoding_avif(pixels: u64) -> Self {
        Self::of(Duration::from_nanos(pixels.saturating_mul(AVIF_NANOSECONDS)))
    }

    /// Both in one piece of work.
    pub const fn with(self, other: Self) -> Self {
        Self { own: self.own.saturating_add(other.own), total: self.total.saturating_add(other.total) }
    }

    const fn of(own: Duration) -> Self {
        Self { own, total: own }
    }

    /// This piece of work, after which another will follow ([`Priority::Begun`]).
    pub const fn and(self, next: Self) -> Self {
        Self { own: self.own, total: self.total.saturating_add(next.total) }
    }
}

/// Does the work and returns what hands its result over.
type Work = Box<dyn FnOnce(Held) -> HandOver + Send>;
type HandOver = Box<dyn FnOnce()>;

struct Piece {
    cost: Duration,
    /// Of memory, held from its beginning until its waiter lets it go.
    bytes: u64,
    work: Work,
}

/// Memory that a piece of work was let in with, given back when dropped.
pub struct Held {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.shared.queues.lock().held -= self.bytes;
            self.shared.wake.notify_all();
            self.shared.quiet.notify_one();
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Queues {
    begun: VecDeque<Piece>,
    requests: FairQueue<Piece>,
    background: VecDeque<Piece>,
    idle: VecDeque<Piece>,
    /// Pieces that run, idle ones aside.
    running: usize,
    /// Bytes of memory that are held.
    held: u64,
    /// Sum of the costs of begun work, and of the steps of requests that run.
    under_way: Duration,
    pace: Pace,
    closed: bool,
}

struct Shared {
    /// Bytes that may be held at the same time; a piece of work that needs more is done when nothing else is.
    memory: u64,
    queues: Mutex<Queues>,
    wake: Condvar,
    /// Wakes the idle thread.
    quiet: Condvar,
    shed: AtomicU64,
}

/// The gate. Dropping the last handle lets queued work finish and ends the threads.
pub struct Gate {
    shared: Arc<Shared>,
    threads: u32,
    budget: Duration,
    entries: usize,
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gate")
            .field("threads", &self.threads)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// Starts `threads` threads. `budget` bounds the expected wait of a request, `entries` the length of its queue, `memory`
    /// the bytes of what is under way.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn start(threads: usize, budget: Duration, entries: usize, memory: u64) -> std::io::Result<Self> {
        let (queues, wake, quiet, shed) = (Mutex::default(), Condvar::new(), Condvar::new(), AtomicU64::new(0));
        let shared = Arc::new(Shared { memory, queues, wake, quiet, shed });
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("render-{number}"))
                .spawn(move || threads::work_until_closed(&shared))?;
        }
        let idle = Arc::clone(&shared);
        std::thread::Builder::new().name("render-idle".to_owned()).spawn(move || threads::idle_until_closed(&idle))?;
        Ok(Self { shared, threads: threads.max(1) as u32, budget, entries })
    }

    /// Runs the work on one of the threads and waits for its result. Queued work runs even if the caller goes away.
    pub async fn run<T: Send + 'static>(
        &self,
        cost: Cost,
        priority: Priority,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GateError> {
        self.run_holding(0, cost, priority, work).await.map(|(result, _)| result)
    }

    /// The same, for work that leaves `bytes` in memory until the caller lets them go.
    pub async fn run_holding<T: Send + 'static>(
        &self,
        bytes: u64,
        cost: Cost,
        priority: Priority,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Held), GateError> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |held| {
            let result = catch_unwind(AssertUnwindSafe(work));
            // A waiter that went away leaves a closed channel; the result is then nobody's.
            Box::new(move || drop(sender.send((result, held))))
        });
        self.enqueue(Piece { cost: cost.own, bytes, work }, cost, priority)?;
        match receiver.await {
            Ok((Ok(result), held)) => Ok((result, held)),
            Ok((Err(_), _)) | Err(_) => Err(GateError::Panicked),
        }
    }

    fn enqueue(&self, piece: Piece, cost: Cost, priority: Priority) -> Result<(), GateError> {
        let mut queues = self.shared.queues.lock();
        match priority {
            Priority::Begun => {
                queues.under_way += cost.own;
                queues.begun.push_back(piece);
            }
            Priority::Background => queues.background.push_back(piece),
            // Requests would wait for its memory.
            Priority::Idle if piece.bytes > self.shared.memory / 2 => {
                return Err(GateError::Busy { retry_after: self.budget });
            }
            Priority::Idle => {
                queues.idle.push_back(piece);
                drop(queues);
                self.shared.quiet.notify_one();
                return Ok(());
            }
            Priority::Request(caller) => {
                let outlook = queues.requests.outlook(caller, cost.total);
                let wait = queues.pace.of(queues.under_way + outlook.before) / self.threads;
                let all = queues.pace.expected_in(self.budget * self.threads);
                if queues.requests.len() >= self.entries || !(outlook.is_page || self.lets_in(&outlook, wait, all)) {
                    self.shared.shed.fetch_add(1, Ordering::Relaxed);
                    return Err(GateError::Busy { retry_after: wait.max(Duration::from_secs(1)) });
                }
                queues.requests.push(caller, cost.total, piece);
            }
        }
        drop(queues);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Whether work that could expect this wait is queued, `all` being the cost that the budget holds. Where more waits,
    /// every caller still has an equal part of it.
    fn lets_in(&self, outlook: &Outlook, wait: Duration, all: Duration) -> bool {
        wait <= self.budget && (outlook.waiting <= all || outlook.own <= all / outlook.callers)
    }

    /// Requests and background work that wait for a thread.
    pub fn waiting(&self) -> (usize, usize) {
        let queues = self.shared.queues.lock();
        (queues.begun.len() + queues.requests.len(), queues.background.len())
    }

    /// Requests refused since the start.
    pub fn shed(&self) -> u64 {
        self.shared.shed.load(Ordering::Relaxed)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.queues.lock().closed = true;
        self.shared.wake.notify_all();
        self.shared.quiet.notify_all();
    }
}

impl Queues {
    /// What is to be done next, and whether it counts as somebody's. Who waits for memory is not overtaken by smaller ones, or
    /// would wait for ever.
    fn next(&mut self, memory: u64) -> Option<(Piece, bool)> {
        if let Some(piece) = self.begun.pop_front() {
            return Some((piece, true));
        }
        if let Some(piece) = self.requests.first() {
            let piece = if self.has_room(memory, piece.bytes) { self.requests.pop() } else { None }?;
            self.under_way += piece.cost;
            return Some((piece, true));
        }
        let bytes = self.background.front()?.bytes;
        let piece = if self.has_room(memory, bytes) { self.background.pop_front() } else { None };
        piece.map(|piece| (piece, false))
    }

    const fn has_room(&self, memory: u64, bytes: u64) -> bool {
        bytes == 0 || self.held == 0 || self.held.saturating_add(bytes) <= memory
    }

    /// Whether nothing waits but idle work.
    fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.requests.len() == 0 && self.background.is_empty()
    }

    /// What is to be done when nothing else is. It leaves room for whoever comes meanwhile.
    fn next_idle(&mut self) -> Option<Piece> {
        if self.running > 0 || self.held > 0 || !self.is_empty() { None } else { self.idle.pop_front() }
    }
}

/// Milliseconds that the steps of one fill took, for `Server-Timing`, logs and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    pub fetch: Duration,
    pub decode: Duration,
    pub resize: Duration,
    pub encode: Duration,
}

/// Runs a step and adds its time.
pub fn timed<T>(spent: &mut Duration, step: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = step();
    *spent += began.elapsed();
    result
}

#[cfg(test)]
mod tests;

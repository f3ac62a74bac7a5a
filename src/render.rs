//! The gate: all processor work of pictures runs here, on a fixed number of threads, behind a bounded queue.
//!
//! What was begun goes first, so that pixels do not pile up between two steps; then requests, fairly among callers
//! (`queue`); then background work; and, while there is nothing of all this, idle work on a thread of the lowest priority. A request is refused when it could expect to wait longer than the budget, by the cost
//! of what is queued before it and the pace at which such costs were met lately; background work waits as long as it takes
//! and is bounded by those who send it.

mod pace;
mod queue;

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

    const fn of(own: Duration) -> Self {
        Self { own, total: own }
    }

    /// This piece of work, after which another will follow ([`Priority::Begun`]).
    pub const fn and(self, next: Self) -> Self {
        Self { own: self.own, total: self.total.saturating_add(next.total) }
    }
}

/// Does the work and returns what hands its result over.
type Work = Box<dyn FnOnce() -> HandOver + Send>;
type HandOver = Box<dyn FnOnce()>;

struct Piece {
    cost: Duration,
    work: Work,
}

#[derive(Default)]
struct Queues {
    begun: VecDeque<Piece>,
    requests: FairQueue<Piece>,
    background: VecDeque<Work>,
    idle: VecDeque<Work>,
    /// Pieces that run, idle ones aside.
    running: usize,
    /// Sum of the costs of begun work, and of the steps of requests that run.
    under_way: Duration,
    pace: Pace,
    closed: bool,
}

struct Shared {
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
    /// Starts `threads` threads. `budget` bounds the expected wait of a request, `entries` the length of its queue.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn start(threads: usize, budget: Duration, entries: usize) -> std::io::Result<Self> {
        let (wake, quiet) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { queues: Mutex::default(), wake, quiet, shed: AtomicU64::new(0) });
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("render-{number}")).spawn(move || work_until_closed(&shared))?;
        }
        let idle = Arc::clone(&shared);
        std::thread::Builder::new().name("render-idle".to_owned()).spawn(move || idle_until_closed(&idle))?;
        Ok(Self { shared, threads: threads.max(1) as u32, budget, entries })
    }

    /// Runs the work on one of the threads and waits for its result. Queued work runs even if the caller goes away.
    pub async fn run<T: Send + 'static>(
        &self,
        cost: Cost,
        priority: Priority,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GateError> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            // A waiter that went away leaves a closed channel; the result is then nobody's.
            Box::new(move || drop(sender.send(result)))
        });
        self.enqueue(work, cost, priority)?;
        match receiver.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) | Err(_) => Err(GateError::Panicked),
        }
    }

    fn enqueue(&self, work: Work, cost: Cost, priority: Priority) -> Result<(), GateError> {
        let mut queues = self.shared.queues.lock();
        let piece = Piece { cost: cost.own, work };
        match priority {
            Priority::Begun => {
                queues.under_way += cost.own;
                queues.begun.push_back(piece);
            }
            Priority::Background => queues.background.push_back(piece.work),
            Priority::Idle => {
                queues.idle.push_back(piece.work);
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

fn work_until_closed(shared: &Shared) {
    while let Some((work, cost)) = next_piece(shared) {
        let began = Instant::now();
        let hand_over = work();
        let mut queues = shared.queues.lock();
        if let Some(cost) = cost {
            queues.under_way = queues.under_way.saturating_sub(cost);
            queues.pace.learn(cost, began.elapsed());
        }
        queues.running -= 1;
        let is_quiet = queues.is_quiet() && !queues.idle.is_empty();
        drop(queues);
        if is_quiet {
            shared.quiet.notify_one();
        }
        // Last, so that who has the result finds its cost paid.
        hand_over();
    }
}

/// Waits for work; requests' with its cost. `None`: the gate is closed and nothing is left.
fn next_piece(shared: &Shared) -> Option<(Work, Option<Duration>)> {
    let mut queues = shared.queues.lock();
    loop {
        if let Some(Piece { cost, work }) = queues.begun.pop_front() {
            queues.running += 1;
            return Some((work, Some(cost)));
        }
        if let Some(Piece { cost, work }) = queues.requests.pop() {
            queues.under_way += cost;
            queues.running += 1;
            return Some((work, Some(cost)));
        }
        if let Some(work) = queues.background.pop_front() {
            queues.running += 1;
            return Some((work, None));
        }
        if queues.closed {
            return None;
        }
        shared.wake.wait(&mut queues);
    }
}

impl Queues {
    /// Whether nothing waits or runs but idle work.
    fn is_quiet(&self) -> bool {
        self.running == 0 && self.begun.is_empty() && self.requests.len() == 0 && self.background.is_empty()
    }
}

/// Idle work on a thread of its own: a piece that runs when a request comes is left behind by the system's scheduler instead of
/// keeping one of the others' threads. What still waits when the gate is closed is dropped.
fn idle_until_closed(shared: &Shared) {
    lower_priority();
    loop {
        let mut queues = shared.queues.lock();
        let work = loop {
            if queues.closed {
                return;
            }
            match queues.is_quiet().then(|| queues.idle.pop_front()).flatten() {
                Some(work) => break work,
                None => shared.quiet.wait(&mut queues),
            }
        };
        drop(queues);
        work()();
    }
}

/// Of this thread alone, which only Linux can do.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::debug!(%error, "the idle thread keeps its priority");
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
mod tests {
    use super::*;

    fn caller(number: u8) -> Priority {
        Priority::Request(Client::at([192, 0, 2, number].into()))
    }

    /// Has the gate's one thread at work for a caller until something is sent.
    async fn occupied(gate: &Arc<Gate>, cost: Cost, priority: Priority) -> std::sync::mpsc::Sender<()> {
        let (release, held) = std::sync::mpsc::channel();
        let (began, begun) = oneshot::channel();
        let gate = Arc::clone(gate);
        let work = move || (began.send(()).is_ok(), held.recv().is_ok());
        tokio::spawn(async move { gate.run(cost, priority, work).await });
        begun.await.unwrap();
        release
    }

    #[tokio::test]
    async fn work_beyond_the_expected_wait_is_refused_at_once() {
        let gate = Arc::new(Gate::start(1, Duration::from_millis(100), 1024).unwrap());
        let long = Cost::of(Duration::from_secs(1));
        let release = occupied(&gate, long, caller(1)).await;
        let alone = gate.run(long, caller(2), || 2);
        let third = async {
            let refused = gate.run(long, caller(3), || ()).await;
            release.send(()).unwrap();
            refused
        };
        let (alone, third) = tokio::join!(alone, third);
        assert_eq!(alone, Ok(2), "one who waits alone is let in");
        assert!(matches!(third, Err(GateError::Busy { retry_after }) if retry_after >= Duration::from_secs(1)));
        assert_eq!(gate.shed(), 1);
        assert_eq!(gate.run(long, caller(3), || 5).await, Ok(5));
    }

    #[tokio::test]
    async fn a_page_waits_whole_and_one_who_asks_for_more_leaves_room_to_others() {
        let gate = Arc::new(Gate::start(1, Duration::from_millis(100), 1024).unwrap());
        let cost = Cost::of(Duration::from_millis(20));
        let release = occupied(&gate, cost, caller(1)).await;
        let page: Vec<_> = (0..queue::PAGE + 10).map(|_| gate.run(cost, caller(1), || ())).collect();
        let page = futures_util::future::join_all(page);
        let other = async {
            let other = gate.run(cost, caller(2), || ());
            let (_, other) = tokio::join!(async { release.send(()).is_ok() }, other);
            other
        };
        let (page, other) = tokio::join!(page, other);
        let refused = page.iter().filter(|done| done.is_err()).count();
        assert_eq!((refused, other), (10, Ok(())));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_lives_on() {
        let gate = Gate::start(1, Duration::from_secs(1), 8).unwrap();
        let cost = Cost::of_decoding(1);
        assert_eq!(
            gate.run(cost, Priority::Request(None), || panic!("on purpose")).await,
            Err::<(), _>(GateError::Panicked)
        );
        assert_eq!(gate.run(cost, Priority::Request(None), || 1).await, Ok(1));
    }

    #[tokio::test]
    async fn what_was_begun_goes_before_requests_and_those_before_background_work() {
        let gate = Gate::start(1, Duration::from_secs(10), 8).unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let cost = Cost::of_decoding(1);
        let note = |name: &'static str| {
            let order = Arc::clone(&order);
            move || order.lock().push(name)
        };
        let first = gate.run(cost, Priority::Request(None), move || held.recv().is_ok());
        let background = gate.run(cost, Priority::Background, note("background"));
        let request = gate.run(cost, Priority::Request(None), note("request"));
        let begun = gate.run(cost, Priority::Begun, note("begun"));
        let free = async { release.send(()).is_ok() };
        let (_, background, request, begun, _) = tokio::join!(first, background, request, begun, free);
        assert_eq!((background, request, begun), (Ok(()), Ok(()), Ok(())));
        assert_eq!(*order.lock(), ["begun", "request", "background"]);
    }

    #[tokio::test]
    async fn idle_work_begins_when_nothing_else_waits_or_runs_and_keeps_no_thread() {
        let gate = Arc::new(Gate::start(2, Duration::from_secs(10), 8).unwrap());
        let cost = Cost::of_decoding(1);
        let release = occupied(&gate, cost, caller(1)).await;
        let (began, mut begun) = oneshot::channel();
        let (free, held) = std::sync::mpsc::channel::<()>();
        let idle = Arc::clone(&gate);
        let idle = tokio::spawn(async move {
            let work = move || (began.send(()).is_ok(), held.recv().is_ok());
            idle.run(cost, Priority::Idle, work).await
        });
        // The other thread is free, and still.
        assert_eq!(gate.run(cost, caller(2), || 2).await, Ok(2));
        assert!(begun.try_recv().is_err(), "something else runs");
        release.send(()).unwrap();
        begun.await.unwrap();
        // While it runs, both threads are there for requests.
        let release = occupied(&gate, cost, caller(1)).await;
        assert_eq!(gate.run(cost, caller(2), || 2).await, Ok(2));
        release.send(()).unwrap();
        free.send(()).unwrap();
        assert_eq!(idle.await.unwrap(), Ok((true, true)));
    }

    #[tokio::test]
    async fn idle_work_that_waits_ends_with_the_gate() {
        let gate = Gate::start(1, Duration::from_secs(10), 8).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let (sender, dropped) = oneshot::channel::<()>();
        let shared = Arc::clone(&gate.shared);
        shared.queues.lock().background.push_back(Box::new(move || {
            let _ = (began.send(()), held.recv());
            Box::new(|| ())
        }));
        shared.wake.notify_one();
        begun.await.unwrap();
        shared.queues.lock().idle.push_back(Box::new(move || {
            drop(sender);
            Box::new(|| ())
        }));
        drop((gate, shared));
        release.send(()).unwrap();
        assert!(dropped.await.is_err());
    }
}

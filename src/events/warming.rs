//! Warm lists of new versions: a bounded queue beside the walk of requests.
//!
//! The newest version of an object is the only one that is warmed. Buckets that go first have a line and a worker of their
//! own, so that nobody waits for an avatar behind somebody's import.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Notify, oneshot};

use crate::cache::CacheStatus;
use crate::deliver::{Ask, Deliver, DeliverError, Purpose};
use crate::error::Code;
use crate::object::ObjectId;
use crate::transform::{Dialect, Want};

/// Workers of the line for all buckets; one more takes only what goes first.
const WORKERS: usize = 2;

/// When it is a list's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Before requests that come later: somebody looks at the result in a moment.
    First,
    /// When nobody waits for a processor.
    Background,
}

struct Job {
    line: Line,
    wants: Arc<[Want]>,
    /// Dropped or sent: the list is filled, or never will be.
    done: oneshot::Sender<()>,
}

#[derive(Default)]
struct Lines {
    first: VecDeque<ObjectId>,
    background: VecDeque<ObjectId>,
    waiting: HashMap<ObjectId, Job>,
    /// Set to stop the running job of an object.
    running: HashMap<ObjectId, Arc<AtomicBool>>,
}

/// The lists that wait, and those that are being filled.
pub(super) struct WarmQueue {
    deliver: Arc<Deliver>,
    lines: Mutex<Lines>,
    filled: Notify,
    first_filled: Notify,
    /// Most objects in a line.
    capacity: usize,
    length: Gauge,
}

impl WarmQueue {
    pub(super) fn new(deliver: Arc<Deliver>, capacity: usize, length: Gauge) -> Arc<Self> {
        let (lines, filled, first_filled) = (Mutex::default(), Notify::new(), Notify::new());
        Arc::new(Self { deliver, lines, filled, first_filled, capacity, length })
    }

    /// Queues the bucket's list for the object's current version, in place of an older one's. What is returned resolves
    /// when the list is filled, or given up: because the line is full, or a newer version came.
    pub(super) fn push(&self, object: &ObjectId, line: Line) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        let Some(wants) = self.deliver.listed.of(&object.bucket) else { return receiver };
        let mut lines = self.lines.lock();
        lines.stop(object);
        let is_queued = lines.waiting.contains_key(object);
        let in_line = lines.of(line);
        if !is_queued {
            if in_line.len() >= self.capacity {
                tracing::debug!(%object, "the warm queue is full");
                return receiver;
            }
            in_line.push_back(object.clone());
        }
        lines.waiting.insert(object.clone(), Job { line, wants: Arc::clone(wants), done });
        self.length.set(lines.waiting.len() as i64);
        drop(lines);
        if line == Line::First { &self.first_filled } else { &self.filled }.notify_one();
        receiver
    }

    /// Gives up the object's list: there is a newer version, or none.
    pub(super) fn cancel(&self, object: &ObjectId) {
        let mut lines = self.lines.lock();
        lines.stop(object);
        lines.waiting.remove(object);
        self.length.set(lines.waiting.len() as i64);
    }

    /// Fills lists for ever.
    pub(super) async fn work(self: Arc<Self>) {
        let background = (0..WORKERS).map(|_| self.work_on(Line::Background, &self.filled));
        let first = self.work_on(Line::First, &self.first_filled);
        futures_util::future::join(futures_util::future::join_all(background), first).await;
    }

    async fn work_on(&self, line: Line, filled: &Notify) {
        loop {
            match self.next(line) {
                Some((object, job, stopped)) => self.fill(&object, job, &stopped).await,
                None => filled.notified().await,
            }
        }
    }

    fn next(&self, line: Line) -> Option<(ObjectId, Job, Arc<AtomicBool>)> {
        let mut lines = self.lines.lock();
        loop {
            let object = lines.of(line).pop_front()?;
            let Some(job) = lines.waiting.remove(&object) else { continue };
            let stopped = Arc::new(AtomicBool::new(false));
            lines.running.insert(object.clone(), Arc::clone(&stopped));
            self.length.set(lines.waiting.len() as i64);
            return Some((object, job, stopped));
        }
    }

    async fn fill(&self, object: &ObjectId, job: Job, stopped: &Arc<AtomicBool>) {
        for want in &*job.wants {
            if stopped.load(Ordering::Relaxed) || !self.make(object, *want, job.line).await {
                break;
            }
        }
        let mut lines = self.lines.lock();
        // A newer version's job may have begun beside this one.
        if lines.running.get(object).is_some_and(|running| Arc::ptr_eq(running, stopped)) {
            lines.running.remove(object);
        }
        drop(lines);
        // The one who waited may have gone on.
        let _ = job.done.send(());
    }

    /// Makes one variant; whether it makes sense to go on with the next.
    async fn make(&self, object: &ObjectId, want: Want, line: Line) -> bool {
        let ask = |purpose| Ask { object: object.clone(), want, dialect: Dialect::Native, client: None, purpose };
        let mut delivered = match line {
            Line::First => self.deliver.deliver(&ask(Purpose::WarmFirst)).await,
            Line::Background => self.deliver.deliver(&ask(Purpose::Warm)).await,
        };
        if matches!(delivered, Err(DeliverError::Busy { .. })) {
            delivered = self.deliver.deliver(&ask(Purpose::Warm)).await;
        }
        match delivered {
            // Not kept: its origin forbids that, or a newer version came.
            Ok(delivered) => delivered.status != CacheStatus::Unstored,
            Err(error) => {
                if !matches!(error.code(), Code::Missing | Code::NotAPicture | Code::KindRefused) {
                    tracing::info!(%object, %error, "an object could not be warmed");
                }
                false
            }
        }
    }
}

impl Lines {
    fn of(&mut self, line: Line) -> &mut VecDeque<ObjectId> {
        match line {
            Line::First => &mut self.first,
            Line::Background => &mut self.background,
        }
    }

    fn stop(&self, object: &ObjectId) {
        if let Some(running) = self.running.get(object) {
            running.store(true, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for WarmQueue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WarmQueue").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

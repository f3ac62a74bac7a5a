//! One owned task per key, whatever the number of waiters.
//!
//! Work runs in a tracked, spawned task: a client that hangs up never cancels it, and followers get its result or its
//! error. Purges end the sharing: who asks after a purge starts anew.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

/// The owned task ended without a result: it panicked, or the runtime is going away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task that did the work ended without a result")]
pub struct Aborted;

type Landing<V> = Shared<BoxFuture<'static, Result<V, Aborted>>>;

struct Flight<V> {
    number: u64,
    landing: Landing<V>,
}

struct Table<K, V> {
    flights: HashMap<K, Flight<V>>,
    next: u64,
}

/// Running work by key. `V` is shared by everyone who waits, so it is cheap to clone.
pub struct Fills<K, V> {
    table: Arc<Mutex<Table<K, V>>>,
    tasks: TaskTracker,
}

impl<K, V> fmt::Debug for Fills<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fills").field("running", &self.table.lock().flights.len()).finish_non_exhaustive()
    }
}

/// Whether this caller began the work or waits for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Leader,
    Follower,
}

impl<K, V> Fills<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// `tasks` is waited for at shutdown.
    pub fn new(tasks: TaskTracker) -> Self {
        Self { table: Arc::new(Mutex::new(Table { flights: HashMap::new(), next: 0 })), tasks }
    }

    /// Joins the running work of this key, or begins `work`. The returned future may be dropped at any time.
    pub fn join<F>(&self, key: &K, work: impl FnOnce() -> F) -> (Part, Landing<V>)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut table = self.table.lock();
        if let Some(flight) = table.flights.get(key) {
            return (Part::Follower, flight.landing.clone());
        }
        let number = table.next;
        table.next += 1;
        let (sender, receiver) = oneshot::channel();
        let landing = receiver.map(|ended| ended.map_err(|_| Aborted)).boxed().shared();
        table.flights.insert(key.clone(), Flight { number, landing: landing.clone() });
        // A runtime that is going away drops the task at once, in here, and the cleanup wants the table.
        drop(table);
        let cleanup = Cleanup { table: Arc::clone(&self.table), key: key.clone(), number };
        let task = work();
        self.tasks.spawn(async move {
            // The key is free before anyone hears of the result, or that there is none.
            let sender = sender;
            let cleanup = cleanup;
            let result = task.await;
            drop(cleanup);
            // Nobody may be waiting any more.
            let _ = sender.send(result);
        });
        (Part::Leader, landing)
    }

    /// Ends the sharing of running work whose key matches: it goes on for those who wait, nobody joins it any more.
    pub fn part_from(&self, matches: impl Fn(&K) -> bool) {
        self.table.lock().flights.retain(|key, _| !matches(key));
    }

    pub fn running(&self) -> usize {
        self.table.lock().flights.len()
    }
}

/// Takes the flight off the table when its task ends, also by panic.
struct Cleanup<K: Eq + Hash, V> {
    table: Arc<Mutex<Table<K, V>>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, V> Drop for Cleanup<K, V> {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        if table.flights.get(&self.key).is_some_and(|flight| flight.number == self.number) {
            table.flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_thousand_callers_share_one_task() {
        let fills: Fills<u8, usize> = Fills::new(TaskTracker::new());
        let runs = Arc::new(AtomicUsize::new(0));
        let landings: Vec<_> = (0..1000)
            .map(|_| {
                let runs = Arc::clone(&runs);
                fills.join(&1, || async move {
                    tokio::task::yield_now().await;
                    runs.fetch_add(1, Ordering::SeqCst) + 41
                })
            })
            .collect();
        assert_eq!(landings.iter().filter(|(part, _)| *part == Part::Leader).count(), 1);
        for (_, landing) in landings {
            assert_eq!(landing.await, Ok(41));
        }
        assert_eq!(fills.running(), 0);
    }

    #[tokio::test]
    async fn hung_up_client_does_not_cancel_the_fill() {
        let fills: Fills<u8, u8> = Fills::new(TaskTracker::new());
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let (done, finished) = tokio::sync::oneshot::channel();
        let (_, landing) = fills.join(&1, || async move {
            receiver.await.ok();
            done.send(()).ok();
            7
        });
        drop(landing);
        sender.send(()).unwrap();
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_wakes_every_waiter_and_frees_the_key() {
        let fills: Fills<u8, u8> = Fills::new(TaskTracker::new());
        let (_, leader) = fills.join(&1, || async { panic!("on purpose") });
        let (part, follower) = fills.join(&1, || async { 2 });
        assert_eq!(part, Part::Follower);
        assert_eq!((leader.await, follower.await), (Err(Aborted), Err(Aborted)));
        let (part, landing) = fills.join(&1, || async { 3 });
        assert_eq!((part, landing.await), (Part::Leader, Ok(3)));
    }

    #[test]
    fn a_runtime_that_goes_away_ends_the_work_that_begins_in_it() {
        let fills: Arc<Fills<u8, u8>> = Arc::new(Fills::new(TaskTracker::new()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (began, waiting) = std::sync::mpsc::channel();
        let (ended, result) = std::sync::mpsc::channel();
        let joined = Arc::clone(&fills);
        runtime.spawn(async move {
            began.send(()).unwrap();
            // Blocks its worker; the other one closes the list of tasks meanwhile.
            std::thread::sleep(std::time::Duration::from_millis(200));
            let (part, landing) = joined.join(&1, || async { 2 });
            ended.send((part, landing.now_or_never())).unwrap();
        });
        waiting.recv().unwrap();
        drop(runtime);
        assert_eq!(result.recv().unwrap(), (Part::Leader, Some(Err(Aborted))));
        assert_eq!(fills.running(), 0);
    }

    #[tokio::test]
    async fn after_parting_a_new_caller_starts_anew() {
        let fills: Fills<u8, u8> = Fills::new(TaskTracker::new());
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let (_, old) = fills.join(&1, || async move {
            receiver.await.ok();
            1
        });
        fills.part_from(|key| *key == 1);
        let (part, new) = fills.join(&1, || async { 2 });
        assert_eq!((part, new.await), (Part::Leader, Ok(2)));
        sender.send(()).unwrap();
        assert_eq!(old.await, Ok(1));
    }
}

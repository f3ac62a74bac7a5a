//! Who writes to a resumable upload: one at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long one who waits for a turn gives the holder to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// A holder whose sender has been silent for so long is asked to end: its connection may be dead without telling.
const SILENT: Duration = Duration::from_secs(1);
/// How often one who waits looks.
const LOOK: Duration = Duration::from_millis(20);

/// The turns that are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Uuid, Arc<Holder>>>>);

#[derive(Debug, Default)]
struct Holder {
    /// Since when the holder has been waiting for its sender, if it is.
    listening: Mutex<Option<Instant>>,
    asked: CancellationToken,
}

/// The right to write to an upload, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    upload: Uuid,
    holder: Arc<Holder>,
}

impl Turns {
    /// The turn, if nobody has it.
    pub(super) fn take(&self, upload: Uuid) -> Option<Turn> {
        let mut taken = self.0.lock();
        if taken.contains_key(&upload) {
            return None;
        }
        let holder = Arc::new(Holder::default());
        taken.insert(upload, Arc::clone(&holder));
        Some(Turn { turns: self.clone(), upload, holder })
    }

    /// Waits until nobody has the turn; whether that came in time. A holder that only waits for a silent sender makes
    /// room, any other keeps it.
    pub(super) async fn ended(&self, upload: Uuid) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            let Some(holder) = self.0.lock().get(&upload).map(Arc::clone) else { return true };
            if Instant::now() >= until {
                return false;
            }
            if holder.is_silent() {
                holder.asked.cancel();
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Holder {
    fn is_silent(&self) -> bool {
        self.listening.lock().is_some_and(|since| since.elapsed() >= SILENT)
    }
}

impl Turn {
    /// What the sender sends next; `None` if the turn is asked for meanwhile.
    pub(super) async fn listen<T>(&self, next: impl Future<Output = T>) -> Option<T> {
        *self.holder.listening.lock() = Some(Instant::now());
        let heard = tokio::select! {
            // What has come counts.
            biased;
            heard = next => Some(heard),
            () = self.holder.asked.cancelled() => None,
        };
        *self.holder.listening.lock() = None;
        heard
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().remove(&self.upload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_one_holders_until_it_is_dropped() {
        let (turns, upload) = (Turns::default(), Uuid::new_v4());
        let turn = turns.take(upload).unwrap();
        assert!(turns.take(upload).is_none() && turns.take(Uuid::new_v4()).is_some());
        // Not listening: whatever it does is not cut short.
        assert!(!turns.ended(upload).await);
        drop(turn);
        assert!(turns.ended(upload).await && turns.take(upload).is_some());
    }

    #[tokio::test]
    async fn a_holder_whose_sender_is_silent_makes_room_for_one_who_waits() {
        let (turns, upload) = (Turns::default(), Uuid::new_v4());
        let turn = turns.take(upload).unwrap();
        let holding = async move { turn.listen(std::future::pending::<()>()).await };
        let (heard, ended) = tokio::join!(holding, turns.ended(upload));
        assert!(heard.is_none() && ended);
    }
}

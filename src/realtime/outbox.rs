//! What waits to be sent to one client: bounded, so that a slow client costs itself its connection and nobody else
//! anything.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::hub::MemberId;
use super::wire::Outbound;

/// Something for one client.
#[derive(Clone, Debug)]
pub enum Item {
    Event(Arc<Event>, MemberId),
    /// A kept event, told again.
    Kept(Arc<Event>, MemberId),
    Message(Box<Outbound>),
    /// An event of the topic is for somebody else: the member was taken out.
    Expelled(MemberId),
}

impl Item {
    fn weight(&self) -> usize {
        match self {
            Self::Event(event, _) | Self::Kept(event, _) => event.weight(),
            Self::Message(_) | Self::Expelled(_) => 0,
        }
    }
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    pub items: usize,
    pub bytes: usize,
}

/// One client's queue.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    overflowed: CancellationToken,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
}

impl Outbox {
    pub fn new(limits: OutboxLimits) -> Arc<Self> {
        let (waiting, arrived) = (Mutex::default(), Notify::new());
        Arc::new(Self { limits, waiting, arrived, overflowed: CancellationToken::new() })
    }

    /// Puts something at the end; false if that was too much, and the client is to be let go.
    pub fn push(&self, item: Item) -> bool {
        let mut waiting = self.waiting.lock();
        let bytes = waiting.bytes + item.weight();
        if self.overflowed.is_cancelled() || waiting.items.len() >= self.limits.items || bytes > self.limits.bytes {
            *waiting = Waiting::default();
            self.overflowed.cancel();
            return false;
        }
        waiting.bytes = bytes;
        waiting.items.push_back(item);
        drop(waiting);
        self.arrived.notify_one();
        true
    }

    /// The next item, if one waits.
    pub fn take(&self) -> Option<Item> {
        let mut waiting = self.waiting.lock();
        let item = waiting.items.pop_front()?;
        waiting.bytes -= item.weight();
        // A burst must not hold its memory for as long as the client stays.
        if waiting.items.is_empty() && waiting.items.capacity() > 16 {
            waiting.items.shrink_to(4);
        }
        Some(item)
    }

    /// Waits for the next item. Nothing is lost when this is dropped.
    pub async fn next(&self) -> Item {
        loop {
            if let Some(item) = self.take() {
                return item;
            }
            self.arrived.notified().await;
        }
    }

    /// Resolves when more came than may wait.
    pub async fn overflowed(&self) {
        self.overflowed.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expelled(id: u64) -> Item {
        Item::Expelled(MemberId::of(id))
    }

    #[tokio::test]
    async fn items_come_in_order_and_a_full_queue_is_the_end_of_it() {
        let outbox = Outbox::new(OutboxLimits { items: 2, bytes: 10 });
        assert!(outbox.push(expelled(1)) && outbox.push(expelled(2)));
        assert!(matches!(outbox.next().await, Item::Expelled(id) if id == MemberId::of(1)));
        assert!(outbox.push(expelled(3)));
        assert!(!outbox.push(expelled(4)));
        outbox.overflowed().await;
        // What waited is let go at once, and nothing more is taken.
        assert!(outbox.take().is_none() && !outbox.push(expelled(5)));
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let outbox = Outbox::new(OutboxLimits { items: 2, bytes: 10 });
        let waiting = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.next().await }
        });
        tokio::task::yield_now().await;
        assert!(outbox.push(expelled(7)));
        assert!(matches!(waiting.await.unwrap(), Item::Expelled(_)));
    }
}

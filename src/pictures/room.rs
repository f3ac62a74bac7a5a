//! A bound on bytes that are in memory at the same time.

use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Room for so many bytes. What alone is larger gets in when nothing else is.
#[derive(Debug)]
pub struct Room {
    bytes: u64,
    taken: Mutex<u64>,
    freed: Notify,
}

/// Bytes of a room, given back when dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    pub fn of(bytes: u64) -> Arc<Self> {
        Arc::new(Self { bytes, taken: Mutex::new(0), freed: Notify::new() })
    }

    /// Waits until there is room for these.
    pub async fn take(self: &Arc<Self>, bytes: u64) -> Place {
        loop {
            let mut freed = pin!(self.freed.notified());
            // Before looking, or what is freed meanwhile would not be heard of.
            freed.as_mut().enable();
            {
                let mut taken = self.taken.lock();
                if *taken == 0 || *taken + bytes <= self.bytes {
                    *taken += bytes;
                    return Place { room: Arc::clone(self), bytes };
                }
            }
            freed.await;
        }
    }
}

impl Place {
    /// They turned out to be so many. More are taken without waiting: they are there already.
    pub fn resize(&mut self, bytes: u64) {
        let mut taken = self.room.taken.lock();
        *taken = *taken - self.bytes + bytes;
        drop(taken);
        if bytes < self.bytes {
            self.room.freed.notify_waiters();
        }
        self.bytes = bytes;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.room.taken.lock() -= self.bytes;
        self.room.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_does_not_fit_waits_until_others_leave() {
        let room = Room::of(10);
        let (first, mut second) = (room.take(6).await, room.take(4).await);
        let waiting = tokio::spawn({
            let room = Arc::clone(&room);
            async move { room.take(7).await }
        });
        second.resize(5);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        second.resize(1);
        drop(first);
        let third = waiting.await.unwrap();
        assert_eq!(*room.taken.lock(), 8);
        drop((second, third));
        let _larger = room.take(11).await;
        assert_eq!(*room.taken.lock(), 11);
    }
}

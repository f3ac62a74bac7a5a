//! Which request's work is next: a queue that is fair to callers and, between them, short work first.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng, 1996): every piece of work gets the virtual time at which it would end if
//! all callers that wait had equal shares of the threads, and the earliest goes first. A caller's thousandth picture ends far
//! away; another caller's first one, or a shorter one, goes before it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::clients::Client;

/// Who asks; `None` are all callers that are not limited.
pub(super) type Caller = Option<Client>;

/// Pieces that one caller may have waiting however long that takes, as long as nobody else waits: a page of pictures.
pub(super) const PAGE: usize = 64;

/// Where a piece of work waits: its virtual end, and the order of arrival among equals.
type Place = (Duration, u64);

struct Piece<T> {
    caller: Caller,
    begins: Duration,
    cost: Duration,
    work: T,
}

#[derive(Default)]
struct Share {
    /// The virtual end of the caller's last piece.
    ends: Duration,
    pieces: usize,
    cost: Duration,
}

pub(super) struct FairQueue<T> {
    pieces: BTreeMap<Place, Piece<T>>,
    shares: HashMap<Caller, Share>,
    /// The virtual time: where the piece began that was taken last.
    now: Duration,
    arrived: u64,
    /// Cost of all that waits.
    cost: Duration,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { pieces: BTreeMap::new(), shares: HashMap::new(), now: Duration::ZERO, arrived: 0, cost: Duration::ZERO }
    }
}

/// What a piece of work would meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    /// Cost of what goes before it, as things stand.
    pub before: Duration,
    /// Cost of all that waits.
    pub waiting: Duration,
    /// Cost of what its caller has waiting.
    pub own: Duration,
    /// Callers that wait, with this one.
    pub callers: u32,
    /// Whether the caller alone waits, and for no more than a page.
    pub is_page: bool,
}

impl<T> FairQueue<T> {
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    pub fn outlook(&self, caller: Caller, cost: Duration) -> Outlook {
        let share = self.shares.get(&caller);
        let ends = share.map_or(self.now, |share| share.ends.max(self.now)) + cost;
        let before = self.pieces.range(..=(ends, u64::MAX)).map(|(_, piece)| piece.cost).sum();
        let (pieces, own) = share.map_or((0, Duration::ZERO), |share| (share.pieces, share.cost));
        let others = self.shares.iter().filter(|(other, share)| **other != caller && share.pieces > 0).count();
        let is_page = others == 0 && pieces < PAGE;
        Outlook { before, waiting: self.cost, own, callers: others as u32 + 1, is_page }
    }

    pub fn push(&mut self, caller: Caller, cost: Duration, work: T) {
        let share = self.shares.entry(caller).or_default();
        let begins = share.ends.max(self.now);
        share.ends = begins + cost;
        share.pieces += 1;
        share.cost += cost;
        self.cost += cost;
        self.arrived += 1;
        self.pieces.insert((share.ends, self.arrived), Piece { caller, begins, cost, work });
    }

    /// What [`Self::pop`] would take.
    pub fn first(&self) -> Option<&T> {
        self.pieces.first_key_value().map(|(_, piece)| &piece.work)
    }

    pub fn pop(&mut self) -> Option<T> {
        let (_, Piece { caller, begins, cost, work }) = self.pieces.pop_first()?;
        self.cost = self.cost.saturating_sub(cost);
        self.now = self.now.max(begins);
        if let Some(share) = self.shares.get_mut(&caller) {
            share.pieces -= 1;
            share.cost = share.cost.saturating_sub(cost);
        }
        if self.pieces.is_empty() {
            // Nobody has had more than others of what nobody waits for.
            self.shares.clear();
            self.now = Duration::ZERO;
        } else {
            let now = self.now;
            self.shares.retain(|_, share| share.pieces > 0 || share.ends > now);
        }
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u8) -> Caller {
        Client::at([192, 0, 2, number].into())
    }

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn order(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn one_who_asks_for_much_does_not_hold_up_others() {
        let mut queue = FairQueue::default();
        for _ in 0..1000 {
            queue.push(caller(1), milliseconds(10), "much");
        }
        queue.pop();
        queue.push(caller(2), milliseconds(10), "little");
        queue.push(caller(3), milliseconds(5), "less");
        assert_eq!(queue.outlook(caller(4), milliseconds(10)).before, milliseconds(15));
        let order = order(&mut queue);
        let place = |name| order.iter().position(|work| *work == name).unwrap();
        assert!(place("less") < place("little") && place("little") <= 3, "{:?}", &order[..6]);
    }

    #[test]
    fn callers_with_as_much_each_take_turns() {
        let mut queue = FairQueue::default();
        for _ in 0..3 {
            queue.push(caller(1), milliseconds(10), "one");
        }
        for _ in 0..3 {
            queue.push(caller(2), milliseconds(10), "two");
        }
        assert_eq!(order(&mut queue), ["one", "two", "one", "two", "one", "two"]);
    }

    #[test]
    fn of_one_caller_s_pieces_the_first_goes_first() {
        let mut queue = FairQueue::default();
        for (name, cost) in [("long", 90), ("short", 5), ("shorter", 1)] {
            queue.push(None, milliseconds(cost), name);
        }
        assert_eq!(order(&mut queue), ["long", "short", "shorter"]);
        assert!(queue.shares.is_empty() && queue.now.is_zero() && queue.cost.is_zero());
    }

    #[test]
    fn a_page_is_one_caller_s_alone() {
        let mut queue = FairQueue::default();
        for _ in 0..PAGE {
            assert!(queue.outlook(caller(1), milliseconds(1)).is_page);
            queue.push(caller(1), milliseconds(1), "");
        }
        assert!(!queue.outlook(caller(1), milliseconds(1)).is_page);
        assert!(!queue.outlook(caller(2), milliseconds(1)).is_page);
        let outlook = queue.outlook(caller(2), milliseconds(1));
        assert_eq!((outlook.callers, outlook.own, outlook.waiting), (2, Duration::ZERO, milliseconds(64)));
    }
}

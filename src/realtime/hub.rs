//! Topics and who is in them: fan-out, the last state for late joiners, the filter by owner.
//!
//! A topic's room is locked for as long as its members' queues are filled, which waits for nothing; other topics go on
//! meanwhile. A client that does not empty its queue is let go ([`Outbox`]).

mod room;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::event::{End, Event, Publication};
use super::outbox::{Item, Outbox};
use super::rules::Listener;
use super::topic::Topic;

use room::{Keeping, Room};

/// One join of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(u64);

#[cfg(test)]
impl MemberId {
    pub(super) const fn of(id: u64) -> Self {
        Self(id)
    }
}

/// What a member is to be told, and where.
#[derive(Clone, Debug)]
pub struct Member {
    pub listener: Listener,
    pub outbox: Arc<Outbox>,
    /// Whether it hears what it sends itself.
    pub hears_itself: bool,
}

/// What a joining member is told at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// The last state of the topic.
    Last,
    /// The last state, unless that is the end of a job and known to have been heard: whoever joins for the next job would
    /// take it for that one's.
    Unheard,
    /// Every kept state with a greater number.
    After(u64),
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// So many members got it.
    Members(usize),
    /// A later event of the same job was told before.
    Outdated,
}

/// What is kept for late joiners.
#[derive(Clone, Copy, Debug)]
pub struct KeepLimits {
    /// States of all topics together.
    pub states: usize,
    pub lifetime: Duration,
}

/// Counts of the hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubUsage {
    pub topics: usize,
    pub published: u64,
    pub delivered: u64,
    /// Clients let go because too much waited for them.
    pub dropped: u64,
}

/// Every topic of this process.
#[derive(Debug)]
pub struct Hub {
    rooms: Mutex<HashMap<Topic, Arc<Mutex<Room>>>>,
    keep: KeepLimits,
    /// Which state is forgotten next: in the order in which they were kept.
    shelf: Mutex<VecDeque<(Instant, Topic, u64)>>,
    last_number: AtomicU64,
    last_member: AtomicU64,
    published: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

impl Hub {
    pub fn new(keep: KeepLimits) -> Arc<Self> {
        Arc::new(Self {
            rooms: Mutex::default(),
            keep,
            shelf: Mutex::default(),
            last_number: AtomicU64::new(0),
            last_member: AtomicU64::new(0),
            published: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// Puts a member into a topic, and tells it what `resume` asks for. Dropping the membership takes it out.
    pub fn join(self: &Arc<Self>, topic: Topic, member: &Member, resume: Resume) -> Membership {
        let id = MemberId(self.last_member.fetch_add(1, Ordering::Relaxed) + 1);
        self.in_room(&topic, |room| {
            let now = Instant::now();
            for event in room.kept(resume, &member.listener, now) {
                self.deliver(member, Item::Kept(Arc::clone(event), id));
            }
            room.members.insert(id, member.clone());
        });
        Membership { hub: Arc::clone(self), topic, id }
    }

    /// Tells everyone in the topic whom it may concern. `from`: the member that sent it.
    pub fn publish(&self, publication: Publication, from: Option<MemberId>) -> Told {
        let progress = publication.progress();
        let (topic, is_state) = (publication.topic.clone(), progress.is_some());
        let told = self.in_room(&topic, |room| {
            let event = Event::new(self.next_number(), publication, progress.as_ref());
            if let Some(progress) = progress {
                let expires = Instant::now() + self.keep.lifetime;
                if room.keep(&event, progress, expires) == Keeping::Outdated {
                    return None;
                }
                self.shelf.lock().push_back((expires, topic.clone(), event.number));
            }
            Some((self.fan_out(room, &event, from), event))
        });
        self.clear_shelf();
        self.close_if_empty(&topic);
        let Some((members, event)) = told else { return Told::Outdated };
        if is_state && let Some(room) = self.room(&Topic::every_avatar()) {
            self.fan_out(&mut room.lock(), &event, None);
        }
        self.published.fetch_add(1, Ordering::Relaxed);
        Told::Members(members)
    }

    /// Notes that a job's end was heard by its owner, at another node.
    pub fn note_heard(&self, topic: &Topic, end: &End) {
        if let Some(room) = self.room(topic) {
            room.lock().note_heard(end);
        }
    }

    /// The topics that have members.
    pub fn topics(&self) -> Vec<Topic> {
        let rooms: Vec<_> = self.rooms.lock().iter().map(|(topic, room)| (topic.clone(), Arc::clone(room))).collect();
        let has_members = |room: &Mutex<Room>| !room.lock().members.is_empty();
        rooms.into_iter().filter(|(_, room)| has_members(room)).map(|(topic, _)| topic).collect()
    }

    pub fn usage(&self) -> HubUsage {
        HubUsage {
            topics: self.rooms.lock().len(),
            published: self.published.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    fn fan_out(&self, room: &mut Room, event: &Arc<Event>, from: Option<MemberId>) -> usize {
        let mut delivered = 0;
        room.members.retain(|id, member| {
            if event.audience.expels(&member.listener) {
                member.outbox.push(Item::Expelled(*id));
                return false;
            }
            let is_echo = from == Some(*id) && !member.hears_itself;
            if is_echo || !event.audience.admits(&member.listener) {
                return true;
            }
            let is_delivered = self.deliver(member, Item::Event(Arc::clone(event), *id));
            delivered += usize::from(is_delivered);
            is_delivered
        });
        delivered
    }

    fn deliver(&self, member: &Member, item: Item) -> bool {
        let is_taken = member.outbox.push(item);
        let count = if is_taken { &self.delivered } else { &self.dropped };
        count.fetch_add(1, Ordering::Relaxed);
        is_taken
    }

    /// Greater than every number before, also those of the process before this one: a client that comes back names the
    /// last that it saw. Microseconds since 1970, or one more than the last.
    fn next_number(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.last_number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        last.map_or(now, |last| now.max(last + 1))
    }

    /// Runs with the topic's room, made if there is none.
    fn in_room<T>(&self, topic: &Topic, run: impl FnOnce(&mut Room) -> T) -> T {
        loop {
            let room = Arc::clone(self.rooms.lock().entry(topic.clone()).or_default());
            let mut room = room.lock();
            // Closed between the two locks: the next look finds a new one.
            if !room.is_closed {
                return run(&mut room);
            }
        }
    }

    fn leave(&self, topic: &Topic, id: MemberId) {
        if let Some(room) = self.room(topic) {
            room.lock().members.remove(&id);
        }
        self.close_if_empty(topic);
    }

    fn room(&self, topic: &Topic) -> Option<Arc<Mutex<Room>>> {
        self.rooms.lock().get(topic).map(Arc::clone)
    }

    fn close_if_empty(&self, topic: &Topic) {
        let Some(room) = self.room(topic) else { return };
        let mut open = room.lock();
        if open.is_closed || !open.is_empty() {
            return;
        }
        open.is_closed = true;
        drop(open);
        // Nobody puts a new room in the place of one that is there, closed or not.
        self.rooms.lock().remove(topic);
    }

    /// Forgets states whose time is over, and the oldest of too many.
    fn clear_shelf(&self) {
        loop {
            let mut shelf = self.shelf.lock();
            let is_full = shelf.len() > self.keep.states;
            let now = Instant::now();
            let due = shelf.pop_front_if(|(expires, ..)| is_full || *expires <= now);
            drop(shelf);
            let Some((_, topic, number)) = due else { return };
            if let Some(room) = self.room(&topic) {
                room.lock().forget(number);
            }
            self.close_if_empty(&topic);
        }
    }
}

/// A member's place in a topic, given up when dropped.
#[derive(Debug)]
pub struct Membership {
    hub: Arc<Hub>,
    topic: Topic,
    id: MemberId,
}

impl Membership {
    pub const fn id(&self) -> MemberId {
        self.id
    }

    pub const fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The member is somebody else from now on: its token was replaced.
    pub fn becomes(&self, listener: &Listener) {
        let Some(room) = self.hub.room(&self.topic) else { return };
        if let Some(member) = room.lock().members.get_mut(&self.id) {
            member.listener.clone_from(listener);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.leave(&self.topic, self.id);
    }
}

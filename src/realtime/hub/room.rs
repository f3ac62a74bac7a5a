//! One topic: its members, and the last state of each job that was told in it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::{Member, MemberId, Resume};
use crate::realtime::event::{End, Event, Progress};
use crate::realtime::rules::Listener;

/// Jobs of one topic whose last state is kept.
const JOBS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Room {
    pub members: HashMap<MemberId, Member>,
    /// Oldest first; one for each job.
    states: VecDeque<State>,
    /// Taken out of the hub: nothing more may be put in.
    pub is_closed: bool,
}

#[derive(Debug)]
struct State {
    job: Option<String>,
    seq: Option<u64>,
    event: Arc<Event>,
    expires: Instant,
}

/// Whether a state became the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    Kept,
    /// The job's last state is a later one.
    Outdated,
}

impl Room {
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.states.is_empty()
    }

    /// Makes the event its job's last state, unless a later one is kept.
    pub fn keep(&mut self, event: &Arc<Event>, progress: Progress, expires: Instant) -> Keeping {
        let Progress { job_id: job, seq, .. } = progress;
        if let Some(index) = self.states.iter().position(|state| state.job == job) {
            if seq.is_some() && self.states[index].seq >= seq {
                return Keeping::Outdated;
            }
            self.states.remove(index);
        }
        if self.states.len() >= JOBS {
            self.states.pop_front();
        }
        self.states.push_back(State { job, seq, event: Arc::clone(event), expires });
        Keeping::Kept
    }

    /// What a joining listener is told, oldest first.
    pub fn kept(&self, resume: Resume, listener: &Listener, now: Instant) -> Vec<&Arc<Event>> {
        let living = self.states.iter().filter(|state| state.expires > now).map(|state| &state.event);
        let mut admitted = living.filter(|event| event.audience.admits(listener));
        let last = match resume {
            Resume::After(number) => return admitted.filter(|event| event.number > number).collect(),
            Resume::Last => admitted.next_back(),
            // Behind what was heard no older end is told, only what is still under way.
            Resume::Unheard => match admitted.next_back() {
                Some(last) if last.is_known_to(listener) => admitted.rfind(|event| event.end().is_none()),
                last => last,
            },
        };
        last.into_iter().collect()
    }

    /// Another node's word: the owner has heard this end.
    pub fn note_heard(&self, end: &End) {
        if let Some(state) = self.states.iter().find(|state| state.event.end() == Some(end)) {
            state.event.note_heard();
        }
    }

    /// Drops the state of this number, if it is still kept.
    pub fn forget(&mut self, number: u64) {
        self.states.retain(|state| state.event.number != number);
    }
}

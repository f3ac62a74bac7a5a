//! An event on its way to everyone in a topic: made once, framed once for each protocol.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::rules::{Audience, Listener};
use super::topic::{About, EventName, Topic};
use super::wire::{Broadcast, Content, Frame, Meta, Version};

/// Largest state that is kept for late joiners, in bytes.
const STATE_BYTES: usize = 16 << 10;

/// Something to tell a topic.
#[derive(Debug)]
pub struct Publication {
    pub topic: Topic,
    pub name: EventName,
    pub content: Content,
    /// The whole payload of a text frame, see [`Broadcast::whole`].
    pub whole: Option<Box<RawValue>>,
    pub audience: Audience,
}

/// What an avatar's event says of the job that it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Progress {
    /// The job; without one, the topic itself.
    #[serde(default)]
    pub job_id: Option<String>,
    /// Grows with every event of a job.
    #[serde(default)]
    pub seq: Option<u64>,
    #[serde(default)]
    status: Option<String>,
}

impl Progress {
    /// `Some`: nothing more will be told of the job.
    fn end(&self) -> Option<End> {
        let is_final = matches!(self.status.as_deref(), Some("completed" | "error"));
        is_final.then(|| End { job: self.job_id.clone(), seq: self.seq })
    }
}

/// The end of a job, as every node knows it: one that is taken up again ends again with another number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    job: Option<String>,
    seq: Option<u64>,
}

impl Publication {
    /// Something about an avatar, for nobody but its owner.
    pub fn of_owner(topic: Topic, owner: Arc<str>, name: EventName, payload: Box<RawValue>) -> Self {
        Self { topic, name, content: Content::Json(payload), whole: None, audience: Audience::Owner(owner) }
    }

    /// The progress that this tells; `None` for what is no state, and is not kept.
    pub(super) fn progress(&self) -> Option<Progress> {
        let Content::Json(json) = &self.content else { return None };
        if self.topic.about() == About::Other || json.get().len() > STATE_BYTES {
            return None;
        }
        // Fields of other types are a sender's own: a state all the same, without an order.
        Some(serde_json::from_str(json.get()).unwrap_or_default())
    }
}

/// A published event.
#[derive(Debug)]
pub struct Event {
    /// Grows with every event of this process, and from one process to the next.
    pub number: u64,
    pub topic: Topic,
    pub name: EventName,
    pub content: Content,
    pub audience: Audience,
    /// Set if it is the end of a job.
    end: Option<End>,
    /// Whether its owner is known to have heard it: it came to a socket that spoke afterwards.
    is_heard: AtomicBool,
    whole: Option<Box<RawValue>>,
    /// By version; made when the first member needs it.
    frames: [OnceLock<Option<Frame>>; 2],
}

impl Event {
    pub(super) fn new(number: u64, publication: Publication, progress: Option<&Progress>) -> Arc<Self> {
        let Publication { topic, name, content, whole, audience } = publication;
        let (end, is_heard) = (progress.and_then(Progress::end), AtomicBool::new(false));
        let frames = Default::default();
        Arc::new(Self { number, topic, name, content, audience, end, is_heard, whole, frames })
    }

    pub const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Notes that its owner has heard it; answers whether that is news.
    pub(super) fn note_heard(&self) -> bool {
        !self.is_heard.swap(true, Ordering::Relaxed)
    }

    /// Whether it would be old news: the end of a job that this listener is known to have heard.
    pub(super) fn is_known_to(&self, listener: &Listener) -> bool {
        self.end.is_some() && self.is_heard.load(Ordering::Relaxed) && self.audience.is_owner(listener)
    }

    /// The frame of a version; `None` where it cannot be said in it. `spelling`: the prefixed topic, where the client
    /// writes it otherwise than we do. `replayed`: the event was kept and is told again.
    pub fn frame(&self, version: Version, spelling: Option<&str>, replayed: bool) -> Option<Frame> {
        if replayed {
            return self.encode(version, spelling, Some(&Meta { replayed, id: self.number.to_string() }));
        }
        if spelling.is_some() {
            return self.encode(version, spelling, None);
        }
        let place = match version {
            Version::V1 => &self.frames[0],
            Version::V2 => &self.frames[1],
        };
        place.get_or_init(|| self.encode(version, None, None)).clone()
    }

    /// Bytes that a waiting event holds.
    pub fn weight(&self) -> usize {
        self.content.len()
    }

    fn encode(&self, version: Version, spelling: Option<&str>, meta: Option<&Meta>) -> Option<Frame> {
        let topic = spelling.map_or_else(|| self.topic.on_wire(), str::to_owned);
        let whole = self.whole.as_deref();
        Broadcast { topic: &topic, event: &self.name, content: &self.content, whole, meta }.encode(version)
    }
}

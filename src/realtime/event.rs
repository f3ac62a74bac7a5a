//! An event on its way to everyone in a topic: made once, framed once for each protocol.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::rules::Audience;
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
}

impl Publication {
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
    whole: Option<Box<RawValue>>,
    /// By version; made when the first member needs it.
    frames: [OnceLock<Option<Frame>>; 2],
}

impl Event {
    pub(super) fn new(number: u64, publication: Publication) -> Arc<Self> {
        let Publication { topic, name, content, whole, audience } = publication;
        Arc::new(Self { number, topic, name, content, audience, whole, frames: Default::default() })
    }

    /// The frame of a version; `None` where it cannot be said in it. `replayed`: the event was kept and is told again.
    pub fn frame(&self, version: Version, replayed: bool) -> Option<Frame> {
        if replayed {
            return self.encode(version, Some(&Meta { replayed, id: self.number.to_string() }));
        }
        let place = match version {
            Version::V1 => &self.frames[0],
            Version::V2 => &self.frames[1],
        };
        place.get_or_init(|| self.encode(version, None)).clone()
    }

    /// Bytes that a waiting event holds.
    pub fn weight(&self) -> usize {
        self.content.len()
    }

    fn encode(&self, version: Version, meta: Option<&Meta>) -> Option<Frame> {
        let topic = self.topic.on_wire();
        let whole = self.whole.as_deref();
        Broadcast { topic: &topic, event: &self.name, content: &self.content, whole, meta }.encode(version)
    }
}

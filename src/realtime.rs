//! Topics that browsers join: who may, what is told to whom, and how Phoenix's clients write it.
//!
//! [`wire`] reads and writes frames, [`rules`] says who may, [`hub`] tells everyone in a topic. Sockets and requests are
//! `http::Live`'s; this room knows neither.

pub mod event;
pub mod hub;
pub mod outbox;
pub mod rules;
pub mod token;
pub mod topic;
pub mod wire;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::value::RawValue;
use tokio::sync::broadcast;

use crate::auth::Caller;

use event::{End, Event, Publication};
use hub::{Hub, Member, MemberId, Membership, Resume, Told};
use rules::{Action, Audience, Listener, Ownership, TopicRules};
use topic::{About, EventName, Space, Topic, TopicError};
use wire::Content;

/// Who knows whose a kinkster is.
#[async_trait]
pub trait Owners: fmt::Debug + Send + Sync {
    /// The owner of a kinkster. What cannot be found out is refused.
    async fn owner_of(&self, kinkster: &str) -> Result<Ownership, OwnersUnavailable>;
}

/// The owner could not be asked for. Logged where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the owner cannot be asked for")]
pub struct OwnersUnavailable;

/// No kinkster has an owner: where no table of them is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOwners;

#[async_trait]
impl Owners for NoOwners {
    async fn owner_of(&self, _kinkster: &str) -> Result<Ownership, OwnersUnavailable> {
        Ok(Ownership::Nobody)
    }
}

/// Who remembers how far avatars are that this process was not told of: it was not there yet, or another one paints them.
#[async_trait]
pub trait States: fmt::Debug + Send + Sync {
    /// What was told last in an avatar's topic, job by job, the latest at the end. Nothing where nobody can be asked.
    async fn of(&self, topic: &Topic) -> Vec<Publication>;
}

/// What a caller wants to tell a topic.
#[derive(Debug)]
pub struct Message {
    pub topic: Topic,
    pub event: EventName,
    pub content: Content,
    /// The whole payload of a text frame, see [`wire::Broadcast::whole`].
    pub whole: Option<Box<RawValue>>,
}

/// The topics of this process with their rules.
#[derive(Debug)]
pub struct Realtime {
    pub hub: Arc<Hub>,
    rules: TopicRules,
    owners: Arc<dyn Owners>,
    states: Arc<dyn States>,
    heard: broadcast::Sender<Heard>,
}

/// Somebody's socket has shown life after the end of their job came to it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub topic: Topic,
    pub end: End,
}

/// What was heard and not yet passed on to other nodes; beyond it the oldest is forgotten.
const HEARD: usize = 256;

impl Realtime {
    pub fn new(hub: Arc<Hub>, rules: TopicRules, owners: Arc<dyn Owners>, states: Arc<dyn States>) -> Self {
        Self { hub, rules, owners, states, heard: broadcast::Sender::new(HEARD) }
    }

    /// Puts a member, who was found to be allowed to hear, into a topic, and tells it what `resume` asks for: of an avatar
    /// also what this process was not told.
    pub async fn join(&self, topic: Topic, member: &Member, resume: Resume) -> Membership {
        self.recall(&topic).await;
        self.hub.join(topic, member, resume)
    }

    /// Notes that a listener to whom an event was told has shown life since.
    pub fn note_heard(&self, event: &Event, listener: &Listener) {
        if let Some(end) = event.end()
            && event.audience.is_owner(listener)
            && event.note_heard()
        {
            // An error says that there are no other nodes.
            let _ = self.heard.send(Heard { topic: event.topic.clone(), end: end.clone() });
        }
    }

    /// What is heard here from now on.
    pub fn heard(&self) -> broadcast::Receiver<Heard> {
        self.heard.subscribe()
    }

    /// Tells everyone here what they have missed of avatars.
    pub async fn catch_up(&self) {
        for topic in self.hub.topics() {
            self.recall(&topic).await;
        }
    }

    /// Tells a topic's members what they should have been told. What they were told is outdated, and told no more.
    async fn recall(&self, topic: &Topic) {
        if topic.about() != About::Other {
            for state in self.states.of(topic).await {
                self.hub.publish(state, None);
            }
        }
    }

    /// Whether public topics are open at all.
    pub const fn is_public(&self) -> bool {
        self.rules.public
    }

    /// Whether the caller may do this in the topic.
    pub async fn allows(&self, caller: &Caller, action: Action, topic: &Topic) -> bool {
        let owner = match topic.about() {
            // Only the service sends there, whosever it is.
            About::KinksterAvatar(id) if action == Action::Hear && !caller.is_service() => {
                self.owners.owner_of(id).await
            }
            _ => Ok(Ownership::Nobody),
        };
        owner.is_ok_and(|owner| self.rules.allow(caller, action, topic, &owner))
    }

    /// Tells the topic, on behalf of a caller who was found to be allowed to.
    pub async fn tell(&self, message: Message, from: Option<MemberId>) -> Told {
        let audience = self.audience(&message.topic).await;
        let Message { topic, event: name, content, whole } = message;
        self.hub.publish(Publication { topic, name, content, whole, audience }, from)
    }

    /// Tells how far an avatar of `owner` is, in the private topic of this name. A `seq` in the payload orders the events
    /// of its `job_id`: what is older than what was told is dropped.
    pub fn announce(
        &self,
        topic: &str,
        owner: Arc<str>,
        event: EventName,
        payload: Box<RawValue>,
    ) -> Result<Told, TopicError> {
        let topic = Topic::new(Space::Private, topic)?;
        Ok(self.hub.publish(Publication::of_owner(topic, owner, event, payload), None))
    }

    async fn audience(&self, topic: &Topic) -> Audience {
        match topic.about() {
            About::Other => Audience::Everyone,
            About::UserAvatar(id) => Audience::Owner(id.into()),
            About::KinksterAvatar(id) => match self.owners.owner_of(id).await {
                Ok(Ownership::Owner(owner)) => Audience::Owner(owner),
                Ok(Ownership::Nobody) | Err(OwnersUnavailable) => Audience::Service,
            },
        }
    }
}

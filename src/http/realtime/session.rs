//! One socket's channels: what a client's message does, and what is said to it. Knows no socket.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Live;
use super::join::Join;
use crate::auth::{Caller, is_opaque};
use crate::realtime::Message;
use crate::realtime::event::Event;
use crate::realtime::hub::{Member, MemberId, Membership, Resume};
use crate::realtime::outbox::{Item, Outbox};
use crate::realtime::rules::{Action, Listener};
use crate::realtime::token;
use crate::realtime::topic::{EventName, PREFIX, Topic, TopicError};
use crate::realtime::wire::{Content, Frame, Inbound, Outbound, Payload, Reference, Version};

/// How long a refused join waits for its answer, so that a client that tries again at once does so slowly.
const REFUSAL_DELAY: Duration = Duration::from_millis(100);
/// Largest payload of anything but a broadcast, in bytes.
const CONTROL_BYTES: usize = 64 << 10;
/// Ends of jobs that are remembered until the client is heard again; more are told again at the next join.
const UNHEARD: usize = 64;

/// What one socket has joined.
pub(super) struct Session {
    live: Arc<Live>,
    pub version: Version,
    pub outbox: Arc<Outbox>,
    /// The key of the connection, for joins without a token of their own.
    key: Arc<str>,
    /// By the topic as the client writes it, which is how it is answered.
    channels: HashMap<String, Channel>,
    /// Ends of jobs that went out since the client was last heard, and who it was.
    unheard: Vec<(Arc<Event>, Listener)>,
    joins: DefaultDirectRateLimiter,
    events: DefaultDirectRateLimiter,
}

/// One topic that the client joined.
struct Channel {
    join_ref: Option<Reference>,
    token: Arc<str>,
    caller: Caller,
    acknowledges: bool,
    may_send: bool,
    membership: Membership,
}

/// The part of a message that answers repeat.
struct Call {
    join_ref: Option<Reference>,
    reference: Option<Reference>,
    topic: String,
}

/// What is said to the client now.
pub(super) type Said = Vec<Outbound>;

impl Session {
    pub fn new(live: Arc<Live>, version: Version, key: Arc<str>) -> Self {
        let limits = live.limits;
        Self {
            version,
            outbox: Outbox::new(limits.outbox),
            key,
            channels: HashMap::new(),
            unheard: Vec::new(),
            joins: RateLimiter::direct(Quota::per_second(limits.joins_per_second)),
            events: RateLimiter::direct(Quota::per_second(limits.events_per_second)),
            live,
        }
    }

    /// The client is alive: whatever went out before this has come to it.
    pub fn show_life(&mut self) {
        for (event, listener) in self.unheard.drain(..) {
            self.live.realtime.note_heard(&event, &listener);
        }
    }

    /// Does what the client asks for.
    pub async fn hear(&mut self, message: Inbound) -> Said {
        let Inbound { join_ref, reference, topic, event, payload } = message;
        let call = Call { join_ref, reference, topic };
        match (call.topic.as_str(), event.as_str()) {
            ("phoenix", "heartbeat") => vec![call.ok(&json!({}))],
            (_, "phx_join") => self.join(call, &control(payload)).await,
            (_, "phx_leave") => self.leave(&call),
            (topic, _) if !self.channels.contains_key(topic) => vec![call.error("unmatched topic")],
            _ if self.events.check().is_err() => self.shut(&call.topic, "Too many messages per second"),
            (_, "broadcast") => self.broadcast(&call, payload).await,
            (_, "access_token") => self.renew(&call, &control(payload)).await,
            // Nobody's presence is kept: every state is empty.
            (_, "presence") => vec![call.ok(&json!({}))],
            _ => Said::new(),
        }
    }

    /// The frames of what waited for the client.
    pub fn tell(&mut self, item: Item) -> Vec<Frame> {
        match item {
            Item::Event(event, id) => self.event(&event, id, false).into_iter().collect(),
            Item::Kept(event, id) => self.event(&event, id, true).into_iter().collect(),
            Item::Message(message) => vec![self.frame(&message)],
            Item::Expelled(id) => {
                let said = self.expelled(id);
                said.iter().map(|message| self.frame(message)).collect()
            }
        }
    }

    /// The frame of an event, with the topic as the client writes it.
    fn event(&mut self, event: &Arc<Event>, id: MemberId, replayed: bool) -> Option<Frame> {
        let channel = self.channels.iter().find(|(_, channel)| channel.membership.id() == id);
        if let Some((_, channel)) = channel
            && event.end().is_some()
            && self.unheard.len() < UNHEARD
        {
            self.unheard.push((Arc::clone(event), Listener::of(&channel.caller)));
        }
        let spelling = channel.map(|(topic, _)| topic.as_str()).filter(|topic| *topic != event.topic.on_wire());
        event.frame(self.version, spelling, replayed)
    }

    pub fn frame(&self, message: &Outbound) -> Frame {
        Frame::Text(message.encode(self.version).into())
    }

    /// When the tokens are to be looked at next.
    pub fn next_check(&self) -> Option<Instant> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ends = self.channels.values().filter_map(|channel| channel.caller.expires);
        let until_end = ends.min().map(|end| Duration::from_secs(end).saturating_sub(now) + Duration::from_millis(20));
        let wait = until_end.map_or(self.live.limits.recheck, |until| until.min(self.live.limits.recheck));
        (!self.channels.is_empty()).then(|| Instant::now() + wait)
    }

    /// Looks at every token and every permission again.
    pub async fn check(&mut self) -> Said {
        let mut said = Said::new();
        let topics: Vec<String> = self.channels.keys().cloned().collect();
        for topic in topics {
            let Some(token) = self.channels.get(&topic).map(|channel| Arc::clone(&channel.token)) else { continue };
            said.extend(self.hold_against(&topic, token).await);
        }
        said
    }

    async fn join(&mut self, call: Call, payload: &Value) -> Said {
        let mut said: Said =
            self.channels.remove(&call.topic).map(|old| closed(&call.topic, &old)).into_iter().collect();
        if self.joins.check().is_err() {
            return self.refuse(said, &call, "ClientJoinRateLimitReached: Too many joins per second");
        }
        let asked = Join::parse(payload);
        match self.admit(&call, &asked).await {
            Ok(channel) => {
                said.push(call.ok(&json!({"postgres_changes": asked.postgres_changes})));
                if asked.presence {
                    said.push(call.push("presence_state", json!({})));
                }
                if !asked.postgres_changes.is_empty() {
                    let message = "Changes of tables are not told here";
                    said.push(call.system("postgres_changes", message));
                }
                self.channels.insert(call.topic, channel);
                said
            }
            Err(reason) => self.refuse(said, &call, &reason),
        }
    }

    /// Makes the channel, or says why not.
    async fn admit(&self, call: &Call, asked: &Join) -> Result<Channel, String> {
        let name = call.topic.strip_prefix(PREFIX).ok_or_else(|| "unmatched topic".to_owned())?;
        let topic = Topic::new(asked.space, name).map_err(|error| match error {
            TopicError::Empty => format!("TopicNameRequired: {error}"),
            TopicError::TooLong => format!("TopicNameTooLong: {error}"),
        })?;
        if !topic.is_private() && !self.live.realtime.is_public() {
            return Err("PrivateOnly: This project only allows private channels".to_owned());
        }
        if self.channels.len() >= self.live.limits.channels {
            return Err("ChannelRateLimitReached: Too many channels".to_owned());
        }
        let token = self.token(asked.token.as_deref());
        let caller = token::caller(&self.live.keys, &token).map_err(|error| format!("{}: {error}", error.code()))?;
        if !self.live.realtime.allows(&caller, Action::Hear, &topic).await {
            return Err(format!("Unauthorized: {}", not_permitted(name)));
        }
        let may_send = self.live.realtime.allows(&caller, Action::Send, &topic).await;
        let (listener, outbox) = (Listener::of(&caller), Arc::clone(&self.outbox));
        let member = Member { listener, outbox, hears_itself: asked.hears_itself };
        let membership = self.live.realtime.join(topic, &member, Resume::Unheard).await;
        let (join_ref, acknowledges) = (call.reference.clone(), asked.ack);
        Ok(Channel { join_ref, token, caller, acknowledges, may_send, membership })
    }

    /// The token of a join: its own, or the connection's key where it has none or one that is no token.
    fn token(&self, own: Option<&str>) -> Arc<str> {
        own.filter(|token| !is_opaque(token)).map_or_else(|| Arc::clone(&self.key), Arc::from)
    }

    /// Refuses a join after a while; what is already said is said now.
    fn refuse(&self, said: Said, call: &Call, reason: &str) -> Said {
        let answer = Item::Message(Box::new(call.error(reason)));
        let outbox = Arc::clone(&self.outbox);
        tokio::spawn(async move {
            tokio::time::sleep(REFUSAL_DELAY).await;
            outbox.push(answer);
        });
        said
    }

    fn leave(&mut self, call: &Call) -> Said {
        let is_outdated = |channel: &Channel| call.join_ref.is_some() && call.join_ref != channel.join_ref;
        match self.channels.entry(call.topic.clone()) {
            Entry::Occupied(entry) if is_outdated(entry.get()) => Said::new(),
            Entry::Occupied(entry) => {
                let channel = entry.remove();
                vec![call.ok(&json!({})), closed(&call.topic, &channel)]
            }
            Entry::Vacant(_) => vec![call.ok(&json!({}))],
        }
    }

    async fn broadcast(&mut self, call: &Call, payload: Payload) -> Said {
        let Some(channel) = self.channels.get(&call.topic) else { return Said::new() };
        // Supabase says nothing to who may not send: its clients time out.
        if !channel.may_send {
            return Said::new();
        }
        let answer = |problem: Option<&str>| match problem {
            _ if !channel.acknowledges => Said::new(),
            None => vec![call.ok(&json!({}))],
            Some(reason) => vec![call.error(reason)],
        };
        let Some((event, content, whole)) = event_of(payload) else { return answer(Some("the event has no name")) };
        if content.len() > self.live.limits.payload {
            return answer(Some("Payload size exceeds the limit"));
        }
        let message = Message { topic: channel.membership.topic().clone(), event, content, whole };
        self.live.realtime.tell(message, Some(channel.membership.id())).await;
        answer(None)
    }

    /// Takes a new token for a channel.
    async fn renew(&mut self, call: &Call, payload: &Value) -> Said {
        let Some(token) = payload["access_token"].as_str().filter(|token| !is_opaque(token)) else {
            return Said::new();
        };
        let is_known = self.channels.get(&call.topic).is_none_or(|channel| &*channel.token == token);
        if is_known { Said::new() } else { self.hold_against(&call.topic, token.into()).await }
    }

    /// Holds a channel against a token, which is its own from now on; closes it if it may no longer be heard.
    async fn hold_against(&mut self, topic: &str, token: Arc<str>) -> Said {
        let Some(channel) = self.channels.get_mut(topic) else { return Said::new() };
        let caller = match token::caller(&self.live.keys, &token) {
            Ok(caller) => caller,
            Err(refusal) => return self.shut(topic, &refusal.to_string()),
        };
        let joined = channel.membership.topic();
        if !self.live.realtime.allows(&caller, Action::Hear, joined).await {
            return self.shut(topic, &not_permitted(unprefixed(topic)));
        }
        channel.may_send = self.live.realtime.allows(&caller, Action::Send, joined).await;
        channel.membership.becomes(&Listener::of(&caller));
        (channel.caller, channel.token) = (caller, token);
        Said::new()
    }

    /// The hub took a member out: an event of its topic is for somebody else.
    fn expelled(&mut self, id: MemberId) -> Said {
        let found = self.channels.iter().find(|(_, channel)| channel.membership.id() == id);
        let Some(topic) = found.map(|(topic, _)| topic.clone()) else { return Said::new() };
        self.shut(&topic, &not_permitted(unprefixed(&topic)))
    }

    /// Closes a channel and says why.
    fn shut(&mut self, topic: &str, message: &str) -> Said {
        let Some(channel) = self.channels.remove(topic) else { return Said::new() };
        let call = Call { join_ref: channel.join_ref.clone(), reference: None, topic: topic.to_owned() };
        vec![call.system("system", message), closed(topic, &channel)]
    }
}

fn not_permitted(name: &str) -> String {
    format!("You do not have permissions to read from this Channel topic: {name}")
}

fn unprefixed(topic: &str) -> &str {
    topic.strip_prefix(PREFIX).unwrap_or(topic)
}

/// What ends a channel. Phoenix gives the join's number in both places.
fn closed(topic: &str, channel: &Channel) -> Outbound {
    let (join_ref, topic) = (channel.join_ref.clone(), topic.to_owned());
    Outbound { reference: join_ref.clone(), join_ref, topic, event: "phx_close", payload: json!({}) }
}

/// The JSON of anything but a broadcast; too much of it is nothing.
fn control(payload: Payload) -> Value {
    match payload {
        Payload::Json(json) if json.get().len() <= CONTROL_BYTES => {
            serde_json::from_str(json.get()).unwrap_or_default()
        }
        Payload::Json(_) | Payload::Push(..) => Value::Null,
    }
}

/// The payload of a broadcast in a text frame.
#[derive(Deserialize)]
struct TextBroadcast {
    event: String,
    payload: Option<Box<RawValue>>,
}

/// The event of a broadcast, with the whole payload where the sender wrote that.
fn event_of(payload: Payload) -> Option<(EventName, Content, Option<Box<RawValue>>)> {
    match payload {
        Payload::Push(event, content) => Some((EventName::new(&event)?, content, None)),
        Payload::Json(whole) => {
            let TextBroadcast { event, payload } = serde_json::from_str(whole.get()).ok()?;
            let content = payload.unwrap_or_else(|| RawValue::NULL.to_owned());
            Some((EventName::new(&event)?, Content::Json(content), Some(whole)))
        }
    }
}

impl Call {
    fn ok(&self, response: &Value) -> Outbound {
        self.reply("ok", response)
    }

    fn error(&self, reason: &str) -> Outbound {
        self.reply("error", &json!({"reason": reason}))
    }

    fn reply(&self, status: &str, response: &Value) -> Outbound {
        Outbound {
            join_ref: self.join_ref.clone(),
            reference: self.reference.clone(),
            topic: self.topic.clone(),
            event: "phx_reply",
            payload: json!({"status": status, "response": response}),
        }
    }

    fn push(&self, event: &'static str, payload: Value) -> Outbound {
        Outbound { join_ref: self.join_ref.clone(), reference: None, topic: self.topic.clone(), event, payload }
    }

    fn system(&self, extension: &str, message: &str) -> Outbound {
        let channel = unprefixed(&self.topic);
        let payload = json!({"extension": extension, "status": "error", "message": message, "channel": channel});
        self.push("system", payload)
    }
}

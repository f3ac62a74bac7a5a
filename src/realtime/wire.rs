//! Phoenix's framing, protocol 1.0.0 and 2.0.0, with Supabase's binary frames for broadcasts. Pure.
//!
//! | | text | binary |
//! |---|---|---|
//! | 1.0.0 | `{topic, event, payload, ref, join_ref}` | none |
//! | 2.0.0 | `[join_ref, ref, topic, event, payload]` | kind 3 from clients, kind 4 to them |

mod binary;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::topic::EventName;

/// The protocol that a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

impl Version {
    /// The version of the `vsn` parameter; without one it is the first.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("1.0.0") => Some(Self::V1),
            Some("2.0.0") => Some(Self::V2),
            Some(_) => None,
        }
    }
}

/// A client's own number of a message, given back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reference {
    Text(String),
    Number(u64),
}

/// What a client sent.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The join to which it belongs.
    pub join_ref: Option<Reference>,
    pub reference: Option<Reference>,
    pub topic: String,
    pub event: String,
    pub payload: Payload,
}

/// What a client's message holds.
#[derive(Clone, Debug)]
pub enum Payload {
    Json(Box<RawValue>),
    /// A broadcast in a binary frame: the name of the event, and what it holds.
    Push(String, Content),
}

/// What an event holds.
#[derive(Clone, Debug)]
pub enum Content {
    Json(Box<RawValue>),
    Binary(Bytes),
}

impl Content {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Json(json) => json.get().len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A frame that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("the frame is not a message of this protocol")]
    Shape,
    #[error("the frame ends before its parts do")]
    Short,
    #[error("frames of this kind are not understood")]
    Kind,
    #[error("the payload is not JSON")]
    Json,
}

#[derive(Deserialize)]
struct FirstForm {
    topic: String,
    event: String,
    #[serde(default = "empty_object")]
    payload: Box<RawValue>,
    r#ref: Option<Reference>,
    join_ref: Option<Reference>,
}

/// Reads a text frame.
pub fn decode_text(version: Version, text: &str) -> Result<Inbound, WireError> {
    let parsed = match version {
        Version::V1 => serde_json::from_str(text)
            .map(|form: FirstForm| (form.join_ref, form.r#ref, form.topic, form.event, form.payload)),
        Version::V2 => serde_json::from_str(text),
    };
    let (join_ref, reference, topic, event, payload) = parsed.map_err(|_| WireError::Shape)?;
    Ok(Inbound { join_ref, reference, topic, event, payload: Payload::Json(payload) })
}

/// Reads a binary frame, which only the second version has.
pub fn decode_binary(version: Version, frame: &Bytes) -> Result<Inbound, WireError> {
    match version {
        Version::V1 => Err(WireError::Kind),
        Version::V2 => binary::decode_push(frame),
    }
}

fn empty_object() -> Box<RawValue> {
    serde_json::from_str("{}").unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A message of our own: a reply, a state, a farewell.
#[derive(Clone, Debug, PartialEq)]
pub struct Outbound {
    pub join_ref: Option<Reference>,
    pub reference: Option<Reference>,
    /// With `realtime:`.
    pub topic: String,
    pub event: &'static str,
    pub payload: Value,
}

impl Outbound {
    /// The text frame.
    pub fn encode(&self, version: Version) -> String {
        let Self { join_ref, reference, topic, event, payload } = self;
        match version {
            // Phoenix leaves `join_ref` out of what it sends in this version.
            Version::V1 => {
                serde_json::json!({"topic": topic, "event": event, "payload": payload, "ref": reference}).to_string()
            }
            Version::V2 => serde_json::json!([join_ref, reference, topic, event, payload]).to_string(),
        }
    }
}

/// A frame ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(Bytes),
    Binary(Bytes),
}

impl Frame {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        let (Self::Text(bytes) | Self::Binary(bytes)) = self;
        bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is known of an event that was kept and is told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Meta {
    pub replayed: bool,
    pub id: String,
}

/// A broadcast as it is sent to clients; `topic` is with `realtime:`.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast<'a> {
    pub topic: &'a str,
    pub event: &'a EventName,
    pub content: &'a Content,
    /// The whole payload as its sender wrote it, where that is an object with more in it than event and content.
    pub whole: Option<&'a RawValue>,
    pub meta: Option<&'a Meta>,
}

#[derive(Serialize)]
struct BroadcastPayload<'a> {
    r#type: &'static str,
    event: &'a str,
    payload: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Meta>,
}

impl Broadcast<'_> {
    /// The frame; `None` where the version cannot say it: the first one has no binary content.
    pub fn encode(&self, version: Version) -> Option<Frame> {
        let content = match (self.content, version) {
            (Content::Json(json), _) => json,
            (Content::Binary(_), Version::V1) => return None,
            (Content::Binary(bytes), Version::V2) => return Some(Frame::Binary(self.encode_binary(bytes).into())),
        };
        let own = || {
            let payload =
                BroadcastPayload { r#type: "broadcast", event: self.event.as_str(), payload: content, meta: self.meta };
            serde_json::value::to_raw_value(&payload).ok()
        };
        let payload = match self.whole {
            Some(whole) if self.meta.is_none() => Cow::Borrowed(whole),
            _ => Cow::Owned(own()?),
        };
        let text = match version {
            Version::V1 => serde_json::to_vec(&FirstBroadcast {
                topic: self.topic,
                event: "broadcast",
                payload: &payload,
                r#ref: None,
            }),
            Version::V2 => serde_json::to_vec(&(None::<()>, None::<()>, self.topic, "broadcast", &*payload)),
        };
        text.ok().map(|text| Frame::Text(text.into()))
    }

    fn encode_binary(&self, content: &[u8]) -> Vec<u8> {
        let meta = self.meta.and_then(|meta| serde_json::to_string(meta).ok()).unwrap_or_default();
        binary::encode_broadcast(self.topic, self.event.as_str(), &meta, content)
    }
}

#[derive(Serialize)]
struct FirstBroadcast<'a> {
    topic: &'a str,
    event: &'static str,
    payload: &'a RawValue,
    r#ref: Option<()>,
}

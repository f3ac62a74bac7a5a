//! Events as the world sees them: CloudEvents 1.0 in JSON.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::catalog::{Event, EventKind};
use crate::config::EventType;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::purge::Scope;

/// The version of `data`'s shape.
const DATA_VERSION: u32 = 1;
/// What a segment of a URI reference needs no encoding for (RFC 3986 section 3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Data {
    Object {
        bucket: BucketName,
        name: ObjectKey,
        version: Uuid,
        size: u64,
        mime_type: String,
        /// `sub` of who wrote it.
        owner: Option<String>,
    },
    /// Everything, a bucket, the objects whose names begin so, or one object.
    Purge {
        #[serde(skip_serializing_if = "Option::is_none")]
        bucket: Option<BucketName>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<ObjectKey>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
}

/// A fact, as it is announced. Serializes as a CloudEvent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// Version 7. An event that is announced again has the same one.
    pub id: Uuid,
    pub kind: EventType,
    pub time: OffsetDateTime,
    pub data: Data,
}

impl CloudEvent {
    /// A purge that was just done.
    pub fn purge(scope: &Scope) -> Self {
        let (bucket, name, prefix) = match scope.clone() {
            Scope::All => (None, None, None),
            Scope::Bucket(bucket) => (Some(bucket), None, None),
            Scope::Prefix(bucket, prefix) => (Some(bucket), None, Some(prefix)),
            Scope::Object(bucket, key) => (Some(bucket), Some(key), None),
        };
        let data = Data::Purge { bucket, name, prefix };
        Self { id: Uuid::now_v7(), kind: EventType::Purge, time: OffsetDateTime::now_utc(), data }
    }

    pub fn bucket(&self) -> Option<&BucketName> {
        match &self.data {
            Data::Object { bucket, .. } => Some(bucket),
            Data::Purge { bucket, .. } => bucket.as_ref(),
        }
    }

    /// The object's name, where the event is about one.
    pub fn subject(&self) -> Option<&ObjectKey> {
        match &self.data {
            Data::Object { name, .. } => Some(name),
            Data::Purge { name, .. } => name.as_ref(),
        }
    }

    /// Events with the same one are told in their order.
    pub fn order_key(&self) -> String {
        let part = |part: Option<&dyn Display>| part.map(ToString::to_string).unwrap_or_default();
        let (bucket, name) = (self.bucket().map(|bucket| bucket as _), self.subject().map(|name| name as _));
        format!("{}/{}", part(bucket), part(name))
    }

    /// The JSON that is sent.
    pub fn to_json(&self) -> String {
        // Texts and numbers under text keys always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn source(&self) -> String {
        let bucket = self.bucket().map(|bucket| format!("/{}", utf8_percent_encode(bucket.as_str(), SEGMENT)));
        format!("/buckets{}", bucket.unwrap_or_default())
    }
}

impl From<Event> for CloudEvent {
    fn from(event: Event) -> Self {
        let kind = match event.kind {
            EventKind::Created => EventType::Created,
            EventKind::Updated => EventType::Updated,
            EventKind::Deleted => EventType::Deleted,
        };
        let ObjectId { bucket, key } = event.object;
        let Event { id, version, size, mime_type, owner, at, .. } = event;
        Self { id, kind, time: at, data: Data::Object { bucket, name: key, version, size, mime_type, owner } }
    }
}

impl Serialize for CloudEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source())?;
        map.serialize_entry("type", &self.kind)?;
        if let Some(subject) = self.subject() {
            map.serialize_entry("subject", subject)?;
        }
        map.serialize_entry("time", &self.time.format(&Rfc3339).map_err(serde::ser::Error::custom)?)?;
        map.serialize_entry("datacontenttype", "application/json")?;
        map.serialize_entry("dataversion", &DATA_VERSION)?;
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    fn bucket(text: &str) -> BucketName {
        BucketName::parse(text).unwrap()
    }

    #[test]
    fn an_object_event_has_the_form_of_the_contract() {
        let event = Event {
            id: Uuid::now_v7(),
            kind: EventKind::Updated,
            object: ObjectId::new(bucket("my pictures"), key("ann/ä \"1\".png")),
            version: Uuid::from_u128(7),
            size: 12,
            mime_type: "image/png".to_owned(),
            owner: Some("ann".to_owned()),
            at: OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(1_500_000),
        };
        let id = event.id.to_string();
        let cloud = CloudEvent::from(event);
        assert_eq!(
            serde_json::from_str::<Value>(&cloud.to_json()).unwrap(),
            json!({
                "specversion": "1.0", "id": id, "source": "/buckets/my%20pictures", "type": "tintype.object.updated",
                "subject": "ann/ä \"1\".png", "time": "1970-01-01T00:00:01.5Z", "datacontenttype": "application/json",
                "dataversion": 1,
                "data": {
                    "bucket": "my pictures", "name": "ann/ä \"1\".png", "version": Uuid::from_u128(7).to_string(),
                    "size": 12, "mime_type": "image/png", "owner": "ann",
                },
            })
        );
        assert_eq!(cloud.order_key(), "my pictures/ann/ä \"1\".png");
    }

    #[test]
    fn a_purge_names_what_was_purged_and_no_more() {
        let told = |scope: Scope| {
            let event = serde_json::to_value(CloudEvent::purge(&scope)).unwrap();
            (event["source"].clone(), event.get("subject").cloned(), event["data"].clone())
        };
        assert_eq!(told(Scope::All), (json!("/buckets"), None, json!({})));
        assert_eq!(told(Scope::Bucket(bucket("b"))), (json!("/buckets/b"), None, json!({"bucket": "b"})));
        let prefix = told(Scope::Prefix(bucket("b"), "a/".to_owned()));
        assert_eq!(prefix, (json!("/buckets/b"), None, json!({"bucket": "b", "prefix": "a/"})));
        let object = told(Scope::Object(bucket("b"), key("a/1")));
        assert_eq!(object, (json!("/buckets/b"), Some(json!("a/1")), json!({"bucket": "b", "name": "a/1"})));
    }

    #[test]
    fn types_are_read_as_they_are_written() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(EventType::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(EventType::parse("tintype.object"), None);
    }
}

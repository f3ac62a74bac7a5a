//! What others tell us, read for the one thing that is believed: which object may have changed.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use crate::config::EventType;

/// Which object may have changed, as the sender names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hint {
    pub bucket: String,
    pub name: String,
}

/// What a body holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    pub hints: Vec<Hint>,
    /// Events that say nothing about an object's bytes.
    pub ignored: usize,
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HintError {
    #[error("the body is not JSON of the form that this route takes: {0}")]
    Json(String),
    #[error("{0}")]
    Shape(&'static str),
    #[error("more than {most} events in one request")]
    TooMany { most: usize },
}

impl From<serde_json::Error> for HintError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

impl Hints {
    fn add(&mut self, bucket: impl Into<String>, name: impl Into<String>) {
        self.hints.push(Hint { bucket: bucket.into(), name: name.into() });
    }
}

/// CloudEvents, one or a batch of at most `most`, or plain objects `{"bucket": …, "name": …}`.
pub fn ours(body: &[u8], most: usize) -> Result<Hints, HintError> {
    let events = match serde_json::from_slice(body)? {
        Value::Array(events) => events,
        event @ Value::Object(_) => vec![event],
        _ => return Err(HintError::Shape("an event or a list of events is wanted")),
    };
    if events.len() > most {
        return Err(HintError::TooMany { most });
    }
    let mut hints = Hints::default();
    for event in &events {
        let is_cloud_event = event.get("specversion").is_some();
        let kind = event["type"].as_str().unwrap_or_default();
        if is_cloud_event && EventType::parse(kind).is_none() {
            hints.ignored += 1;
            continue;
        }
        let named = if is_cloud_event { cloud_event(event) } else { plain(event) };
        match named {
            Some((bucket, name)) => hints.add(bucket, name),
            // A purge of a whole bucket: nothing that names an object.
            None if kind == EventType::Purge.as_str() => hints.ignored += 1,
            None => return Err(HintError::Shape("every event names a bucket and an object's name")),
        }
    }
    Ok(hints)
}

fn plain(event: &Value) -> Option<(String, String)> {
    Some((event["bucket"].as_str()?.to_owned(), event["name"].as_str()?.to_owned()))
}

/// The data, else what source and subject say.
fn cloud_event(event: &Value) -> Option<(String, String)> {
    plain(&event["data"]).or_else(|| {
        let bucket = event["source"].as_str()?.strip_prefix("/buckets/")?;
        let bucket = percent_decode_str(bucket).decode_utf8().ok()?;
        Some((bucket.into_owned(), event["subject"].as_str()?.to_owned()))
    })
}

/// A row change as Supabase's database webhooks send it.
#[derive(Deserialize)]
struct RowChange {
    #[serde(rename = "type")]
    kind: String,
    record: Option<Row>,
    old_record: Option<Row>,
}

#[derive(Deserialize)]
struct Row {
    bucket_id: Option<String>,
    name: Option<String>,
}

/// A row of `storage.objects` that was inserted, updated or deleted. A renamed object is two.
pub fn supabase(body: &[u8]) -> Result<Hints, HintError> {
    /// Rows of other tables have other columns.
    #[derive(Deserialize)]
    struct Table {
        table: String,
        schema: String,
    }
    let mut hints = Hints::default();
    let Table { table, schema } = serde_json::from_slice(body)?;
    if (schema.as_str(), table.as_str()) != ("storage", "objects") {
        hints.ignored = 1;
        return Ok(hints);
    }
    let change: RowChange = serde_json::from_slice(body)?;
    if !matches!(change.kind.as_str(), "INSERT" | "UPDATE" | "DELETE") {
        return Err(HintError::Shape("\"type\" is INSERT, UPDATE or DELETE"));
    }
    for row in [change.old_record, change.record].into_iter().flatten() {
        let (Some(bucket), Some(name)) = (row.bucket_id, row.name) else {
            return Err(HintError::Shape("a row of storage.objects has a bucket_id and a name"));
        };
        let hint = Hint { bucket, name };
        if !hints.hints.contains(&hint) {
            hints.hints.push(hint);
        }
    }
    if hints.hints.is_empty() {
        return Err(HintError::Shape("there is neither a record nor an old_record"));
    }
    Ok(hints)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    records: Option<Vec<Record>>,
    event: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    name: String,
    s3: Place,
}

#[derive(Deserialize)]
struct Place {
    bucket: PlaceBucket,
    object: PlaceObject,
}

#[derive(Deserialize)]
struct PlaceBucket {
    name: String,
}

#[derive(Deserialize)]
struct PlaceObject {
    key: String,
}

/// An event notification as S3 and MinIO write it, or S3's test event, which holds nothing.
pub fn s3(body: &[u8], most: usize) -> Result<Hints, HintError> {
    let notification: Notification = serde_json::from_slice(body)?;
    let records = match (notification.records, notification.event.as_deref()) {
        (Some(records), _) => records,
        (None, Some("s3:TestEvent")) => Vec::new(),
        (None, _) => return Err(HintError::Shape("\"Records\" are missing")),
    };
    if records.len() > most {
        return Err(HintError::TooMany { most });
    }
    let mut hints = Hints::default();
    for record in records {
        let kind = record.name.strip_prefix("s3:").unwrap_or(&record.name);
        // MinIO tells of reads too: those change nothing.
        if !["ObjectCreated:", "ObjectRemoved:", "LifecycleExpiration:"].iter().any(|begin| kind.starts_with(begin)) {
            hints.ignored += 1;
            continue;
        }
        let Some(name) = form_decoded(&record.s3.object.key) else {
            return Err(HintError::Shape("a key is not URL-encoded UTF-8"));
        };
        hints.add(record.s3.bucket.name, name);
    }
    Ok(hints)
}

/// Keys come as in a form: a blank is a plus.
fn form_decoded(key: &str) -> Option<String> {
    let blanks = key.replace('+', " ");
    percent_decode_str(&blanks).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn names(hints: Result<Hints, HintError>) -> (Vec<(String, String)>, usize) {
        let hints = hints.unwrap();
        (hints.hints.into_iter().map(|hint| (hint.bucket, hint.name)).collect(), hints.ignored)
    }

    fn one(bucket: &str, name: &str) -> Vec<(String, String)> {
        vec![(bucket.to_owned(), name.to_owned())]
    }

    #[test]
    fn our_own_events_come_single_in_batches_and_plain() {
        let event = json!({"specversion": "1.0", "id": "1", "source": "/buckets/b", "type": "tintype.object.updated",
            "subject": "a b", "data": {"bucket": "b", "name": "a b", "version": "of no matter"}});
        assert_eq!(names(ours(event.to_string().as_bytes(), 10)), (one("b", "a b"), 0));
        let bare = json!({"specversion": "1.0", "source": "/buckets/my%20b", "type": "tintype.purge", "subject": "s"});
        assert_eq!(names(ours(bare.to_string().as_bytes(), 10)), (one("my b", "s"), 0));
        let whole =
            json!({"specversion": "1.0", "source": "/buckets/b", "type": "tintype.purge", "data": {"bucket": "b"}});
        let other = json!({"specversion": "1.0", "source": "/x", "type": "com.example.other", "data": 7});
        let batch = json!([event, whole, other, {"bucket": "p", "name": "q"}]);
        let (named, ignored) = names(ours(batch.to_string().as_bytes(), 4));
        assert_eq!((named.len(), ignored), (2, 2));
        assert_eq!(ours(batch.to_string().as_bytes(), 3), Err(HintError::TooMany { most: 3 }));
        assert_eq!(names(ours(b"[]", 3)), (vec![], 0));
    }

    #[test]
    fn nonsense_is_refused_everywhere() {
        let bodies = [
            "",
            "{",
            "null",
            "7",
            "\"x\"",
            "[7]",
            "{}",
            "[[]]",
            r#"{"bucket":7,"name":"x"}"#,
            r#"{"Records":7}"#,
            r#"{"Records":[{}]}"#,
            r#"{"Event":"other"}"#,
            r#"{"type":"INSERT","table":"objects","schema":"storage"}"#,
            r#"{"type":"INSERT","table":"objects","schema":"storage","record":{"bucket_id":"b"}}"#,
            r#"{"type":"TRUNCATE","table":"objects","schema":"storage","record":{"bucket_id":"b","name":"n"}}"#,
        ];
        for body in bodies {
            assert!(ours(body.as_bytes(), 9).is_err(), "{body}");
            assert!(supabase(body.as_bytes()).is_err(), "{body}");
            assert!(s3(body.as_bytes(), 9).is_err(), "{body}");
        }
        let deep = "[".repeat(100_000);
        assert!(ours(deep.as_bytes(), 9).is_err() && s3(deep.as_bytes(), 9).is_err());
    }

    #[test]
    fn rows_name_what_was_and_what_is() {
        let change = |kind: &str, record: Value, old: Value| {
            let body =
                json!({"type": kind, "table": "objects", "schema": "storage", "record": record, "old_record": old});
            names(supabase(body.to_string().as_bytes())).0
        };
        let row = |name: &str| json!({"bucket_id": "avatars", "name": name, "owner": null, "metadata": {"size": 1}});
        assert_eq!(change("INSERT", row("a"), Value::Null), one("avatars", "a"));
        assert_eq!(change("UPDATE", row("a"), row("a")), one("avatars", "a"));
        assert_eq!(change("UPDATE", row("b"), row("a")), [one("avatars", "a"), one("avatars", "b")].concat());
        assert_eq!(change("DELETE", Value::Null, row("a")), one("avatars", "a"));
        let other = br#"{"type":"INSERT","table":"kinksters","schema":"public","record":{"id":1},"old_record":null}"#;
        assert_eq!(names(supabase(other)), (vec![], 1));
    }

    #[test]
    fn s3_keys_are_decoded_once_and_reads_are_no_changes() {
        let record = |name: &str, key: &str| json!({"eventName": name, "s3": {"bucket": {"name": "media", "arn": "x"}, "object": {"key": key, "size": 1}}});
        let body = json!({"EventName": "s3:ObjectCreated:Put", "Key": "media/x", "Records": [
            record("ObjectCreated:Put", "uploads/a+b%2Bc/%C3%A4.png"), record("s3:ObjectRemoved:Delete", "x"),
            record("s3:ObjectAccessed:Get", "x"),
        ]});
        let (named, ignored) = names(s3(body.to_string().as_bytes(), 3));
        assert_eq!((named, ignored), ([one("media", "uploads/a b+c/ä.png"), one("media", "x")].concat(), 1));
        assert_eq!(s3(body.to_string().as_bytes(), 2), Err(HintError::TooMany { most: 2 }));
        let test = br#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"media"}"#;
        assert_eq!(names(s3(test, 3)), (vec![], 0));
        let broken = json!({"Records": [record("ObjectCreated:Put", "%FF")]});
        assert!(s3(broken.to_string().as_bytes(), 3).is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":,a-zRs0-9]{0,80}") {
            for body in [body.as_slice(), text.as_bytes()] {
                let _ = (ours(body, 3), supabase(body), s3(body, 3));
            }
        }
    }
}

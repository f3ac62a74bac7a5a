//! What a client asks for when it joins. Pure.

use serde_json::{Map, Value};

use crate::realtime::topic::Space;

/// The payload of `phx_join`. What is missing or of another type counts as not wanted, as Supabase's server has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Join {
    pub space: Space,
    /// Whether broadcasts are acknowledged.
    pub ack: bool,
    /// Whether the client hears its own broadcasts.
    pub hears_itself: bool,
    pub presence: bool,
    /// What the client wants to hear of tables, each with an id: clients compare the list with their own.
    pub postgres_changes: Vec<Value>,
    /// The caller's token, if not the connection's key.
    pub token: Option<String>,
}

impl Join {
    pub fn parse(payload: &Value) -> Self {
        let config = &payload["config"];
        let token = |name: &str| payload[name].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
        Self {
            space: Space::of(is_true(&config["private"])),
            ack: is_true(&config["broadcast"]["ack"]),
            hears_itself: is_true(&config["broadcast"]["self"]),
            presence: is_true(&config["presence"]["enabled"]),
            postgres_changes: numbered(&config["postgres_changes"]),
            token: token("access_token").or_else(|| token("user_token")),
        }
    }
}

/// Some clients write booleans as texts.
fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true) || value.as_str() == Some("true")
}

fn numbered(asked: &Value) -> Vec<Value> {
    let changes = asked.as_array().into_iter().flatten().filter_map(Value::as_object);
    changes.map(|change| Value::Object(with_id(change))).collect()
}

/// The same binding has the same id, whoever asks for it.
fn with_id(change: &Map<String, Value>) -> Map<String, Value> {
    let mut change = change.clone();
    let hash = blake3::hash(Value::Object(change.clone()).to_string().as_bytes());
    let [first, second, third, ..] = *hash.as_bytes();
    change.insert("id".to_owned(), u32::from_be_bytes([0, first, second, third]).into());
    change
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_may_be_texts_and_what_is_missing_is_not_wanted() {
        let asked = json!({
            "config": {
                "broadcast": {"ack": "true", "self": true}, "presence": {"key": "", "enabled": "false"},
                "postgres_changes": [], "private": "true",
            },
            "access_token": "t", "user_token": "u",
        });
        let expected = Join {
            space: Space::Private,
            ack: true,
            hears_itself: true,
            token: Some("t".to_owned()),
            ..Join::default()
        };
        assert_eq!(Join::parse(&asked), expected);
        for nothing in [json!({}), json!(null), json!([1]), json!({"config": {"broadcast": 7}, "access_token": null})] {
            assert_eq!(Join::parse(&nothing), Join::default(), "{nothing}");
        }
        assert_eq!(Join::parse(&json!({"user_token": "u"})).token.as_deref(), Some("u"));
    }

    #[test]
    fn bindings_come_back_one_by_one_with_ids() {
        let binding = json!({"event": "*", "schema": "public", "table": "a"});
        let join = Join::parse(&json!({"config": {"postgres_changes": [binding, null, {"event": "INSERT"}]}}));
        assert_eq!(join.postgres_changes.len(), 2);
        assert_eq!(join.postgres_changes[0]["table"], "a");
        assert!(join.postgres_changes.iter().all(|change| change["id"].is_u64()));
        assert_ne!(join.postgres_changes[0]["id"], join.postgres_changes[1]["id"]);
    }
}

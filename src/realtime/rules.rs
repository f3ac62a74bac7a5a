//! Who may join, hear and send. Pure.
//!
//! Avatar topics have rules of their own that no configuration changes; other private topics follow `realtime.topics`.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::topic::{About, Topic, is_same_id};
use crate::auth::{Caller, Role};

/// What is done in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Join, and be told what is sent.
    Hear,
    Send,
}

/// One permission for private topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicRule {
    pub pattern: TopicPattern,
    /// The role that it is for; `*` for every one.
    pub role: String,
    pub operations: Vec<Action>,
}

/// Names of topics, such as `room:*` or `inbox:{sub}:**`: between colons a word, `*` for any one word, `{sub}` for the
/// caller's subject; `**` at the end for any further words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPattern(String);

impl TopicPattern {
    fn parse(text: String) -> Result<Self, String> {
        let words: Vec<&str> = text.split(':').collect();
        let is_plain = |word: &str| !word.is_empty() && !word.contains(['*', '{', '}']);
        let is_known = |word: &&str| is_plain(word) || matches!(*word, "*" | "{sub}");
        let (last, before) = words.split_last().unwrap_or((&"", &[]));
        if before.iter().all(is_known) && (is_known(last) || *last == "**") {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is not a pattern such as room:* or inbox:{{sub}}:**"))
    }

    fn matches(&self, name: &str, subject: Option<&str>) -> bool {
        let mut words = name.split(':');
        for part in self.0.split(':') {
            let Some(word) = words.next() else { return false };
            let fits = match part {
                "**" => return !word.is_empty(),
                "*" => !word.is_empty(),
                "{sub}" => subject == Some(word),
                _ => part == word,
            };
            if !fits {
                return false;
            }
        }
        words.next().is_none()
    }
}

impl<'de> Deserialize<'de> for TopicPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for TopicPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for TopicPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TopicPattern".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// The rules in force.
#[derive(Clone, Debug)]
pub struct TopicRules {
    /// Whether public topics are open to every key.
    pub public: bool,
    pub private: Vec<TopicRule>,
}

/// Whose a kinkster is: asked only for topics that name one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    Owner(Arc<str>),
    /// Nobody has made it yet; the first who generates for it will own it.
    Nobody,
}

impl TopicRules {
    /// Whether the caller may do this; `owner` counts where the topic names a kinkster.
    pub fn allow(&self, caller: &Caller, action: Action, topic: &Topic, owner: &Ownership) -> bool {
        if caller.is_service() {
            return topic.is_private() || self.public;
        }
        if !topic.is_private() {
            return self.public;
        }
        let subject = caller.subject.as_deref();
        let is_caller = |id: &str| subject.is_some_and(|subject| is_same_id(subject, id));
        match (topic.about(), action) {
            (About::UserAvatar(_) | About::KinksterAvatar(_), Action::Send) => false,
            (About::UserAvatar(id), Action::Hear) => is_caller(id),
            (About::KinksterAvatar(_), Action::Hear) => match owner {
                Ownership::Owner(owner) => is_caller(owner),
                // What will be sent is held against its owner again, member by member.
                Ownership::Nobody => subject.is_some() && caller.role != Role::Anon,
            },
            (About::Other, _) => self.private.iter().any(|rule| {
                let for_caller = rule.role == "*" || rule.role == caller.role.as_str();
                for_caller && rule.operations.contains(&action) && rule.pattern.matches(topic.name(), subject)
            }),
        }
    }
}

/// Who may be told an event, beyond being in its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    Everyone,
    /// This subject and the service role.
    Owner(Arc<str>),
    /// The service role alone: the owner is not known.
    Service,
}

/// A caller as far as hearing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub subject: Option<Arc<str>>,
    pub is_service: bool,
}

impl Listener {
    pub fn of(caller: &Caller) -> Self {
        Self { subject: caller.subject.clone(), is_service: caller.is_service() }
    }

    fn is(&self, id: &str) -> bool {
        self.subject.as_deref().is_some_and(|subject| is_same_id(subject, id))
    }
}

impl Audience {
    pub fn admits(&self, listener: &Listener) -> bool {
        match self {
            _ if listener.is_service => true,
            Self::Everyone => true,
            Self::Owner(owner) => listener.is(owner),
            Self::Service => false,
        }
    }

    /// Whether the listener is the one whom the events are for, and not the service looking on.
    pub fn is_owner(&self, listener: &Listener) -> bool {
        matches!(self, Self::Owner(owner) if !listener.is_service && listener.is(owner))
    }

    /// Whether this listener is known to be somebody else than whom the topic's events are for.
    pub fn expels(&self, listener: &Listener) -> bool {
        matches!(self, Self::Owner(_)) && !self.admits(listener)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::topic::Space;
    use super::*;

    fn caller(role: &str, subject: Option<&str>) -> Caller {
        let mut claims = json!({"role": role});
        if let Some(subject) = subject {
            claims["sub"] = json!(subject);
        }
        Caller::from_claims(claims.as_object().unwrap().clone())
    }

    fn rules(topics: &serde_json::Value) -> TopicRules {
        TopicRules { public: true, private: serde_json::from_value(topics.clone()).unwrap() }
    }

    fn private(name: &str) -> Topic {
        Topic::new(Space::Private, name).unwrap()
    }

    #[test]
    fn avatar_topics_are_heard_by_their_user_and_sent_to_by_the_service_alone() {
        // A rule that lets everyone do everything changes nothing here.
        let rules = rules(&json!([{"pattern": "**", "role": "*", "operations": ["hear", "send"]}]));
        let (ann, bob) = (caller("authenticated", Some("ann")), caller("authenticated", Some("bob")));
        let anns = Ownership::Owner("ann".into());
        for (topic, owner) in [("user:ann:avatar", Ownership::Nobody), ("kinkster:k:avatar", anns)] {
            let topic = private(topic);
            assert!(rules.allow(&ann, Action::Hear, &topic, &owner));
            assert!(!rules.allow(&bob, Action::Hear, &topic, &owner));
            assert!(!rules.allow(&caller("anon", None), Action::Hear, &topic, &owner));
            assert!(!rules.allow(&ann, Action::Send, &topic, &owner));
            for action in [Action::Hear, Action::Send] {
                assert!(rules.allow(&Caller::service(), action, &topic, &owner));
            }
        }
    }

    #[test]
    fn a_kinkster_that_nobody_owns_yet_is_open_to_the_signed_in() {
        let (rules, topic) = (rules(&json!([])), private("kinkster:k:avatar"));
        let allowed = |role, subject| rules.allow(&caller(role, subject), Action::Hear, &topic, &Ownership::Nobody);
        assert!(allowed("authenticated", Some("bob")) && allowed("editor", Some("bob")));
        assert!(!allowed("anon", None) && !allowed("anon", Some("bob")) && !allowed("authenticated", None));
    }

    #[test]
    fn other_private_topics_follow_the_configuration_and_public_ones_the_switch() {
        let rules = rules(&json!([
            {"pattern": "room:*", "role": "authenticated", "operations": ["hear"]},
            {"pattern": "inbox:{sub}:**", "role": "*", "operations": ["hear", "send"]},
        ]));
        let ann = caller("authenticated", Some("ann"));
        let rows = [
            ("room:1", true, false),
            ("room:1:2", false, false),
            ("room:", false, false),
            ("inbox:ann:a", true, true),
            ("inbox:ann:a:b", true, true),
            ("inbox:ann", false, false),
            ("inbox:bob:a", false, false),
            ("elsewhere", false, false),
        ];
        for (name, hear, send) in rows {
            assert_eq!(rules.allow(&ann, Action::Hear, &private(name), &Ownership::Nobody), hear, "{name}");
            assert_eq!(rules.allow(&ann, Action::Send, &private(name), &Ownership::Nobody), send, "{name}");
        }
        assert!(!rules.allow(&caller("anon", None), Action::Hear, &private("room:1"), &Ownership::Nobody));
        let public = Topic::new(Space::Public, "elsewhere").unwrap();
        let closed = TopicRules { public: false, ..rules.clone() };
        for caller in [caller("anon", None), Caller::service()] {
            assert!(rules.allow(&caller, Action::Send, &public, &Ownership::Nobody));
            assert!(!closed.allow(&caller, Action::Hear, &public, &Ownership::Nobody));
        }
    }

    #[test]
    fn patterns_that_would_not_mean_what_they_say_are_refused() {
        for good in ["**", "*", "a", "a:*:b", "a:{sub}", "a:**"] {
            assert!(TopicPattern::parse(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "a:", ":a", "a*", "**:a", "a:{user}", "a:x{sub}"] {
            assert!(TopicPattern::parse(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_owners_events_are_for_the_owner_and_the_service() {
        let listener = |subject: Option<&str>| Listener { subject: subject.map(Arc::from), is_service: false };
        let service = Listener { subject: None, is_service: true };
        let anns = Audience::Owner("ann".into());
        assert!(anns.admits(&listener(Some("ann"))) && anns.admits(&service));
        for other in [listener(Some("bob")), listener(None)] {
            assert!(!anns.admits(&other) && anns.expels(&other));
            assert!(!Audience::Service.admits(&other) && !Audience::Service.expels(&other));
            assert!(Audience::Everyone.admits(&other));
        }
    }
}

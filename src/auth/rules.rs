//! What callers may do where no database decides: named sets of rules, as data. Pure.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::{Caller, Role};

/// What is done to objects, or to buckets themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// List, sign, and read what is not public.
    Select,
    /// Write a new object.
    Insert,
    /// Replace an object or its attributes.
    Update,
    Delete,
    /// See, make, change, empty and remove buckets.
    Buckets,
}

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The role that it is for; `*` for every one.
    pub role: String,
    pub operations: Vec<Operation>,
    /// The objects whose key begins so; `{sub}` stands for the caller's subject. Empty: all.
    #[serde(default)]
    pub prefix: String,
}

impl Rule {
    fn allows(&self, caller: &Caller, operation: Operation, key: Option<&str>) -> bool {
        let for_caller = self.role == "*" || self.role == caller.role.as_str();
        for_caller && self.operations.contains(&operation) && self.covers(caller, key)
    }

    fn covers(&self, caller: &Caller, key: Option<&str>) -> bool {
        if self.prefix.is_empty() {
            return true;
        }
        let prefix = match (&caller.subject, self.prefix.contains("{sub}")) {
            (_, false) => self.prefix.clone(),
            // A subject with a slash in it would reach into folders of others.
            (Some(subject), true) if !subject.contains('/') => self.prefix.replace("{sub}", subject),
            _ => return false,
        };
        key.is_some_and(|key| key.starts_with(&prefix))
    }
}

/// A bucket's rules. The service role may do everything under each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleSet {
    /// Signed-in users may do everything below the folder that is named like their subject, and nothing else.
    #[default]
    OwnFolder,
    /// Every signed-in user may do everything, buckets included: for development.
    Authenticated,
    /// Everyone may list and read; nobody but the service role may write.
    ReadOnly,
    #[serde(untagged)]
    List(Vec<Rule>),
}

/// The name is none of the sets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of own-folder, authenticated, read-only")]
pub struct RuleSetError(String);

impl FromStr for RuleSet {
    type Err = RuleSetError;

    fn from_str(text: &str) -> Result<Self, RuleSetError> {
        match text {
            "own-folder" => Ok(Self::OwnFolder),
            "authenticated" => Ok(Self::Authenticated),
            "read-only" => Ok(Self::ReadOnly),
            other => Err(RuleSetError(other.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for RuleSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "own-folder, authenticated, read-only, or a list of {role, operations, prefix}")]
        enum Form {
            Name(String),
            List(Vec<Rule>),
        }
        match Form::deserialize(deserializer)? {
            Form::Name(name) => name.parse().map_err(serde::de::Error::custom),
            Form::List(rules) => Ok(Self::List(rules)),
        }
    }
}

impl RuleSet {
    /// Whether the caller may do this to the object of this key; `None` where the bucket itself is meant.
    pub fn allows(&self, caller: &Caller, operation: Operation, key: Option<&str>) -> bool {
        if caller.role == Role::Service {
            return true;
        }
        match self {
            Self::OwnFolder => {
                let folder = key.and_then(|key| key.split_once('/')).map(|(folder, _)| folder);
                let own = caller.subject.as_deref().is_some_and(|subject| folder == Some(subject));
                operation != Operation::Buckets && caller.role == Role::Authenticated && own
            }
            Self::Authenticated => caller.role == Role::Authenticated,
            Self::ReadOnly => operation == Operation::Select,
            Self::List(rules) => rules.iter().any(|rule| rule.allows(caller, operation, key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(subject: &str) -> Caller {
        let claims = serde_json::json!({"role": "authenticated", "sub": subject});
        Caller::from_claims(claims.as_object().unwrap().clone())
    }

    #[test]
    fn own_folder_is_the_first_segment_and_nothing_beside_it() {
        let (set, ann) = (RuleSet::OwnFolder, user("ann"));
        for operation in [Operation::Select, Operation::Insert, Operation::Update, Operation::Delete] {
            assert!(set.allows(&ann, operation, Some("ann/a.png")));
            for other in ["anna/a.png", "ann", "bob/ann/a.png", "a.png"] {
                assert!(!set.allows(&ann, operation, Some(other)), "{other}");
            }
            assert!(!set.allows(&Caller::anon(), operation, Some("ann/a.png")));
            assert!(set.allows(&Caller::service(), operation, Some("bob/a.png")));
        }
        assert!(!set.allows(&ann, Operation::Buckets, None));
        assert!(!set.allows(&user("a/b"), Operation::Select, Some("a/b/c.png")));
    }

    #[test]
    fn listed_rules_know_roles_operations_and_the_subjects_prefix() {
        let rules = r#"[{"role":"*","operations":["select"],"prefix":"shared/"},
            {"role":"editor","operations":["insert","update"]},
            {"role":"authenticated","operations":["insert"],"prefix":"users/{sub}/"}]"#;
        let set: RuleSet = serde_json::from_str(rules).unwrap();
        let editor = Caller::of_role(Role::parse(Some("editor")));
        assert!(set.allows(&Caller::anon(), Operation::Select, Some("shared/a")));
        assert!(!set.allows(&Caller::anon(), Operation::Select, Some("users/a")));
        assert!(set.allows(&editor, Operation::Update, Some("users/a")));
        assert!(!set.allows(&editor, Operation::Delete, Some("users/a")));
        assert!(set.allows(&user("ann"), Operation::Insert, Some("users/ann/a")));
        assert!(!set.allows(&user("ann"), Operation::Insert, Some("users/bob/a")));
        assert!(!set.allows(&user("ann/../bob"), Operation::Insert, Some("users/ann/../bob/a")));
        assert!("everything".parse::<RuleSet>().is_err());
    }
}

//! What callers may do where no database decides: named sets of rules, as data. Pure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::{Caller, Role};
use crate::object::BucketName;

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

impl Operation {
    /// The name in the configuration and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Buckets => "buckets",
        }
    }
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
        let Some(prefix) = self.applies(caller, operation).then(|| self.prefix_for(caller)).flatten() else {
            return false;
        };
        prefix.is_empty() || key.is_some_and(|key| key.starts_with(&*prefix))
    }

    fn applies(&self, caller: &Caller, operation: Operation) -> bool {
        let for_caller = self.role == "*" || self.role == caller.role.as_str();
        for_caller && self.operations.contains(&operation)
    }

    /// What the keys begin with for this caller; `None`: there are none.
    fn prefix_for(&self, caller: &Caller) -> Option<Cow<'_, str>> {
        match (&caller.subject, self.prefix.contains("{sub}")) {
            (_, false) => Some(Cow::Borrowed(&self.prefix)),
            // A subject with a slash in it would reach into folders of others.
            (Some(subject), true) if !subject.contains('/') => Some(Cow::Owned(self.prefix.replace("{sub}", subject))),
            _ => None,
        }
    }
}

/// The keys that a caller's rules cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    All,
    /// Those that begin with one of these, none of which begins with another; none: nothing.
    Prefixes(Vec<String>),
}

impl Reach {
    /// What begins with one of these.
    pub fn of(mut prefixes: Vec<String>) -> Self {
        prefixes.sort();
        // Sorted, a prefix comes right before everything that begins with it.
        prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter.as_str()));
        if prefixes.first().is_some_and(String::is_empty) { Self::All } else { Self::Prefixes(prefixes) }
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

    /// The same rules, written out.
    pub fn as_rules(&self) -> Cow<'_, [Rule]> {
        use Operation::{Buckets, Delete, Insert, Select, Update};
        let rule = |role: &str, operations: &[Operation], prefix: &str| {
            Cow::Owned(vec![Rule { role: role.to_owned(), operations: operations.to_vec(), prefix: prefix.to_owned() }])
        };
        match self {
            Self::OwnFolder => rule("authenticated", &[Select, Insert, Update, Delete], "{sub}/"),
            Self::Authenticated => rule("authenticated", &[Select, Insert, Update, Delete, Buckets], ""),
            Self::ReadOnly => rule("*", &[Select], ""),
            Self::List(rules) => Cow::Borrowed(rules),
        }
    }

    /// The keys to whose objects the caller may do this: what a listing is narrowed to.
    pub fn reach(&self, caller: &Caller, operation: Operation) -> Reach {
        if caller.role == Role::Service {
            return Reach::All;
        }
        let rules = self.as_rules();
        let applying = rules.iter().filter(|rule| rule.applies(caller, operation));
        Reach::of(applying.filter_map(|rule| rule.prefix_for(caller).map(Cow::into_owned)).collect())
    }
}

/// Every bucket's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleBook {
    /// For the buckets that have none of their own.
    pub default: RuleSet,
    pub buckets: HashMap<BucketName, RuleSet>,
}

impl RuleBook {
    /// The rules of this bucket.
    pub fn of(&self, bucket: &BucketName) -> &RuleSet {
        self.buckets.get(bucket).unwrap_or(&self.default)
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

    #[test]
    fn reach_and_written_out_rules_say_what_the_sets_say() {
        let rules = r#"[{"role":"*","operations":["select"],"prefix":"shared/"},
            {"role":"authenticated","operations":["select"],"prefix":"shared/deep/"},
            {"role":"authenticated","operations":["select","buckets"],"prefix":"users/{sub}/"}]"#;
        let listed: RuleSet = serde_json::from_str(rules).unwrap();
        let keys = ["a", "ann", "ann/a", "anna/a", "shared", "shared/a", "shared/deep/a", "users/ann/a", "users/b/a"];
        let callers = [user("ann"), user("a/b"), Caller::anon(), Caller::service()];
        for set in [RuleSet::OwnFolder, RuleSet::Authenticated, RuleSet::ReadOnly, listed] {
            let written = RuleSet::List(set.as_rules().into_owned());
            for (caller, key) in callers.iter().flat_map(|caller| keys.map(|key| (caller, key))) {
                let allowed = set.allows(caller, Operation::Select, Some(key));
                let reached = match set.reach(caller, Operation::Select) {
                    Reach::All => true,
                    Reach::Prefixes(prefixes) => prefixes.iter().any(|prefix| key.starts_with(prefix)),
                };
                assert_eq!(reached, allowed, "{set:?} {caller:?} {key}");
                assert_eq!(written.allows(caller, Operation::Select, Some(key)), allowed, "{set:?} {caller:?} {key}");
                let buckets = set.allows(caller, Operation::Buckets, None);
                assert_eq!(written.allows(caller, Operation::Buckets, None), buckets, "{set:?} {caller:?}");
            }
        }
    }

    #[test]
    fn bucket_without_rules_has_the_default_ones() {
        let name = |text| BucketName::parse(text).unwrap();
        let book =
            RuleBook { default: RuleSet::OwnFolder, buckets: HashMap::from([(name("open"), RuleSet::Authenticated)]) };
        assert_eq!(book.of(&name("open")), &RuleSet::Authenticated);
        assert_eq!(book.of(&name("other")), &RuleSet::OwnFolder);
    }
}

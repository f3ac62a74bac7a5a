//! Names of topics and events. Pure.
//!
//! A topic is public or private, and the same name in both is two topics: whoever sends to one is not heard in the other.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// What clients put before a topic's name.
pub const PREFIX: &str = "realtime:";
/// One byte of a binary frame counts the bytes of a prefixed name.
pub const NAME_BYTES: usize = 255 - PREFIX.len();
/// One byte of a binary frame counts the bytes of an event's name.
const EVENT_BYTES: usize = 255;

/// Which of the two topics of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Space {
    /// Open to every key, if the configuration says so.
    #[default]
    Public,
    /// Held against the rules.
    Private,
}

impl Space {
    pub const fn of(is_private: bool) -> Self {
        if is_private { Self::Private } else { Self::Public }
    }
}

/// Where events are sent and heard. Its name is neither empty, but for [`Topic::every_avatar`], nor longer than
/// [`NAME_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    space: Space,
    name: Arc<str>,
}

/// What a topic is about, where we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// `user:{id}:avatar`: what is painted for a user.
    UserAvatar(&'a str),
    /// `kinkster:{id}:avatar`: what is painted for one of a user's kinksters.
    KinksterAvatar(&'a str),
    Other,
}

/// Why a text names no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("You must provide a topic name")]
    Empty,
    #[error("A topic name has at most {NAME_BYTES} bytes")]
    TooLong,
}

impl Topic {
    /// The topic of a name without `realtime:`. A UUID in an avatar topic means the same in upper and in lower case.
    pub fn new(space: Space, name: &str) -> Result<Self, TopicError> {
        match name.len() {
            0 => Err(TopicError::Empty),
            1..=NAME_BYTES if space == Space::Private => Ok(Self { space, name: canonical(name).into() }),
            1..=NAME_BYTES => Ok(Self { space, name: name.into() }),
            _ => Err(TopicError::TooLong),
        }
    }

    /// Where every avatar's events are told once more, to the service alone. It has no name: no client can say it.
    pub fn every_avatar() -> Self {
        Self { space: Space::Private, name: "".into() }
    }

    pub const fn space(&self) -> Space {
        self.space
    }

    pub fn is_private(&self) -> bool {
        self.space == Space::Private
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as clients write it.
    pub fn on_wire(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// Only private topics are about something: in public ones everyone says what they like.
    pub fn about(&self) -> About<'_> {
        if !self.is_private() {
            return About::Other;
        }
        match avatar_of(&self.name) {
            Some(("user", id)) => About::UserAvatar(id),
            Some((_, id)) => About::KinksterAvatar(id),
            None => About::Other,
        }
    }
}

/// What kind of avatar a topic is about, and whose it is.
fn avatar_of(name: &str) -> Option<(&str, &str)> {
    let (kind, id) = name.strip_suffix(":avatar")?.split_once(':')?;
    (matches!(kind, "user" | "kinkster") && !id.is_empty()).then_some((kind, id))
}

/// The name as we write it.
fn canonical(name: &str) -> Cow<'_, str> {
    match avatar_of(name) {
        Some((kind, id)) if is_uuid(id) => Cow::Owned(format!("{kind}:{}:avatar", id.to_ascii_lowercase())),
        _ => Cow::Borrowed(name),
    }
}

/// Whether it is a UUID with its hyphens, as databases write it.
fn is_uuid(id: &str) -> bool {
    id.len() == 36 && Uuid::try_parse(id).is_ok()
}

/// Whether two ids are the same: UUIDs in any case, others to the letter.
pub fn is_same_id(one: &str, other: &str) -> bool {
    one == other || (one.eq_ignore_ascii_case(other) && is_uuid(one))
}

/// The name of an event: neither empty nor longer than a binary frame can say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName(Arc<str>);

impl EventName {
    pub fn new(name: &str) -> Option<Self> {
        (1..=EVENT_BYTES).contains(&name.len()).then(|| Self(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(name: &str) -> Topic {
        Topic::new(Space::Private, name).unwrap()
    }

    #[test]
    fn public_and_private_are_two_topics_of_one_name() {
        assert_ne!(private("room"), Topic::new(Space::Public, "room").unwrap());
        assert_eq!(private("room").on_wire(), "realtime:room");
    }

    #[test]
    fn avatar_topics_are_private_and_name_whose_they_are() {
        assert_eq!(private("user:ann:avatar").about(), About::UserAvatar("ann"));
        assert_eq!(private("kinkster:7c:avatar").about(), About::KinksterAvatar("7c"));
        for other in ["user::avatar", "user:avatar", "users:ann:avatar", "user:ann:avatar:x", "avatar", ":avatar"] {
            assert_eq!(private(other).about(), About::Other, "{other}");
        }
        assert_eq!(Topic::new(Space::Public, "user:ann:avatar").unwrap().about(), About::Other);
    }

    #[test]
    fn uuids_of_avatar_topics_are_the_same_in_any_case_and_nothing_else_is() {
        let (upper, lower) = ("7C0E2B1A-0000-4000-8000-00000000ABCD", "7c0e2b1a-0000-4000-8000-00000000abcd");
        for kind in ["user", "kinkster"] {
            assert_eq!(private(&format!("{kind}:{upper}:avatar")), private(&format!("{kind}:{lower}:avatar")));
        }
        assert_ne!(private(&format!("room:{upper}:avatar")), private(&format!("room:{lower}:avatar")));
        assert_ne!(private("user:Ann:avatar"), private("user:ann:avatar"));
        assert!(is_same_id(upper, lower) && is_same_id("ann", "ann"));
        assert!(!is_same_id("Ann", "ann") && !is_same_id(upper, "ann"));
    }

    #[test]
    fn names_fit_into_binary_frames() {
        assert_eq!(Topic::new(Space::Public, ""), Err(TopicError::Empty));
        assert_eq!(private(&"x".repeat(246)).on_wire().len(), 255);
        assert_eq!(Topic::new(Space::Public, &"x".repeat(247)), Err(TopicError::TooLong));
        assert!(EventName::new(&"x".repeat(255)).is_some());
        assert!(EventName::new("").is_none() && EventName::new(&"x".repeat(256)).is_none());
    }
}

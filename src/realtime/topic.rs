//! Names of topics and events. Pure.
//!
//! A topic is public or private, and the same name in both is two topics: whoever sends to one is not heard in the other.

use std::fmt;
use std::sync::Arc;

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

/// Where events are sent and heard. Its name is neither empty nor longer than [`NAME_BYTES`].
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
    /// The topic of a name without `realtime:`.
    pub fn new(space: Space, name: &str) -> Result<Self, TopicError> {
        match name.len() {
            0 => Err(TopicError::Empty),
            1..=NAME_BYTES => Ok(Self { space, name: name.into() }),
            _ => Err(TopicError::TooLong),
        }
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
        let Some((kind, id)) = self.name.strip_suffix(":avatar").and_then(|rest| rest.split_once(':')) else {
            return About::Other;
        };
        match kind {
            "user" if !id.is_empty() => About::UserAvatar(id),
            "kinkster" if !id.is_empty() => About::KinksterAvatar(id),
            _ => About::Other,
        }
    }
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
    fn names_fit_into_binary_frames() {
        assert_eq!(Topic::new(Space::Public, ""), Err(TopicError::Empty));
        assert_eq!(private(&"x".repeat(246)).on_wire().len(), 255);
        assert_eq!(Topic::new(Space::Public, &"x".repeat(247)), Err(TopicError::TooLong));
        assert!(EventName::new(&"x".repeat(255)).is_some());
        assert!(EventName::new("").is_none() && EventName::new(&"x".repeat(256)).is_none());
    }
}

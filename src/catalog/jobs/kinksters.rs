//! Characters, as far as their avatars need them.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

/// A row of `kinksters`.
#[derive(Clone, Debug, PartialEq)]
pub struct Kinkster {
    pub id: Uuid,
    pub user: String,
    pub name: Option<String>,
    pub avatar_url: Option<String>,
    pub avatar_prompt: Option<String>,
    pub avatar_generation_config: Option<Value>,
    pub is_active: bool,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

/// What changes of a kinkster; `None` leaves a column as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KinksterChange {
    pub name: Option<Option<String>>,
    pub avatar_url: Option<Option<String>>,
    pub avatar_prompt: Option<Option<String>>,
    pub avatar_generation_config: Option<Option<Value>>,
    pub is_active: Option<bool>,
}

/// The one row that is meant, if it is still as it is thought to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KinksterMatch<'a> {
    pub id: Uuid,
    /// Only if it is this user's.
    pub user: Option<&'a str>,
    /// Only if it shows this URL.
    pub avatar_url: Option<&'a str>,
}

impl KinksterMatch<'_> {
    pub fn of(id: Uuid) -> Self {
        Self { id, user: None, avatar_url: None }
    }
}

impl Kinkster {
    /// A row without anything but its owner.
    pub(in crate::catalog) fn new(id: Uuid, user: &str, now: OffsetDateTime) -> Self {
        Self {
            id,
            user: user.to_owned(),
            name: None,
            avatar_url: None,
            avatar_prompt: None,
            avatar_generation_config: None,
            is_active: true,
            created_at: now,
            updated_at: now,
        }
    }

    pub(in crate::catalog) fn changed(self, change: &KinksterChange, now: OffsetDateTime) -> Self {
        let KinksterChange { name, avatar_url, avatar_prompt, avatar_generation_config, is_active } = change.clone();
        Self {
            name: name.unwrap_or(self.name),
            avatar_url: avatar_url.unwrap_or(self.avatar_url),
            avatar_prompt: avatar_prompt.unwrap_or(self.avatar_prompt),
            avatar_generation_config: avatar_generation_config.unwrap_or(self.avatar_generation_config),
            is_active: is_active.unwrap_or(self.is_active),
            updated_at: now,
            ..self
        }
    }
}

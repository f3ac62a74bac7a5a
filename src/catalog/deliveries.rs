//! What webhooks are still to be told: messages that wait for their receiver, and those that were given up.

use std::collections::HashSet;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Catalog, CatalogError, either};

/// A message to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    pub hook: String,
    /// The event's id: a message that a hook has already is not added again.
    pub message: Uuid,
    /// Messages about one subject go out one after the other.
    pub subject: String,
    /// JSON, as it is sent.
    pub body: String,
}

/// An event of the outbox whose effects are done, and who is to be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    pub event: Uuid,
    pub deliveries: Vec<NewDelivery>,
}

/// A row of `deliveries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: Uuid,
    pub hook: String,
    pub message: Uuid,
    pub subject: String,
    pub body: String,
    /// Attempts that failed.
    pub attempts: u32,
    /// When it was made, or revived: its time runs from here.
    pub since: OffsetDateTime,
    pub due_at: OffsetDateTime,
    /// When it was given up.
    pub dead_at: Option<OffsetDateTime>,
    /// Why its last attempt failed.
    pub reason: Option<String>,
}

/// How much is waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Events in the outbox.
    pub events: u64,
    /// When the oldest of them happened.
    pub oldest: Option<OffsetDateTime>,
    /// Messages that wait for their receiver.
    pub deliveries: u64,
    pub dead_letters: u64,
}

impl Catalog {
    /// Forgets these events and notes what webhooks are to be told of them, all or nothing. Returns the events that were
    /// still there: the others were handed over before, and nothing is noted of them.
    pub async fn hand_over(&self, events: &[HandOver]) -> Result<HashSet<Uuid>, CatalogError> {
        either!(self, hand_over(events))
    }

    /// Notes messages of no event in the outbox.
    pub async fn add_deliveries(&self, deliveries: &[NewDelivery]) -> Result<(), CatalogError> {
        either!(self, add_deliveries(deliveries))
    }

    /// A hook's messages that are due at this time, oldest first: of each subject that is not busy the oldest that is
    /// alive. Other nodes are not given them for a while.
    pub async fn take_deliveries(
        &self,
        hook: &str,
        at: OffsetDateTime,
        busy: &[String],
        limit: u32,
    ) -> Result<Vec<Delivery>, CatalogError> {
        either!(self, take_deliveries(hook, at, busy, limit))
    }

    /// When the hook's next message is due after this time.
    pub async fn next_due(&self, hook: &str, after: OffsetDateTime) -> Result<Option<OffsetDateTime>, CatalogError> {
        either!(self, next_due(hook, after))
    }

    /// Forgets a message that arrived.
    pub async fn finish_delivery(&self, id: Uuid) -> Result<(), CatalogError> {
        either!(self, finish_delivery(id))
    }

    /// Counts a failed attempt; the message, and those behind it, wait until this time.
    pub async fn postpone_delivery(
        &self,
        delivery: &Delivery,
        until: OffsetDateTime,
        reason: &str,
    ) -> Result<(), CatalogError> {
        either!(self, postpone_delivery(delivery, until, reason))
    }

    /// Counts a failed attempt and makes the message a dead letter. Of dead letters the newest `keep` are kept.
    pub async fn bury_delivery(&self, id: Uuid, reason: &str, keep: u32) -> Result<(), CatalogError> {
        either!(self, bury_delivery(id, reason, keep))
    }

    /// Makes every waiting message of a hook a dead letter, and says how many there were.
    pub async fn bury_hook(&self, hook: &str, reason: &str, keep: u32) -> Result<u64, CatalogError> {
        either!(self, bury_hook(hook, reason, keep))
    }

    /// Hooks with waiting messages.
    pub async fn waiting_hooks(&self) -> Result<Vec<String>, CatalogError> {
        either!(self, waiting_hooks())
    }

    /// Messages that were given up, newest first.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<Delivery>, CatalogError> {
        either!(self, dead_letters(limit))
    }

    /// Makes a dead letter of one of these hooks due at once, as if it were new; `None` where there is no such dead letter,
    /// else its hook.
    pub async fn revive_delivery(&self, id: Uuid, hooks: &[String]) -> Result<Option<String>, CatalogError> {
        either!(self, revive_delivery(id, hooks))
    }

    /// What is waiting, in the outbox and for webhooks.
    pub async fn backlog(&self) -> Result<Backlog, CatalogError> {
        either!(self, backlog())
    }
}

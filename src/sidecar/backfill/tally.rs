//! How a backfill goes: one step per row, and their sum.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its picture can be stored: what a dry run finds.
    Alive,
    /// Stored, and seen at this URL from now on.
    Stored(String),
    /// Its URL shows nothing any more.
    Dead,
    /// An earlier run found that.
    KnownDead,
    /// Dead, and painted again by this job.
    Regenerating(Uuid),
    /// Dead, and to be painted again when there is room in the budget.
    OverQuota,
    /// Somebody else changed the row meanwhile; it stays as they want it.
    Changed,
    Failed(String),
}

/// One row that was worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub id: Uuid,
    pub user: String,
    /// Without its query.
    pub url: String,
    pub outcome: Outcome,
}

/// The sum of steps.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Rows that show a picture.
    pub rows: u64,
    /// Those whose picture is a temporary one.
    pub temporary: u64,
    pub alive: u64,
    pub stored: u64,
    pub dead: u64,
    pub known_dead: u64,
    pub regenerating: u64,
    pub over_quota: u64,
    pub changed: u64,
    pub failed: u64,
    /// How often something failed for a reason.
    pub reasons: BTreeMap<String, u64>,
    /// Every row that was worked on.
    pub items: Vec<Value>,
}

impl Outcome {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Stored(_) => "stored",
            Self::Dead => "dead",
            Self::KnownDead => "known_dead",
            Self::Regenerating(_) => "regenerating",
            Self::OverQuota => "over_quota",
            Self::Changed => "changed",
            Self::Failed(_) => "failed",
        }
    }
}

impl Summary {
    pub fn done(&self) -> u64 {
        self.items.len() as u64
    }

    pub fn add(&mut self, step: &Step) {
        let mut item = json!({"id": step.id, "user_id": step.user, "url": step.url, "state": step.outcome.as_str()});
        let count = match &step.outcome {
            Outcome::Alive => &mut self.alive,
            Outcome::Stored(url) => {
                item["storage_url"] = json!(url);
                &mut self.stored
            }
            Outcome::Dead => &mut self.dead,
            Outcome::KnownDead => &mut self.known_dead,
            Outcome::Regenerating(job) => {
                item["job_id"] = json!(job);
                &mut self.regenerating
            }
            Outcome::OverQuota => &mut self.over_quota,
            Outcome::Changed => &mut self.changed,
            Outcome::Failed(reason) => {
                item["reason"] = json!(reason);
                *self.reasons.entry(reason.clone()).or_default() += 1;
                &mut self.failed
            }
        };
        *count += 1;
        self.items.push(item);
    }
}

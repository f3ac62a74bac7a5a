//! What is told of a job, to whom and in which order.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::broadcasts::Broadcasts;
use super::fleet::Fleet;
use crate::catalog::{Job, JobState, JobStep};
use crate::realtime::Realtime;
use crate::realtime::event::Publication;
use crate::realtime::topic::{EventName, Space, Topic};

/// Announcements that a listener may lag behind before it misses some.
const HELD: usize = 1024;

/// The name of the event that clients listen for.
pub const EVENT: &str = "avatar_generation_progress";

/// How far a job is, as it is told. What is told of a job carries rising numbers: an older one that comes late is dropped.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    pub job_id: Uuid,
    pub seq: i64,
    pub status: &'static str,
    pub message: String,
    /// ISO 8601 with milliseconds, UTC.
    pub timestamp: String,
    /// 0 to 1.
    pub progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinkster_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whose it is: nobody else may hear it.
    #[serde(skip)]
    pub user: String,
    #[serde(skip)]
    pub state: JobState,
}

impl Progress {
    /// What the row says.
    pub fn of(job: &Job) -> Self {
        let (status, progress, message) = words(job);
        let stored = job.stored.as_ref().filter(|_| job.state == JobState::Completed);
        let is_failed = matches!(job.state, JobState::Error | JobState::Cancelled);
        let failure = job.failure.as_ref().filter(|_| is_failed);
        Self {
            job_id: job.id,
            seq: job.seq,
            status,
            message: failure.map_or_else(|| message.to_owned(), |failure| failure.text.clone()),
            timestamp: timestamp(job.updated_at),
            progress,
            kinkster_id: job.kinkster,
            storage_url: stored.map(|stored| stored.url.clone()),
            storage_path: stored.map(|stored| stored.path.clone()),
            error: is_failed
                .then(|| failure.map_or_else(|| "Unknown error".to_owned(), |failure| failure.text.clone())),
            user: job.user.clone(),
            state: job.state,
        }
    }

    /// The topic on which it is told.
    pub fn topic(&self) -> String {
        match self.kinkster_id {
            Some(kinkster) => format!("kinkster:{kinkster}:avatar"),
            None => format!("user:{}:avatar", self.user),
        }
    }

    /// How it is told; `None` if its topic's name is none.
    pub(super) fn publication(&self) -> Option<Publication> {
        let topic = Topic::new(Space::Private, &self.topic()).ok()?;
        let (name, payload) = (EventName::new(EVENT)?, serde_json::value::to_raw_value(self).ok()?);
        Some(Publication::of_owner(topic, self.user.as_str().into(), name, payload))
    }
}

fn words(job: &Job) -> (&'static str, f64, &'static str) {
    match (job.state, job.step) {
        (JobState::Completed, _) => ("completed", 1.0, "The avatar is ready"),
        (JobState::Error | JobState::Cancelled, _) => ("error", 1.0, "The avatar could not be made"),
        (JobState::Queued, JobStep::Generating) => ("generating", 0.0, "Waiting to be painted"),
        (_, JobStep::Generating) => ("generating", 0.1, "The avatar is being painted"),
        (_, JobStep::Downloading) => ("downloading", 0.6, "The picture is being fetched"),
        (_, JobStep::Uploading) => ("uploading", 0.8, "The picture is being stored"),
    }
}

/// A job as the API shows it.
pub fn shown(job: &Job) -> Value {
    let mut row = json!(Progress::of(job));
    row["id"] = json!(job.id);
    row["state"] = json!(job.state.as_str());
    row["user_id"] = json!(job.user);
    row["kinkster_id"] = json!(job.kinkster);
    row["priority"] = json!(job.priority);
    row["attempts"] = json!(job.attempts);
    row["error_code"] = json!(job.failure.as_ref().map(|failure| &failure.code));
    row["prompt"] = job.request["prompt"].clone();
    row["generation_config"] = json!(job.answered.as_ref().map(|answered| &answered.config));
    row["cost_usd"] = json!(job.spent as f64 / 1e6);
    row["created_at"] = json!(timestamp(job.created_at));
    row["updated_at"] = json!(timestamp(job.updated_at));
    row["finished_at"] = json!(job.finished_at.map(timestamp));
    row
}

/// `2021-02-17T04:43:32.770Z`.
pub fn timestamp(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    time.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

/// Tells the topic's members, here, at other nodes and where a Supabase has them, and whoever listens in this process.
/// What is told is in the catalogue already: who missed something asks there.
#[derive(Debug)]
pub struct Announcer {
    realtime: Arc<Realtime>,
    listeners: broadcast::Sender<Arc<Progress>>,
    /// The other nodes, if there may be any.
    fleet: Option<Fleet>,
    /// Where clients listen, if not here.
    away: Option<Broadcasts>,
}

impl Announcer {
    pub fn new(realtime: Arc<Realtime>, fleet: Option<Fleet>, away: Option<Broadcasts>) -> Self {
        Self { realtime, listeners: broadcast::Sender::new(HELD), fleet, away }
    }

    /// Waits a while until what was announced of the job is told where clients listen.
    pub(super) async fn told(&self, job: Uuid) {
        if let Some(fleet) = &self.fleet {
            fleet.told().await;
        }
        if let Some(away) = &self.away {
            away.told(job).await;
        }
    }

    /// Hears everything that is announced from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Progress>> {
        self.listeners.subscribe()
    }

    pub(super) fn announce(&self, job: &Job) {
        let progress = Progress::of(job);
        if let Some(publication) = progress.publication() {
            self.realtime.hub.publish(publication, None);
        } else {
            tracing::warn!(job = %job.id, "a job's progress has no topic");
        }
        if let Some(fleet) = &self.fleet {
            fleet.tell(&progress);
        }
        if let Some(away) = &self.away {
            away.tell(&progress);
        }
        // An error says that nobody listens.
        let _ = self.listeners.send(Arc::new(progress));
    }
}

//! What the catalogue holds of a job.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::catalog::CatalogError;

/// What is to become of a job, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    Queued,
    /// A worker has its lease.
    Running,
    Completed,
    /// A dead letter, with its reason.
    Error,
    Cancelled,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobStep {
    Generating,
    Downloading,
    Uploading,
}

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Version 7: in the order in which jobs came.
    pub id: Uuid,
    pub user: String,
    pub kinkster: Option<Uuid>,
    /// What is to be painted, in the sidecar's words.
    pub request: Value,
    pub priority: i64,
    pub state: JobState,
    pub step: JobStep,
    /// Counts what was told of this job.
    pub seq: i64,
    /// How often a worker took it.
    pub attempts: u32,
    /// When it may be taken; of one that failed, before when it makes no sense to ask again.
    pub due_at: OffsetDateTime,
    /// Until when it must be painted.
    pub deadline_at: OffsetDateTime,
    pub worker: Option<Uuid>,
    /// Requests to the provider that may have cost something, and what they have cost in millionths of a US dollar.
    pub paints: u32,
    pub spent: u64,
    /// Set once the provider's answer is stored.
    pub answered: Option<Answered>,
    /// Set once the picture is in its bucket.
    pub stored: Option<Stored>,
    /// Set once the picture has a name, where storing it takes several steps.
    pub placed: Option<Placed>,
    /// Why it failed, or failed last.
    pub failure: Option<Failure>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
}

/// A job to be noted.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    pub user: String,
    pub kinkster: Option<Uuid>,
    pub idempotency_key: Option<String>,
    /// What was asked: another request under the same key is refused.
    pub fingerprint: String,
    pub request: Value,
    pub priority: i64,
    pub deadline_at: OffsetDateTime,
    /// What it is expected to cost, in millionths of a US dollar.
    pub estimate: u64,
    /// Whether the kinkster's row is one of ours: one that nobody has becomes this user's. Otherwise whoever has the rows
    /// was asked before.
    pub claims_kinkster: bool,
}

/// What became of a [`NewJob`].
#[derive(Clone, Debug, PartialEq)]
pub enum Enqueued {
    New(Box<Job>),
    /// The same was asked before under this key; or the job cannot be revived, since it is under way or done.
    Known(Box<Job>),
    /// The job was revived as often as it may be.
    WornOut,
    /// Something else was asked before under this key.
    OtherRequest,
    /// The kinkster is somebody else's; or there is no such job.
    NotTheirs,
    Refused(QuotaExceeded),
}

/// A failed or cancelled job that is to be queued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revival {
    pub job: Uuid,
    pub deadline_at: OffsetDateTime,
    /// As in [`NewJob`]: whose the kinkster is may have changed since.
    pub claims_kinkster: bool,
}

/// How much may be painted. Days are those of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// New jobs and revived ones alike.
    pub per_user_per_minute: u32,
    pub revivals_per_job: u32,
    pub per_user_per_day: u32,
    pub per_day: u32,
    /// Millionths of a US dollar.
    pub spent_per_day: u64,
}

/// What of the budget is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub pictures: u64,
    /// Millionths of a US dollar.
    pub money: u64,
}

/// What became of a wish to ask the provider.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    Job(Box<Job>),
    /// The job is not this worker's any more.
    Lost,
    /// It was asked before, and there is no room for another time.
    Refused(QuotaExceeded),
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    UserMinute,
    UserDay,
    Day,
    Money,
}

/// A limit was reached, and when it makes sense to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaExceeded {
    pub quota: Quota,
    pub retry_after: Duration,
}

/// Which jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// `None`: everybody's.
    pub user: Option<String>,
    pub state: Option<JobState>,
    pub kinkster: Option<Uuid>,
    pub limit: u32,
    /// Only jobs that came before this one.
    pub before: Option<Uuid>,
}

/// What one user had painted on one day of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Painted {
    pub user: String,
    /// Days since 1970-01-01.
    pub day: i64,
    pub jobs: u64,
    pub completed: u64,
    pub failed: u64,
    /// Requests to the provider that may have cost something, and what they have cost in millionths of a US dollar.
    pub pictures: u64,
    pub money: u64,
}

/// Who is painted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sitter {
    /// What a user has painted for no kinkster yet.
    User(String),
    Kinkster(Uuid),
}

/// How many jobs may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    pub running: u32,
    pub running_per_user: u32,
}

/// A worker that wants a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub worker: Uuid,
    pub until: OffsetDateTime,
    pub crowd: Crowd,
    /// Jobs that were taken this often are left to be buried.
    pub attempts: u32,
}

/// A worker's hold on a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub job: Uuid,
    pub worker: Uuid,
}

/// What is known of the provider's answer, beside its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Model, size and quality that were really used.
    pub config: Value,
    /// Where the provider left the picture for a while, if it did.
    pub provider_url: Option<String>,
    /// Millionths of a US dollar; `None`: as estimated.
    pub cost: Option<u64>,
}

/// A picture in its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub url: String,
    pub path: String,
    pub mime_type: String,
    pub size: u64,
}

/// How far the storing of a picture is where no transaction covers all of it: each step is recorded before the next one,
/// and may be done again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The object's name, chosen once.
    pub path: String,
    /// Set once the bytes are there.
    pub uploaded: Option<Uploaded>,
}

/// Bytes that are in their bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    pub mime_type: String,
    pub size: u64,
}

/// What is written beside the object's own row.
#[derive(Clone, Debug, PartialEq)]
pub struct AvatarWrite {
    /// The job that this is the second step of.
    pub lease: Option<Lease>,
    /// The character that the picture shows, and whose it must be.
    pub kinkster: Option<Uuid>,
    /// One that nobody has becomes the user's, with the picture or not at all; somebody else's is `Denied`.
    pub claims_kinkster: bool,
    pub user: String,
    pub url: String,
    /// `None` leaves what was known of an older picture's making as it is.
    pub prompt: Option<String>,
    pub config: Option<Value>,
    /// Written only if the row still shows this URL; otherwise nothing is, the picture neither.
    pub instead_of: Option<String>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A short name for metrics and programs.
    pub code: String,
    /// For the person who asked.
    pub text: String,
}

/// What became of a job that was to be cancelled.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    Cancelled(Box<Job>),
    /// It is past the point: its picture is stored, or it had ended before.
    TooLate(Box<Job>),
}

impl JobState {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this name.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Queued, Self::Running, Self::Completed, Self::Error, Self::Cancelled];
        all.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing more will come of it by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Error | Self::Cancelled)
    }
}

impl JobStep {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generating => "generating",
            Self::Downloading => "downloading",
            Self::Uploading => "uploading",
        }
    }

    pub(in crate::catalog) fn parse(text: &str) -> Result<Self, CatalogError> {
        let all = [Self::Generating, Self::Downloading, Self::Uploading];
        let step = all.into_iter().find(|step| step.as_str() == text);
        step.ok_or_else(|| CatalogError::Broken(format!("`{text}` is no step of a job")))
    }
}

impl Quota {
    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserMinute => "user_minute",
            Self::UserDay => "user_day",
            Self::Day => "day",
            Self::Money => "money",
        }
    }
}

impl Job {
    /// The hold of this worker.
    pub fn lease(&self, worker: Uuid) -> Lease {
        Lease { job: self.id, worker }
    }
}

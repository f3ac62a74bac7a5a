//! Jobs: one pipeline, whoever waits for it.
//!
//! A request becomes a row of the catalogue ([`Jobs::enqueue`]); workers take rows and walk them ([`Jobs::start`]); what they reach is
//! told ([`Announcer`]) and can be asked for at any time. Nothing of a job lives in this process alone.

mod answers;
mod broadcasts;
mod by_url;
mod fleet;
mod line;
mod metrics;
mod owners;
mod progress;
mod states;
mod trouble;
mod walk;
mod warm;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use answers::Answers;
pub use broadcasts::Broadcasts;
pub use by_url::{StoreError, UrlFetcher};
pub use fleet::Fleet;
pub use metrics::JobMetrics;
pub use owners::KinksterOwners;
pub use progress::{Announcer, EVENT, Progress, shown, timestamp};
pub use states::JobStates;

use super::home::{Home, HomeError};
use super::prompt::Prompt;
use super::provider::{PaintRequest, ProviderError, Quality, Size};
use super::studio::Studio;
use crate::catalog::{Budget, Catalog, CatalogError, Crowd, Ended, Enqueued, Job, JobQuery, NewJob, Painted, Revival};
use crate::deliver::Deliver;
use crate::object::ObjectKey;
use crate::realtime::Realtime;
use crate::secret::Secret;

/// How jobs are worked on.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// `false`: nothing is painted, and nothing more is taken on.
    pub enabled: bool,
    pub workers: usize,
    /// A worker that has not been heard of for so long is gone.
    pub lease: Duration,
    /// How often a job is taken before it is given up.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles from then on.
    pub first_pause: Duration,
    /// From a request to its painted picture.
    pub deadline: Duration,
    pub crowd: Crowd,
    pub budget: Budget,
    /// How long a stored picture waits for its warm list before it is announced.
    pub first_wait: Duration,
    /// How long a shutdown waits for what is being painted.
    pub drain: Duration,
}

/// What jobs are built from.
#[derive(Debug)]
pub struct Parts {
    pub catalog: Arc<Catalog>,
    pub home: Arc<Home>,
    pub deliver: Arc<Deliver>,
    pub studio: Arc<Studio>,
    pub realtime: Arc<Realtime>,
    /// The other nodes over the same catalogue.
    pub fleet: Option<Fleet>,
    /// The topics of an upstream, where its clients listen.
    pub away: Option<Broadcasts>,
    pub answers: Answers,
    pub by_url: UrlFetcher,
    pub settings: JobSettings,
    pub metrics: JobMetrics,
}

/// Jobs and their workers.
#[derive(Debug)]
pub struct Jobs {
    pub catalog: Arc<Catalog>,
    pub home: Arc<Home>,
    deliver: Arc<Deliver>,
    studio: Arc<Studio>,
    answers: Answers,
    by_url: UrlFetcher,
    settings: JobSettings,
    pub announcer: Announcer,
    metrics: JobMetrics,
    /// The jobs of this process's workers, to be cut short.
    under_way: Mutex<HashMap<Uuid, CancellationToken>>,
    /// Rung when there may be something to take.
    ring: Notify,
    /// Nothing more is taken.
    stopping: CancellationToken,
}

/// One picture for somebody.
#[derive(Clone, Debug)]
pub struct Order {
    pub user: String,
    pub kinkster: Option<Uuid>,
    pub request: PaintRequest,
    /// Higher ones are taken first.
    pub priority: i64,
    /// The client's own name for this request: sent twice, it is done once.
    pub key: Option<String>,
    /// With which whoever keeps the kinksters may be asked: the caller's own.
    pub token: Option<Secret>,
}

/// Why nothing was taken on.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("avatars are switched off")]
    Disabled,
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Whose the kinkster is could not be asked.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// What is painted, as a row keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    prompt: String,
    size: Size,
    quality: Quality,
}

impl Kept {
    fn of(request: &PaintRequest) -> Self {
        Self { prompt: request.prompt.as_str().to_owned(), size: request.size, quality: request.quality }
    }

    fn request(&self) -> Result<PaintRequest, String> {
        Ok(PaintRequest { prompt: Prompt::parse(&self.prompt)?, size: self.size, quality: self.quality })
    }
}

impl Jobs {
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { catalog, home, deliver, studio, realtime, fleet, away, answers, by_url, settings, metrics } = parts;
        Arc::new(Self {
            catalog,
            home,
            deliver,
            studio,
            answers,
            by_url,
            settings,
            announcer: Announcer::new(realtime, fleet, away),
            metrics,
            under_way: Mutex::default(),
            ring: Notify::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// Takes an order on, if there is room for it. The same order under the same key is the job that is there.
    pub async fn enqueue(&self, order: Order) -> Result<Enqueued, JobError> {
        if !self.settings.enabled {
            return Err(JobError::Disabled);
        }
        // Told now: nobody can be waiting for what cannot be painted.
        self.studio.provider.ready()?;
        if let Some(kinkster) = order.kinkster.filter(|_| !self.home.has_own_rows())
            && !self.home.admits(kinkster, &order.user, order.token.as_ref()).await?
        {
            return Ok(Enqueued::NotTheirs);
        }
        let plan = self.studio.provider.plan(order.request.size, order.request.quality)?;
        let request = serde_json::to_value(Kept::of(&order.request)).unwrap_or_default();
        let asked = format!("{request}{:?}", order.kinkster);
        let new = NewJob {
            user: order.user,
            kinkster: order.kinkster,
            idempotency_key: order.key,
            fingerprint: blake3::hash(asked.as_bytes()).to_hex().to_string(),
            request,
            priority: order.priority,
            deadline_at: self.deadline(),
            estimate: plan.cost.unwrap_or_default().0,
            claims_kinkster: self.home.has_own_rows(),
        };
        Ok(self.entered(self.catalog.enqueue_job(new, &self.settings.budget).await?))
    }

    /// Takes a failed or cancelled job up again; it resumes after its last step. `token` is the caller's own, as in
    /// [`Order`].
    pub async fn retry(&self, job: &Job, token: Option<&Secret>) -> Result<Enqueued, JobError> {
        if !self.settings.enabled {
            return Err(JobError::Disabled);
        }
        self.studio.provider.ready()?;
        let claims_kinkster = self.home.has_own_rows();
        // It may be somebody else's by now.
        if let Some(kinkster) = job.kinkster.filter(|_| !claims_kinkster)
            && !self.home.admits(kinkster, &job.user, token).await?
        {
            return Ok(Enqueued::NotTheirs);
        }
        let revival = Revival { job: job.id, deadline_at: self.deadline(), claims_kinkster };
        Ok(self.entered(self.catalog.revive_job(revival, &self.settings.budget).await?))
    }

    fn entered(&self, enqueued: Enqueued) -> Enqueued {
        match &enqueued {
            Enqueued::New(job) => {
                self.metrics.count("enqueued");
                self.announcer.announce(job);
                self.ring.notify_one();
            }
            Enqueued::Refused(refused) => self.metrics.refuse(refused.quota),
            Enqueued::Known(_) | Enqueued::WornOut | Enqueued::OtherRequest | Enqueued::NotTheirs => {}
        }
        enqueued
    }

    /// Cancels a job whose picture is not stored yet.
    pub async fn cancel(&self, id: Uuid) -> Result<Option<Ended>, CatalogError> {
        let ended = self.catalog.cancel_job(id).await?;
        if let Some(Ended::Cancelled(job)) = &ended {
            if let Some(token) = self.under_way.lock().get(&id) {
                token.cancel();
            }
            self.metrics.count("cancelled");
            self.announcer.announce(job);
            self.take_back(job);
        }
        Ok(ended)
    }

    /// Removes what an earlier try may have left of a cancelled job, where storing takes several steps: an upload whose answer
    /// was lost, or whose node is gone. One that is under way is looked after by whoever began it.
    fn take_back(&self, cancelled: &Job) {
        let Some(Ok(key)) = cancelled.placed.as_ref().map(|placed| ObjectKey::parse(&placed.path)) else { return };
        let home = Arc::clone(&self.home);
        tokio::spawn(async move {
            if let Some(elsewhere) = home.elsewhere() {
                elsewhere.take_back(&home.object(key)).await;
            }
        });
    }

    pub async fn job(&self, id: Uuid) -> Result<Option<Job>, CatalogError> {
        self.catalog.job(id).await
    }

    pub async fn list(&self, query: &JobQuery) -> Result<Vec<Job>, CatalogError> {
        self.catalog.jobs(query).await
    }

    /// What was painted for whom on which day since then.
    pub async fn painted_since(&self, since: OffsetDateTime, user: Option<&str>) -> Result<Vec<Painted>, CatalogError> {
        self.catalog.painted(since, user).await
    }

    /// The job once it has ended, whichever node it ran on. Whoever stops waiting changes nothing.
    pub async fn ended(&self, id: Uuid) -> Result<Option<Job>, CatalogError> {
        /// How often the catalogue is asked although nothing was heard: the job may run on another node.
        const LOOK: Duration = Duration::from_secs(1);
        let mut heard = self.announcer.subscribe();
        loop {
            match self.catalog.job(id).await? {
                Some(job) if !job.state.is_final() => {}
                ended => return Ok(ended),
            }
            let end = async {
                loop {
                    match heard.recv().await {
                        Ok(progress) if progress.job_id != id || !progress.state.is_final() => {}
                        _ => return,
                    }
                }
            };
            // A late answer is as good as a heard one.
            let _ = tokio::time::timeout(LOOK, end).await;
        }
    }

    fn deadline(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.settings.deadline
    }
}

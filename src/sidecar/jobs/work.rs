//! Workers: take a job, keep its lease, walk it, note what came of it.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::Jobs;
use super::trouble::{Again, Trouble};
use crate::bucket::{BucketError, By};
use crate::catalog::{CatalogError, Claim, Failure, Job, Lease};

/// How often a worker looks for something to do without being rung.
const IDLE: Duration = Duration::from_secs(1);
/// How often jobs that nobody will finish are looked for.
const CHORES: Duration = Duration::from_secs(2);
/// Chores after which forgotten answers are looked for.
const RARELY: u32 = 1800;
/// How long the answer to a failed job is kept for whoever tries again.
const KEPT: Duration = Duration::from_secs(2 * 86_400);
/// Jobs named in one line of the audit log.
const LINE: usize = 100;
/// Pause after a failure of the catalogue.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Jobs {
    /// Starts the workers, whose jobs are waited for at shutdown. Called by the process that serves, once.
    pub async fn start(self: &Arc<Self>, tasks: &TaskTracker) {
        // Nobody else works beside a data folder of its own: whoever had these is gone.
        if matches!(*self.catalog, crate::catalog::Catalog::Sqlite(_))
            && let Err(error) = self.catalog.release_all_jobs().await
        {
            tracing::warn!(%error, "the jobs of the last run could not be released; their leases will end");
        }
        for _ in 0..self.settings.workers {
            tasks.spawn(Arc::clone(self).work());
        }
        tasks.spawn(Arc::clone(self).keep_house());
    }

    /// Nothing more is taken; what is under way gets some time, and is then given back.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    async fn work(self: Arc<Self>) {
        let mut is_failing = false;
        while !self.stopping.is_cancelled() {
            let pause = match self.take().await {
                Ok(Some((job, lease))) => {
                    // There may be more for the others.
                    self.ring.notify_one();
                    self.run(job, lease).await;
                    continue;
                }
                Ok(None) => IDLE,
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, "jobs cannot be taken; it is tried again");
                    }
                    PAUSE
                }
            };
            tokio::select! {
                () = self.ring.notified() => is_failing = false,
                () = tokio::time::sleep(pause) => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    async fn take(&self) -> Result<Option<(Job, Lease)>, CatalogError> {
        let claim = Claim {
            worker: Uuid::new_v4(),
            until: OffsetDateTime::now_utc() + self.settings.lease,
            crowd: self.settings.crowd,
            attempts: self.settings.attempts,
        };
        let job = self.catalog.claim_job(&claim).await?;
        Ok(job.map(|job| (job.lease(claim.worker), job)).map(|(lease, job)| (job, lease)))
    }

    async fn run(&self, job: Job, lease: Lease) {
        let cancelled = CancellationToken::new();
        self.under_way.lock().insert(job.id, cancelled.clone());
        let walked = tokio::select! {
            walked = self.walk(&job, lease) => walked,
            () = self.keep_lease(lease) => Err(Trouble::Lost),
            () = cancelled.cancelled() => Err(Trouble::Lost),
            () = self.time_is_up() => Err(Trouble::Cut),
        };
        self.under_way.lock().remove(&job.id);
        if let Err(error) = self.settle(&job, lease, walked).await {
            tracing::warn!(job = %job.id, %error, "what came of a job could not be noted; its lease will end");
        }
        // This process may end once its workers have.
        self.announcer.told(job.id).await;
    }

    /// Resolves once the lease is lost.
    async fn keep_lease(&self, lease: Lease) {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let until = OffsetDateTime::now_utc() + self.settings.lease;
            match self.catalog.renew_job(lease, until).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(job = %lease.job, %error, "a lease could not be renewed"),
            }
        }
    }

    async fn time_is_up(&self) {
        self.stopping.cancelled().await;
        tokio::time::sleep(self.settings.drain).await;
    }

    async fn settle(&self, job: &Job, lease: Lease, walked: Result<Job, Trouble>) -> Result<(), CatalogError> {
        match walked {
            Ok(finished) => {
                self.metrics.count("completed");
                tracing::info!(job = %job.id, attempts = job.attempts, "an avatar is stored");
                self.announcer.announce(&finished);
            }
            Err(Trouble::Lost) => tracing::debug!(job = %job.id, "a job is not ours any more"),
            Err(Trouble::Cut) => {
                self.catalog.release_job(lease).await?;
                tracing::info!(job = %job.id, "a job is given back: this process ends");
            }
            Err(Trouble::Failed { failure, again }) => self.note_failure(job, lease, &failure, again).await?,
        }
        Ok(())
    }

    async fn note_failure(&self, job: &Job, lease: Lease, failure: &Failure, again: Again) -> Result<(), CatalogError> {
        let pause = match again {
            Again::Never | Again::Anew => None,
            Again::NotBefore(pause) => Some(pause),
            Again::Later(pause) => Some(self.pause(job.attempts).max(pause.unwrap_or_default())),
        };
        let due = pause.map(|pause| OffsetDateTime::now_utc() + pause);
        if let (Again::Later(_), Some(due)) = (again, due)
            && job.attempts < self.settings.attempts
            && due < job.deadline_at
        {
            self.catalog.postpone_job(lease, due, failure).await?;
            self.metrics.count("postponed");
            return Ok(());
        }
        if again == Again::Anew {
            self.catalog.forget_answer(lease).await?;
            if let Err(error) = self.answers.remove(job.id).await {
                tracing::warn!(job = %job.id, %error, "a useless answer could not be removed");
            }
        }
        if let Some(failed) = self.catalog.fail_job(lease, failure, due).await? {
            self.metrics.count("failed");
            tracing::info!(job = %job.id, code = failure.code, attempts = job.attempts, "a job failed");
            self.announcer.announce(&failed);
        }
        Ok(())
    }

    /// Doubles with every attempt, and is spread by half so that jobs that failed together do not come back together.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = self.settings.first_pause.saturating_mul(1 << (attempts.saturating_sub(1)).min(16));
        let spread = (Uuid::new_v4().as_u128() % 1024) as f64 / 2048.0;
        doubled.min(LONGEST_PAUSE).mul_f64(1.0 + spread)
    }

    async fn keep_house(self: Arc<Self>) {
        for round in 0_u32.. {
            tokio::select! {
                () = tokio::time::sleep(CHORES) => {}
                () = self.stopping.cancelled() => return,
            }
            match self.catalog.bury_jobs(self.settings.attempts).await {
                Ok(buried) => buried.iter().for_each(|job| {
                    self.metrics.count("failed");
                    self.announcer.announce(job);
                }),
                Err(error) => tracing::warn!(%error, "late jobs could not be ended; it is tried again"),
            }
            if let Ok(counts) = self.catalog.count_jobs().await {
                self.metrics.set_states(&counts);
            }
            if round % RARELY == 0
                && let Err(error) = self.remove_old_answers().await
            {
                tracing::warn!(%error, "old answers of providers could not be removed; it is tried again");
            }
        }
    }

    /// Answers of which no job made a picture, with their lines in the log.
    async fn remove_old_answers(&self) -> Result<(), BucketError> {
        let removed: Vec<String> = self.answers.remove_older_than(KEPT).await?.iter().map(Uuid::to_string).collect();
        let line = |jobs: &[String]| {
            By::SERVER.removed(format!("answers to {} jobs that nothing was made of: {}", jobs.len(), jobs.join(" ")))
        };
        Ok(self.catalog.note_audit(&removed.chunks(LINE).map(line).collect::<Vec<_>>()).await?)
    }
}

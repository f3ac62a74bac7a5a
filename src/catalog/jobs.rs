//! Jobs and kinksters: what is to be painted for whom, how far it is, and what came of it.
//!
//! A job's steps are recorded, so that another worker resumes after the last one: the provider's answer, then the picture
//! in its bucket, then the end. Every step of a worker is held against its lease: what a worker that was given up, or
//! whose job was cancelled, wants to write is refused.

mod kinksters;
pub(super) mod rows;
pub(super) mod store;
mod types;

use time::OffsetDateTime;
use uuid::Uuid;

pub use kinksters::{Kinkster, KinksterChange, KinksterMatch};
pub use types::{
    Answered, AvatarWrite, Begun, Budget, Claim, Crowd, Ended, Enqueued, Failure, Job, JobQuery, JobState, JobStep,
    Lease, NewJob, Painted, Placed, Quota, QuotaExceeded, Revival, Sitter, Spent, Stored, Uploaded,
};

use super::{Catalog, CatalogError, NewObject, Put, either};
use crate::auth::Caller;

impl Catalog {
    /// Notes a job if the user's and everybody's budget have room for it; the one that is there for the same key
    /// otherwise. A kinkster that nobody has becomes this user's.
    pub async fn enqueue_job(&self, new: NewJob, budget: &Budget) -> Result<Enqueued, CatalogError> {
        either!(self, enqueue_job(new, budget))
    }

    /// Queues a failed or cancelled job again, within the budget. It resumes after its last step.
    pub async fn revive_job(&self, revival: Revival, budget: &Budget) -> Result<Enqueued, CatalogError> {
        either!(self, revive_job(revival, budget))
    }

    /// What was painted today (UTC), and what that may have cost.
    pub async fn spent_today(&self) -> Result<Spent, CatalogError> {
        either!(self, spent_today())
    }

    /// What was painted for whom on which day since then, earliest first: everybody's, or one user's.
    pub async fn painted(&self, since: OffsetDateTime, user: Option<&str>) -> Result<Vec<Painted>, CatalogError> {
        either!(self, painted(since, user))
    }

    pub async fn job(&self, id: Uuid) -> Result<Option<Job>, CatalogError> {
        either!(self, job(id))
    }

    /// Newest first.
    pub async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, CatalogError> {
        either!(self, jobs(query))
    }

    /// Somebody's jobs that are under way or ended since then, newest first.
    pub async fn fresh_jobs(
        &self,
        sitter: &Sitter,
        since: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError> {
        either!(self, fresh_jobs(sitter, since, limit))
    }

    /// How many jobs are in each state.
    pub async fn count_jobs(&self) -> Result<Vec<(JobState, u64)>, CatalogError> {
        either!(self, count_jobs())
    }

    /// Takes the next job whose turn it is: queued, or of a worker that is gone.
    pub async fn claim_job(&self, claim: &Claim) -> Result<Option<Job>, CatalogError> {
        either!(self, claim_job(claim))
    }

    /// Prolongs a lease; `false`: it is lost.
    pub async fn renew_job(&self, lease: Lease, until: OffsetDateTime) -> Result<bool, CatalogError> {
        either!(self, renew_job(lease, until))
    }

    /// Notes how far a job is.
    pub async fn advance_job(&self, lease: Lease, step: JobStep) -> Result<Option<Job>, CatalogError> {
        either!(self, advance_job(lease, step))
    }

    /// Notes that the provider is being asked: from here on it may cost something. Another time for the same job is held
    /// against today's budget, and counted in it.
    pub async fn begin_paint(&self, lease: Lease, budget: &Budget) -> Result<Begun, CatalogError> {
        either!(self, begin_paint(lease, budget))
    }

    /// Notes that the provider's refusal was free.
    pub async fn forgive_paint(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
        either!(self, forgive_paint(lease))
    }

    /// Step 1: the provider's answer is stored.
    pub async fn note_answer(&self, lease: Lease, answered: &Answered) -> Result<Option<Job>, CatalogError> {
        either!(self, note_answer(lease, answered))
    }

    /// Takes step 1 back: the answer is of no use.
    pub async fn forget_answer(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
        either!(self, forget_answer(lease))
    }

    /// Step 2, the commit point: picture, job and the kinkster's columns in one transaction. `Superseded`: the job is not
    /// this worker's any more, or the row shows another picture than it should; nothing is written.
    pub async fn put_avatar(&self, caller: &Caller, new: NewObject, write: &AvatarWrite) -> Result<Put, CatalogError> {
        either!(self, put_avatar(caller, new, write))
    }

    /// Step 2 where the picture and its row are somebody else's to keep: as far as it is done. With `url` it is done, and
    /// that is the commit point.
    pub async fn note_place(
        &self,
        lease: Lease,
        placed: &Placed,
        url: Option<&str>,
    ) -> Result<Option<Job>, CatalogError> {
        either!(self, note_place(lease, placed, url))
    }

    /// Step 3: everyone may know.
    pub async fn finish_job(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
        either!(self, finish_job(lease))
    }

    /// Ends a job as a dead letter with its reason. `due`: to ask again before would be in vain.
    pub async fn fail_job(
        &self,
        lease: Lease,
        failure: &Failure,
        due: Option<OffsetDateTime>,
    ) -> Result<Option<Job>, CatalogError> {
        either!(self, fail_job(lease, failure, due))
    }

    /// Gives a job back, to be tried again at `due`, with what was wrong.
    pub async fn postpone_job(
        &self,
        lease: Lease,
        due: OffsetDateTime,
        failure: &Failure,
    ) -> Result<Option<Job>, CatalogError> {
        either!(self, postpone_job(lease, due, failure))
    }

    /// Gives a job back as if it had not been taken.
    pub async fn release_job(&self, lease: Lease) -> Result<Option<Job>, CatalogError> {
        either!(self, release_job(lease))
    }

    /// Gives every running job back: for the process that owns the data folder, when it starts.
    pub async fn release_all_jobs(&self) -> Result<u64, CatalogError> {
        either!(self, release_all_jobs())
    }

    /// Cancels a job whose picture is not in its bucket yet. Once it is there its row may show it already.
    pub async fn cancel_job(&self, id: Uuid) -> Result<Option<Ended>, CatalogError> {
        either!(self, cancel_job(id))
    }

    /// Ends jobs that nobody has begun to paint in time, and those whose workers died `attempts` times.
    pub async fn bury_jobs(&self, attempts: u32) -> Result<Vec<Job>, CatalogError> {
        either!(self, bury_jobs(attempts))
    }

    pub async fn kinkster(&self, id: Uuid) -> Result<Option<Kinkster>, CatalogError> {
        either!(self, kinkster(id))
    }

    /// A user's kinksters, newest first.
    pub async fn kinksters(&self, user: &str, limit: u32, offset: u32) -> Result<Vec<Kinkster>, CatalogError> {
        either!(self, kinksters(user, limit, offset))
    }

    /// Everybody's kinksters that show a picture, by id, beginning after this one.
    pub async fn pictured_kinksters(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Kinkster>, CatalogError> {
        either!(self, pictured_kinksters(after, limit))
    }

    /// Makes a kinkster, or changes the user's own; `Denied`: it is somebody else's.
    pub async fn put_kinkster(&self, id: Uuid, user: &str, change: &KinksterChange) -> Result<Kinkster, CatalogError> {
        either!(self, put_kinkster(id, user, change))
    }

    /// Changes a kinkster; `None`: there is none that is as it is thought to be.
    pub async fn change_kinkster(
        &self,
        matching: KinksterMatch<'_>,
        change: &KinksterChange,
    ) -> Result<Option<Kinkster>, CatalogError> {
        either!(self, change_kinkster(matching, change))
    }

    /// Removes a kinkster of this user, of anybody without one.
    pub async fn remove_kinkster(&self, id: Uuid, user: Option<&str>) -> Result<bool, CatalogError> {
        either!(self, remove_kinkster(id, user))
    }
}

//! Rows that show a provider's temporary URL: what still lives is stored, what is dead is marked, or painted again.
//!
//! A row is changed only if it still shows the URL that was seen. Run again it goes on: what is stored shows no temporary
//! URL any more, and a name that was chosen once is chosen again.

mod journal;
mod rows;
mod tally;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use time::OffsetDateTime;

pub use rows::Row;
pub use tally::{Outcome, Step, Summary};

use self::journal::Journal;
use super::home::{Elsewhere, HomeError, NewAvatar, Written};
use super::jobs::{Jobs, Order, StoreError, UrlFetcher, timestamp};
use super::prompt::Prompt;
use super::provider::{PaintRequest, Quality, Size};
use crate::bucket::BucketError;
use crate::catalog::{Enqueued, JobState, KinksterChange, KinksterMatch};
use crate::ingest::IngestError;
use crate::project::{ProjectError, RowMatch};
use crate::source::SourceError;

/// Rows of one page.
const PAGE: u32 = 500;
/// Attempts at a fetch that may succeed later, and the pause between two.
const FETCHES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// `false`: everything is looked at, and nothing is written.
    pub apply: bool,
    /// Whether dead rows whose prompt is known are painted again, within the budget.
    pub regenerate: bool,
    /// Whether rows that an earlier run found dead are asked for again.
    pub recheck: bool,
    /// Rows at once.
    pub at_once: usize,
    /// Most bytes of a picture; what is stored is encoded anew if it has too many.
    pub picture_bytes: u64,
}

/// Rows that are worked on.
#[derive(Debug)]
pub struct Backfill {
    jobs: Arc<Jobs>,
    fetcher: UrlFetcher,
    plan: Plan,
    /// Where storing takes several steps.
    journal: Option<Journal>,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// Rows that show a picture.
    pub rows: u64,
    /// Those whose picture is a temporary one.
    pub temporary: Vec<Row>,
}

/// Why nothing could be begun.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("the journal cannot be written: {0}")]
    Journal(#[from] std::io::Error),
}

impl Backfill {
    /// `data` is the data folder, where a journal is kept if one is needed.
    pub async fn new(jobs: Arc<Jobs>, fetcher: UrlFetcher, plan: Plan, data: &Path) -> Result<Self, BackfillError> {
        let needs_journal = plan.apply && jobs.home.elsewhere().is_some();
        let journal = if needs_journal { Some(Journal::open(&data.join("backfill.jsonl")).await?) } else { None };
        Ok(Self { jobs, fetcher, plan, journal })
    }

    /// Everybody's rows, page by page.
    pub async fn find(&self) -> Result<Found, BackfillError> {
        let (mut found, mut after) = (Found { rows: 0, temporary: Vec::new() }, None);
        loop {
            let page = rows::page(&self.jobs.home, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.id);
            found.rows += page.len() as u64;
            found.temporary.extend(page.into_iter().filter_map(|shown| shown.temporary(&self.fetcher)));
        }
    }

    /// Works on these rows; each step comes as it is done.
    pub fn run(&self, rows: Vec<Row>) -> impl Stream<Item = Step> + '_ {
        let at_once = self.plan.at_once.max(1);
        stream::iter(rows).map(|row| self.step(row)).buffer_unordered(at_once)
    }

    async fn step(&self, row: Row) -> Step {
        let outcome = if row.is_known_dead() && !self.plan.recheck {
            self.known_dead(&row).await
        } else {
            match self.fetched(&row).await {
                Ok(bytes) if self.plan.apply => self.stored(&row, bytes).await,
                Ok(bytes) => self.jobs.home.check(bytes).await.map_or_else(failed, |()| Outcome::Alive),
                Err(StoreError::Source(error)) if is_dead(&error) => self.dead(&row).await,
                Err(StoreError::Source(error)) => Outcome::Failed(error.public_text().to_owned()),
                Err(error) => Outcome::Failed(error.to_string()),
            }
        };
        Step { id: row.id, user: row.user, url: rows::shown(&row.url), outcome }
    }

    async fn fetched(&self, row: &Row) -> Result<bytes::Bytes, StoreError> {
        for _ in 1..FETCHES {
            match self.fetcher.get(&row.url, self.plan.picture_bytes).await {
                Err(StoreError::Source(error)) if may_pass(&error) => tokio::time::sleep(PAUSE).await,
                done => return done,
            }
        }
        self.fetcher.get(&row.url, self.plan.picture_bytes).await
    }

    async fn stored(&self, row: &Row, bytes: bytes::Bytes) -> Outcome {
        let avatar = NewAvatar {
            user: &row.user,
            claims_kinkster: false,
            kinkster: Some(row.id),
            lease: None,
            prompt: None,
            config: None,
            instead_of: Some(row.seen.clone()),
        };
        let stored = match self.jobs.home.elsewhere() {
            None => self.jobs.home.store(avatar, bytes).await,
            Some(elsewhere) => self.stored_there(elsewhere, row, avatar, bytes).await,
        };
        stored.map_or_else(failed, |written| Outcome::Stored(written.url))
    }

    /// Under a name that is noted before it is used: another run after this one replaces its picture.
    async fn stored_there(
        &self,
        elsewhere: &Elsewhere,
        row: &Row,
        avatar: NewAvatar<'_>,
        bytes: bytes::Bytes,
    ) -> Result<Written, HomeError> {
        let picture = elsewhere.treated(bytes).await?;
        let key = match &self.journal {
            Some(journal) => journal.name(row, &avatar, &picture.mime_type).await?,
            None => avatar.key(super::home::now_ms(), &picture.mime_type)?,
        };
        self.jobs.home.store_there(elsewhere, avatar, picture, key).await
    }

    /// The marker is in the configuration of its making, and counts as long as the row shows the same URL.
    async fn dead(&self, row: &Row) -> Outcome {
        if !self.plan.apply {
            return Outcome::Dead;
        }
        let mut config = row.config.clone().filter(Value::is_object).unwrap_or_else(|| json!({}));
        config["backfill"] = json!({"state": "dead", "at": timestamp(OffsetDateTime::now_utc()), "url": row.mark()});
        match self.mark(row, config).await {
            Ok(true) if self.plan.regenerate => self.painted_again(row).await,
            Ok(true) => Outcome::Dead,
            Ok(false) => Outcome::Changed,
            Err(error) => failed(error),
        }
    }

    async fn known_dead(&self, row: &Row) -> Outcome {
        if self.plan.apply && self.plan.regenerate { self.painted_again(row).await } else { Outcome::KnownDead }
    }

    async fn mark(&self, row: &Row, config: Value) -> Result<bool, HomeError> {
        if let Some(elsewhere) = self.jobs.home.elsewhere() {
            let matching = RowMatch { id: row.id, user: &row.user, avatar_url: Some(&row.seen) };
            let columns = [("avatar_generation_config".to_owned(), config)].into_iter().collect();
            return Ok(elsewhere.project.change(matching, &columns).await?);
        }
        let matching = KinksterMatch { id: row.id, user: Some(&row.user), avatar_url: Some(&row.seen) };
        let change = KinksterChange { avatar_generation_config: Some(Some(config)), ..KinksterChange::default() };
        Ok(self.jobs.catalog.change_kinkster(matching, &change).await?.is_some())
    }

    /// A job for the saved prompt, once for each dead URL; a server's workers do it.
    async fn painted_again(&self, row: &Row) -> Outcome {
        let Some(Ok(prompt)) = row.prompt.as_deref().map(Prompt::parse) else { return Outcome::Dead };
        let word = |name: &str| row.config.as_ref().map(|config| config[name].clone()).unwrap_or_default();
        let size: Size = serde_json::from_value(word("size")).unwrap_or_default();
        let quality: Quality = serde_json::from_value(word("quality")).unwrap_or_default();
        let order = Order {
            user: row.user.clone(),
            kinkster: Some(row.id),
            priority: 0,
            request: PaintRequest { prompt, size, quality },
            key: Some(format!("backfill-{}-{}", row.id, row.mark())),
            token: None,
        };
        let enqueued = match self.jobs.enqueue(order).await {
            // What failed the last time is tried again.
            Ok(Enqueued::Known(job)) if matches!(job.state, JobState::Error | JobState::Cancelled) => {
                self.jobs.retry(&job, None).await
            }
            enqueued => enqueued,
        };
        match enqueued {
            Ok(Enqueued::New(job) | Enqueued::Known(job)) => Outcome::Regenerating(job.id),
            Ok(Enqueued::Refused(_)) => Outcome::OverQuota,
            Ok(Enqueued::NotTheirs | Enqueued::OtherRequest) => Outcome::Changed,
            Ok(Enqueued::WornOut) => Outcome::Failed("it was tried again as often as it may be".to_owned()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// Whether the URL will never show its picture again: it is gone, or its signature has expired.
fn is_dead(error: &SourceError) -> bool {
    matches!(error, SourceError::Missing | SourceError::Status(401 | 403 | 404 | 410))
}

fn may_pass(error: &SourceError) -> bool {
    let is_status = matches!(error, SourceError::Status(408 | 425 | 429 | 500..=599));
    is_status
        || matches!(
            error,
            SourceError::Slow | SourceError::Unconnected(_) | SourceError::Unreachable(_) | SourceError::Incomplete(_)
        )
}

fn failed(error: HomeError) -> Outcome {
    let reason = match error {
        HomeError::Changed => return Outcome::Changed,
        HomeError::Bucket(BucketError::Ingest(IngestError::Type(_) | IngestError::MalformedType)) => {
            "it is not a PNG, JPEG or WebP picture".to_owned()
        }
        HomeError::Bucket(error) => error.to_string(),
        HomeError::Project(error @ (ProjectError::Key { .. } | ProjectError::Policy | ProjectError::Missing)) => {
            format!("{error}: see upstream.service_key and the bucket")
        }
        HomeError::Project(error) => error.to_string(),
    };
    Outcome::Failed(reason)
}

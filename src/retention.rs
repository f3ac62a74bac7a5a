//! Retention: old pictures of characters go by themselves, and can be brought back for a while.
//!
//! A run has the fleet's only turn (`turn`). For each bucket with a rule it makes a plan (`plan`): what is beyond the
//! newest pictures of its character, is old enough, and nothing points at. The first run of a rule only writes the plan
//! into the audit log; from the second on it is carried out in batches, each of which holds every condition again in the
//! transaction that removes the rows. What was made of the pictures is purged, and their bytes are kept until nobody may
//! want them back. In front of a Supabase the objects and rows are its own (`upstream`). Then everything else that nobody
//! needs goes (`tidying`), but no file unless it is known that the files are the catalogue's ([`crate::bucket::claim`]).

mod holdings;
mod metrics;
mod plan;
mod report;
mod restore;
mod schedule;
mod tidying;
mod turn;
mod upstream;

use std::collections::BTreeMap;
use std::sync::{Arc, Once};
use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use metrics::RetentionMetrics;
pub use report::{BucketReport, Freed, Goes, Kept, Outcome, Report};
pub use restore::{IsBack, RestoreReport, StaysAway};

use crate::blobs::{BlobError, Blobs};
use crate::bucket::{BucketError, Buckets};
use crate::catalog::{Actor, AuditAction, Catalog, CatalogError, NewAudit, Object, Retire, Retiree};
use crate::config::ColumnName;
use crate::deliver::Deliver;
use crate::object::BucketName;
use crate::project::{Project, ProjectError};
use holdings::{Holdings, OwnHoldings};
use plan::Plan;
use turn::Turn;
use upstream::UpstreamHoldings;

/// Objects removed in one transaction, during which nobody else changes what points at objects.
const BATCH: usize = 100;

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error("another run is under way")]
    Busy,
    #[error("of this run nothing can be brought back")]
    NothingToRestore,
    /// The objects or the rows of an upstream.
    #[error("{what}: {error}")]
    Upstream { what: String, error: ProjectError },
    #[error("`{bucket}` has more than {most} objects (retention.most_objects)")]
    TooMany { bucket: BucketName, most: u64 },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// What is removed, and when.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pictures kept of each character; other buckets keep all.
    pub keep: BTreeMap<BucketName, u32>,
    pub columns: Vec<ColumnName>,
    /// What is younger stays.
    pub young: Duration,
    /// Most objects of a bucket in percent that one run removes.
    pub most_percent: u32,
    /// Set: while a server runs.
    pub period: Option<Duration>,
    pub restorable: Duration,
    /// How long the audit log is kept.
    pub audited: Duration,
    pub lease: Duration,
    /// How long replaced versions are kept.
    pub grace: Duration,
    /// Bytes without a row may belong to a write that is under way unless they are older.
    pub stray_age: Duration,
    /// Most objects of an upstream's bucket that are listed.
    pub most_objects: u64,
    /// Largest object that an upstream is had to remove.
    pub object_bytes: u64,
}

/// What is built from a configuration.
#[derive(Debug)]
pub struct Parts {
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    /// Those of this process, which purge at once. Without them the outbox has it done by a server.
    pub buckets: Option<Arc<Buckets>>,
    /// Whose objects they are, if not ours.
    pub upstream: Option<Upstream>,
    pub settings: Settings,
    pub metrics: RetentionMetrics,
}

/// A Supabase in front of which we stand.
#[derive(Debug)]
pub struct Upstream {
    pub project: Arc<Project>,
    /// That of this process, which purges at once. Without it the outbox has it done by a server.
    pub deliver: Option<Arc<Deliver>>,
}

/// The room. Dropping it ends its schedule; nothing is lost when that is cut.
#[derive(Debug)]
pub struct Retention {
    catalog: Arc<Catalog>,
    blobs: Blobs,
    buckets: Option<Arc<Buckets>>,
    holdings: Holdings,
    settings: Settings,
    metrics: RetentionMetrics,
    /// That the blobs are not ours is said once.
    told: Once,
    stop: CancellationToken,
    _stop: DropGuard,
}

impl Retention {
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, blobs, buckets, upstream, settings, metrics } = parts;
        let stop = CancellationToken::new();
        let columns = settings.columns.clone();
        let (rows, bytes) = (Arc::clone(&catalog), blobs.clone());
        let holdings = match upstream {
            None => Holdings::Own(OwnHoldings { catalog: rows, blobs: bytes, buckets: buckets.clone(), columns }),
            Some(Upstream { project, deliver }) => Holdings::Upstream(UpstreamHoldings {
                project,
                catalog: rows,
                blobs: bytes,
                deliver,
                columns,
                young: settings.young,
                object_bytes: settings.object_bytes,
                most_objects: settings.most_objects,
            }),
        };
        Self {
            catalog,
            blobs,
            buckets,
            holdings,
            settings,
            metrics,
            told: Once::new(),
            _stop: stop.clone().drop_guard(),
            stop,
        }
    }

    /// What a run would do now. Changes nothing.
    pub async fn look(&self) -> Result<Report, RetentionError> {
        let mut report = Report::default();
        for (bucket, keep) in &self.settings.keep {
            let mut plan = self.plan(bucket, *keep).await?;
            let outcome = if plan.goes.is_empty() {
                Outcome::Nothing
            } else if !self.catalog.knows_rule(bucket, &self.rule(*keep)).await? {
                Outcome::WouldList
            } else {
                plan.limit(self.settings.most_percent);
                if plan.goes.is_empty() { Outcome::WouldRefuse } else { Outcome::WouldRemove }
            };
            report.buckets.push(plan.report(outcome));
        }
        report.freed = self.tidy(None, false).await?;
        Ok(report)
    }

    /// A run of the command line's. `force`: however much it is.
    pub async fn run(&self, force: bool) -> Result<Report, RetentionError> {
        self.run_as(Actor::Operator, force, None).await?.ok_or(RetentionError::Busy)
    }

    /// `None`: somebody else has the turn, or it is not time. `due`: when the schedule is due first, and next.
    async fn run_as(
        &self,
        actor: Actor,
        force: bool,
        due: Option<OffsetDateTime>,
    ) -> Result<Option<Report>, RetentionError> {
        let Some(turn) = Turn::take(&self.catalog, actor, self.settings.lease, due).await? else { return Ok(None) };
        let outcome = self.work(&turn, force).await;
        // A run that broke off is tried again when the schedule says so: what failed it may be there for long.
        turn.end(outcome.is_ok(), due).await?;
        outcome.map(Some)
    }

    async fn work(&self, turn: &Turn, force: bool) -> Result<Report, RetentionError> {
        let mut report = Report { run: Some(turn.run), ..Report::default() };
        self.holdings.settle(turn.actor).await?;
        for (bucket, keep) in &self.settings.keep {
            let plan = self.plan(bucket, *keep).await?;
            report.buckets.push(self.apply(turn, plan, force).await?);
        }
        report.freed = self.tidy(Some(turn), force).await?;
        self.catalog.prune_audit(OffsetDateTime::now_utc() - self.settings.audited).await?;
        self.holdings.prune().await?;
        Ok(report)
    }

    async fn apply(&self, turn: &Turn, mut plan: Plan, force: bool) -> Result<BucketReport, RetentionError> {
        let (bucket, rule) = (plan.bucket.clone(), self.rule(plan.keep));
        if !self.catalog.knows_rule(&bucket, &rule).await? {
            self.list(turn, &plan).await?;
            // Only now: a list that broke off is none.
            self.catalog.note_rule(&bucket, &rule, turn.run).await?;
            let outcome = if plan.goes.is_empty() { Outcome::Nothing } else { Outcome::Listed };
            return Ok(plan.report(outcome));
        }
        if plan.goes.is_empty() {
            return Ok(plan.report(Outcome::Nothing));
        }
        if !force {
            plan.limit(self.settings.most_percent);
        }
        if plan.left > 0 {
            self.note_left(turn, &plan).await?;
        }
        if plan.goes.is_empty() {
            return Ok(plan.report(Outcome::Refused));
        }
        let removed = self.remove(turn, &plan).await?;
        Ok(plan.removed(&removed))
    }

    /// Writes the plan into the audit log.
    async fn list(&self, turn: &Turn, plan: &Plan) -> Result<(), CatalogError> {
        let entry = |goes: &Goes| NewAudit {
            actor: turn.actor,
            action: AuditAction::Listed,
            run: Some(turn.run),
            bucket: Some(plan.bucket.clone()),
            name: Some(goes.name.clone()),
            version: Some(goes.version),
            size: Some(goes.size),
            reason: goes.reason.clone(),
        };
        for batch in plan.goes.chunks(BATCH) {
            self.catalog.note_audit(&batch.iter().map(entry).collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    /// Notes what has to wait for a later run.
    async fn note_left(&self, turn: &Turn, plan: &Plan) -> Result<(), CatalogError> {
        let (all, most) = (plan.goes.len() as u64 + plan.left, self.settings.most_percent);
        let reason = format!(
            "{all} of {} objects would go, and one run removes {most} % at most: {} are left; --force takes all",
            plan.objects, plan.left
        );
        tracing::warn!(bucket = %plan.bucket, "retention: {reason}");
        let entry = NewAudit {
            actor: turn.actor,
            action: AuditAction::Refused,
            run: Some(turn.run),
            bucket: Some(plan.bucket.clone()),
            name: None,
            version: None,
            size: None,
            reason,
        };
        self.catalog.note_audit(&[entry]).await
    }

    /// Batch by batch. What changed since it was planned, or is pointed at by now, stays.
    async fn remove(&self, turn: &Turn, plan: &Plan) -> Result<Vec<Object>, RetentionError> {
        let mut removed = Vec::new();
        for batch in plan.goes.chunks(BATCH) {
            let retiree =
                |goes: &Goes| Retiree { key: goes.name.clone(), version: goes.version, reason: goes.reason.clone() };
            let objects: Vec<Retiree> = batch.iter().map(retiree).collect();
            let retire = Retire {
                run: turn.run,
                actor: turn.actor,
                until: turn.until(),
                restorable_until: OffsetDateTime::now_utc() + self.settings.restorable,
                bucket: &plan.bucket,
                objects: &objects,
            };
            removed.extend(self.holdings.retire(&retire, &plan.seen).await?);
        }
        if !removed.is_empty() {
            tracing::info!(bucket = %plan.bucket, run = %turn.run, objects = removed.len(), "retention removed pictures");
        }
        Ok(removed)
    }

    async fn plan(&self, bucket: &BucketName, keep: u32) -> Result<Plan, RetentionError> {
        let before = OffsetDateTime::now_utc() - self.settings.young;
        let restored = self.catalog.restored_versions(bucket).await?;
        Plan::make(&self.holdings, bucket, keep, before, restored).await
    }

    /// Another text is another rule, which has its dry run first.
    fn rule(&self, keep: u32) -> String {
        let columns: Vec<String> = self.settings.columns.iter().map(ToString::to_string).collect();
        let (young, place) = (self.settings.young.as_secs(), self.holdings.place());
        format!("keep {keep}, {young} s, columns {}{place}", columns.join(" "))
    }

    /// Reads the counts that only the catalogue knows: those of every process.
    pub async fn measure(&self) {
        match self.catalog.cleanup_totals().await {
            Ok(totals) => self.metrics.set(&totals),
            Err(error) => tracing::warn!(%error, "what retention has done is not known"),
        }
    }
}

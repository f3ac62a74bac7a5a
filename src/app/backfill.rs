//! What a backfill needs: the parts of jobs, without sockets and without the data folder's lock, so that it works beside a
//! running server too. It writes under new names only and changes rows that are as it saw them.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{AppError, Opening, Store, bucket_book, build_deliver, home, jobs, studio, write_side};
use crate::bucket;
use crate::config::Config;
use crate::realtime::{NoOwners, Realtime};
use crate::sidecar::backfill::Backfill;
use crate::sidecar::backfill::{BackfillError, Plan};
use crate::telemetry::Metrics;

/// A backfill, and the tasks that end after it.
#[derive(Debug)]
pub struct BackfillApp {
    pub backfill: Backfill,
    pub tasks: TaskTracker,
}

/// Builds it.
pub async fn backfill(config: &Config, plan: Plan) -> Result<BackfillApp, AppError> {
    let failed = |error: std::io::Error| AppError::Data { path: config.data.clone(), reason: error.to_string() };
    std::fs::create_dir_all(&config.data).map_err(failed)?;
    let (tasks, metrics) = (TaskTracker::new(), Metrics::default());
    let store = Box::pin(Store::open(config, Opening::Beside)).await?;
    store.claim().await;
    let deliver = build_deliver(config, &store, &tasks)?;
    let book = Arc::new(bucket_book(config)?);
    if config.upstream.url.is_none() {
        bucket::fill_book(&book, &store.catalog).await?;
    }
    let buckets = write_side(config, &store, &book, &deliver, &tasks)?;
    let home = home::home(config, &buckets, &deliver)?;
    let studio = studio::studio(config, Arc::clone(&deliver.gate))?;
    let realtime: Arc<Realtime> = super::live::realtime(config, Arc::new(NoOwners), &store.catalog);
    let jobs = jobs::jobs(config, &buckets, &home, &deliver, &studio, &realtime, &metrics)?;
    let fetcher = jobs::by_url(config, plan.at_once)?;
    let backfill = Backfill::new(jobs, fetcher, plan, &config.data).await.map_err(|error| match error {
        BackfillError::Journal(error) => failed(error),
        BackfillError::Home(error) => super::wrong("data", error.to_string()),
    })?;
    Ok(BackfillApp { backfill, tasks })
}

//! Jobs, built from the configuration.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::{AppError, fetcher, hops, wrong};
use crate::bucket::Buckets;
use crate::catalog::{Budget, Crowd};
use crate::config::{Config, PAINTED, RpcSide};
use crate::deliver::Deliver;
use crate::http::{AvatarDoor, AvatarRoutes};
use crate::realtime::Realtime;
use crate::sidecar::avatar_url::AvatarOrigins;
use crate::sidecar::home::{Home, Keeper};
use crate::sidecar::jobs::{Answers, Broadcasts, Fleet, JobSettings, Jobs, Parts, UrlFetcher};
use crate::sidecar::studio::Studio;
use crate::telemetry::Metrics;

/// Fetches by URL at once: each holds its bytes in memory as a whole.
const FETCHES: usize = 8;

pub(super) fn jobs(
    config: &Config,
    buckets: &Arc<Buckets>,
    home: &Arc<Home>,
    deliver: &Arc<Deliver>,
    studio: &Arc<Studio>,
    realtime: &Arc<Realtime>,
    metrics: &Metrics,
) -> Result<Arc<Jobs>, AppError> {
    Ok(Jobs::new(Parts {
        catalog: Arc::clone(&buckets.catalog),
        home: Arc::clone(home),
        deliver: Arc::clone(deliver),
        studio: Arc::clone(studio),
        fleet: Fleet::start(&buckets.catalog, realtime),
        realtime: Arc::clone(realtime),
        away: home.elsewhere().map(|elsewhere| Broadcasts::start(&elsewhere.project)),
        answers: Answers::new(buckets.blobs.clone(), config.avatars.picture_bytes.0),
        by_url: by_url(config, FETCHES)?,
        settings: settings(config),
        metrics: metrics.jobs.clone(),
    }))
}

/// Who may come in with a cookie, and what is answered.
pub(super) fn door(config: &Config, jobs: &Arc<Jobs>) -> AvatarDoor {
    let own = config.public_urls().into_iter().map(|url| url.origin().ascii_serialization());
    let origins = own.chain(config.avatars.allowed_origins.0.iter().cloned()).collect();
    let accepted = StatusCode::from_u16(config.avatars.accepted_status).unwrap_or(StatusCode::ACCEPTED);
    let routes = match (&jobs.home.keeper, &config.upstream.url) {
        (Keeper::Upstream(_), _) => AvatarRoutes::Jobs,
        (Keeper::Own(_), None) => AvatarRoutes::All,
        (Keeper::Own(_), Some(_)) => AvatarRoutes::None,
    };
    let answers_rpc = config.upstream.url.is_none() || config.upstream.rpc == RpcSide::Local;
    AvatarDoor { jobs: Arc::clone(jobs), origins, accepted, routes, urls: avatar_origins(config), answers_rpc }
}

/// Where avatars are seen: at our own URLs and the upstream's, and for a while at OpenAI's.
pub fn avatar_origins(config: &Config) -> AvatarOrigins {
    let own = config.public_urls().into_iter().map(|url| url.origin().ascii_serialization());
    let temporary = PAINTED.map(|host| format!("https://{host}"));
    AvatarOrigins { stored: own.chain(config.avatar_origins()).collect(), temporary: temporary.into() }
}

pub(super) fn by_url(config: &Config, at_once: usize) -> Result<UrlFetcher, AppError> {
    let hosts = config.fetch_hosts().map_err(|mistakes| wrong("storage.fetch_hosts", format!("{mistakes:?}")))?;
    Ok(UrlFetcher::new(fetcher(config)?, hosts, hops(config), at_once))
}

fn settings(config: &Config) -> JobSettings {
    let avatars = &config.avatars;
    JobSettings {
        enabled: avatars.enabled,
        workers: avatars.workers,
        lease: Duration::from_secs(avatars.lease_seconds),
        attempts: avatars.attempts,
        first_pause: Duration::from_millis(avatars.retry_ms),
        deadline: Duration::from_secs(avatars.deadline_seconds),
        crowd: Crowd { running: avatars.running, running_per_user: avatars.running_per_user },
        budget: Budget {
            per_user_per_minute: avatars.per_user_per_minute,
            revivals_per_job: avatars.retries_per_job,
            per_user_per_day: avatars.per_user_per_day,
            per_day: avatars.per_day,
            spent_per_day: (avatars.dollars_per_day * 1e6).round() as u64,
        },
        first_wait: Duration::from_millis(config.events.warm_wait_ms),
        // What remains is for giving back what is not done.
        drain: Duration::from_secs(config.limits.drain_seconds).mul_f64(0.8),
    }
}

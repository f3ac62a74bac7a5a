//! Topics for browsers: the hub, its rules, and the doors to it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::auth::Keys;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::http::{Live, LiveLimits};
use crate::realtime::hub::{Hub, KeepLimits};
use crate::realtime::outbox::OutboxLimits;
use crate::realtime::{Owners, Realtime};
use crate::sidecar::jobs::JobStates;

/// The topics of this process.
pub(super) fn realtime(config: &Config, owners: Arc<dyn Owners>, catalog: &Arc<Catalog>) -> Arc<Realtime> {
    let lifetime = Duration::from_secs(config.realtime.keep_seconds);
    let hub = Hub::new(KeepLimits { states: config.realtime.kept_states, lifetime });
    let states = JobStates::new(Arc::clone(catalog), lifetime);
    Arc::new(Realtime::new(hub, config.topic_rules(), owners, Arc::new(states)))
}

/// What serves them. `None`: the routes are not ours.
pub(super) fn live(
    config: &Config,
    realtime: &Arc<Realtime>,
    keys: &Arc<Keys>,
    tasks: &TaskTracker,
    has_jobs: bool,
) -> Option<Arc<Live>> {
    // In front of a Supabase its own realtime server answers; what we know of our jobs is told beside it.
    let has_own = config.upstream.url.is_none() || has_jobs;
    (config.realtime.enabled && has_own)
        .then(|| Live::new(Arc::clone(realtime), Arc::clone(keys), limits(config), tasks.clone()))
}

fn limits(config: &Config) -> LiveLimits {
    let realtime = &config.realtime;
    let one_or = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    LiveLimits {
        connections: realtime.connections,
        connections_per_address: realtime.connections_per_address,
        channels: realtime.channels,
        joins_per_second: one_or(realtime.joins_per_second),
        events_per_second: one_or(realtime.events_per_second),
        frame: realtime.frame_bytes.0 as usize,
        payload: realtime.payload_bytes.0 as usize,
        idle: Duration::from_secs(realtime.idle_seconds),
        recheck: Duration::from_secs(realtime.recheck_seconds),
        outbox: OutboxLimits { items: realtime.queue_events, bytes: realtime.queue_bytes.0 as usize },
        body_timeout: Duration::from_secs(config.limits.body_seconds),
    }
}

//! Retention, built from the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::{AppError, Store, home};
use crate::bucket::Buckets;
use crate::config::Config;
use crate::deliver::Deliver;
use crate::retention::{Parts, Retention, RetentionMetrics, Settings, Upstream};
use crate::sidecar::home::Home;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// That of a server, whose buckets purge at once.
pub(super) fn retention(
    config: &Config,
    buckets: &Arc<Buckets>,
    home: &Home,
    deliver: &Arc<Deliver>,
    metrics: RetentionMetrics,
) -> Arc<Retention> {
    let upstream = home
        .elsewhere()
        .map(|elsewhere| Upstream { project: Arc::clone(&elsewhere.project), deliver: Some(Arc::clone(deliver)) });
    let parts = Parts {
        upstream,
        catalog: Arc::clone(&buckets.catalog),
        blobs: buckets.blobs.clone(),
        buckets: Some(Arc::clone(buckets)),
        // Beside other servers, whose writes may be under way.
        settings: settings(config, Duration::from_secs(config.storage.grace_seconds).max(HOUR)),
        metrics,
    };
    Arc::new(Retention::new(parts))
}

/// That of a command, which may run beside a server: what it removes is purged by whoever works on the outbox.
pub fn retention_beside(config: &Config, store: &Store, stray_age: Duration) -> Result<Retention, AppError> {
    let project = home::project(config)?;
    Ok(Retention::new(Parts {
        upstream: project.map(|project| Upstream { project: Arc::new(project), deliver: None }),
        catalog: Arc::clone(&store.catalog),
        blobs: store.blobs.clone(),
        buckets: None,
        settings: settings(config, stray_age),
        metrics: RetentionMetrics::default(),
    }))
}

fn settings(config: &Config, stray_age: Duration) -> Settings {
    let retention = &config.retention;
    Settings {
        keep: config.kept_pictures(),
        columns: config.retention_columns(),
        young: HOUR * retention.young_hours,
        most_percent: retention.most_percent,
        period: retention.enabled.then(|| HOUR.mul_f64(retention.hours)),
        restorable: DAY * retention.restore_days,
        audited: DAY * retention.audit_days,
        lease: Duration::from_secs(retention.lease_seconds),
        grace: Duration::from_secs(config.storage.grace_seconds),
        stray_age,
        most_objects: retention.most_objects,
        object_bytes: config.storage.upload_bytes.unwrap_or(config.limits.source_bytes).0,
    }
}

//! What all runs of the fleet did. Registered by the telemetry; every field's comment is its help text.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::{Registry, Unit};

use crate::catalog::RunCounts;

/// Counts of the catalogue, hence of every process. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct RetentionMetrics {
    /// Objects removed by retention.
    removed: Counter,
    /// Bytes of objects removed by retention.
    bytes: Counter,
    /// Removed objects that were brought back.
    restored: Counter,
    /// Times that retention left pictures of a bucket for later because too much would have gone at once.
    refused: Counter,
}

impl RetentionMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("retention");
        registry.register("removed_objects", "Objects removed by retention", self.removed.clone());
        registry.register_with_unit(
            "removed",
            "Bytes of objects removed by retention",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register("restored_objects", "Removed objects that were brought back", self.restored.clone());
        registry.register(
            "refused_runs",
            "Times that retention left pictures of a bucket for later because too much would have gone at once",
            self.refused.clone(),
        );
    }

    pub(super) fn set(&self, totals: &RunCounts) {
        let counts = [
            (&self.removed, totals.removed),
            (&self.bytes, totals.bytes),
            (&self.restored, totals.restored),
            (&self.refused, totals.refused),
        ];
        for (counter, count) in counts {
            counter.inner().store(count, Ordering::Relaxed);
        }
    }
}

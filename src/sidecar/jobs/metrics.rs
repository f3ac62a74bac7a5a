//! Counts of jobs. Every metric is a field whose comment is its help text.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::catalog::{JobState, Quota};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QuotaLabel {
    quota: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// Counts of this process; the states are those of the catalogue.
#[derive(Clone, Debug)]
pub struct JobMetrics {
    /// What became of avatar jobs.
    outcomes: Family<Outcome, Counter>,
    /// Avatar requests refused by a quota.
    refused: Family<QuotaLabel, Counter>,
    /// Requests to the provider that failed, by kind.
    provider_errors: Family<Code, Counter>,
    /// US dollars that the provider's answers have cost.
    spent: Counter<f64, AtomicU64>,
    /// Seconds that the provider took.
    paint: Histogram,
    /// Avatar jobs by state.
    states: Family<State, Gauge>,
}

impl Default for JobMetrics {
    fn default() -> Self {
        Self {
            outcomes: Family::default(),
            refused: Family::default(),
            provider_errors: Family::default(),
            spent: Counter::default(),
            paint: Histogram::new(exponential_buckets(0.25, 2.0, 11)),
            states: Family::default(),
        }
    }
}

impl JobMetrics {
    /// Makes them part of what is rendered.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("avatar_jobs", "What became of avatar jobs", self.outcomes.clone());
        registry.register("avatar_refused", "Avatar requests refused by a quota", self.refused.clone());
        registry.register(
            "avatar_provider_errors",
            "Requests to the provider that failed, by kind",
            self.provider_errors.clone(),
        );
        registry.register(
            "avatar_spent_dollars",
            "US dollars that the provider's answers have cost",
            self.spent.clone(),
        );
        registry.register_with_unit(
            "avatar_paint",
            "Seconds that the provider took",
            Unit::Seconds,
            self.paint.clone(),
        );
        registry.register("avatar_jobs_now", "Avatar jobs by state", self.states.clone());
    }

    /// Begins a series of everything that has labels: without one it is not described.
    pub fn begin_series(&self) {
        drop(self.outcomes.get_or_create(&Outcome { outcome: "" }));
        drop(self.refused.get_or_create(&QuotaLabel { quota: "" }));
        drop(self.provider_errors.get_or_create(&Code { code: "" }));
        self.set_states(&[]);
    }

    pub(super) fn count(&self, outcome: &'static str) {
        self.outcomes.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn refuse(&self, quota: Quota) {
        self.refused.get_or_create(&QuotaLabel { quota: quota.as_str() }).inc();
    }

    pub(super) fn count_provider_error(&self, code: &'static str) {
        self.provider_errors.get_or_create(&Code { code }).inc();
    }

    /// `spent` in millionths of a US dollar.
    pub(super) fn spend(&self, spent: u64) {
        self.spent.inc_by(spent as f64 / 1e6);
    }

    pub(super) fn record_paint(&self, spent: Duration) {
        self.paint.observe(spent.as_secs_f64());
    }

    pub(super) fn set_states(&self, counts: &[(JobState, u64)]) {
        let all = [JobState::Queued, JobState::Running, JobState::Completed, JobState::Error, JobState::Cancelled];
        for state in all {
            let count = counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
            self.states.get_or_create(&State { state: state.as_str() }).set(count as i64);
        }
    }
}

//! How long hits take: a sample of them, counted by threads that do not disturb each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Buckets of [`Durations`]: the first ends at a microsecond, each next one is twice as long, the last has no end. Those of
/// fills begin where hits have long been sent.
const BUCKETS: usize = 20;

/// How long things took: a histogram that many threads may have one of each, and that are added up.
#[derive(Debug, Default)]
pub(super) struct Durations {
    counts: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
}

impl Durations {
    pub fn note(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // The bound of a bucket belongs to it.
        let at = nanoseconds.div_ceil(1000).max(1).next_power_of_two().trailing_zeros() as usize;
        self.counts[at.min(BUCKETS - 1)].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    /// Takes what the other has counted.
    fn take(&self, other: &Self) {
        for (count, more) in self.counts.iter().zip(&other.counts) {
            count.fetch_add(more.swap(0, Relaxed), Relaxed);
        }
        self.nanoseconds.fetch_add(other.nanoseconds.swap(0, Relaxed), Relaxed);
    }
}

/// As the registry tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct HitTimes(Arc<Durations>);

impl HitTimes {
    /// Adds what a thread has counted.
    pub fn take(&self, counted: &Durations) {
        self.0.take(counted);
    }
}

impl EncodeMetric for HitTimes {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let bound = |at: usize| if at + 1 < BUCKETS { f64::from(1_u32 << at) / 1e6 } else { f64::INFINITY };
        let counts = self.0.counts.iter().map(|count| count.load(Relaxed));
        let buckets: Vec<(f64, u64)> = counts.enumerate().map(|(at, count)| (bound(at), count)).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.0.nanoseconds.load(Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

//! What came between two readings, as rates and percentiles. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::reading::{Now, Reading, STAGES, Stage};
use super::windows::Windows;

/// The spans of a snapshot by name.
const SPANS: [(&str, Duration); 3] =
    [("1m", Duration::from_secs(60)), ("5m", Duration::from_secs(300)), ("15m", Duration::from_secs(900))];

/// Most bytes of variants.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Capacity {
    pub memory: u64,
    pub store: u64,
}

/// How the server is.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    pub uptime_seconds: u64,
    pub now: Now,
    pub capacity: Capacity,
    pub windows: BTreeMap<&'static str, Rates>,
    pub since_start: Rates,
}

impl Snapshot {
    pub(super) fn of(windows: &Windows, age: Duration, reading: &Reading, capacity: Capacity) -> Self {
        let over = |(name, span): (&'static str, Duration)| {
            let (apart, before) = windows.before(age, span);
            (name, Rates::between(apart, &before, reading))
        };
        Self {
            uptime_seconds: age.as_secs(),
            now: reading.now,
            capacity,
            windows: SPANS.into_iter().map(over).collect(),
            since_start: Rates::between(age, &Reading::default(), reading),
        }
    }
}

/// What came within a span.
#[derive(Clone, Debug, Serialize)]
pub struct Rates {
    /// How long the span truly is: a young server has shorter ones.
    pub seconds: f64,
    pub requests: u64,
    pub requests_per_second: f64,
    /// Of pictures that were found, the share that did not have to be made; `None` where none was asked for.
    pub hit_ratio: Option<f64>,
    pub sent_bytes: u64,
    pub saved_bytes: u64,
    pub shed: u64,
    pub caller_errors: u64,
    pub source_errors: u64,
    pub own_errors: u64,
    pub store_failures: u64,
    pub provider_errors: u64,
    pub stages: BTreeMap<&'static str, Percentiles>,
    /// Of the hits that were timed: one of 64 that a thread answers by itself.
    pub hits: Percentiles,
}

/// How long a stage, or a hit, took: half, and 95 and 99 of a hundred, took no longer. `None` where none was run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// What came within one step, for lines.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Age of the server in seconds.
    pub at: f64,
    pub requests_per_second: f64,
    pub hit_ratio: Option<f64>,
    pub sent_per_second: f64,
    pub saved_per_second: f64,
    pub errors_per_second: f64,
    pub queue: u64,
}

impl Point {
    pub(super) fn between(at: Duration, apart: Duration, before: &Reading, after: &Reading) -> Self {
        let rates = Rates::between(apart, before, after);
        let per_second = |count: u64| count as f64 / rates.seconds.max(0.001);
        Self {
            at: at.as_secs_f64(),
            requests_per_second: rates.requests_per_second,
            hit_ratio: rates.hit_ratio,
            sent_per_second: per_second(rates.sent_bytes),
            saved_per_second: per_second(rates.saved_bytes),
            errors_per_second: per_second(rates.source_errors + rates.own_errors + rates.shed),
            queue: after.now.queue_requests + after.now.queue_background,
        }
    }
}

impl Rates {
    fn between(apart: Duration, before: &Reading, after: &Reading) -> Self {
        let requests = after.requests.saturating_sub(before.requests);
        let (found, hits) = (after.found.saturating_sub(before.found), after.hits.saturating_sub(before.hits));
        let stages = STAGES.into_iter().zip(before.stages.iter().zip(&after.stages));
        Self {
            seconds: apart.as_secs_f64(),
            requests,
            requests_per_second: requests as f64 / apart.as_secs_f64().max(0.001),
            hit_ratio: (found > 0).then(|| hits as f64 / found as f64),
            sent_bytes: after.sent_bytes.saturating_sub(before.sent_bytes),
            saved_bytes: after.saved_bytes.saturating_sub(before.saved_bytes),
            shed: after.shed.saturating_sub(before.shed),
            caller_errors: after.caller_errors.saturating_sub(before.caller_errors),
            source_errors: after.source_errors.saturating_sub(before.source_errors),
            own_errors: after.own_errors.saturating_sub(before.own_errors),
            store_failures: after.store_failures.saturating_sub(before.store_failures),
            provider_errors: after.provider_errors.saturating_sub(before.provider_errors),
            stages: stages.map(|(name, (before, after))| (name, Percentiles::between(before, after))).collect(),
            hits: Percentiles::between(&before.hit_times, &after.hit_times),
        }
    }
}

impl Percentiles {
    fn between(before: &Stage, after: &Stage) -> Self {
        let earlier = before.counts.iter().copied().chain(std::iter::repeat(0));
        let counts: Vec<u64> = after.counts.iter().zip(earlier).map(|(now, then)| now.saturating_sub(then)).collect();
        let count = counts.last().copied().unwrap_or_default();
        let at = |share: f64| (count > 0).then(|| quantile(&after.bounds, &counts, share) * 1000.0);
        Self { count, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99) }
    }
}

/// Where the share lies, in the bounds' unit: straight between the bounds of its bucket, and at the last bound beyond that.
fn quantile(bounds: &[f64], cumulative: &[u64], share: f64) -> f64 {
    let rank = share * cumulative.last().copied().unwrap_or_default() as f64;
    let at = cumulative.iter().position(|count| *count as f64 >= rank).unwrap_or_default();
    let Some(upper) = bounds.get(at) else { return bounds.last().copied().unwrap_or_default() };
    let (lower, below) = match at.checked_sub(1) {
        Some(before) => (bounds[before], cumulative[before]),
        None => (0.0, 0),
    };
    let within = (cumulative[at] - below) as f64;
    if within <= 0.0 { *upper } else { lower + (upper - lower) * (rank - below as f64) / within }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(counts: &[u64]) -> Stage {
        Stage { bounds: vec![0.001, 0.01, 0.1], counts: counts.to_vec() }
    }

    #[test]
    fn percentiles_are_of_what_came_between() {
        // A thousand slow ones long ago, then ten fast ones.
        let found = Percentiles::between(&stage(&[0, 0, 1000, 1000]), &stage(&[10, 10, 1010, 1010]));
        assert_eq!((found.count, found.p50_ms, found.p99_ms), (10, Some(0.5), Some(0.99)));
        let none = Percentiles::between(&stage(&[5, 5, 5, 5]), &stage(&[5, 5, 5, 5]));
        assert_eq!(none, Percentiles { count: 0, p50_ms: None, p95_ms: None, p99_ms: None });
        let beyond = Percentiles::between(&Stage::default(), &stage(&[0, 0, 0, 7]));
        assert_eq!(beyond.p50_ms, Some(100.0));
        assert_eq!(Percentiles::between(&Stage::default(), &Stage::default()).count, 0);
    }

    #[test]
    fn the_hit_ratio_is_of_pictures_that_were_found() {
        let before = Reading { requests: 100, found: 90, hits: 10, ..Reading::default() };
        let after = Reading { requests: 200, found: 100, hits: 18, saved_bytes: 5, ..Reading::default() };
        let rates = Rates::between(Duration::from_secs(10), &before, &after);
        assert_eq!((rates.hit_ratio, rates.requests, rates.saved_bytes), (Some(0.8), 100, 5));
        assert!((rates.requests_per_second - 10.0).abs() < 1e-9);
        assert_eq!(Rates::between(Duration::ZERO, &after, &after).hit_ratio, None);
    }
}

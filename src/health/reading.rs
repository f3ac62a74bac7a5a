//! The text of `/metrics` as numbers. Pure.

/// The stages of a fill, as they are labelled.
pub const STAGES: [&str; 4] = ["fetch", "decode", "resize", "encode"];

/// How long a stage, or a hit, took, since the start: cumulative counts up to each bound, the last one without a bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// Bounds in seconds, ascending.
    pub bounds: Vec<f64>,
    pub counts: Vec<u64>,
}

/// Counts since the start, and how much is there now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub requests: u64,
    /// Of pictures that were found, whether made before or not.
    pub found: u64,
    /// Of those, what came from memory or the variant store, or from what another request was having made.
    pub hits: u64,
    /// Answers by whose fault they are: the caller's, the source's, ours.
    pub caller_errors: u64,
    pub source_errors: u64,
    pub own_errors: u64,
    pub shed: u64,
    pub sent_bytes: u64,
    pub saved_bytes: u64,
    pub store_failures: u64,
    pub provider_errors: u64,
    pub stages: [Stage; 4],
    /// Hits, as a sample of them was timed.
    pub hit_times: Stage,
    pub now: Now,
}

/// What is there at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Now {
    pub connections: u64,
    pub live_connections: u64,
    /// Requests and other work that wait for a render thread.
    pub queue_requests: u64,
    pub queue_background: u64,
    pub warm_queue: u64,
    pub memory_bytes: u64,
    pub memory_variants: u64,
    pub store_bytes: u64,
    pub store_files: u64,
    pub jobs_running: u64,
    pub jobs_queued: u64,
    /// Events that are not acted upon yet, and messages that were given up.
    pub outbox: u64,
    pub dead_letters: u64,
}

impl Reading {
    /// Reads what is known; everything else is let be.
    pub fn of(text: &str) -> Self {
        let mut reading = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((series, value)) = line.rsplit_once(' ') {
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                reading.take(name.strip_prefix("tintype_").unwrap_or(name), labels, value);
            }
        }
        reading
    }

    fn take(&mut self, name: &str, labels: &str, value: &str) {
        // Gauges may be told as fractions, and are never below nothing.
        let number = || value.parse::<f64>().map_or(0, |number| number.max(0.0) as u64);
        let now = &mut self.now;
        match name {
            "requests_total" => self.take_requests(labels, number()),
            "stage_seconds_bucket" => self.take_stage(labels, number()),
            "hit_seconds_bucket" => self.hit_times.take(labels, number()),
            "sent_bytes_total" => self.sent_bytes = number(),
            "saved_bytes_total" => self.saved_bytes = number(),
            "shed" => self.shed = number(),
            "store_failures" => self.store_failures = number(),
            "avatar_provider_errors_total" => self.provider_errors += number(),
            "connections" => now.connections = number(),
            "live_connections" => now.live_connections = number(),
            "queue_requests" => now.queue_requests = number(),
            "queue_background" => now.queue_background = number(),
            "warm_queue" => now.warm_queue = number(),
            "memory_bytes" => now.memory_bytes = number(),
            "memory_entries" => now.memory_variants = number(),
            "store_bytes" => now.store_bytes = number(),
            "store_files" => now.store_files = number(),
            "outbox" => now.outbox = number(),
            "dead_letters" => now.dead_letters = number(),
            "avatar_jobs_now" => match label(labels, "state") {
                Some("running") => now.jobs_running = number(),
                Some("queued") => now.jobs_queued = number(),
                _ => {}
            },
            _ => {}
        }
    }

    fn take_requests(&mut self, labels: &str, count: u64) {
        self.requests += count;
        match label(labels, "cache") {
            Some("hit" | "stale" | "collapsed") => (self.found, self.hits) = (self.found + count, self.hits + count),
            Some("miss") => self.found += count,
            _ => {}
        }
        match label(labels, "status").and_then(|status| status.parse().ok()).unwrap_or(0_u16) {
            502 | 504 => self.source_errors += count,
            // Told as what was shed, or as a server that is going.
            503 => {}
            400..500 => self.caller_errors += count,
            500.. => self.own_errors += count,
            _ => {}
        }
    }

    fn take_stage(&mut self, labels: &str, count: u64) {
        let named = label(labels, "stage").and_then(|stage| STAGES.iter().position(|known| *known == stage));
        if let Some(stage) = named {
            self.stages[stage].take(labels, count);
        }
    }
}

impl Stage {
    /// Takes the next bucket.
    fn take(&mut self, labels: &str, count: u64) {
        let Some(bound) = label(labels, "le") else { return };
        self.counts.push(count);
        if let Ok(bound @ 0.0..=f64::MAX) = bound.parse() {
            self.bounds.push(bound);
        }
    }
}

/// The value of a label in `a="b",c="d"}`. Ours hold no quotes and no commas.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels
        .trim_end_matches('}')
        .split(',')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Metrics, RequestLabels};

    #[test]
    fn what_is_not_known_is_let_be() {
        for text in [
            "",
            "tintype_requests_total",
            "tintype_requests_total{} x",
            "other 5",
            "tintype_stage_seconds_bucket{le=\"1\"} 4",
        ] {
            assert_eq!(Reading::of(text), Reading::default(), "{text}");
        }
    }

    #[test]
    fn requests_are_told_apart_by_what_they_met() {
        let labels = |status, cache| RequestLabels { dialect: "native", status, cache };
        let metrics = Metrics::default();
        for (status, cache) in [
            (200, "hit"),
            (304, "hit"),
            (200, "miss"),
            (200, "stale"),
            (404, "none"),
            (502, "none"),
            (500, "none"),
            (503, "none"),
        ] {
            metrics.count_request(&labels(status, cache), 10);
        }
        metrics.count_saved(1000, 10);
        metrics.count_saved(5, 10);
        let reading = Reading::of(&metrics.text());
        assert_eq!((reading.requests, reading.found, reading.hits), (8, 4, 3));
        assert_eq!((reading.caller_errors, reading.source_errors, reading.own_errors), (1, 1, 1));
        assert_eq!((reading.sent_bytes, reading.saved_bytes), (80, 990));
    }

    #[test]
    fn hits_are_read_as_they_are_written() {
        let reading = Reading::of(&Metrics::default().text());
        let hits = &reading.hit_times;
        assert_eq!((hits.bounds.len() + 1, hits.counts.last()), (hits.counts.len(), Some(&0)));
        assert!(hits.bounds.is_sorted() && hits.bounds[0] < 2e-6, "{:?}", hits.bounds);
    }

    #[test]
    fn stages_are_read_as_they_are_written() {
        let metrics = Metrics::default();
        let spent = std::time::Duration::from_millis(3);
        metrics.record_fill(&crate::render::Timings { decode: spent, ..Default::default() });
        let reading = Reading::of(&metrics.text());
        let decode = &reading.stages[1];
        assert_eq!((decode.bounds.len() + 1, decode.counts.last()), (decode.counts.len(), Some(&1)));
        assert!(decode.counts.is_sorted() && decode.bounds.is_sorted());
    }
}

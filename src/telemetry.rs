//! Logs and metrics. Every metric is a field whose comment is its help text.

mod hits;

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;

use hits::{Durations, HitTimes};

use crate::config::{Log, LogFormat};
use crate::deliver::Deliver;
use crate::events::EventMetrics;
use crate::imaging::Effort;
use crate::realtime::hub::HubUsage;
use crate::refine::Outcome;
use crate::render::Timings;
use crate::retention::RetentionMetrics;
use crate::sidecar::jobs::JobMetrics;
use crate::transform::Dialect;

/// Starts logging to standard error. A second call changes nothing.
pub fn start_logs(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A file or a pipe is no place for colours. `NO_COLOR` is seen to by the library.
    let builder = if std::io::stderr().is_terminal() { builder } else { builder.with_ansi(false) };
    let started = match log.format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Tests in one process start logs more than once; the first one stays.
    drop(started);
}

/// Names that are masked in logged URLs: their values open doors.
const MASKED: [&str; 3] = ["token", "apikey", "sig"];

/// A path with its query in which the values of `token`, `apikey` and `sig` are hidden.
pub fn masked(path: &str, query: Option<&str>) -> String {
    let Some(query) = query else { return path.to_owned() };
    let parts = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if MASKED.contains(&name.to_ascii_lowercase().as_str()) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

/// Labels of a picture request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub dialect: &'static str,
    pub status: u16,
    pub cache: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EffortLabels {
    effort: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

/// Counts of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests for pictures and of the storage API, by dialect, status and cache state.
    requests: Family<RequestLabels, Counter>,
    /// Seconds that the stages of a fill took.
    stages: Family<StageLabels, Histogram, fn() -> Histogram>,
    /// Seconds that hits took, of every 64th that a thread answers by itself.
    hits: HitTimes,
    /// Bytes of pictures sent.
    sent: Counter,
    /// Pictures sent, by the effort with which they were made.
    efforts: Family<EffortLabels, Counter>,
    /// Those counters themselves: fast, small.
    by_effort: [Counter; 2],
    /// Variants that wait to be refined.
    refine_queue: Gauge,
    /// Variants that were to be refined, by how that ended.
    refined: Family<OutcomeLabels, Gauge<u64, AtomicU64>>,
    /// Bytes by which refined variants became smaller.
    refine_saved: Gauge<u64, AtomicU64>,
    /// Bytes that pictures sent whole had less than their originals.
    saved: Counter,
    /// Bytes of variants in memory.
    memory_bytes: Gauge,
    /// Variants in memory.
    memory_entries: Gauge,
    /// Bytes in the variant store.
    store_bytes: Gauge,
    /// Files in the variant store.
    store_files: Gauge,
    /// Writes to the variant store that failed.
    store_failures: Gauge<u64, AtomicU64>,
    /// Requests waiting for a render thread.
    queue_requests: Gauge,
    /// Background work waiting for a render thread.
    queue_background: Gauge,
    /// Requests refused because too much was waiting.
    shed: Gauge<u64, AtomicU64>,
    /// Open connections.
    pub connections: Gauge,
    pub jobs: JobMetrics,
    pub retention: RetentionMetrics,
    /// Counted by the events room.
    pub events: EventMetrics,
    /// Open websockets and event streams.
    live_connections: Gauge,
    /// Topics with a member or a kept state.
    live_topics: Gauge,
    /// Events told to topics.
    live_published: Gauge<u64, AtomicU64>,
    /// Events put into the queues of clients.
    live_delivered: Gauge<u64, AtomicU64>,
    /// Clients let go because too much waited for them.
    live_dropped: Gauge<u64, AtomicU64>,
    /// Of every thread that answers from what it remembers.
    tallies: Mutex<Vec<Arc<Tally>>>,
}

/// Hits that one thread has answered since they were last added to everyone's.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    /// By dialect: answers with a body, answers without.
    answers: [[AtomicU64; 2]; 3],
    /// By effort: fast, small.
    by_effort: [AtomicU64; 2],
    sent: AtomicU64,
    saved: AtomicU64,
    hits: Durations,
}

/// One of so many hits is timed: a clock costs more than what is left of a hit without it.
const TIMED: u64 = 64;

impl Tally {
    /// Counts an answer from memory, of so many bytes in place of an original's; `None`: the client's copy is still good.
    /// Answers whether this one is to be timed.
    #[must_use]
    pub fn count(&self, dialect: Dialect, effort: Effort, bytes: Option<u64>, original: u64) -> bool {
        self.by_effort[usize::from(effort == Effort::Small)].fetch_add(1, Relaxed);
        let before = self.answers[dialect as usize][usize::from(bytes.is_none())].fetch_add(1, Relaxed);
        if let Some(bytes) = bytes {
            self.sent.fetch_add(bytes, Relaxed);
            self.saved.fetch_add(original.saturating_sub(bytes), Relaxed);
        }
        before.is_multiple_of(TIMED)
    }

    /// Notes how long one took that was to be timed.
    pub fn time(&self, took: Duration) {
        self.hits.note(took);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let efforts: Family<EffortLabels, Counter> = Family::default();
        let counter = |effort| efforts.get_or_create(&EffortLabels { effort }).clone();
        let by_effort = [counter("fast"), counter("small")];
        let mut metrics = Self {
            registry: Registry::with_prefix("tintype"),
            requests: Family::default(),
            stages: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 2.0, 16))),
            hits: HitTimes::default(),
            sent: Counter::default(),
            efforts,
            by_effort,
            refine_queue: Gauge::default(),
            refined: Family::default(),
            refine_saved: Gauge::default(),
            saved: Counter::default(),
            memory_bytes: Gauge::default(),
            memory_entries: Gauge::default(),
            store_bytes: Gauge::default(),
            store_files: Gauge::default(),
            store_failures: Gauge::default(),
            queue_requests: Gauge::default(),
            queue_background: Gauge::default(),
            shed: Gauge::default(),
            connections: Gauge::default(),
            jobs: JobMetrics::default(),
            retention: RetentionMetrics::default(),
            events: EventMetrics::default(),
            live_connections: Gauge::default(),
            live_topics: Gauge::default(),
            live_published: Gauge::default(),
            live_delivered: Gauge::default(),
            live_dropped: Gauge::default(),
            tallies: Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests for pictures and of the storage API, by dialect, status and cache state",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "stage",
            "Seconds that the stages of a fill took",
            Unit::Seconds,
            self.stages.clone(),
        );
        registry.register_with_unit(
            "hit",
            "Seconds from a request to the last byte of its answer, of every 64th hit that a thread answers by itself",
            Unit::Seconds,
            self.hits.clone(),
        );
        registry.register_with_unit("sent", "Bytes of pictures sent", Unit::Bytes, self.sent.clone());
        registry.register_with_unit(
            "saved",
            "Bytes that pictures sent whole had less than their originals",
            Unit::Bytes,
            self.saved.clone(),
        );
        registry.register_with_unit("memory", "Bytes of variants in memory", Unit::Bytes, self.memory_bytes.clone());
        registry.register("memory_entries", "Variants in memory", self.memory_entries.clone());
        registry.register_with_unit("store", "Bytes in the variant store", Unit::Bytes, self.store_bytes.clone());
        registry.register("store_files", "Files in the variant store", self.store_files.clone());
        registry.register("store_failures", "Writes to the variant store that failed", self.store_failures.clone());
        registry.register("queue_requests", "Requests waiting for a render thread", self.queue_requests.clone());
        registry.register(
            "queue_background",
            "Background work waiting for a render thread",
            self.queue_background.clone(),
        );
        registry.register("shed", "Requests refused because too much was waiting", self.shed.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        self.jobs.register(registry);
        self.retention.register(registry);
        self.register_refining();
        self.register_events();
        self.register_live();
    }

    fn register_refining(&mut self) {
        let registry = &mut self.registry;
        registry.register("served", "Pictures sent, by the effort with which they were made", self.efforts.clone());
        registry.register("refine_queue", "Variants that wait to be refined", self.refine_queue.clone());
        registry.register("refined", "Variants that were to be refined, by how that ended", self.refined.clone());
        registry.register_with_unit(
            "refine_saved",
            "Bytes by which refined variants became smaller",
            Unit::Bytes,
            self.refine_saved.clone(),
        );
    }

    fn register_events(&mut self) {
        let (registry, events) = (&mut self.registry, &self.events);
        registry.register("outbox", "Events in the outbox", events.outbox.clone());
        registry.register_with_unit(
            "outbox_age",
            "Seconds since the oldest event in the outbox",
            Unit::Seconds,
            events.outbox_age.clone(),
        );
        registry.register("warm_queue", "Objects waiting to be warmed", events.warm_queue.clone());
        registry.register(
            "deliveries_waiting",
            "Messages waiting for their webhook",
            events.deliveries_waiting.clone(),
        );
        registry.register("dead_letters", "Messages that were given up", events.dead_letters.clone());
        registry.register(
            "deliveries",
            "Attempts to deliver a message, by webhook and result",
            events.deliveries.clone(),
        );
    }

    fn register_live(&mut self) {
        let registry = self.registry.sub_registry_with_prefix("live");
        registry.register("connections", "Open websockets and event streams", self.live_connections.clone());
        registry.register("topics", "Topics with a member or a kept state", self.live_topics.clone());
        registry.register("published", "Events told to topics", self.live_published.clone());
        registry.register("delivered", "Events put into the queues of clients", self.live_delivered.clone());
        registry.register("dropped", "Clients let go because too much waited for them", self.live_dropped.clone());
    }

    /// Begins a series of everything that has labels: without one it is not described.
    fn begin_series(&self) {
        drop(self.requests.get_or_create(&RequestLabels { dialect: "", status: 200, cache: "" }));
        drop(self.stages.get_or_create(&StageLabels { stage: "" }));
        self.jobs.begin_series();
        self.events.begin_series();
    }

    /// Counts one answered picture request.
    pub fn count_request(&self, labels: &RequestLabels, bytes: u64) {
        self.requests.get_or_create(labels).inc();
        self.sent.inc_by(bytes);
    }

    /// Counts one picture that was sent.
    pub fn count_effort(&self, effort: Effort) {
        self.by_effort[usize::from(effort == Effort::Small)].inc();
    }

    /// Counts what a picture that was sent whole had less than its original, in bytes.
    pub fn count_saved(&self, original: u64, sent: u64) {
        self.saved.inc_by(original.saturating_sub(sent));
    }

    /// Where a thread counts hits without disturbing the others.
    pub fn tally(&self) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        self.tallies.lock().push(Arc::clone(&tally));
        tally
    }

    /// Adds up what the threads counted, and forgets those that ended.
    fn add_up(&self) {
        self.tallies.lock().retain(|tally| {
            // Before it is read: whoever held it counts no more.
            let is_held = Arc::strong_count(tally) > 1;
            for (dialect, answers) in
                [Dialect::Native, Dialect::Supabase, Dialect::Next].into_iter().zip(&tally.answers)
            {
                for (status, count) in [200, 304].into_iter().zip(answers) {
                    match count.swap(0, Relaxed) {
                        0 => {}
                        count => {
                            let labels = RequestLabels { dialect: name_of(dialect), status, cache: "hit" };
                            self.requests.get_or_create(&labels).inc_by(count);
                        }
                    }
                }
            }
            for (effort, count) in self.by_effort.iter().zip(&tally.by_effort) {
                effort.inc_by(count.swap(0, Relaxed));
            }
            self.sent.inc_by(tally.sent.swap(0, Relaxed));
            self.saved.inc_by(tally.saved.swap(0, Relaxed));
            self.hits.take(&tally.hits);
            is_held
        });
    }

    /// Records the stages of one fill.
    pub fn record_fill(&self, timings: &Timings) {
        for (stage, spent) in stages(timings) {
            self.stages.get_or_create(&StageLabels { stage }).observe(spent.as_secs_f64());
        }
    }

    /// The Prometheus text format, with the gauges read now. `live`: open connections and the hub's counts.
    pub fn render(&self, deliver: &Deliver, live: Option<(usize, HubUsage)>) -> String {
        self.add_up();
        let (bytes, entries) = deliver.memory.usage();
        self.memory_bytes.set(bytes.cast_signed());
        self.memory_entries.set(entries.cast_signed());
        let (bytes, files, failures) = deliver.variants.usage();
        self.store_bytes.set(bytes.cast_signed());
        self.store_files.set(files.cast_signed());
        self.store_failures.set(failures);
        let (requests, background) = deliver.gate.waiting();
        self.queue_requests.set(requests as i64);
        self.queue_background.set(background as i64);
        self.shed.set(deliver.gate.shed());
        let refining = deliver.refining.usage();
        self.refine_queue.set(refining.waiting as i64);
        self.refine_saved.set(refining.saved);
        for (outcome, count) in Outcome::ALL.into_iter().zip(refining.ended) {
            self.refined.get_or_create(&OutcomeLabels { outcome: outcome.as_str() }).set(count);
        }
        let (connections, hub) = live.unwrap_or_default();
        self.live_connections.set(connections as i64);
        self.live_topics.set(hub.topics as i64);
        self.live_published.set(hub.published);
        self.live_delivered.set(hub.delivered);
        self.live_dropped.set(hub.dropped);
        self.text()
    }

    /// The Prometheus text format, with the gauges as they were last read.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String fails only where a metric itself does.
        if text::encode(&mut out, &self.registry).is_err() {
            tracing::warn!("metrics could not be written");
        }
        out
    }
}

/// Every metric as a Markdown table: name, kind, labels, meaning. `deploy/docs` holds exactly this text.
pub fn markdown_table() -> String {
    let metrics = Metrics::default();
    metrics.begin_series();
    let mut told = String::new();
    // Writing into a String fails only where a metric itself does.
    let _ = text::encode(&mut told, &metrics.registry);
    let mut table = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for block in told.split("# HELP ").skip(1) {
        let (name, meaning) = block.lines().next().and_then(|line| line.split_once(' ')).unwrap_or_default();
        let kind = block.split("# TYPE ").nth(1).and_then(|line| line.lines().next()?.split(' ').nth(1));
        let (kind, labels) = (kind.unwrap_or_default(), labels(block).join(", "));
        let total = if kind == "counter" { "_total" } else { "" };
        let _ = writeln!(table, "| `{name}{total}` | {kind} | {labels} | {meaning} |");
    }
    table
}

/// The names of the labels of a metric's series.
fn labels(block: &str) -> Vec<String> {
    let series = block.lines().find_map(|line| Some(line.split_once('{')?.1.split_once('}')?.0)).unwrap_or_default();
    let names = series.split(',').filter_map(|pair| Some(pair.split_once('=')?.0));
    // A histogram's own.
    names.filter(|name| *name != "le").map(|name| format!("`{name}`")).collect()
}

/// A dialect in labels and logs.
pub const fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Native => "native",
        Dialect::Supabase => "supabase",
        Dialect::Next => "next",
    }
}

/// The stages of a fill by name, in order.
pub fn stages(timings: &Timings) -> [(&'static str, Duration); 4] {
    [("fetch", timings.fetch), ("decode", timings.decode), ("resize", timings.resize), ("encode", timings.encode)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_of_threads_are_added_up_in_their_buckets() {
        let metrics = Metrics::default();
        let tallies = [metrics.tally(), metrics.tally()];
        let times = [0, 1, 1000, 1001, 2000, 4001, 250_000_000, 90_000_000_000];
        for (at, nanoseconds) in times.into_iter().enumerate() {
            tallies[at % 2].time(Duration::from_nanos(nanoseconds));
        }
        metrics.add_up();
        let text = metrics.text();
        for line in [
            r#"tintype_hit_seconds_bucket{le="0.000001"} 3"#,
            r#"tintype_hit_seconds_bucket{le="0.000002"} 5"#,
            r#"tintype_hit_seconds_bucket{le="0.000004"} 5"#,
            r#"tintype_hit_seconds_bucket{le="0.000008"} 6"#,
            r#"tintype_hit_seconds_bucket{le="0.131072"} 6"#,
            r#"tintype_hit_seconds_bucket{le="0.262144"} 7"#,
            r#"tintype_hit_seconds_bucket{le="+Inf"} 8"#,
            "tintype_hit_seconds_count 8",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn one_of_so_many_hits_is_timed() {
        let tally = Tally::default();
        let count = |bytes| tally.count(Dialect::Native, Effort::Fast, bytes, 10);
        let timed = (0..640).filter(|_| count(Some(1))).count() + (0..64).filter(|_| count(None)).count();
        assert_eq!(timed, 11);
    }

    #[test]
    fn tokens_and_signatures_are_masked() {
        assert_eq!(masked("/a", None), "/a");
        assert_eq!(masked("/a", Some("w=1&token=s&SIG=x&apikey")), "/a?w=1&token=***&SIG=***&apikey");
    }
}

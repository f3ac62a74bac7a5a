//! How events and their messages go. Registered by the telemetry; every field's comment is its help text.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::outbox::age;
use crate::catalog::Backlog;

/// How an attempt to deliver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivered {
    Ok,
    /// To be tried again.
    Failed,
    /// Given up.
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeliveryLabels {
    hook: String,
    result: &'static str,
}

/// Counts of this process. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct EventMetrics {
    /// Events in the outbox.
    pub outbox: Gauge,
    /// Seconds since the oldest event in the outbox.
    pub outbox_age: Gauge,
    /// Objects waiting to be warmed.
    pub warm_queue: Gauge,
    /// Messages waiting for their webhook.
    pub deliveries_waiting: Gauge,
    /// Messages that were given up.
    pub dead_letters: Gauge,
    /// Attempts to deliver a message, by webhook and result.
    pub deliveries: Family<DeliveryLabels, Counter>,
}

impl EventMetrics {
    /// Begins a series of what has labels: without one it is not described.
    pub fn begin_series(&self) {
        drop(self.deliveries.get_or_create(&DeliveryLabels { hook: String::new(), result: "" }));
    }

    pub(super) fn count_delivery(&self, hook: &str, result: Delivered) {
        let result = match result {
            Delivered::Ok => "ok",
            Delivered::Failed => "failed",
            Delivered::Dead => "dead",
        };
        self.deliveries.get_or_create(&DeliveryLabels { hook: hook.to_owned(), result }).inc();
    }

    pub(super) fn set_backlog(&self, backlog: &Backlog) {
        self.outbox.set(backlog.events as i64);
        self.outbox_age.set(age(backlog.oldest).as_secs() as i64);
        self.deliveries_waiting.set(backlog.deliveries as i64);
        self.dead_letters.set(backlog.dead_letters as i64);
    }
}

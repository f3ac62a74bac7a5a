//! Keys of `realtime`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::ByteSize;
use crate::realtime::rules::TopicRule;

/// Topics that browsers join, by websocket as Supabase Realtime has them, or by Server-Sent Events.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RealtimeConfig {
    /// Whether websockets, broadcasts over HTTP and event streams are served.
    pub enabled: bool,
    /// Whether public topics are open to every key. Private ones always follow rules.
    pub public: bool,
    /// Who may `hear` and `send` in private topics beside those of avatars: a list of `{pattern, role, operations}`; patterns such as `room:*` or `inbox:{sub}:**`.
    pub topics: Vec<TopicRule>,
    /// Open sockets and event streams.
    pub connections: usize,
    /// Those of one address (IPv6: of one /64). Loopback and trusted proxies are exempt.
    pub connections_per_address: usize,
    /// Topics that one socket may join.
    pub channels: usize,
    /// Joins that one socket may ask for a second.
    pub joins_per_second: u32,
    /// Events that one socket may send a second; over HTTP, so many for the service role and so many for all others.
    pub events_per_second: u32,
    /// Largest frame or request body from a client.
    pub frame_bytes: ByteSize,
    /// Largest content of one event.
    pub payload_bytes: ByteSize,
    /// Seconds of silence after which a socket is closed. Clients send a heartbeat every 25 s.
    pub idle_seconds: u64,
    /// Seconds after which the tokens of a socket are looked at again; they are at their own end, too.
    pub recheck_seconds: u64,
    /// Events that may wait for one client; beyond it the client is let go.
    pub queue_events: usize,
    /// Bytes of events that may wait for one client.
    pub queue_bytes: ByteSize,
    /// States of avatars kept for who joins late.
    pub kept_states: usize,
    /// Seconds for which the states of avatars are kept.
    pub keep_seconds: u64,
}

impl Default for RealtimeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            public: true,
            topics: Vec::new(),
            connections: 200,
            connections_per_address: 50,
            channels: 100,
            joins_per_second: 100,
            events_per_second: 100,
            frame_bytes: ByteSize(5_000_000),
            payload_bytes: ByteSize(3_000_000),
            idle_seconds: 60,
            recheck_seconds: 300,
            queue_events: 512,
            queue_bytes: ByteSize(8_000_000),
            kept_states: 10_000,
            keep_seconds: 600,
        }
    }
}

impl RealtimeConfig {
    /// What is wrong, by key.
    pub(super) fn mistakes(&self) -> Vec<(&'static str, String)> {
        let positive = [
            ("realtime.connections", self.connections as u64),
            ("realtime.connections_per_address", self.connections_per_address as u64),
            ("realtime.channels", self.channels as u64),
            ("realtime.joins_per_second", u64::from(self.joins_per_second)),
            ("realtime.events_per_second", u64::from(self.events_per_second)),
            ("realtime.payload_bytes", self.payload_bytes.0),
            ("realtime.idle_seconds", self.idle_seconds),
            ("realtime.recheck_seconds", self.recheck_seconds),
            ("realtime.queue_events", self.queue_events as u64),
        ];
        let zero = positive.into_iter().filter(|(_, value)| *value == 0);
        let mut mistakes: Vec<_> = zero.map(|(key, _)| (key, "must be at least 1".to_owned())).collect();
        for (key, bytes) in [("realtime.frame_bytes", self.frame_bytes), ("realtime.queue_bytes", self.queue_bytes)] {
            if bytes < self.payload_bytes {
                mistakes.push((key, "must be at least realtime.payload_bytes".to_owned()));
            }
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_contradict_each_other_are_told() {
        assert_eq!(RealtimeConfig::default().mistakes(), []);
        let wrong = RealtimeConfig {
            channels: 0,
            frame_bytes: ByteSize(10),
            queue_bytes: ByteSize(10),
            ..RealtimeConfig::default()
        };
        let keys: Vec<_> = wrong.mistakes().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["realtime.channels", "realtime.frame_bytes", "realtime.queue_bytes"]);
    }
}

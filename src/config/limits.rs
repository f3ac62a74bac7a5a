//! Limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ByteSize;

/// What strangers may make us do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Pixels of a source, all frames summed.
    pub pixels: u64,
    /// Frames of a source.
    pub frames: u32,
    /// Bytes of a source after content-decoding.
    pub source_bytes: ByteSize,
    /// Longest side of a variant in pixels, after `dpr`.
    pub output_side: u32,
    /// Redirects followed for one fetch.
    pub redirects: u8,
    /// Seconds for one hop of a fetch: connecting, headers and body.
    pub hop_seconds: u64,
    /// Milliseconds a picture may be expected to wait for a processor; beyond it 503.
    pub queue_ms: u64,
    /// Pictures waiting for a processor; beyond it 503.
    pub queue_entries: usize,
    /// Threads that decode and encode. Default: the number of cores.
    pub render_threads: Option<usize>,
    /// Bytes of memory for the pictures that are decoded and encoded at the same time; the next one waits.
    pub render_bytes: ByteSize,
    /// Bytes of memory for originals that were fetched and wait for their turn; further ones are fetched later.
    pub open_bytes: ByteSize,
    /// Fills one client may have waiting; beyond it 429. Loopback and trusted proxies are exempt.
    pub client_waiting: u32,
    /// Fills one client may start a second.
    pub client_per_second: u32,
    /// Fills one client may start at once after a pause.
    pub client_burst: u32,
    /// Open connections.
    pub connections: usize,
    /// Bytes of a request's headers.
    pub header_bytes: ByteSize,
    /// Seconds to send a request's headers.
    pub header_seconds: u64,
    /// Seconds to send a request's body.
    pub body_seconds: u64,
    /// Seconds for which a client may take nothing of its answer; then its connection is cut.
    pub write_seconds: u64,
    /// Seconds that open requests get after SIGTERM.
    pub drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pixels: 50_000_000,
            frames: 100,
            source_bytes: ByteSize(50_000_000),
            output_side: 8192,
            redirects: 3,
            hop_seconds: 7,
            queue_ms: 1500,
            queue_entries: 1024,
            render_threads: None,
            render_bytes: ByteSize(512_000_000),
            open_bytes: ByteSize(256_000_000),
            client_waiting: 128,
            client_per_second: 50,
            client_burst: 300,
            connections: 8192,
            header_bytes: ByteSize(16_384),
            header_seconds: 10,
            body_seconds: 30,
            write_seconds: 60,
            drain_seconds: 20,
        }
    }
}

//! The one log line of a picture request.

use std::time::{Duration, Instant};

use crate::error::Code;
use crate::object::ObjectId;
use crate::render::Timings;
use crate::telemetry::{masked, name_of};
use crate::transform::Dialect;
use crate::variants::Made;

/// What is told of an answer.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub method: &'a http::Method,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub status: u16,
    pub dialect: Dialect,
    pub object: Option<&'a ObjectId>,
    pub made: Option<Made>,
    /// How it met the cache.
    pub cache: &'static str,
    pub code: Option<Code>,
    pub bytes: u64,
    pub began: Instant,
    pub timings: Timings,
}

/// Whether anyone reads it. Costs nothing where the level is filtered out.
pub(super) fn is_on() -> bool {
    tracing::enabled!(target: "tintype::access", tracing::Level::INFO)
}

impl Line<'_> {
    pub(super) fn write(&self) {
        let milliseconds = |spent: Duration| (spent.as_secs_f64() * 1e5).round() / 1e2;
        tracing::info!(
            target: "tintype::access",
            method = %self.method,
            url = masked(self.path, self.query),
            status = self.status,
            dialect = name_of(self.dialect),
            object = self.object.map(tracing::field::display),
            transform = self.made.map(tracing::field::display),
            cache = self.cache,
            code = self.code.map(Code::as_str),
            bytes = self.bytes,
            total_ms = milliseconds(self.began.elapsed()),
            fetch_ms = milliseconds(self.timings.fetch),
            decode_ms = milliseconds(self.timings.decode),
            resize_ms = milliseconds(self.timings.resize),
            encode_ms = milliseconds(self.timings.encode),
            "request"
        );
    }
}

//! A progress bar on a terminal, a plain line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

/// Time between plain lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// How far a command is.
#[derive(Debug)]
pub(super) struct Meter {
    /// What was done to what is counted: `warmed`.
    verb: &'static str,
    unit: Unit,
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    began: Instant,
    spoke: Instant,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Things,
    Bytes,
}

impl Unit {
    fn template(self) -> &'static str {
        match self {
            Self::Things => "{spinner} {wide_bar} {pos}/{len}  {per_sec}  {eta} left  {msg}",
            Self::Bytes => {
                "{spinner} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left  {msg}"
            }
        }
    }

    fn shown(self, count: u64) -> String {
        match self {
            Self::Things => count.to_string(),
            Self::Bytes => DecimalBytes(count).to_string(),
        }
    }
}

/// The numbers that are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub done: u64,
    pub total: u64,
    pub failed: u64,
    /// Of `done`, what was counted before the work began.
    pub before: u64,
}

impl Meter {
    /// A count of things.
    pub fn start(verb: &'static str) -> Self {
        Self::of(verb, Unit::Things)
    }

    /// A count of bytes.
    pub fn of_bytes(verb: &'static str) -> Self {
        Self::of(verb, Unit::Bytes)
    }

    fn of(verb: &'static str, unit: Unit) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            bar.set_style(
                ProgressStyle::with_template(unit.template()).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        Self { verb, unit, bar, began: now, spoke: now }
    }

    pub fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => eprintln!("{message}"),
        }
    }

    /// Does what writes to the terminal itself.
    pub fn aside(&self, work: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// What was waited for until now says nothing about the rate.
    pub fn begin(&mut self) {
        self.began = Instant::now();
    }

    pub fn show(&mut self, reading: Reading) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(reading.total);
                bar.set_position(reading.done);
                bar.set_message(failures(reading.failed));
            }
            None if self.spoke.elapsed() >= BETWEEN_LINES => {
                self.spoke = Instant::now();
                eprintln!("{}", plain(self.verb, self.unit, reading, self.began.elapsed()));
            }
            None => {}
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn failures(failed: u64) -> String {
    if failed == 0 { String::new() } else { format!("{failed} failed") }
}

/// `warmed 120 of 4000, 24.0/s, 162 s left, 3 failed`
fn plain(verb: &str, unit: Unit, reading: Reading, elapsed: Duration) -> String {
    let Reading { done, total, failed, before } = reading;
    let rate = done.saturating_sub(before) as f64 / elapsed.as_secs_f64().max(0.001);
    let left = total.saturating_sub(done) as f64 / rate.max(0.001);
    let failed = if failed == 0 { String::new() } else { format!(", {}", failures(failed)) };
    let pace = match unit {
        Unit::Things => format!("{rate:.1}"),
        Unit::Bytes => DecimalBytes(rate as u64).to_string(),
    };
    format!("{verb} {} of {}, {pace}/s, {left:.0} s left{failed}", unit.shown(done), unit.shown(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_tell_rate_and_time_left() {
        let reading = Reading { done: 24, total: 48, failed: 4, before: 0 };
        let line = plain("warmed", Unit::Things, reading, Duration::from_secs(2));
        assert_eq!(line, "warmed 24 of 48, 12.0/s, 2 s left, 4 failed");
        let bytes = Reading { done: 24_000_000, total: 48_000_000, failed: 0, before: 0 };
        let line = plain("uploaded", Unit::Bytes, bytes, Duration::from_secs(2));
        assert_eq!(line, "uploaded 24.00 MB of 48.00 MB, 12.00 MB/s, 2 s left");
    }
}

//! A progress bar on a terminal, a plain line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between plain lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// How far a command is.
#[derive(Debug)]
pub(super) struct Meter {
    /// What was done to what is counted: `warmed`.
    verb: &'static str,
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    began: Instant,
    spoke: Instant,
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
    pub fn start(verb: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            let template = "{spinner} {wide_bar} {pos}/{len}  {per_sec}  {eta} left  {msg}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        Self { verb, bar, began: now, spoke: now }
    }

    pub fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => eprintln!("{message}"),
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
                eprintln!("{}", plain(self.verb, reading, self.began.elapsed()));
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
fn plain(verb: &str, reading: Reading, elapsed: Duration) -> String {
    let Reading { done, total, failed, before } = reading;
    let rate = done.saturating_sub(before) as f64 / elapsed.as_secs_f64().max(0.001);
    let left = total.saturating_sub(done) as f64 / rate.max(0.001);
    let failed = if failed == 0 { String::new() } else { format!(", {}", failures(failed)) };
    format!("{verb} {done} of {total}, {rate:.1}/s, {left:.0} s left{failed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_tell_rate_and_time_left() {
        let reading = Reading { done: 24, total: 48, failed: 4, before: 0 };
        let line = plain("warmed", reading, Duration::from_secs(2));
        assert_eq!(line, "warmed 24 of 48, 12.0/s, 2 s left, 4 failed");
    }
}

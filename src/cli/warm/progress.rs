//! A progress bar on a terminal, a plain line every few seconds elsewhere; and the sum of what was done.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::warm::{Outcome, Step, Summary};

/// Time between plain lines.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    summary: Summary,
    /// Steps that were counted before the work began.
    before: u64,
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    began: Instant,
    spoke: Instant,
}

impl Progress {
    pub(super) fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            let template = "{spinner} {wide_bar} {pos}/{len}  {per_sec}  {eta} left  {msg}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        Self { summary: Summary::default(), before: 0, bar, began: now, spoke: now }
    }

    pub(super) fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => eprintln!("{message}"),
        }
    }

    /// Counts something that failed before the number of steps is known.
    pub(super) fn add_before(&mut self, step: &Step) {
        self.before += 1;
        self.summary.add(step);
    }

    /// Counts a step. `beyond`: steps known of beside those of the list that the step belongs to.
    pub(super) fn add(&mut self, step: &Step, beyond: u64) {
        if self.summary.done() == self.before {
            // What was waited for before the first picture says nothing about the rate.
            self.began = Instant::now();
        }
        self.summary.add(step);
        let (done, total) = (self.summary.done(), self.before + step.total + beyond);
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(failures(&self.summary));
            }
            None if self.spoke.elapsed() >= BETWEEN_LINES => {
                self.spoke = Instant::now();
                eprintln!("{}", plain(&self.summary, done - self.before, total, self.began.elapsed()));
            }
            None => {}
        }
        if step.outcome == Outcome::Failed {
            tracing::debug!(url = step.url, reason = step.reason, "not warmed");
        }
    }

    pub(super) fn finish(self) -> Summary {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.summary
    }
}

fn failures(summary: &Summary) -> String {
    if summary.failed == 0 { String::new() } else { format!("{} failed", summary.failed) }
}

/// `warmed 120 of 4000, 24.0/s, 162 s left, 3 failed`
fn plain(summary: &Summary, done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = total.saturating_sub(summary.done()) as f64 / rate.max(0.001);
    let failed = if summary.failed == 0 { String::new() } else { format!(", {}", failures(summary)) };
    format!("warmed {} of {total}, {rate:.1}/s, {left:.0} s left{failed}", summary.done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_tell_rate_and_time_left() {
        let summary = Summary { made: 20, failed: 4, ..Summary::default() };
        let line = plain(&summary, 24, 48, Duration::from_secs(2));
        assert_eq!(line, "warmed 24 of 48, 12.0/s, 2 s left, 4 failed");
    }
}

//! How far warming is; and the sum of what was done.

use crate::cli::meter::{Meter, Reading};
use crate::warm::{Outcome, Step, Summary};

pub(super) struct Progress {
    summary: Summary,
    /// Steps that were counted before the work began.
    before: u64,
    meter: Meter,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { summary: Summary::default(), before: 0, meter: Meter::start("warmed") }
    }

    pub(super) fn say(&self, message: &str) {
        self.meter.say(message);
    }

    /// Counts something that failed before the number of steps is known.
    pub(super) fn add_before(&mut self, step: &Step) {
        self.before += 1;
        self.summary.add(step);
    }

    /// Counts a step. `beyond`: steps known of beside those of the list that the step belongs to.
    pub(super) fn add(&mut self, step: &Step, beyond: u64) {
        if self.summary.done() == self.before {
            self.meter.begin();
        }
        self.summary.add(step);
        let total = self.before + step.total + beyond;
        let (done, failed) = (self.summary.done(), self.summary.failed);
        self.meter.show(Reading { done, total, failed, before: self.before });
        if step.outcome == Outcome::Failed {
            tracing::debug!(url = step.url, reason = step.reason, "not warmed");
        }
    }

    pub(super) fn finish(self) -> Summary {
        self.meter.finish();
        self.summary
    }
}

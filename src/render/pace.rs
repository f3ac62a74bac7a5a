//! How long expected costs take here and now: this processor is not the one that was measured, and others may share it.

use std::time::Duration;

/// Part of the difference that one piece of work corrects.
const SHARE: f64 = 0.05;
/// Pieces that are expected to take less say little: their time is mostly that of being begun.
const TELLING: Duration = Duration::from_micros(500);
/// Bounds of what one piece may claim; beyond them it was not the processor that took the time.
const LEAST: f64 = 0.05;
const MOST: f64 = 50.0;

/// Time taken for time expected, smoothed. 1 until something is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace(f64);

impl Default for Pace {
    fn default() -> Self {
        Self(1.0)
    }
}

impl Pace {
    pub fn learn(&mut self, expected: Duration, spent: Duration) {
        if expected >= TELLING {
            let ratio = spent.as_secs_f64() / expected.as_secs_f64();
            self.0 += (ratio.clamp(LEAST, MOST) - self.0) * SHARE;
        }
    }

    /// The time that an expected cost will take.
    pub fn of(self, expected: Duration) -> Duration {
        expected.mul_f64(self.0)
    }

    /// The expected cost that a time holds.
    pub fn expected_in(self, time: Duration) -> Duration {
        time.div_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_millis(10);

    #[test]
    fn what_takes_longer_than_expected_is_expected_to_take_longer() {
        let mut pace = Pace::default();
        assert_eq!((pace.of(TEN), pace.expected_in(TEN)), (TEN, TEN));
        for _ in 0..200 {
            pace.learn(TEN, TEN * 4);
        }
        assert!(pace.of(TEN) > TEN * 39 / 10 && pace.of(TEN) <= TEN * 4, "{pace:?}");
        assert!(pace.expected_in(TEN * 4) >= TEN && pace.expected_in(TEN * 4) < TEN * 11 / 10, "{pace:?}");
    }

    #[test]
    fn one_that_stood_still_and_those_that_were_nothing_say_little() {
        let mut pace = Pace::default();
        pace.learn(TEN, Duration::from_secs(3600));
        assert!(pace.of(TEN) < TEN * 4, "{pace:?}");
        let before = pace;
        pace.learn(Duration::from_micros(1), TEN);
        pace.learn(Duration::ZERO, TEN);
        assert_eq!(pace, before);
    }
}

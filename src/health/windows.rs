//! Readings of the last quarter of an hour. Pure: the server's age is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use super::reading::Reading;
use super::snapshot::Point;

/// Time between two readings that are kept.
pub const STEP: Duration = Duration::from_secs(5);
/// How far back they go.
const SPAN: Duration = Duration::from_secs(900);
/// How far back the history that is shown goes.
const SHOWN: Duration = Duration::from_secs(300);

/// Readings with the server's age at each, oldest first.
#[derive(Debug, Default)]
pub struct Windows {
    readings: VecDeque<(Duration, Reading)>,
}

impl Windows {
    /// Keeps a reading, unless the last one is younger than a step.
    pub fn note(&mut self, age: Duration, reading: Reading) {
        // A timer that fires a little early is on time.
        let step = STEP.mul_f64(0.9);
        if self.readings.back().is_some_and(|(last, _)| age < *last + step) {
            return;
        }
        self.readings.push_back((age, reading));
        while self.readings.front().is_some_and(|(first, _)| *first + SPAN < age) {
            self.readings.pop_front();
        }
    }

    /// The oldest reading that is no older than the span, with the time since; before the first one everything was nothing.
    pub fn before(&self, age: Duration, span: Duration) -> (Duration, Reading) {
        let oldest = age.saturating_sub(span);
        if oldest.is_zero() {
            // The server is younger than the span, and so are all its counts.
            return (age, Reading::default());
        }
        let found = self.readings.iter().find(|(at, _)| *at >= oldest && *at < age);
        found.map_or((Duration::ZERO, Reading::default()), |(at, reading)| (age.saturating_sub(*at), reading.clone()))
    }

    /// What came between each two readings that are shown.
    pub fn points(&self) -> Vec<Point> {
        let last = self.readings.back().map_or(Duration::ZERO, |(age, _)| *age);
        let pairs = self.readings.iter().zip(self.readings.iter().skip(1));
        pairs
            .filter(|((from, _), _)| *from + SHOWN >= last)
            .map(|((from, before), (to, after))| Point::between(*to, to.saturating_sub(*from), before, after))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(requests: u64) -> Reading {
        Reading { requests, ..Reading::default() }
    }

    #[test]
    fn readings_are_kept_a_step_apart_and_for_a_span() {
        let mut windows = Windows::default();
        for second in 0..2000 {
            windows.note(Duration::from_secs(second), reading(second));
        }
        assert_eq!(windows.readings.len(), 181);
        let (apart, then) = windows.before(Duration::from_secs(1999), Duration::from_secs(60));
        assert_eq!((apart.as_secs(), then.requests), (59, 1940));
        assert_eq!(windows.points().len(), 60);
        assert!(windows.points().iter().all(|point| (point.requests_per_second - 1.0).abs() < 1e-9));
    }

    #[test]
    fn a_young_server_has_counted_since_its_start() {
        let mut windows = Windows::default();
        let (apart, then) = windows.before(Duration::from_secs(7), Duration::from_secs(60));
        assert_eq!((apart.as_secs(), then), (7, Reading::default()));
        windows.note(Duration::from_secs(1), reading(3));
        assert_eq!(windows.before(Duration::from_secs(7), Duration::from_secs(60)).1, Reading::default());
    }
}

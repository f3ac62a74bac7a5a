//! How warming goes: one step per picture, and their sum.

use serde::{Deserialize, Serialize};

/// How one picture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Made,
    /// It was there already.
    Present,
    /// Not ours, or no picture, where nobody said that it was one.
    Skipped,
    Failed,
}

/// One picture, a sitemap or page that could not be read, or an object that was not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub url: String,
    pub outcome: Outcome,
    /// Bytes of the original, where there is a variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_before: Option<u64>,
    /// Bytes of the variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Steps that ended, this one included.
    pub done: u64,
    /// Steps in all.
    pub total: u64,
}

/// How often something failed or was skipped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub outcome: Outcome,
    pub reason: String,
    pub count: u64,
    /// The first URL that it happened to.
    pub example: String,
}

/// The sum of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub made: u64,
    pub present: u64,
    pub skipped: u64,
    pub failed: u64,
    /// Bytes of the originals of what was made or present, once for each variant.
    pub bytes_before: u64,
    /// Bytes of the variants.
    pub bytes: u64,
    pub reasons: Vec<Reason>,
}

/// Distinct reasons that are kept apart.
const MOST_REASONS: usize = 50;
/// What the others are counted under.
const OTHER_REASONS: &str = "other reasons";

impl Step {
    pub(super) fn without_picture(url: String, outcome: Outcome, reason: String) -> Self {
        Self { url, outcome, bytes_before: None, bytes: None, reason: Some(reason), done: 0, total: 0 }
    }

    /// Something that could not be read, before the number of steps is known.
    pub fn failed(url: String, reason: String) -> Self {
        Self::without_picture(url, Outcome::Failed, reason)
    }
}

impl Summary {
    pub fn add(&mut self, step: &Step) {
        match step.outcome {
            Outcome::Made => self.made += 1,
            Outcome::Present => self.present += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed => self.failed += 1,
        }
        self.bytes_before += step.bytes_before.unwrap_or_default();
        self.bytes += step.bytes.unwrap_or_default();
        if let Some(reason) = &step.reason {
            self.count(step, reason);
        }
    }

    fn count(&mut self, step: &Step, reason: &str) {
        let full = self.reasons.len() >= MOST_REASONS;
        let same = |known: &&mut Reason, text: &str| known.outcome == step.outcome && known.reason == text;
        if let Some(known) = self.reasons.iter_mut().find(|known| same(known, reason)) {
            known.count += 1;
            return;
        }
        if full && let Some(other) = self.reasons.iter_mut().find(|known| same(known, OTHER_REASONS)) {
            other.count += 1;
            return;
        }
        let reason = if full { OTHER_REASONS } else { reason };
        self.reasons.push(Reason {
            outcome: step.outcome,
            reason: reason.to_owned(),
            count: 1,
            example: step.url.clone(),
        });
    }

    /// Steps that ended.
    pub fn done(&self) -> u64 {
        self.made + self.present + self.skipped + self.failed
    }

    /// How much smaller the variants are than their originals, in percent; `None` where there are none.
    pub fn saved_percent(&self) -> Option<f64> {
        (self.bytes_before > 0).then(|| 100.0 * (1.0 - self.bytes as f64 / self.bytes_before as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_grouped_and_bounded() {
        let mut summary = Summary::default();
        for number in 0..200 {
            summary.add(&Step::failed(format!("/{number}"), "there is no such object".to_owned()));
            summary.add(&Step::failed(format!("/{number}"), format!("reason {number}")));
        }
        assert_eq!(summary.failed, 400);
        assert_eq!(summary.reasons.len(), MOST_REASONS + 1);
        assert_eq!((summary.reasons[0].count, summary.reasons[0].example.as_str()), (200, "/0"));
        assert_eq!(summary.reasons.iter().map(|reason| reason.count).sum::<u64>(), 400);
        assert_eq!(summary.reasons.last().unwrap().reason, OTHER_REASONS);
    }

    #[test]
    fn saved_bytes_are_a_share_of_the_originals() {
        let mut summary = Summary::default();
        assert_eq!(summary.saved_percent(), None);
        let step = Step { bytes_before: Some(1000), bytes: Some(100), ..Step::failed(String::new(), String::new()) };
        summary.add(&step);
        summary.add(&Step { bytes: Some(300), ..step });
        assert_eq!(summary.saved_percent().map(f64::round), Some(80.0));
    }
}

//! Choices that follow from a text.

/// An endless row of numbers, the same for the same text.
pub(super) struct Dice(blake3::OutputReader);

impl Dice {
    pub(super) fn of(text: &str) -> Self {
        Self(blake3::Hasher::new().update(b"tintype painter 1:").update(text.as_bytes()).finalize_xof())
    }

    fn roll(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// At least `low` and less than `high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits are what a float holds exactly.
        low + (high - low) * ((self.roll() >> 8) as f32 / 16_777_216.0)
    }

    /// Less than `count`, which is at least 1.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.roll() as usize % count
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.roll() % 100 < percent
    }
}

//! Source rows on their way into the ring: widened, and averaged where boxes are larger than a pixel.

use super::kernel::Kernel;
use super::light::Light;

/// Boxes of `across` × `down` pixels of `N` channels.
pub(super) struct Boxes<const N: usize> {
    across: usize,
    down: usize,
    widened: Vec<i16>,
    sums: Vec<i32>,
}

impl<const N: usize> Boxes<N> {
    /// Over rows of `width` pixels.
    pub fn new(width: usize, across: usize, down: usize) -> Self {
        let values = if (across, down) == (1, 1) { 0 } else { width * N };
        Self { across, down, widened: vec![0; values], sums: vec![0; values] }
    }

    /// Takes the source rows of one row of boxes; the last row and column of boxes may be of fewer pixels. Says whether
    /// there were any.
    pub fn fill<'a, L: Light<N>>(
        &mut self,
        source: &mut impl Iterator<Item = &'a [u8]>,
        row: &mut [i16],
        kernel: Kernel,
    ) -> bool {
        if self.widened.is_empty() {
            return source.next().map(|bytes| L::widen(kernel, bytes, row)).is_some();
        }
        self.sums.fill(0);
        let mut height = 0;
        // The sum of a column cannot leave its 32 bits: the longest side is 65,535, of which a quarter is the tallest box.
        while height < self.down {
            let Some(bytes) = source.next() else { break };
            L::widen(kernel, bytes, &mut self.widened);
            for (sum, light) in self.sums.iter_mut().zip(&self.widened) {
                *sum += i32::from(*light);
            }
            height += 1;
        }
        if height == 0 {
            return false;
        }
        let boxes = self.sums.as_chunks::<N>().0.chunks(self.across);
        for (target, pixels) in row.as_chunks_mut::<N>().0.iter_mut().zip(boxes) {
            let share = 1.0 / (pixels.len() * height) as f64;
            for (channel, target) in target.iter_mut().enumerate() {
                let sum: i64 = pixels.iter().map(|pixel| i64::from(pixel[channel])).sum();
                *target = (sum as f64 * share + 0.5) as i16;
            }
        }
        true
    }
}

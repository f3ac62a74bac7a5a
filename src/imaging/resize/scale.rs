//! Rows first, then columns, eight output rows at a time.

use crate::imaging::srgb::{ENCODED, PLACES};

use super::kernel::{Kernel, Lanes, ROWS, Turned};
use super::taps::{Pair, Taps};

/// Source rows of pixels of `N` channels, in premultiplied linear light of 15 bits.
pub(super) trait Source<const N: usize> {
    /// Values of a row.
    fn values(&self) -> usize;
    /// Pairs of neighbouring columns.
    fn pairs(&self) -> usize;
    /// Writes the next row, which may be longer. Says whether there was one.
    fn next(&mut self, kernel: Kernel, row: &mut [i16]) -> bool;
    /// Turns summed rows so that the same column of all of them lies together.
    fn turn(&self, kernel: Kernel, rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<N>]);
    /// Places of [`ENCODED`] to bytes, for one pixel of each row.
    fn narrow(table: &[u8; PLACES], places: &[[i32; ROWS]; N]) -> [[u8; N]; ROWS];
}

/// As many pixels as `columns` and `lines` say, of `N` channels.
pub(super) fn scale<S: Source<N>, const N: usize>(
    mut source: S,
    columns: &Taps,
    lines: &Taps,
    kernel: Kernel,
) -> Vec<u8> {
    let (width, height) = (columns.firsts.len(), lines.firsts.len());
    let mut ring = Ring::new(lines.pairs, source.values());
    let mut summed: [Vec<Lanes>; ROWS] = std::array::from_fn(|_| vec![[0; 16]; ring.chunks]);
    let mut turned = vec![[[[0; 2]; ROWS]; N]; source.pairs()];
    let mut data = vec![0; width * height * N];
    for (group, target) in data.chunks_mut(ROWS * width * N).enumerate() {
        let outputs = group * ROWS..height.min((group + 1) * ROWS);
        for (output, line) in outputs.zip(&mut summed) {
            let first = lines.firsts[output];
            while ring.filled < first + lines.pairs {
                ring.fill(kernel, |row| source.next(kernel, row));
            }
            // From 15 bits to 14: the sum may be driven out of 0 to 1.
            ring.sum(kernel, first, lines.weights(output), lines.bits + 1, line);
        }
        source.turn(kernel, &summed, &mut turned);
        across_rows::<S, N>(kernel, columns, &turned, target);
    }
    data
}

/// Sums the columns of up to [`ROWS`] rows, and writes their bytes into `target`.
fn across_rows<S: Source<N>, const N: usize>(kernel: Kernel, columns: &Taps, turned: &[Turned<N>], target: &mut [u8]) {
    let stride = columns.firsts.len() * N;
    let table = &**ENCODED;
    for (output, &first) in columns.firsts.iter().enumerate() {
        let places = kernel.sum_columns(&turned[first..first + columns.pairs], columns.weights(output), columns.bits);
        let pixels = S::narrow(table, &places);
        for (row, pixel) in target.chunks_exact_mut(stride).zip(pixels) {
            row[output * N..(output + 1) * N].copy_from_slice(&pixel);
        }
    }
}

/// The newest pairs of widened rows, as many as one output row needs.
struct Ring {
    /// Of each pair `chunks` times 16 columns of both rows.
    lanes: Vec<[Lanes; 2]>,
    pairs: usize,
    /// 16 columns each, of one row.
    chunks: usize,
    /// Pairs handed out so far.
    filled: usize,
    upper: Vec<Lanes>,
    lower: Vec<Lanes>,
    /// Where the pairs of one sum begin.
    begins: Vec<usize>,
}

impl Ring {
    /// Of rows of `values`, and room for eight that begin at the last of them.
    fn new(pairs: usize, values: usize) -> Self {
        let chunks = (values + 8).div_ceil(16);
        let row = vec![[0; 16]; chunks];
        let lanes = vec![[[0; 16]; 2]; pairs * chunks];
        Self { lanes, pairs, chunks, filled: 0, upper: row.clone(), lower: row, begins: Vec::with_capacity(pairs) }
    }

    /// Puts the next two rows in the place of the oldest. `next` writes a row, and says whether there was one.
    fn fill(&mut self, kernel: Kernel, mut next: impl FnMut(&mut [i16]) -> bool) {
        next(self.upper.as_flattened_mut());
        if !next(self.lower.as_flattened_mut()) {
            self.lower.fill([0; 16]);
        }
        let begins = self.filled % self.pairs * self.chunks;
        kernel.pair(&self.upper, &self.lower, &mut self.lanes[begins..begins + self.chunks]);
        self.filled += 1;
    }

    /// The weighted sum of the rows of the pairs from `first` on, less `shift` bits.
    fn sum(&mut self, kernel: Kernel, first: usize, weights: &[Pair], shift: u32, line: &mut [Lanes]) {
        self.begins.clear();
        self.begins.extend((first..first + self.pairs).map(|pair| pair % self.pairs * self.chunks));
        kernel.sum_rows(&self.lanes, &self.begins, weights, shift, line);
    }
}

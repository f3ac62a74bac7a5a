//! Rows first, then columns, eight output rows at a time.

use crate::imaging::srgb::ENCODED;
use crate::imaging::{Raster, Window};
use crate::transform::Size;

use super::boxes::Boxes;
use super::kernel::{Kernel, Lanes, ROWS, Turned};
use super::light::Light;
use super::rows;
use super::taps::{Pair, Taps};

/// Where a side shrinks by at least twice this, a box average goes first and leaves at least this much to Lanczos: the
/// kernel's rows would not fit into a cache.
const LEFT_TO_LANCZOS: usize = 4;

/// The window's pixels, `output.width` × `output.height` × `N` channels.
pub(super) fn scale<L: Light<N>, const N: usize>(
    raster: &Raster,
    window: Window,
    output: Size,
    kernel: Kernel,
) -> Vec<u8> {
    let (width, height) = (output.width as usize, output.height as usize);
    let (columns, across) = axis(window.size.width as usize, width);
    let (lines, down) = axis(window.size.height as usize, height);
    let source_width = (window.size.width as usize).div_ceil(across);
    let mut boxes = Boxes::<N>::new(window.size.width as usize, across, down);
    let mut ring = Ring::new(lines.pairs, source_width * N);
    let mut summed: [Vec<Lanes>; ROWS] = std::array::from_fn(|_| vec![[0; 16]; ring.chunks]);
    let mut turned = vec![[[[0; 2]; ROWS]; N]; source_width.div_ceil(2)];
    let mut data = vec![0; width * height * N];
    let mut source = rows(raster, window);
    for (group, target) in data.chunks_mut(ROWS * width * N).enumerate() {
        let outputs = group * ROWS..height.min((group + 1) * ROWS);
        for (output, line) in outputs.zip(&mut summed) {
            let first = lines.firsts[output];
            while ring.filled < first + lines.pairs {
                ring.fill(kernel, |row| boxes.fill::<L>(&mut source, row, kernel));
            }
            // From 15 bits to 14: the sum may be driven out of 0 to 1.
            ring.sum(kernel, first, lines.weights(output), lines.bits + 1, line);
        }
        kernel.turn(&summed, &mut turned);
        across_rows::<L, N>(kernel, &columns, &turned, target);
    }
    data
}

/// Sums the columns of up to [`ROWS`] rows, and writes their bytes into `target`.
fn across_rows<L: Light<N>, const N: usize>(kernel: Kernel, columns: &Taps, turned: &[Turned<N>], target: &mut [u8]) {
    let stride = columns.firsts.len() * N;
    let table = &**ENCODED;
    for (output, &first) in columns.firsts.iter().enumerate() {
        let places = kernel.sum_columns(&turned[first..first + columns.pairs], columns.weights(output), columns.bits);
        let pixels = L::narrow(table, &places);
        for (row, pixel) in target.chunks_exact_mut(stride).zip(pixels) {
            row[output * N..(output + 1) * N].copy_from_slice(&pixel);
        }
    }
}

/// The taps of one side, and how many samples a box averages before.
fn axis(length: usize, outputs: usize) -> (Taps, usize) {
    let side = (length / outputs / LEFT_TO_LANCZOS).max(1);
    (Taps::lanczos3(length.div_ceil(side), length as f64 / side as f64, outputs), side)
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

#![expect(unsafe_code, clippy::inline_always, reason = "the same code is compiled a second time for wider registers")]

use crate::imaging::srgb::ENCODED;
use crate::imaging::{Raster, Window};
use crate::transform::Size;

use super::light::Light;
use super::rows;
use super::taps::Taps;

/// Where a side shrinks by at least twice this, a box average goes first and leaves at least this much to Lanczos: the
/// kernel's rows would not fit into a cache.
const LEFT_TO_LANCZOS: usize = 4;

/// Floats that are summed at once.
const LANES: usize = 64;
type Lanes = [f32; LANES];

/// The window's pixels, `output.width` × `output.height` × `N` channels.
pub(super) fn scale<L: Light<N>, const N: usize>(raster: &Raster, window: Window, output: Size) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only thing that the function asks for.
        return unsafe { scale_wide::<L, N>(raster, window, output) };
    }
    scale_plain::<L, N>(raster, window, output)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn scale_wide<L: Light<N>, const N: usize>(raster: &Raster, window: Window, output: Size) -> Vec<u8> {
    scale_plain::<L, N>(raster, window, output)
}

#[inline(always)]
fn scale_plain<L: Light<N>, const N: usize>(raster: &Raster, window: Window, output: Size) -> Vec<u8> {
    let (width, height) = (output.width as usize, output.height as usize);
    let (columns, across) = axis(window.size.width as usize, width);
    let (lines, down) = axis(window.size.height as usize, height);
    let mut boxes = Boxes::<N>::new(window.size.width as usize, across, down);
    let mut ring = Ring::new(lines.count, (window.size.width as usize).div_ceil(across) * N);
    let mut line = vec![[0.0; LANES]; ring.chunks];
    let mut sums = vec![[0.0; 4]; width];
    let mut data = vec![0; width * height * N];
    let mut source = rows(raster, window);
    for (output, target) in data.chunks_exact_mut(width * N).enumerate() {
        let first = lines.firsts[output];
        while ring.filled < first + lines.count {
            boxes.fill::<L>(&mut source, ring.next());
        }
        ring.sum(first, lines.weights(output), &mut line);
        for (output, sums) in sums.iter_mut().enumerate() {
            *sums = sum_pixels::<N>(&line.as_flattened()[columns.firsts[output] * N..], columns.weights(output));
        }
        for (pixel, sums) in target.as_chunks_mut::<N>().0.iter_mut().zip(&sums) {
            *pixel = L::narrow(&ENCODED, *sums);
        }
    }
    data
}

/// The taps of one side, and how many samples a box averages before.
fn axis(length: usize, outputs: usize) -> (Taps, usize) {
    let side = (length / outputs / LEFT_TO_LANCZOS).max(1);
    (Taps::lanczos3(length.div_ceil(side), length as f64 / side as f64, outputs), side)
}

/// Source rows on their way into the ring: widened, and averaged where boxes are larger than a pixel.
struct Boxes<const N: usize> {
    across: usize,
    down: usize,
    widened: Vec<f32>,
    sums: Vec<f32>,
}

impl<const N: usize> Boxes<N> {
    fn new(width: usize, across: usize, down: usize) -> Self {
        let floats = if (across, down) == (1, 1) { 0 } else { width * N };
        Self { across, down, widened: vec![0.0; floats], sums: vec![0.0; floats] }
    }

    /// Takes the source rows of one row of boxes; the last row and column of boxes may be of fewer pixels.
    #[inline(always)]
    fn fill<'a, L: Light<N>>(&mut self, source: &mut impl Iterator<Item = &'a [u8]>, row: &mut [f32]) {
        if self.widened.is_empty() {
            if let Some(bytes) = source.next() {
                L::widen(bytes, row);
            }
            return;
        }
        self.sums.fill(0.0);
        let mut height = 0;
        while height < self.down {
            let Some(bytes) = source.next() else { break };
            L::widen(bytes, &mut self.widened);
            for (sum, light) in self.sums.iter_mut().zip(&self.widened) {
                *sum += light;
            }
            height += 1;
        }
        let boxes = self.sums.as_chunks::<N>().0.chunks(self.across);
        for (target, pixels) in row.as_chunks_mut::<N>().0.iter_mut().zip(boxes) {
            let mut sum = [0.0; N];
            for pixel in pixels {
                for channel in 0..N {
                    sum[channel] += pixel[channel];
                }
            }
            let share = 1.0 / (pixels.len() * height) as f32;
            for channel in 0..N {
                target[channel] = sum[channel] * share;
            }
        }
    }
}

/// The newest widened rows, as many as one output row needs.
struct Ring {
    lanes: Vec<Lanes>,
    rows: usize,
    /// Of one row.
    chunks: usize,
    /// Rows handed out so far.
    filled: usize,
    /// Where the rows of one sum begin.
    begins: Vec<usize>,
}

impl Ring {
    /// Of rows of `floats`, and room for a load of four that begins at the last pixel.
    fn new(rows: usize, floats: usize) -> Self {
        let chunks = (floats + 4).div_ceil(LANES);
        Self { lanes: vec![[0.0; LANES]; rows * chunks], rows, chunks, filled: 0, begins: Vec::with_capacity(rows) }
    }

    /// The oldest row, to be overwritten by the next.
    fn next(&mut self) -> &mut [f32] {
        let begins = self.filled % self.rows * self.chunks;
        self.filled += 1;
        self.lanes[begins..begins + self.chunks].as_flattened_mut()
    }

    /// The weighted sum of the rows from `first` on, one for each weight.
    #[inline(always)]
    fn sum(&mut self, first: usize, weights: &[f32], line: &mut [Lanes]) {
        self.begins.clear();
        self.begins.extend((first..first + weights.len()).map(|row| row % self.rows * self.chunks));
        for (chunk, target) in line.iter_mut().enumerate() {
            let mut sums = [0.0; LANES];
            for (&begins, &weight) in self.begins.iter().zip(weights) {
                let lanes = &self.lanes[begins + chunk];
                for lane in 0..LANES {
                    sums[lane] += lanes[lane] * weight;
                }
            }
            *target = sums;
        }
    }
}

/// The weighted sum of pixels; a fourth sum beside three channels is nothing's. Pixels at even and at odd places are summed
/// apart, so that one addition does not wait for the last.
#[inline(always)]
fn sum_pixels<const N: usize>(line: &[f32], weights: &[f32]) -> [f32; 4] {
    let line = &line[..(weights.len() - 1) * N + 4];
    let mut sums = [[0.0; 4]; 2];
    let (pairs, rest) = weights.as_chunks::<2>();
    for (pair, weights) in pairs.iter().enumerate() {
        let pixels: &[f32] = &line[pair * 2 * N..pair * 2 * N + N + 4];
        for lane in 0..4 {
            sums[0][lane] += pixels[lane] * weights[0];
            sums[1][lane] += pixels[N + lane] * weights[1];
        }
    }
    if let [weight] = rest {
        let pixel: &[f32] = &line[pairs.len() * 2 * N..];
        for lane in 0..4 {
            sums[0][lane] += pixel[lane] * weight;
        }
    }
    std::array::from_fn(
        #[inline(always)]
        |lane| sums[0][lane] + sums[1][lane],
    )
}

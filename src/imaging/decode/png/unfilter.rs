#![expect(unsafe_code, reason = "vector registers hold four rows at once")]
//! Filtered rows to pixels (PNG specification, section 9).
//!
//! A pixel waits for its left neighbour, so a row cannot be done faster than that chain allows. Four rows can: each lags
//! behind the one above it, and one register holds a pixel of each.

/// Whether this processor takes four rows at once.
pub(super) fn is_quick() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Undoes the filters of `data`, which is rows of a filter's number and `stride` bytes; the pixels come to lie at its
/// beginning. False where a filter's number is unknown or the sizes do not fit.
pub(super) fn unfilter<const BYTES: usize>(data: &mut [u8], stride: usize) -> bool {
    if stride == 0 || !stride.is_multiple_of(BYTES) || !data.len().is_multiple_of(stride + 1) {
        return false;
    }
    let zeros = vec![0; stride];
    // Pixels are written over the ends of the rows that they are made of.
    let mut filtered = vec![0; ABREAST * (stride + 1)];
    let (mut row, height) = (0, data.len() / (stride + 1));
    while row < height {
        let is_abreast = height - row >= ABREAST && is_wide::<BYTES>(stride);
        let count = if is_abreast { ABREAST } else { 1 };
        let raw = &mut filtered[..count * (stride + 1)];
        raw.copy_from_slice(&data[row * (stride + 1)..][..count * (stride + 1)]);
        let (done, rest) = data.split_at_mut(row * stride);
        let above = done.rchunks_exact(stride).next().unwrap_or(&zeros);
        let is_undone = if is_abreast { abreast::<BYTES>(raw, above, rest) } else { alone::<BYTES>(raw, above, rest) };
        if !is_undone {
            return false;
        }
        row += count;
    }
    true
}

/// Rows that are done together.
const ABREAST: usize = 4;

/// Whether rows of this many bytes are done together.
fn is_wide<const BYTES: usize>(stride: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    return stride >= four::LEAST * BYTES && is_quick();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(target_arch = "x86_64")]
fn abreast<const BYTES: usize>(raw: &[u8], above: &[u8], targets: &mut [u8]) -> bool {
    let (mut rows, mut targets) = (raw.chunks_exact(above.len() + 1), targets.chunks_exact_mut(above.len()));
    let raw = std::array::from_fn(|_| rows.next().unwrap_or_default());
    let mut out = std::array::from_fn(|_| targets.next().unwrap_or_default());
    // SAFETY: `is_wide` was true, so the processor has AVX2, the only thing that the function asks for.
    unsafe { four::rows::<BYTES>(raw, above, &mut out) }
}

#[cfg(not(target_arch = "x86_64"))]
fn abreast<const BYTES: usize>(_: &[u8], _: &[u8], _: &mut [u8]) -> bool {
    false
}

fn alone<const BYTES: usize>(raw: &[u8], above: &[u8], targets: &mut [u8]) -> bool {
    row::<BYTES>(raw[0], &raw[1..], above, &mut targets[..above.len()])
}

/// One row; `above` is the row before it, or zeros.
fn row<const BYTES: usize>(filter: u8, raw: &[u8], above: &[u8], target: &mut [u8]) -> bool {
    let (mut left, mut corner) = ([0; BYTES], [0; BYTES]);
    let pixels = target.as_chunks_mut::<BYTES>().0.iter_mut().zip(raw.as_chunks::<BYTES>().0);
    for ((target, raw), above) in pixels.zip(above.as_chunks::<BYTES>().0) {
        for at in 0..BYTES {
            let guess = match filter {
                0 => 0,
                1 => left[at],
                2 => above[at],
                3 => u16::midpoint(left[at].into(), above[at].into()) as u8,
                4 => paeth(left[at], above[at], corner[at]),
                _ => return false,
            };
            target[at] = raw[at].wrapping_add(guess);
        }
        (left, corner) = (*target, *above);
    }
    true
}

/// The neighbour nearest to `left + above - corner`; of equally near ones the first named.
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, above, corner].map(i16::from);
    let (to_left, to_above, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - c - c).abs());
    if to_left <= to_above && to_left <= to_corner {
        left
    } else if to_above <= to_corner {
        above
    } else {
        corner
    }
}

#[cfg(target_arch = "x86_64")]
mod four {
    #[allow(clippy::wildcard_imports, reason = "the intrinsics' names say where they are from")]
    use std::arch::x86_64::*;

    /// Pixels by which a row lags behind the one above it: with two, what is above is known a step before it is needed.
    const LAG: usize = 2;

    /// Pixels of the narrowest row.
    pub const LEAST: usize = 4 * LAG;

    /// Which lanes take what from their neighbours.
    struct Masks {
        left: __m256i,
        above: __m256i,
        mean: __m256i,
        paeth: __m256i,
    }

    /// Four pixels, 16 bits a channel: the one left of each, those two steps ago (a lane's are above the next lane's), and
    /// what was above at the last step.
    struct State {
        left: __m256i,
        before: __m256i,
        corner: __m256i,
    }

    /// Four rows of at least [`LEAST`] pixels. False where a filter's number is unknown.
    #[target_feature(enable = "avx2")]
    pub fn rows<const BYTES: usize>(raw: [&[u8]; 4], above: &[u8], out: &mut [&mut [u8]; 4]) -> bool {
        let filters = raw.map(|row| row[0]);
        if filters.iter().any(|filter| *filter > 4) {
            return false;
        }
        let raw = raw.map(|row| &row[1..]);
        let width = above.len() / BYTES;
        let masks = Masks::new(filters);
        let zero = _mm256_setzero_si256();
        let mut state = State { left: zero, before: zero, corner: zero };
        // Where every lane is inside its row and before its last pixel, four bytes may be read and written for three: the
        // fourth is the next pixel's first, which comes later.
        let (from, to) = (3 * LAG, width - 1);
        for step in 0..from {
            edge::<BYTES>(step, width, &raw, above, out, &masks, &mut state);
        }
        let [first, second, third, fourth] = raw;
        let [out_first, out_second, out_third, out_fourth] = out;
        for step in from..to {
            let at = step * BYTES;
            let load = |row: &[u8], lag: usize| word(row, at - lag * LAG * BYTES);
            let pixels = [load(first, 0), load(second, 1), load(third, 2), load(fourth, 3)];
            let done = advance(pixels, word(above, at), &masks, &mut state);
            store(out_first, at, done[0]);
            store(out_second, at - LAG * BYTES, done[1]);
            store(out_third, at - 2 * LAG * BYTES, done[2]);
            store(out_fourth, at - 3 * LAG * BYTES, done[3]);
        }
        for step in to..width + 3 * LAG {
            edge::<BYTES>(step, width, &raw, above, out, &masks, &mut state);
        }
        true
    }

    /// A step at which some lanes are outside of their rows; those read zeros and write nothing.
    #[target_feature(enable = "avx2")]
    fn edge<const BYTES: usize>(
        step: usize,
        width: usize,
        raw: &[&[u8]; 4],
        above: &[u8],
        out: &mut [&mut [u8]; 4],
        masks: &Masks,
        state: &mut State,
    ) {
        let place =
            |lane: usize| step.checked_sub(lane * LAG).filter(|place| *place < width).map(|place| place * BYTES);
        let pixel = |row: &[u8], at: Option<usize>| {
            let mut pixel = [0; 4];
            if let Some(at) = at {
                pixel[..BYTES].copy_from_slice(&row[at..at + BYTES]);
            }
            u32::from_le_bytes(pixel)
        };
        let pixels = std::array::from_fn(|lane| pixel(raw[lane], place(lane)));
        let done = advance(pixels, pixel(above, place(0)), masks, state);
        for (lane, done) in done.into_iter().enumerate() {
            if let Some(at) = place(lane) {
                out[lane][at..at + BYTES].copy_from_slice(&done.to_le_bytes()[..BYTES]);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn advance(raw: [u32; 4], above: u32, masks: &Masks, state: &mut State) -> [u32; 4] {
        let [first, second, third, fourth] = raw.map(|word| word as i32);
        let raw = _mm256_cvtepu8_epi16(_mm_set_epi32(fourth, third, second, first));
        // Each lane's pixel above is the lane before's of LAG steps ago; the first lane's comes from memory.
        let lanes = _mm256_permute4x64_epi64::<0b10_01_00_00>(state.before);
        let memory = _mm256_castsi128_si256(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(above as i32)));
        let above = _mm256_blend_epi32::<0b0000_0011>(lanes, memory);
        let (left, corner) = (state.left, state.corner);
        let paeth = paeth(left, above, corner);
        let mean = _mm256_srli_epi16::<1>(_mm256_add_epi16(left, above));
        let plain = _mm256_or_si256(_mm256_and_si256(left, masks.left), _mm256_and_si256(above, masks.above));
        let plain = _mm256_or_si256(plain, _mm256_and_si256(mean, masks.mean));
        let guess = _mm256_or_si256(_mm256_and_si256(paeth, masks.paeth), plain);
        // The upper byte of each channel is zero in both, so the lower wraps by itself.
        let done = _mm256_add_epi8(raw, guess);
        (state.before, state.left, state.corner) = (left, done, above);
        let bytes = _mm256_packus_epi16(done, done);
        let low = _mm_cvtsi128_si64(_mm256_castsi256_si128(bytes)) as u64;
        let high = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(bytes)) as u64;
        [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32]
    }

    /// [`super::paeth`] without a branch: by where `3 * corner - left - above` lies between the smaller and the larger.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn paeth(left: __m256i, above: __m256i, corner: __m256i) -> __m256i {
        let thrice = _mm256_add_epi16(corner, _mm256_add_epi16(corner, corner));
        let threshold = _mm256_sub_epi16(_mm256_sub_epi16(thrice, above), left);
        let (smaller, larger) = (_mm256_min_epi16(left, above), _mm256_max_epi16(left, above));
        let inside = _mm256_blendv_epi8(smaller, corner, _mm256_cmpgt_epi16(larger, threshold));
        _mm256_blendv_epi8(larger, inside, _mm256_cmpgt_epi16(threshold, smaller))
    }

    impl Masks {
        #[target_feature(enable = "avx2")]
        fn new(filters: [u8; 4]) -> Self {
            let of = |wanted: u8| {
                let [first, second, third, fourth] = filters.map(|filter| if filter == wanted { -1 } else { 0 });
                _mm256_set_epi64x(fourth, third, second, first)
            };
            Self { left: of(1), above: of(2), mean: of(3), paeth: of(4) }
        }
    }

    #[inline]
    fn word(row: &[u8], at: usize) -> u32 {
        row[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    #[inline]
    fn store(row: &mut [u8], at: usize, word: u32) {
        if let Some(bytes) = row[at..].first_chunk_mut() {
            *bytes = word.to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Row by row, with the filters that the bytes say.
    fn plainly<const BYTES: usize>(raw: &[u8], stride: usize) -> Vec<u8> {
        let mut pixels = vec![0; raw.len() / (stride + 1) * stride];
        let mut above = vec![0; stride];
        for (raw, target) in raw.chunks_exact(stride + 1).zip(pixels.chunks_exact_mut(stride)) {
            assert!(row::<BYTES>(raw[0], &raw[1..], &above, target));
            above.copy_from_slice(target);
        }
        pixels
    }

    fn compare<const BYTES: usize>(mut raw: Vec<u8>, width: usize) -> Result<(), TestCaseError> {
        let stride = width * BYTES;
        raw.truncate(raw.len() / (stride + 1) * (stride + 1));
        raw.chunks_exact_mut(stride + 1).for_each(|row| row[0] %= 5);
        let pixels = plainly::<BYTES>(&raw, stride);
        prop_assert!(unfilter::<BYTES>(&mut raw, stride));
        prop_assert!(raw[..pixels.len()] == pixels);
        Ok(())
    }

    proptest! {
        #[test]
        fn four_rows_at_once_are_what_each_is_alone(
            raw in prop::collection::vec(any::<u8>(), 0..4000), width in 1_usize..80
        ) {
            compare::<3>(raw.clone(), width)?;
            compare::<4>(raw, width)?;
        }
    }

    #[test]
    fn unknown_filters_and_sizes_that_do_not_fit_are_refused() {
        for height in 1..9 {
            let mut raw = vec![0; (30 + 1) * height];
            raw[31 * (height - 1)] = 5;
            assert!(!unfilter::<3>(&mut raw, 30), "{height}");
        }
        assert!(!unfilter::<3>(&mut [0; 30], 30));
        assert!(!unfilter::<3>(&mut [0; 32], 31));
    }
}

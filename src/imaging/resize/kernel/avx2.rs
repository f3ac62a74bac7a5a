//! For processors with AVX2: sixteen 16-bit numbers at a time. Tails are left to the plain way.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_adds_epi16,
    _mm256_blend_epi16, _mm256_broadcastsi128_si256, _mm256_castsi128_si256, _mm256_cvtepu8_epi16,
    _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_epi16, _mm256_max_epi32,
    _mm256_min_epi16, _mm256_min_epi32, _mm256_mulhrs_epi16, _mm256_or_si256, _mm256_packs_epi32,
    _mm256_permute2x128_si256, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_sra_epi32, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_unpackhi_epi16,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi16, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

use super::{Lanes, ROWS, Turned, plain};
use crate::imaging::resize::taps::Pair;
use crate::imaging::srgb::{CURVE, PLACES};

/// Columns that [`sum_rows`] sums at once, in sixteens: as many as there are registers for their sums.
const ABREAST: usize = 4;

#[target_feature(enable = "avx2")]
pub fn widen(bytes: &[u8], row: &mut [i16]) {
    let ((chunks, rest), (targets, _)) = (bytes.as_chunks::<16>(), row.as_chunks_mut::<16>());
    for (chunk, target) in chunks.iter().zip(targets) {
        store(target, curve(fraction(values(chunk))));
    }
    plain::widen(rest, &mut row[bytes.len() - rest.len()..]);
}

#[target_feature(enable = "avx2")]
pub fn widen_premultiplied(bytes: &[u8], row: &mut [i16]) {
    let ((chunks, rest), (targets, _)) = (bytes.as_chunks::<16>(), row.as_chunks_mut::<16>());
    // The fourth of four, four times.
    let spread = twice([6, 7, 6, 7, 6, 7, 6, 7, 14, 15, 14, 15, 14, 15, 14, 15]);
    for (chunk, target) in chunks.iter().zip(targets) {
        let fraction = fraction(values(chunk));
        let opacity = _mm256_shuffle_epi8(fraction, spread);
        let light = _mm256_mulhrs_epi16(curve(fraction), opacity);
        store(target, _mm256_blend_epi16::<0b1000_1000>(light, opacity));
    }
    plain::widen_premultiplied(rest, &mut row[bytes.len() - rest.len()..]);
}

#[target_feature(enable = "avx2")]
pub fn tint(chroma: [&[u8]; 2], doubled: bool, tints: &mut [Vec<i16>; 3]) {
    plain::tint(chroma, doubled, tints);
}

#[target_feature(enable = "avx2")]
pub fn smooth(near: &[u8], far: Option<&[u8]>, sums: &mut [u16], smoothed: &mut [u8]) {
    plain::smooth(near, far, sums, smoothed);
}

#[target_feature(enable = "avx2")]
pub fn mix(luma: &[u8], tints: [&[i16]; 3], rows: [&mut [i16]; 3]) {
    let (chunks, rest) = luma.as_chunks::<16>();
    let done = luma.len() - rest.len();
    let (least, most) = (_mm256_setzero_si256(), _mm256_set1_epi16(255));
    for (tints, row) in tints.into_iter().zip(rows) {
        let targets = row.as_chunks_mut::<16>().0;
        for ((chunk, tint), target) in chunks.iter().zip(tints.as_chunks::<16>().0).zip(targets) {
            let value = _mm256_add_epi16(values(chunk), load(tint));
            store(target, curve(fraction(_mm256_min_epi16(_mm256_max_epi16(value, least), most))));
        }
        plain::mix_one(rest, &tints[done..], &mut row[done..]);
    }
}

#[target_feature(enable = "avx2")]
pub fn turn_planes(rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<3>]) {
    let (eights, _) = turned.as_chunks_mut::<8>();
    let plane = eights.len();
    for (place, targets) in eights.iter_mut().enumerate() {
        for channel in 0..3 {
            let pairs = transposed(std::array::from_fn(|row| load(&rows[row][channel * plane + place])));
            for (target, pair) in targets.iter_mut().zip(pairs) {
                store_pairs(&mut target[channel], pair);
            }
        }
    }
}

/// Eight rows of eight pairs, as eight columns.
#[target_feature(enable = "avx2")]
#[inline]
fn transposed(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [first, second, third, fourth, fifth, sixth, seventh, eighth] = rows;
    let upper = quarters(first, second, third, fourth);
    let lower = quarters(fifth, sixth, seventh, eighth);
    let mut columns = [_mm256_setzero_si256(); 8];
    for (place, (upper, lower)) in upper.into_iter().zip(lower).enumerate() {
        columns[place] = _mm256_permute2x128_si256::<0x20>(upper, lower);
        columns[place + 4] = _mm256_permute2x128_si256::<0x31>(upper, lower);
    }
    columns
}

/// Four rows of eight pairs: in each result a pair of all four, and beside it the pair four places on.
#[target_feature(enable = "avx2")]
#[inline]
fn quarters(first: __m256i, second: __m256i, third: __m256i, fourth: __m256i) -> [__m256i; 4] {
    let low = [_mm256_unpacklo_epi32(first, second), _mm256_unpacklo_epi32(third, fourth)];
    let high = [_mm256_unpackhi_epi32(first, second), _mm256_unpackhi_epi32(third, fourth)];
    [
        _mm256_unpacklo_epi64(low[0], low[1]),
        _mm256_unpackhi_epi64(low[0], low[1]),
        _mm256_unpacklo_epi64(high[0], high[1]),
        _mm256_unpackhi_epi64(high[0], high[1]),
    ]
}

#[target_feature(enable = "avx2")]
pub fn pair(upper: &[Lanes], lower: &[Lanes], lanes: &mut [[Lanes; 2]]) {
    for ((upper, lower), [low, high]) in upper.iter().zip(lower).zip(lanes) {
        let (upper, lower) = (load(upper), load(lower));
        // Each half of a register by itself: `sum_rows` packs its sums in the same way, which puts them in order again.
        store(low, _mm256_unpacklo_epi16(upper, lower));
        store(high, _mm256_unpackhi_epi16(upper, lower));
    }
}

#[target_feature(enable = "avx2")]
pub fn sum_rows(lanes: &[[Lanes; 2]], begins: &[usize], weights: &[Pair], shift: u32, line: &mut [Lanes]) {
    let (wide, rest) = line.as_chunks_mut::<ABREAST>();
    let first = wide.len() * ABREAST;
    for (place, targets) in wide.iter_mut().enumerate() {
        *targets = sum_abreast::<ABREAST>(lanes, place * ABREAST, begins, weights, shift);
    }
    for (place, target) in rest.iter_mut().enumerate() {
        [*target] = sum_abreast::<1>(lanes, first + place, begins, weights, shift);
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn sum_abreast<const A: usize>(
    lanes: &[[Lanes; 2]],
    chunk: usize,
    begins: &[usize],
    weights: &[Pair],
    shift: u32,
) -> [Lanes; A] {
    let mut sums = [[_mm256_setzero_si256(); 2]; A];
    for (&begins, weight) in begins.iter().zip(weights) {
        let weight = both(*weight);
        for (sums, pairs) in sums.iter_mut().zip(&lanes[begins + chunk..begins + chunk + A]) {
            sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(load(&pairs[0]), weight));
            sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(load(&pairs[1]), weight));
        }
    }
    let mut targets = [[0; 16]; A];
    for (target, [low, high]) in targets.iter_mut().zip(sums) {
        store(target, _mm256_packs_epi32(less(low, shift), less(high, shift)));
    }
    targets
}

#[target_feature(enable = "avx2")]
pub fn turn<const N: usize>(rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<N>]) {
    // A channel of two neighbouring pixels side by side; of three channels the fourth pair is nothing's.
    let neighbours = twice(if N == 3 {
        [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, -1, -1, -1, -1]
    } else {
        [0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15]
    });
    let rows: [&[i16]; ROWS] = std::array::from_fn(|row| rows[row].as_flattened());
    for (pair, target) in turned.iter_mut().enumerate() {
        let begin = pair * 2 * N;
        let mut four = [_mm256_setzero_si256(); 4];
        for (row, four) in four.iter_mut().enumerate() {
            let (upper, lower) = (eight(&rows[row][begin..]), eight(&rows[row + 4][begin..]));
            let both = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(upper), lower);
            *four = _mm256_shuffle_epi8(both, neighbours);
        }
        let low = [_mm256_unpacklo_epi32(four[0], four[1]), _mm256_unpacklo_epi32(four[2], four[3])];
        let high = [_mm256_unpackhi_epi32(four[0], four[1]), _mm256_unpackhi_epi32(four[2], four[3])];
        let channels = [
            _mm256_unpacklo_epi64(low[0], low[1]),
            _mm256_unpackhi_epi64(low[0], low[1]),
            _mm256_unpacklo_epi64(high[0], high[1]),
            _mm256_unpackhi_epi64(high[0], high[1]),
        ];
        for (target, channel) in target.iter_mut().zip(channels) {
            store_pairs(target, channel);
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
pub fn sum_columns<const N: usize>(columns: &[Turned<N>], weights: &[Pair], bits: u32) -> [[i32; ROWS]; N] {
    let mut sums = [_mm256_setzero_si256(); N];
    for (column, weight) in columns.iter().zip(weights) {
        let weight = both(*weight);
        for (sum, pairs) in sums.iter_mut().zip(column) {
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(load_pairs(pairs), weight));
        }
    }
    let mut rows = [[0; ROWS]; N];
    for (rows, sum) in rows.iter_mut().zip(sums) {
        let most = _mm256_set1_epi32(PLACES as i32 - 1);
        let place = _mm256_min_epi32(_mm256_max_epi32(less(sum, bits), _mm256_setzero_si256()), most);
        store_places(rows, place);
    }
    rows
}

#[target_feature(enable = "avx2")]
#[inline]
fn values(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: any sixteen bytes may be loaded, wherever they begin.
    _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// 0 to 255 as 0 to 1 in 15 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn fraction(values: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi16::<7>(values), _mm256_srli_epi16::<1>(values))
}

/// Linear light of 15 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn curve(fraction: __m256i) -> __m256i {
    let [first, second, third, fourth, fifth] = CURVE;
    let mut sum = _mm256_set1_epi16(fifth);
    for factor in [fourth, third, second, first] {
        sum = _mm256_add_epi16(_mm256_mulhrs_epi16(sum, fraction), _mm256_set1_epi16(factor));
    }
    _mm256_mulhrs_epi16(_mm256_adds_epi16(sum, sum), fraction)
}

/// Without its lowest `bits`, rounded.
#[target_feature(enable = "avx2")]
#[inline]
fn less(sums: __m256i, bits: u32) -> __m256i {
    let half = _mm256_set1_epi32(1 << (bits - 1));
    _mm256_sra_epi32(_mm256_add_epi32(sums, half), _mm_cvtsi32_si128(bits as i32))
}

#[target_feature(enable = "avx2")]
#[inline]
fn both([first, second]: Pair) -> __m256i {
    _mm256_set1_epi32(i32::from(first as u16) | i32::from(second) << 16)
}

/// The same order of bytes in both halves.
#[target_feature(enable = "avx2")]
#[inline]
fn twice(order: [i8; 16]) -> __m256i {
    // SAFETY: they are exactly sixteen bytes.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(order.as_ptr().cast()) })
}

#[target_feature(enable = "avx2")]
#[inline]
fn eight(values: &[i16]) -> __m128i {
    let values: &[i16; 8] = values.first_chunk().unwrap_or(&[0; 8]);
    // SAFETY: any sixteen bytes may be loaded, wherever they begin.
    unsafe { _mm_loadu_si128(values.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(lanes: &Lanes) -> __m256i {
    // SAFETY: any 32 bytes may be loaded, wherever they begin.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_pairs(pairs: &[Pair; ROWS]) -> __m256i {
    // SAFETY: any 32 bytes may be loaded, wherever they begin.
    unsafe { _mm256_loadu_si256(pairs.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(lanes: &mut Lanes, register: __m256i) {
    // SAFETY: they are exactly 32 bytes, for which every pattern is a value.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), register) };
}

#[target_feature(enable = "avx2")]
#[inline]
fn store_pairs(pairs: &mut [Pair; ROWS], register: __m256i) {
    // SAFETY: they are exactly 32 bytes, for which every pattern is a value.
    unsafe { _mm256_storeu_si256(pairs.as_mut_ptr().cast(), register) };
}

#[target_feature(enable = "avx2")]
#[inline]
fn store_places(places: &mut [i32; ROWS], register: __m256i) {
    // SAFETY: they are exactly 32 bytes, for which every pattern is a value.
    unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), register) };
}

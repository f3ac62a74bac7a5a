//! For processors with AVX2: sixteen 16-bit numbers at a time. Tails are left to the plain way.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_adds_epi16,
    _mm256_blend_epi16, _mm256_broadcastsi128_si256, _mm256_castsi128_si256, _mm256_cvtepu8_epi16,
    _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_epi32, _mm256_min_epi32,
    _mm256_mulhrs_epi16, _mm256_or_si256, _mm256_packs_epi32, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi16, _mm256_sra_epi32, _mm256_srli_epi16,
    _mm256_storeu_si256, _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi16,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
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
        store(target, curve(fraction(chunk)));
    }
    plain::widen(rest, &mut row[bytes.len() - rest.len()..]);
}

#[target_feature(enable = "avx2")]
pub fn widen_premultiplied(bytes: &[u8], row: &mut [i16]) {
    let ((chunks, rest), (targets, _)) = (bytes.as_chunks::<16>(), row.as_chunks_mut::<16>());
    // The fourth of four, four times.
    let spread = twice([6, 7, 6, 7, 6, 7, 6, 7, 14, 15, 14, 15, 14, 15, 14, 15]);
    for (chunk, target) in chunks.iter().zip(targets) {
        let fraction = fraction(chunk);
        let opacity = _mm256_shuffle_epi8(fraction, spread);
        let light = _mm256_mulhrs_epi16(curve(fraction), opacity);
        store(target, _mm256_blend_epi16::<0b1000_1000>(light, opacity));
    }
    plain::widen_premultiplied(rest, &mut row[bytes.len() - rest.len()..]);
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

/// Bytes as 0 to 1 in 15 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn fraction(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: any sixteen bytes may be loaded, wherever they begin.
    let values = _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
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

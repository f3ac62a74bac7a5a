//! For processors with AVX-512 and its dot products (VNNI): thirty-two 16-bit numbers at a time. What gains nothing by it is
//! left to AVX2.

use std::arch::x86_64::{
    __m512i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_loadu_si256, _mm256_packs_epi32, _mm256_set1_epi32,
    _mm256_sra_epi32, _mm256_storeu_si256, _mm512_add_epi16, _mm512_adds_epi16, _mm512_castsi512_si256,
    _mm512_cvtepu8_epi16, _mm512_dpwssd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_max_epi16,
    _mm512_min_epi16, _mm512_mulhrs_epi16, _mm512_or_si512, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_slli_epi16, _mm512_srli_epi16, _mm512_storeu_si512,
};

use super::{Lanes, plain};
use crate::imaging::resize::taps::Pair;
use crate::imaging::srgb::CURVE;

/// Columns that [`sum_rows`] sums at once, in sixteens.
const ABREAST: usize = 8;

/// Both rows of sixteen columns.
type Both = [Lanes; 2];

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub fn widen(bytes: &[u8], row: &mut [i16]) {
    let ((chunks, rest), targets) = (bytes.as_chunks::<32>(), row.as_chunks_mut::<32>().0);
    for (chunk, target) in chunks.iter().zip(targets) {
        store(target, light(values(chunk)));
    }
    plain::widen(rest, &mut row[bytes.len() - rest.len()..]);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub fn mix(luma: &[u8], tints: [&[i16]; 3], rows: [&mut [i16]; 3]) {
    let (chunks, rest) = luma.as_chunks::<32>();
    let done = luma.len() - rest.len();
    let (least, most) = (_mm512_setzero_si512(), _mm512_set1_epi16(255));
    for (tints, row) in tints.into_iter().zip(rows) {
        let targets = row.as_chunks_mut::<32>().0;
        for ((chunk, tint), target) in chunks.iter().zip(tints.as_chunks::<32>().0).zip(targets) {
            let value = _mm512_add_epi16(values(chunk), load(tint));
            store(target, light(_mm512_min_epi16(_mm512_max_epi16(value, least), most)));
        }
        plain::mix_one(rest, &tints[done..], &mut row[done..]);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub fn sum_rows(lanes: &[Both], begins: &[usize], weights: &[Pair], shift: u32, line: &mut [Lanes]) {
    let (wide, rest) = line.as_chunks_mut::<ABREAST>();
    let first = wide.len() * ABREAST;
    for (place, targets) in wide.iter_mut().enumerate() {
        sum_abreast::<ABREAST>(lanes, place * ABREAST, begins, weights, shift, targets);
    }
    for (place, target) in rest.iter_mut().enumerate() {
        sum_abreast::<1>(lanes, first + place, begins, weights, shift, std::array::from_mut(target));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn sum_abreast<const A: usize>(
    lanes: &[Both],
    chunk: usize,
    begins: &[usize],
    weights: &[Pair],
    shift: u32,
    targets: &mut [Lanes; A],
) {
    let mut sums = [_mm512_setzero_si512(); A];
    for (&begin, [upper, lower]) in begins.iter().zip(weights) {
        let weight = _mm512_set1_epi32(i32::from(*upper as u16) | i32::from(*lower) << 16);
        for (sum, pairs) in sums.iter_mut().zip(&lanes[begin + chunk..begin + chunk + A]) {
            // SAFETY: any 64 bytes may be loaded, wherever they begin.
            let pairs = unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) };
            *sum = _mm512_dpwssd_epi32(*sum, pairs, weight);
        }
    }
    let (half, bits) = (_mm256_set1_epi32(1 << (shift - 1)), _mm_cvtsi32_si128(shift as i32));
    for (target, sum) in targets.iter_mut().zip(sums) {
        let low = _mm256_sra_epi32(_mm256_add_epi32(_mm512_castsi512_si256(sum), half), bits);
        let high = _mm256_sra_epi32(_mm256_add_epi32(_mm512_extracti64x4_epi64::<1>(sum), half), bits);
        // SAFETY: they are exactly 32 bytes, for which every pattern is a value.
        unsafe { _mm256_storeu_si256(target.as_mut_ptr().cast(), _mm256_packs_epi32(low, high)) };
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn values(bytes: &[u8; 32]) -> __m512i {
    // SAFETY: any 32 bytes may be loaded, wherever they begin.
    _mm512_cvtepu8_epi16(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
}

/// Linear light of 15 bits of 0 to 255.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn light(values: __m512i) -> __m512i {
    let fraction = _mm512_or_si512(_mm512_slli_epi16::<7>(values), _mm512_srli_epi16::<1>(values));
    let [first, second, third, fourth, fifth] = CURVE;
    let mut sum = _mm512_set1_epi16(fifth);
    for factor in [fourth, third, second, first] {
        sum = _mm512_add_epi16(_mm512_mulhrs_epi16(sum, fraction), _mm512_set1_epi16(factor));
    }
    _mm512_mulhrs_epi16(_mm512_adds_epi16(sum, sum), fraction)
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load(lanes: &[i16; 32]) -> __m512i {
    // SAFETY: any 64 bytes may be loaded, wherever they begin.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn store(lanes: &mut [i16; 32], register: __m512i) {
    // SAFETY: they are exactly 64 bytes, for which every pattern is a value.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), register) };
}

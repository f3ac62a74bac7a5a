//! For any processor.

use super::{Lanes, ROWS, Turned};
use crate::imaging::resize::taps::Pair;
use crate::imaging::srgb::{PLACES, WIDENED, opacity, product};

pub fn widen(bytes: &[u8], row: &mut [i16]) {
    for (target, value) in row.iter_mut().zip(bytes) {
        *target = WIDENED[usize::from(*value)];
    }
}

pub fn widen_premultiplied(bytes: &[u8], row: &mut [i16]) {
    for (target, pixel) in row.as_chunks_mut::<4>().0.iter_mut().zip(bytes.as_chunks::<4>().0) {
        let opacity = opacity(pixel[3]);
        let [red, green, blue, _] = pixel.map(|value| product(WIDENED[usize::from(value)], opacity));
        *target = [red, green, blue, opacity];
    }
}

/// ITU-T T.871, section 7, in libjpeg's fixed point of 16 bits.
#[expect(clippy::inline_always, reason = "compiled anew for the processor that the caller is for")]
#[inline(always)]
pub fn tint([blue, red]: [&[u8]; 2], doubled: bool, tints: &mut [Vec<i16>; 3]) {
    let tint = |blue: u8, red: u8| {
        let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
        let sums = [91_881 * red, -22_554 * blue - 46_802 * red, 116_130 * blue];
        sums.map(|sum| ((sum + (1 << 15)) >> 16) as i16)
    };
    let [reds, greens, blues] = tints;
    let samples = blue.iter().zip(red);
    if doubled {
        let targets = reds.as_chunks_mut::<2>().0.iter_mut().zip(greens.as_chunks_mut::<2>().0);
        for ((blue, red), ((to_red, to_green), to_blue)) in samples.zip(targets.zip(blues.as_chunks_mut::<2>().0)) {
            let [red, green, blue] = tint(*blue, *red);
            (*to_red, *to_green, *to_blue) = ([red; 2], [green; 2], [blue; 2]);
        }
    } else {
        let targets = reds.iter_mut().zip(greens).zip(blues);
        for ((blue, red), ((to_red, to_green), to_blue)) in samples.zip(targets) {
            [*to_red, *to_green, *to_blue] = tint(*blue, *red);
        }
    }
}

#[expect(clippy::inline_always, reason = "compiled anew for the processor that the caller is for")]
#[inline(always)]
pub fn smooth(near: &[u8], far: Option<&[u8]>, sums: &mut [u16], smoothed: &mut [u8]) {
    let [_, inner @ .., _] = &mut *sums else { return };
    // libjpeg rounds the left of two pixels in another way than the right one.
    let (left, right, bits) = if let Some(far) = far {
        for (sum, (near, far)) in inner.iter_mut().zip(near.iter().zip(far)) {
            *sum = 3 * u16::from(*near) + u16::from(*far);
        }
        (8, 7, 4)
    } else {
        for (sum, near) in inner.iter_mut().zip(near) {
            *sum = u16::from(*near);
        }
        (1, 2, 2)
    };
    let last = sums.len() - 1;
    (sums[0], sums[last]) = (sums[1], sums[last - 1]);
    for (target, [before, sum, after]) in smoothed.as_chunks_mut::<2>().0.iter_mut().zip(sums.array_windows()) {
        let pair = ((3 * sum + before + left) >> bits) | ((3 * sum + after + right) >> bits) << 8;
        *target = pair.to_le_bytes();
    }
}

pub fn mix(luma: &[u8], tints: [&[i16]; 3], rows: [&mut [i16]; 3]) {
    for (tints, row) in tints.into_iter().zip(rows) {
        mix_one(luma, tints, row);
    }
}

pub fn mix_one(luma: &[u8], tints: &[i16], row: &mut [i16]) {
    for ((luma, tint), target) in luma.iter().zip(tints).zip(row) {
        *target = WIDENED[(i16::from(*luma) + tint).clamp(0, 255) as usize];
    }
}

pub fn turn_planes(rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<3>]) {
    for (row, lanes) in rows.iter().enumerate() {
        let pairs = lanes.as_flattened().as_chunks::<2>().0;
        for (channel, plane) in pairs.chunks_exact(turned.len()).take(3).enumerate() {
            for (target, pair) in turned.iter_mut().zip(plane) {
                target[channel][row] = *pair;
            }
        }
    }
}

pub fn pair(upper: &[Lanes], lower: &[Lanes], lanes: &mut [[Lanes; 2]]) {
    for ((upper, lower), target) in upper.iter().zip(lower).zip(lanes) {
        let pairs = target.as_flattened_mut().as_chunks_mut::<2>().0;
        for ((upper, lower), pair) in upper.iter().zip(lower).zip(pairs) {
            *pair = [*upper, *lower];
        }
    }
}

pub fn sum_rows(lanes: &[[Lanes; 2]], begins: &[usize], weights: &[Pair], shift: u32, line: &mut [Lanes]) {
    for (chunk, target) in line.iter_mut().enumerate() {
        let mut sums = [0; 16];
        for (&begins, &weight) in begins.iter().zip(weights) {
            let pairs = lanes[begins + chunk].as_flattened().as_chunks::<2>().0;
            for (sum, pair) in sums.iter_mut().zip(pairs) {
                *sum += multiplied(*pair, weight);
            }
        }
        *target = sums.map(|sum| less(sum, shift).clamp(i16::MIN.into(), i16::MAX.into()) as i16);
    }
}

pub fn turn<const N: usize>(rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<N>]) {
    for (row, lanes) in rows.iter().enumerate() {
        let values = lanes.as_flattened();
        for (pair, target) in turned.iter_mut().enumerate() {
            let pixels = &values[pair * 2 * N..(pair + 1) * 2 * N];
            for (channel, target) in target.iter_mut().enumerate() {
                target[row] = [pixels[channel], pixels[N + channel]];
            }
        }
    }
}

pub fn sum_columns<const N: usize>(columns: &[Turned<N>], weights: &[Pair], bits: u32) -> [[i32; ROWS]; N] {
    let mut sums = [[0; ROWS]; N];
    for (column, &weight) in columns.iter().zip(weights) {
        for (sums, pairs) in sums.iter_mut().zip(column) {
            for (sum, pair) in sums.iter_mut().zip(pairs) {
                *sum += multiplied(*pair, weight);
            }
        }
    }
    sums.map(|rows| rows.map(|sum| less(sum, bits).clamp(0, PLACES as i32 - 1)))
}

/// What `pmaddwd` computes of one pair.
fn multiplied(pair: Pair, weight: Pair) -> i32 {
    i32::from(pair[0]) * i32::from(weight[0]) + i32::from(pair[1]) * i32::from(weight[1])
}

/// Without its lowest `bits`, rounded.
fn less(sum: i32, bits: u32) -> i32 {
    (sum + (1 << (bits - 1))) >> bits
}

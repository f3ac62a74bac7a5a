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

//! 8-bit sRGB to linear light and back, in fixed point.
//!
//! The curve of IEC 61966-2-1 is taken by a polynomial that is nowhere further from it than half of the difference between
//! two 8-bit values: without a table lookup, whole rows are widened in vector registers. The way back is its inverse.

use std::sync::LazyLock;

/// Factors of the value's first to fifth power, the value being 0 to 1, in 14 bits. They sum to 1.
pub(super) const CURVE: [i16; 5] = [1082, 3376, 27_861, -26_883, 10_948];

/// The product of a number and a fraction of 15 bits, rounded; what `pmulhrsw` computes.
pub(super) const fn product(number: i16, fraction: i16) -> i16 {
    ((((number as i32 * fraction as i32) >> 14) + 1) >> 1) as i16
}

/// 0 to 255 as 0 to 1, in 15 bits.
pub(super) const fn opacity(value: u8) -> i16 {
    ((value as u16 * 257) >> 1) as i16
}

/// Linear light of an 8-bit value: 0 to 1 in 15 bits.
const fn light(value: u8) -> i16 {
    let value = opacity(value);
    let [first, second, third, fourth, fifth] = CURVE;
    let sum = product(fifth, value) + fourth;
    let sum = product(sum, value) + third;
    let sum = product(sum, value) + second;
    let sum = product(sum, value) + first;
    product(sum.saturating_add(sum), value)
}

/// Linear light of every 8-bit value.
pub(super) static WIDENED: [i16; 256] = {
    let (mut table, mut value) = ([0; 256], 0);
    while value < 256 {
        table[value] = light(value as u8);
        value += 1;
    }
    table
};

/// Places of [`ENCODED`]: light of 14 bits, four for the smallest difference between 8-bit values.
pub(super) const PLACES: usize = 1 << 14;

/// The 8-bit value of a place.
#[inline]
pub(super) fn encoded(table: &[u8; PLACES], place: i32) -> u8 {
    table[place as usize % PLACES]
}

/// The 8-bit value nearest to the linear light of each place.
pub(super) static ENCODED: LazyLock<Box<[u8; PLACES]>> = LazyLock::new(|| {
    let curve = CURVE.map(|factor| f64::from(factor) / PLACES as f64);
    let light = |value: f64| curve.iter().rev().fold(0.0, |sum, factor| (sum + factor) * value);
    let mut table = Box::new([0; PLACES]);
    let mut nearest = 0_u8;
    for (place, value) in table.iter_mut().enumerate() {
        let wanted = place as f64 / PLACES as f64;
        while nearest < 255 && light((f64::from(nearest) + 0.5) / 255.0) < wanted {
            nearest += 1;
        }
        *value = nearest;
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_the_way_to_linear_light_and_back() {
        for value in 0..=255_u8 {
            let light = i32::from(WIDENED[usize::from(value)]);
            assert_eq!(encoded(&ENCODED, (light + 1) >> 1), value);
        }
        assert_eq!((WIDENED[0], opacity(0), opacity(255)), (0, 0, i16::MAX));
    }

    #[test]
    fn the_curve_is_the_standard_s_within_half_a_value() {
        let standard = |encoded: f64| {
            if encoded <= 0.040_45 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
        };
        for value in 1..255_u8 {
            let ours = f64::from(WIDENED[usize::from(value)]) / 32_767.0;
            let half = |by: f64| standard((f64::from(value) + by) / 255.0);
            assert!(half(-0.5) < ours && ours < half(0.5), "{value}");
        }
    }
}

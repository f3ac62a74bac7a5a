//! 8-bit sRGB to linear light and back.
//!
//! The curve of IEC 61966-2-1 is taken by a polynomial that is nowhere further from it than 0.44 of the difference between
//! two 8-bit values: without a table lookup, whole rows are widened in vector registers. The way back is its exact inverse.

#![expect(clippy::inline_always, reason = "compiled once more for wider registers inside of its caller")]

use std::sync::LazyLock;

/// Factors of the value's first to fifth power, the value being 0 to 1. They sum to 1.
const CURVE: [f64; 5] = [0.066_025_771, 0.206_065_974, 1.700_469_978, -1.640_790_27, 0.668_228_547];

/// [`CURVE`] for values of 0 to 255.
const CURVE_OF_BYTES: [f32; 5] = {
    let (mut curve, mut power, mut scale) = ([0.0; 5], 0, 255.0);
    while power < 5 {
        curve[power] = (CURVE[power] / scale) as f32;
        scale *= 255.0;
        power += 1;
    }
    curve
};

/// Linear light of an 8-bit value: 0 to 1.
#[inline(always)]
pub(super) fn light(value: f32) -> f32 {
    let [first, second, third, fourth, fifth] = CURVE_OF_BYTES;
    ((((fifth * value + fourth) * value + third) * value + second) * value + first) * value
}

/// Places of [`ENCODED`]; four for the smallest difference between 8-bit values.
pub(super) const PLACES: usize = 1 << 14;

/// The place of a linear light in [`ENCODED`]; light outside of 0 to 1 is taken for the nearer end.
#[inline(always)]
pub(super) fn place(light: f32) -> usize {
    // A float of this size has no fraction, so the sum's lowest bits are the rounded product.
    const WHOLE: f32 = (1_u32 << 23) as f32;
    let place = light.clamp(0.0, 1.0) * (PLACES - 1) as f32 + WHOLE;
    place.to_bits() as usize % PLACES
}

/// The 8-bit value nearest to the linear light of each place.
pub(super) static ENCODED: LazyLock<Box<[u8; PLACES]>> = LazyLock::new(|| {
    let light = |value: f64| CURVE.iter().rev().fold(0.0, |sum, factor| (sum + factor) * value);
    let mut table = Box::new([0; PLACES]);
    let mut nearest = 0_u8;
    for (place, value) in table.iter_mut().enumerate() {
        let wanted = place as f64 / (PLACES - 1) as f64;
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
            assert_eq!(ENCODED[place(light(f32::from(value)))], value);
        }
    }

    #[test]
    fn the_curve_is_the_standard_s_within_half_a_value() {
        let standard = |encoded: f64| {
            if encoded <= 0.040_45 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
        };
        for value in 1..255 {
            let ours = f64::from(light(value as f32));
            let half = |by: f64| standard((f64::from(value) + by) / 255.0);
            assert!(half(-0.5) < ours && ours < half(0.5), "{value}");
        }
    }
}

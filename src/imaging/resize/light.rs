//! Bytes to premultiplied linear light and back.

#![expect(clippy::inline_always, reason = "compiled once more for wider registers inside of its caller")]

use crate::imaging::srgb::{PLACES, light, place};

/// A pixel layout of `N` channels on its way through linear light.
pub(super) trait Light<const N: usize> {
    /// Premultiplied linear light, 0 to 1. `bytes` and `row` are of whole pixels; `row` may be longer.
    fn widen(bytes: &[u8], row: &mut [f32]);
    /// Back, from the first `N` of four sums, which the kernel's lobes may have driven out of 0 to 1.
    fn narrow(encoded: &[u8; PLACES], sums: [f32; 4]) -> [u8; N];
}

pub(super) struct Rgb;

impl Light<3> for Rgb {
    #[inline(always)]
    fn widen(bytes: &[u8], row: &mut [f32]) {
        for (target, value) in row.iter_mut().zip(bytes) {
            *target = light(f32::from(*value));
        }
    }

    #[inline(always)]
    fn narrow(encoded: &[u8; PLACES], sums: [f32; 4]) -> [u8; 3] {
        let [red, green, blue, _] = sums.map(place);
        [encoded[red], encoded[green], encoded[blue]]
    }
}

pub(super) struct Rgba;

impl Light<4> for Rgba {
    #[inline(always)]
    fn widen(bytes: &[u8], row: &mut [f32]) {
        for (target, pixel) in row.as_chunks_mut::<4>().0.iter_mut().zip(bytes.as_chunks::<4>().0) {
            let opacity = f32::from(pixel[3]) * (1.0 / 255.0);
            let [red, green, blue, _] = pixel.map(|value| light(f32::from(value)) * opacity);
            *target = [red, green, blue, opacity];
        }
    }

    #[inline(always)]
    fn narrow(encoded: &[u8; PLACES], sums: [f32; 4]) -> [u8; 4] {
        let alpha = (sums[3].clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        if alpha == 0 {
            return [0; 4];
        }
        let straight = 1.0 / sums[3];
        let [red, green, blue, _] = sums.map(|light| place(light * straight));
        [encoded[red], encoded[green], encoded[blue], alpha]
    }
}

//! Bytes to premultiplied linear light and back, in fixed point.

use crate::imaging::srgb::{PLACES, encoded};

use super::kernel::{Kernel, ROWS};

/// A pixel layout of `N` channels on its way through linear light.
pub(super) trait Light<const N: usize> {
    /// Premultiplied linear light of 15 bits. `bytes` and `row` are of whole pixels; `row` may be longer.
    fn widen(kernel: Kernel, bytes: &[u8], row: &mut [i16]);
    /// Back, for one pixel of each row.
    fn narrow(table: &[u8; PLACES], places: &[[i32; ROWS]; N]) -> [[u8; N]; ROWS];
}

pub(super) struct Rgb;

impl Light<3> for Rgb {
    fn widen(kernel: Kernel, bytes: &[u8], row: &mut [i16]) {
        kernel.widen(bytes, row);
    }

    #[inline]
    fn narrow(table: &[u8; PLACES], places: &[[i32; ROWS]; 3]) -> [[u8; 3]; ROWS] {
        std::array::from_fn(|row| places.map(|channel| encoded(table, channel[row])))
    }
}

pub(super) struct Rgba;

impl Light<4> for Rgba {
    fn widen(kernel: Kernel, bytes: &[u8], row: &mut [i16]) {
        kernel.widen_premultiplied(bytes, row);
    }

    fn narrow(table: &[u8; PLACES], places: &[[i32; ROWS]; 4]) -> [[u8; 4]; ROWS] {
        const MOST: f32 = (PLACES - 1) as f32;
        let [red, green, blue, opacity] = places;
        std::array::from_fn(|row| {
            let opacity = opacity[row] as f32 * (1.0 / MOST);
            let alpha = (opacity * 255.0 + 0.5) as u8;
            if alpha == 0 {
                return [0; 4];
            }
            let straight = |places: &[i32; ROWS]| encoded(table, (places[row] as f32 / opacity + 0.5).min(MOST) as i32);
            [straight(red), straight(green), straight(blue), alpha]
        })
    }
}

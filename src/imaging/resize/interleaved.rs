//! Rows of a raster.

use std::marker::PhantomData;

use crate::imaging::srgb::PLACES;
use crate::imaging::{Raster, Window};

use super::boxes::Boxes;
use super::kernel::{Kernel, Lanes, ROWS, Turned};
use super::light::Light;
use super::rows;
use super::scale::Source;
use super::taps::Axis;

/// The rows of a raster's window, averaged where boxes are larger than a pixel.
pub(super) struct Interleaved<R, L, const N: usize> {
    rows: R,
    boxes: Boxes<N>,
    /// Pixels of a row.
    width: usize,
    light: PhantomData<L>,
}

/// `columns` and `lines` say how many pixels a box averages.
pub(super) fn interleaved<'a, L: Light<N>, const N: usize>(
    raster: &'a Raster,
    window: Window,
    columns: &Axis,
    lines: &Axis,
) -> impl Source<N> + use<'a, L, N> {
    let width = window.size.width as usize;
    Interleaved {
        rows: rows(raster, window),
        boxes: Boxes::new(width, columns.side, lines.side),
        width: width.div_ceil(columns.side),
        light: PhantomData::<L>,
    }
}

impl<'a, R: Iterator<Item = &'a [u8]>, L: Light<N>, const N: usize> Source<N> for Interleaved<R, L, N> {
    fn values(&self) -> usize {
        self.width * N
    }

    fn pairs(&self) -> usize {
        self.width.div_ceil(2)
    }

    fn next(&mut self, kernel: Kernel, row: &mut [i16]) -> bool {
        self.boxes.fill::<L>(&mut self.rows, row, kernel)
    }

    fn turn(&self, kernel: Kernel, rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<N>]) {
        kernel.turn(rows, turned);
    }

    fn narrow(table: &[u8; PLACES], places: &[[i32; ROWS]; N]) -> [[u8; N]; ROWS] {
        L::narrow(table, places)
    }
}

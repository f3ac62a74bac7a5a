//! Rows of a JPEG's planes: red, green and blue one after the other.

use crate::imaging::Window;
use crate::imaging::planes::{Planes, Tints, tint, upsample};
use crate::imaging::srgb::PLACES;

use super::kernel::{Kernel, Lanes, ROWS, Turned};
use super::light::{Light, Rgb};
use super::scale::Source;

pub(super) struct Planar<'a> {
    planes: &'a Planes,
    window: Window,
    /// Rows handed out so far.
    filled: usize,
    /// Whether colours go smoothly from one sample to the next.
    is_smooth: bool,
    tints: Tints,
    /// The row of colours that the tints are of, where they are not smooth.
    tinted: Option<usize>,
}

impl<'a> Planar<'a> {
    pub fn new(planes: &'a Planes, window: Window, is_smooth: bool) -> Self {
        Self { planes, window, filled: 0, is_smooth, tints: Tints::new(planes), tinted: None }
    }

    /// Values of one plane of a row: whole registers.
    fn plane(&self) -> usize {
        (self.window.size.width as usize).next_multiple_of(16)
    }

    fn colour(&mut self, row: usize) {
        if self.is_smooth {
            return upsample(self.planes, row, &mut self.tints);
        }
        let row = if self.planes.halved().down { row / 2 } else { row };
        if self.tinted.replace(row) != Some(row) {
            tint(self.planes, row, &mut self.tints);
        }
    }
}

impl Source<3> for Planar<'_> {
    fn values(&self) -> usize {
        self.plane() * 3
    }

    fn pairs(&self) -> usize {
        self.plane() / 2
    }

    fn next(&mut self, kernel: Kernel, row: &mut [i16]) -> bool {
        if self.filled == self.window.size.height as usize {
            return false;
        }
        let from = self.window.top as usize + self.filled;
        self.filled += 1;
        self.colour(from);
        let (left, width) = (self.window.left as usize, self.window.size.width as usize);
        let plane = self.plane();
        let (red, rest) = row.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let tints = self.tints.of_pixels().map(|tints| &tints[left..left + width]);
        kernel.mix(&self.planes.luma(from)[left..left + width], tints, [red, green, blue]);
        true
    }

    fn turn(&self, kernel: Kernel, rows: &[Vec<Lanes>; ROWS], turned: &mut [Turned<3>]) {
        kernel.turn_planes(rows, turned);
    }

    fn narrow(table: &[u8; PLACES], places: &[[i32; ROWS]; 3]) -> [[u8; 3]; ROWS] {
        Rgb::narrow(table, places)
    }
}

use crate::transform::Size;

use super::{Coloured, ImagingError, Raster};

/// How stored pixels have to be turned to stand upright: the eight values of EXIF's orientation, 1 to 8 in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Orientation {
    #[default]
    Upright,
    MirrorHorizontal,
    Rotate180,
    MirrorVertical,
    /// Mirrored along the diagonal from the top left.
    Transpose,
    /// Clockwise.
    Rotate90,
    /// Mirrored along the diagonal from the top right.
    Transverse,
    /// Clockwise.
    Rotate270,
}

impl Orientation {
    pub const ALL: [Self; 8] = [
        Self::Upright,
        Self::MirrorHorizontal,
        Self::Rotate180,
        Self::MirrorVertical,
        Self::Transpose,
        Self::Rotate90,
        Self::Transverse,
        Self::Rotate270,
    ];

    /// EXIF's number, 1 to 8.
    pub fn from_exif(value: u16) -> Option<Self> {
        Self::ALL.get(usize::from(value).checked_sub(1)?).copied()
    }

    /// Whether width and height change places.
    pub const fn swaps_sides(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }

    pub const fn apply(self, stored: Size) -> Size {
        if self.swaps_sides() { Size { width: stored.height, height: stored.width } } else { stored }
    }
}

/// Turns it upright.
pub fn orient(coloured: Coloured) -> Result<Raster, ImagingError> {
    let Coloured { raster, orientation } = coloured;
    if orientation == Orientation::Upright { Ok(raster) } else { turn(&raster, orientation) }
}

fn turn(raster: &Raster, orientation: Orientation) -> Result<Raster, ImagingError> {
    let Size { width, height } = orientation.apply(raster.size());
    let mut turned = vec![0; raster.data().len()];
    match raster.channels().count() {
        3 => scatter(raster.data().as_chunks::<3>().0, turned.as_chunks_mut::<3>().0, raster.size(), orientation),
        _ => scatter(raster.data().as_chunks::<4>().0, turned.as_chunks_mut::<4>().0, raster.size(), orientation),
    }
    Raster::new(width, height, raster.channels(), turned)
}

/// Side of the square that is copied at a time: both its rows and its columns stay in the first-level cache.
const TILE: usize = 32;

fn scatter<P: Copy>(from: &[P], to: &mut [P], stored: Size, orientation: Orientation) {
    let (width, height) = (stored.width as usize, stored.height as usize);
    // Where the pixel (x, y) goes: start + x * step_x + y * step_y.
    let (w, h) = (width as isize, height as isize);
    let (start, step_x, step_y) = match orientation {
        Orientation::Upright => (0, 1, w),
        Orientation::MirrorHorizontal => (w - 1, -1, w),
        Orientation::Rotate180 => (w * h - 1, -1, -w),
        Orientation::MirrorVertical => ((h - 1) * w, 1, -w),
        Orientation::Transpose => (0, h, 1),
        Orientation::Rotate90 => (h - 1, h, -1),
        Orientation::Transverse => (w * h - 1, -h, -1),
        Orientation::Rotate270 => ((w - 1) * h, -h, 1),
    };
    for tile_y in (0..height).step_by(TILE) {
        for tile_x in (0..width).step_by(TILE) {
            let right = (tile_x + TILE).min(width);
            for y in tile_y..(tile_y + TILE).min(height) {
                let mut target = start + tile_x as isize * step_x + y as isize * step_y;
                for pixel in &from[y * width + tile_x..y * width + right] {
                    to[target as usize] = *pixel;
                    target += step_x;
                }
            }
        }
    }
}

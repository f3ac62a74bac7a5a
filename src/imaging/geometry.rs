use crate::transform::{Gravity, Size};

use super::{Raster, smart};

/// The part of a picture that is kept, in pixels of the upright picture. Inside it, both sides at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub left: u32,
    pub top: u32,
    pub size: Size,
}

/// The part of `raster` that a rendering keeps: all of it without `crop`, otherwise the largest part of `output`'s ratio.
pub fn window(raster: &Raster, output: Size, crop: Option<Gravity>) -> Window {
    kept(raster.size(), output, crop).unwrap_or_else(|| {
        let size = largest(raster.size(), output);
        let (left, top) = smart::place(raster, size);
        Window { left, top, size }
    })
}

/// The same of any picture of this size; `None` where its pixels have to tell.
pub(super) fn kept(source: Size, output: Size, crop: Option<Gravity>) -> Option<Window> {
    let Some(gravity) = crop else { return Some(Window { left: 0, top: 0, size: source }) };
    let size = largest(source, output);
    let free = Size { width: source.width - size.width, height: source.height - size.height };
    let (left, top) = match gravity {
        Gravity::Smart => return None,
        Gravity::Focal { x, y } => {
            (centred(source.width, size.width, free.width, x), centred(source.height, size.height, free.height, y))
        }
        compass => {
            let (across, down) = halves(compass);
            (free.width * across / 2, free.height * down / 2)
        }
    };
    Some(Window { left, top, size })
}

/// The largest window of `output`'s ratio, rounded to whole pixels.
fn largest(source: Size, output: Size) -> Size {
    let (width, height) = (u64::from(source.width), u64::from(source.height));
    let (out_width, out_height) = (u64::from(output.width).max(1), u64::from(output.height).max(1));
    let rounded = |value: u64, by: u64, most: u64| ((value + by / 2) / by).clamp(1, most) as u32;
    if width * out_height >= height * out_width {
        Size { width: rounded(height * out_width, out_height, width), height: source.height }
    } else {
        Size { width: source.width, height: rounded(width * out_height, out_width, height) }
    }
}

/// Where a window starts whose middle is as close as possible to a point given in hundredths of the side.
fn centred(side: u32, window: u32, free: u32, hundredths: u8) -> u32 {
    let point = u64::from(side) * u64::from(hundredths.min(100)) / 100;
    point.saturating_sub(u64::from(window) / 2).min(u64::from(free)) as u32
}

/// Halves of the free space that lie left of and above the window.
const fn halves(gravity: Gravity) -> (u32, u32) {
    match gravity {
        Gravity::NorthWest => (0, 0),
        Gravity::North => (1, 0),
        Gravity::NorthEast => (2, 0),
        Gravity::West => (0, 1),
        Gravity::East => (2, 1),
        Gravity::SouthWest => (0, 2),
        Gravity::South => (1, 2),
        Gravity::SouthEast => (2, 2),
        Gravity::Center | Gravity::Smart | Gravity::Focal { .. } => (1, 1),
    }
}

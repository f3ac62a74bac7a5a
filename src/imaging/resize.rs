//! Lanczos3 in premultiplied linear light, in fixed point: rows are summed first, then the columns of eight summed rows.
//!
//! Light and weights have 15 bits, so that one instruction multiplies sixteen of them and adds them by twos. That is a
//! tenth of the smallest difference between two 8-bit values, and whole numbers are the same on every processor. Only as
//! many source rows are widened at a time as one output row needs.

mod boxes;
mod interleaved;
mod kernel;
mod light;
mod planar;
mod scale;
mod taps;

use std::borrow::Cow;

use crate::transform::{Gravity, Size};

use super::geometry::kept;
use super::planes::Planes;
use super::{Channels, ImagingError, Pixels, Raster, Window, window};

pub(super) use kernel::Kernel;

use interleaved::interleaved;
use light::{Rgb, Rgba};
use planar::Planar;
use scale::scale;
use taps::Axis;

/// From this reduction on pixels that share a sample of colour may have the same one: more of them make a pixel.
const SMOOTH_BELOW: u32 = 2;

impl Pixels {
    /// The part that a rendering keeps, scaled to `output`.
    ///
    /// # Errors
    /// [`ImagingError::Internal`] where memory's address range has no room for it.
    pub fn resize(&self, output: Size, crop: Option<Gravity>) -> Result<Cow<'_, Raster>, ImagingError> {
        if let Self::Planes(planes) = self
            && let Some(window) = kept(planes.size(), output, crop)
            && let Some(resized) = resize_planes(planes, window, output)
        {
            return resized.map(Cow::Owned);
        }
        match self.raster()? {
            Cow::Borrowed(raster) => resize(raster, window(raster, output, crop), output),
            Cow::Owned(raster) => {
                resize(&raster, window(&raster, output, crop), output).map(|resized| Cow::Owned(resized.into_owned()))
            }
        }
    }
}

/// A part of the raster, scaled to `output`; stretched if the ratios differ.
pub fn resize(raster: &Raster, window: Window, output: Size) -> Result<Cow<'_, Raster>, ImagingError> {
    if window.size == raster.size() && window.size == output {
        return Ok(Cow::Borrowed(raster));
    }
    if window.size == output {
        return cut(raster, window).map(Cow::Owned);
    }
    let (columns, lines) = axes(window, output);
    let kernel = Kernel::best();
    let data = match raster.channels() {
        Channels::Rgb => {
            scale(interleaved::<Rgb, 3>(raster, window, &columns, &lines), &columns.taps, &lines.taps, kernel)
        }
        Channels::Rgba => {
            scale(interleaved::<Rgba, 4>(raster, window, &columns, &lines), &columns.taps, &lines.taps, kernel)
        }
    };
    Raster::new(output.width, output.height, raster.channels(), data).map(Cow::Owned)
}

/// The same of planes, where their pixels have to be neither copied nor averaged first.
fn resize_planes(planes: &Planes, window: Window, output: Size) -> Option<Result<Raster, ImagingError>> {
    if window.size == output {
        return None;
    }
    let (columns, lines) = axes(window, output);
    if (columns.side, lines.side) != (1, 1) {
        return None;
    }
    let is_smooth = window.size.width < output.width.saturating_mul(SMOOTH_BELOW)
        || window.size.height < output.height.saturating_mul(SMOOTH_BELOW);
    let data = scale(Planar::new(planes, window, is_smooth), &columns.taps, &lines.taps, Kernel::best());
    Some(Raster::new(output.width, output.height, Channels::Rgb, data))
}

/// Columns and lines.
fn axes(window: Window, output: Size) -> (Axis, Axis) {
    (Axis::new(window.size.width, output.width), Axis::new(window.size.height, output.height))
}

fn cut(raster: &Raster, window: Window) -> Result<Raster, ImagingError> {
    let mut data =
        Vec::with_capacity(window.size.width as usize * window.size.height as usize * raster.channels().count());
    rows(raster, window).for_each(|row| data.extend_from_slice(row));
    Raster::new(window.size.width, window.size.height, raster.channels(), data)
}

/// The window's part of each of its rows.
fn rows(raster: &Raster, window: Window) -> impl ExactSizeIterator<Item = &[u8]> {
    let channels = raster.channels().count();
    let left = window.left as usize * channels;
    let right = left + window.size.width as usize * channels;
    let rows = raster.data().chunks_exact(raster.stride());
    rows.skip(window.top as usize).take(window.size.height as usize).map(move |row| &row[left..right])
}

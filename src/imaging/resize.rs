//! Lanczos3 in premultiplied linear light, in fixed point: rows are summed first, then the columns of eight summed rows.
//!
//! Light and weights have 15 bits, so that one instruction multiplies sixteen of them and adds them by twos. That is a
//! tenth of the smallest difference between two 8-bit values, and whole numbers are the same on every processor. Only as
//! many source rows are widened at a time as one output row needs.

mod boxes;
mod kernel;
mod light;
mod scale;
mod taps;

use std::borrow::Cow;

use crate::transform::Size;

use super::{Channels, ImagingError, Raster, Window};

use kernel::Kernel;
use light::{Rgb, Rgba};

/// A part of the raster, scaled to `output`; stretched if the ratios differ.
pub fn resize(raster: &Raster, window: Window, output: Size) -> Result<Cow<'_, Raster>, ImagingError> {
    if window.size == raster.size() && window.size == output {
        return Ok(Cow::Borrowed(raster));
    }
    if window.size == output {
        return cut(raster, window).map(Cow::Owned);
    }
    let data = match raster.channels() {
        Channels::Rgb => scale::scale::<Rgb, 3>(raster, window, output, Kernel::best()),
        Channels::Rgba => scale::scale::<Rgba, 4>(raster, window, output, Kernel::best()),
    };
    Raster::new(output.width, output.height, raster.channels(), data).map(Cow::Owned)
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

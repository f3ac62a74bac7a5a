//! Lanczos3 in linear light on premultiplied 32-bit floats: rows are summed first, then the columns of each summed row.
//!
//! Only as many source rows are widened at a time as one output row needs. Sums are in a fixed order, lane by lane, so
//! that every processor makes the same bytes.

mod light;
mod sum;
mod taps;

use std::borrow::Cow;

use crate::transform::{Gravity, Size};

use super::{Channels, ImagingError, Picture, Raster, Window, window};

use light::{Rgb, Rgba};

/// The part of `picture` that `crop` chooses, scaled to `output`. Without `crop` all of it, stretched if the ratios differ.
pub fn resize(picture: &Picture, output: Size, crop: Option<Gravity>) -> Result<Cow<'_, Picture>, ImagingError> {
    let window = window(picture, output, crop);
    if window.size == picture.size() && window.size == output {
        return Ok(Cow::Borrowed(picture));
    }
    let resized = picture.map(|raster| {
        if window.size == output {
            return cut(raster, window);
        }
        let data = match raster.channels() {
            Channels::Rgb => sum::scale::<Rgb, 3>(raster, window, output),
            Channels::Rgba => sum::scale::<Rgba, 4>(raster, window, output),
        };
        Raster::new(output.width, output.height, raster.channels(), data)
    })?;
    Ok(Cow::Owned(resized))
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

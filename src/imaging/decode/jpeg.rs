use std::borrow::Cow;

use turbojpeg::{
    Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp, YuvImage, yuv_pixels_len,
};

use crate::transform::SourceFormat;

use super::{Decoded, Layout, buffer};
use crate::imaging::colour::changes_colours;
use crate::imaging::planes::{Halved, Planes};
use crate::imaging::probe::jpeg::{has_adobe_marker, profile, with_usable_profile};
use crate::imaging::{ImagingError, Orientation, Probe, Shrink};

/// Pixels that all scans of a progressive JPEG together may visit: a scan costs time even where it holds nothing.
const SCANNED_PIXELS: u64 = 2_000_000_000;

/// Shortest side from which planes are worth it: libjpeg treats the colours of the narrowest pictures in a way of their own.
const SHORTEST_PLANE: u32 = 16;

/// The three planes, where nothing but their conversion is between them and an upright sRGB picture.
pub(super) fn planes(bytes: &[u8], probe: &Probe) -> Result<Option<Planes>, ImagingError> {
    let size = probe.stored;
    if probe.orientation != Orientation::Upright || size.width.min(size.height) < SHORTEST_PLANE {
        return Ok(None);
    }
    if profile(bytes).is_some_and(|profile| changes_colours(&profile)) {
        return Ok(None);
    }
    let (mut decompressor, usable, header) = begun(bytes, probe)?;
    let (across, down) = match (header.colorspace, header.subsamp) {
        (Colorspace::YCbCr, Subsamp::None) => (false, false),
        (Colorspace::YCbCr, Subsamp::Sub2x1) => (true, false),
        (Colorspace::YCbCr, Subsamp::Sub2x2) => (true, true),
        _ => return Ok(None),
    };
    let (width, height, subsamp) = (header.width, header.height, header.subsamp);
    let length = yuv_pixels_len(width, 1, height, subsamp).map_err(|error| corrupt(&error))?;
    let mut data = vec![0; length];
    let image = YuvImage { pixels: &mut data[..], width, align: 1, height, subsamp };
    decompressor.decompress_to_yuv(&usable, image).map_err(|error| corrupt(&error))?;
    Planes::new(size, Halved { across, down }, data).map(Some)
}

pub(super) fn decode(bytes: &[u8], probe: &Probe, shrink: Shrink) -> Result<Decoded, ImagingError> {
    let (mut decompressor, usable, header) = begun(bytes, probe)?;
    decompressor
        .set_scaling_factor(ScalingFactor::new(1, shrink.divisor() as usize))
        .map_err(|error| corrupt(&error))?;
    let size = shrink.size(probe.stored);
    let (width, height) = (size.width as usize, size.height as usize);
    let (layout, format) = match header.colorspace {
        Colorspace::Gray => (Layout::Gray, PixelFormat::GRAY),
        Colorspace::CMYK | Colorspace::YCCK => (Layout::Cmyk, PixelFormat::CMYK),
        Colorspace::RGB | Colorspace::YCbCr => (Layout::Rgb, PixelFormat::RGB),
    };
    let mut data = buffer(size, layout)?;
    let pitch = width * layout.channels();
    // libjpeg's warnings (premature end, bad Huffman code, …) are errors of TurboJPEG once the picture is through.
    decompressor
        .decompress(&usable, Image { pixels: &mut data[..], width, pitch, height, format })
        .map_err(|error| corrupt(&error))?;
    if layout == Layout::Cmyk && has_adobe_marker(bytes) {
        for ink in &mut data {
            *ink = 255 - *ink;
        }
    }
    Ok(Decoded { size, ..Decoded::still(probe, layout, data, profile(bytes)) })
}

/// A decompressor, what it is to be given, and what it read of the header.
fn begun<'a>(bytes: &'a [u8], probe: &Probe) -> Result<(Decompressor, Cow<'a, [u8]>, DecompressHeader), ImagingError> {
    let mut decompressor = Decompressor::new().map_err(|error| ImagingError::internal(error.to_string()))?;
    let scans = (SCANNED_PIXELS / probe.pixels().max(1)).clamp(40, 500);
    decompressor.set_scan_limit(scans as u32).map_err(|error| corrupt(&error))?;
    let usable = with_usable_profile(bytes);
    let header = decompressor.read_header(&usable).map_err(|error| corrupt(&error))?;
    if (header.width, header.height) != (probe.stored.width as usize, probe.stored.height as usize) {
        return Err(ImagingError::corrupt(SourceFormat::Jpeg, "two frame headers disagree"));
    }
    Ok((decompressor, usable, header))
}

fn corrupt(error: &turbojpeg::Error) -> ImagingError {
    ImagingError::corrupt(SourceFormat::Jpeg, error.to_string())
}

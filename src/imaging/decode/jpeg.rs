use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

use crate::transform::SourceFormat;

use super::{Decoded, Layout, buffer};
use crate::imaging::probe::jpeg::{has_adobe_marker, profile, with_usable_profile};
use crate::imaging::{ImagingError, Probe, Shrink};

/// Pixels that all scans of a progressive JPEG together may visit: a scan costs time even where it holds nothing.
const SCANNED_PIXELS: u64 = 2_000_000_000;

pub(super) fn decode(bytes: &[u8], probe: &Probe, shrink: Shrink) -> Result<Decoded, ImagingError> {
    let corrupt = |error: turbojpeg::Error| ImagingError::corrupt(SourceFormat::Jpeg, error.to_string());
    let mut decompressor = Decompressor::new().map_err(|error| ImagingError::internal(error.to_string()))?;
    let scans = (SCANNED_PIXELS / probe.pixels().max(1)).clamp(40, 500);
    decompressor.set_scan_limit(scans as u32).map_err(corrupt)?;
    let usable = with_usable_profile(bytes);
    let header = decompressor.read_header(&usable).map_err(corrupt)?;
    let (width, height) = (probe.stored.width as usize, probe.stored.height as usize);
    if (header.width, header.height) != (width, height) {
        return Err(ImagingError::corrupt(SourceFormat::Jpeg, "two frame headers disagree"));
    }
    decompressor.set_scaling_factor(ScalingFactor::new(1, shrink.divisor() as usize)).map_err(corrupt)?;
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
    decompressor.decompress(&usable, Image { pixels: &mut data[..], width, pitch, height, format }).map_err(corrupt)?;
    if layout == Layout::Cmyk && has_adobe_marker(bytes) {
        for ink in &mut data {
            *ink = 255 - *ink;
        }
    }
    Ok(Decoded { size, ..Decoded::still(probe, layout, data, profile(bytes)) })
}

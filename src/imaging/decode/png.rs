use std::io::Cursor;

use png::{ColorType, DecodingError, Reader, Transformations};

use crate::transform::SourceFormat;

use super::{Decoded, Layout};
use crate::imaging::{ImagingError, Probe};

/// What ancillary chunks may inflate to, and every other buffer of the decoder's own but the rows.
const ANCILLARY_BYTES: usize = 16 << 20;

pub(super) type PngReader<'a> = Reader<Cursor<&'a [u8]>>;

pub(super) fn corrupt(error: &DecodingError) -> ImagingError {
    ImagingError::corrupt(SourceFormat::Png, error.to_string())
}

/// A reader that answers 8 bits a channel, palettes and `tRNS` expanded.
pub(super) fn reader<'a>(bytes: &'a [u8], probe: &Probe) -> Result<PngReader<'a>, ImagingError> {
    // One row of 16-bit RGBA and its predecessor are needed, whatever the limit.
    let rows = (probe.stored.width as usize).saturating_mul(64);
    let limits = png::Limits { bytes: ANCILLARY_BYTES.saturating_add(rows) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.read_info().map_err(|error| corrupt(&error))
}

pub(super) fn layout(reader: &PngReader<'_>) -> Layout {
    match reader.output_color_type().0 {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
    }
}

pub(super) fn profile(reader: &PngReader<'_>) -> Option<Vec<u8>> {
    let info = reader.info();
    // sRGB says that the picture needs no profile.
    info.icc_profile.as_ref().filter(|_| info.srgb.is_none()).map(|profile| profile.to_vec())
}

pub(super) fn decode(bytes: &[u8], probe: &Probe) -> Result<Decoded, ImagingError> {
    let mut reader = reader(bytes, probe)?;
    let layout = layout(&reader);
    let mut data = super::buffer(probe.stored, layout)?;
    if reader.output_buffer_size() != Some(data.len()) {
        return Err(ImagingError::corrupt(SourceFormat::Png, "the header's size is not the decoder's"));
    }
    reader.next_frame(&mut data).map_err(|error| corrupt(&error))?;
    // A file that ends before its IEND is cut off.
    reader.finish().map_err(|error| corrupt(&error))?;
    Ok(Decoded::still(probe, layout, data, profile(&reader)))
}

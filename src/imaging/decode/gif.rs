use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder, ImageError};

use crate::transform::SourceFormat;

use super::{Decoded, Take};
use crate::imaging::{ImagingError, Probe};

pub(super) fn decode(bytes: &[u8], probe: &Probe, wanted: u32, take: Take<'_>) -> Result<(), ImagingError> {
    let corrupt = |error: ImageError| ImagingError::corrupt(SourceFormat::Gif, error.to_string());
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(corrupt)?;
    // A canvas, a frame of its own size and their composition. A frame may claim to be larger than the canvas.
    let canvas = u64::from(probe.stored.width) * u64::from(probe.stored.height) * 4;
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(canvas.saturating_mul(3).max(1 << 20));
    decoder.set_limits(limits).map_err(corrupt)?;
    let mut found = 0;
    for frame in decoder.into_frames().take(wanted as usize) {
        let frame = frame.map_err(corrupt)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        take(Decoded::composed(probe, frame.into_buffer().into_raw(), None), numerator / denominator.max(1))?;
        found += 1;
    }
    if found == wanted { Ok(()) } else { Err(ImagingError::corrupt(SourceFormat::Gif, "frames are missing")) }
}

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder, ImageError};

use crate::transform::{Frames, SourceFormat};

use super::{Decoded, Plane};
use crate::imaging::{ImagingError, Probe};

pub(super) fn decode(bytes: &[u8], probe: &Probe, frames: Frames) -> Result<Decoded, ImagingError> {
    let corrupt = |error: ImageError| ImagingError::corrupt(SourceFormat::Gif, error.to_string());
    let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(corrupt)?;
    // A canvas, a frame of its own size and their composition. A frame may claim to be larger than the canvas.
    let canvas = u64::from(probe.stored.width) * u64::from(probe.stored.height) * 4;
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(canvas.saturating_mul(3).max(1 << 20));
    decoder.set_limits(limits).map_err(corrupt)?;
    let wanted = if frames == Frames::First { 1 } else { probe.natural.frames as usize };
    let mut planes = Vec::new();
    for frame in decoder.into_frames().take(wanted) {
        let frame = frame.map_err(corrupt)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        planes.push(Plane { data: frame.into_buffer().into_raw(), delay: numerator / denominator.max(1) });
    }
    if planes.len() != wanted {
        return Err(ImagingError::corrupt(SourceFormat::Gif, "frames are missing"));
    }
    Ok(Decoded::composed(probe, planes, None))
}

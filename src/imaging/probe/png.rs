//! PNG's chunks (W3C PNG, third edition), APNG's `acTL` among them. Checksums are the decoder's business.

use crate::transform::{Size, SourceFormat};

use super::{Numbers, Probe};
use crate::imaging::{ImagingError, Orientation, exif};

/// The signature before the first chunk.
pub(in crate::imaging) const SIGNATURE: usize = 8;

/// One chunk: its type, its data, and all its bytes with length and checksum.
#[derive(Clone, Copy)]
pub(in crate::imaging) struct Chunk<'a> {
    pub(in crate::imaging) kind: [u8; 4],
    pub(in crate::imaging) data: &'a [u8],
    pub(in crate::imaging) whole: &'a [u8],
}

/// The chunks in order; ends at the first that is cut off.
pub(in crate::imaging) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = rest.big32(0)? as usize;
        let (whole, after) = rest.split_at_checked(length.checked_add(12)?)?;
        rest = after;
        Some(Chunk { kind: *whole[4..].first_chunk()?, data: &whole[8..whole.len() - 4], whole })
    })
}

pub(super) fn probe(bytes: &[u8]) -> Result<Probe, ImagingError> {
    let corrupt = |reason| ImagingError::corrupt(SourceFormat::Png, reason);
    let mut chunks = chunks(bytes);
    let header = chunks.next().filter(|chunk| &chunk.kind == b"IHDR" && chunk.data.len() == 13);
    let header = header.ok_or_else(|| corrupt("there is no header"))?.data;
    let (Some(width), Some(height)) = (header.big32(0), header.big32(4)) else {
        return Err(corrupt("the header is cut off"));
    };
    let stored = Size { width, height };
    if stored.width == 0 || stored.height == 0 || (stored.width | stored.height) > i32::MAX as u32 {
        return Err(corrupt("a side is out of bounds"));
    }
    let mut alpha = matches!(header[9], 4 | 6);
    let (mut animation, mut orientation, mut pixels) = (None, Orientation::Upright, false);
    for chunk in chunks {
        match &chunk.kind {
            b"tRNS" => alpha = true,
            b"acTL" if !pixels => animation = chunk.data.big32(0).zip(chunk.data.big32(4)),
            b"fcTL" => alpha |= uncovers(chunk.data, stored, !pixels),
            b"eXIf" => orientation = exif::orientation(chunk.data),
            b"IDAT" => pixels = true,
            _ => {}
        }
    }
    let (frames, loops) = animation.filter(|(frames, _)| *frames > 1).unwrap_or((1, 0));
    Ok(Probe::animated(SourceFormat::Png, stored, alpha, orientation, frames, loops))
}

/// Whether a frame leaves canvas that nothing was painted on: it is cleared after itself, or the first and smaller.
fn uncovers(control: &[u8], canvas: Size, first: bool) -> bool {
    const CLEAR: u8 = 1;
    let covers = control.big32(4) == Some(canvas.width) && control.big32(8) == Some(canvas.height);
    (first && !covers) || control.get(24) == Some(&CLEAR)
}

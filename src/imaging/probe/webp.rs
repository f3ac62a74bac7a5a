//! WebP's RIFF chunks (RFC 9649).

use crate::transform::{Size, SourceFormat};

use super::{Numbers, Probe};
use crate::imaging::{ImagingError, Orientation, exif};

/// `RIFF`, size, `WEBP`.
pub(in crate::imaging) const FILE_HEADER: usize = 12;

/// One chunk: its type, its data, and all its bytes with header and padding.
#[derive(Clone, Copy)]
pub(in crate::imaging) struct Chunk<'a> {
    pub(in crate::imaging) kind: [u8; 4],
    pub(in crate::imaging) data: &'a [u8],
    pub(in crate::imaging) whole: &'a [u8],
}

/// The chunks of the file in order; ends at the first that is cut off. Bytes after the RIFF are no part of it.
pub(in crate::imaging) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let end = bytes.little32(4).map_or(0, |size| (size as usize).saturating_add(8).min(bytes.len()));
    let mut rest = bytes.get(FILE_HEADER..end).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = rest.little32(4)? as usize;
        let data = rest.get(8..length.checked_add(8)?)?;
        let (whole, after) = rest.split_at((8 + length + length % 2).min(rest.len()));
        rest = after;
        Some(Chunk { kind: *whole.first_chunk()?, data, whole })
    })
}

/// The colour profile.
pub(in crate::imaging) fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    chunks(bytes).find(|chunk| &chunk.kind == b"ICCP").map(|chunk| chunk.data.to_vec())
}

pub(super) fn probe(bytes: &[u8]) -> Result<Probe, ImagingError> {
    let corrupt = |reason| ImagingError::corrupt(SourceFormat::WebP, reason);
    if bytes.little32(4).is_none_or(|size| size as usize > bytes.len() - 8) {
        return Err(corrupt("the file is shorter than it says"));
    }
    let first = chunks(bytes).next().ok_or_else(|| corrupt("there is no picture"))?;
    let simple = |found: Option<(Size, bool)>| {
        let (stored, alpha) = found.ok_or_else(|| corrupt("the frame header makes no sense"))?;
        Ok(Probe::still(SourceFormat::WebP, stored, alpha, Orientation::Upright))
    };
    match &first.kind {
        b"VP8 " => simple(lossy(first.data).map(|size| (size, false))),
        b"VP8L" => simple(lossless(first.data)),
        b"VP8X" => extended(bytes, first.data).ok_or_else(|| corrupt("the header makes no sense")),
        _ => Err(corrupt("there is no picture")),
    }
}

/// RFC 6386 §9.1: a key frame's start code, then 14 bits of each side.
fn lossy(data: &[u8]) -> Option<Size> {
    let side = |at: usize| data.little16(at).map(|side| u32::from(side & 0x3fff)).filter(|side| *side > 0);
    if data.get(3..6)? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    Some(Size { width: side(6)?, height: side(8)? })
}

/// RFC 9649 §3.4: the signature, 14 bits of each side less one, whether alpha is used.
fn lossless(data: &[u8]) -> Option<(Size, bool)> {
    let header = data.strip_prefix(&[0x2f])?.little32(0)?;
    Some((Size { width: (header & 0x3fff) + 1, height: (header >> 14 & 0x3fff) + 1 }, header >> 28 & 1 == 1))
}

fn extended(bytes: &[u8], header: &[u8]) -> Option<Probe> {
    const ANIMATION: u8 = 0x02;
    const ALPHA: u8 = 0x10;
    let flags = *header.first()?;
    let stored = Size { width: header.little24(4)? + 1, height: header.little24(7)? + 1 };
    let mut alpha = flags & ALPHA != 0;
    let (mut frames, mut loops, mut orientation) = (0_u32, 0, Orientation::Upright);
    for chunk in chunks(bytes) {
        match &chunk.kind {
            b"ANMF" => {
                alpha |= uncovers(chunk.data, stored, frames == 0);
                frames += 1;
            }
            b"ANIM" => loops = u32::from(chunk.data.little16(4)?),
            b"EXIF" => orientation = exif::orientation(chunk.data),
            _ => {}
        }
    }
    if flags & ANIMATION == 0 {
        return Some(Probe::still(SourceFormat::WebP, stored, alpha, orientation));
    }
    (frames > 0).then(|| Probe::animated(SourceFormat::WebP, stored, alpha, orientation, frames, loops))
}

/// Whether a frame leaves canvas that nothing was painted on: it is cleared after itself, or the first and smaller.
fn uncovers(frame: &[u8], canvas: Size, first: bool) -> bool {
    let covers = frame.little24(6).map(|side| side + 1) == Some(canvas.width)
        && frame.little24(9).map(|side| side + 1) == Some(canvas.height);
    (first && !covers) || frame.get(15).is_some_and(|flags| flags & 1 == 1)
}

//! GIF's blocks (GIF89a), walked to the trailer to count the frames.

use crate::transform::{Size, SourceFormat};

use super::{Numbers, Probe};
use crate::imaging::{ImagingError, Orientation};

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
pub(in crate::imaging) const COMMENT: u8 = 0xfe;
pub(in crate::imaging) const APPLICATION: u8 = 0xff;

/// One block of a GIF, with all its bytes.
pub(in crate::imaging) enum Block<'a> {
    /// `payload` begins with the length of the first sub-block.
    Extension {
        label: u8,
        payload: &'a [u8],
        whole: &'a [u8],
    },
    Image {
        area: [u16; 4],
        whole: &'a [u8],
    },
    Trailer,
}

/// Bytes of the header, the screen descriptor and the global colour table.
pub(in crate::imaging) fn preamble(bytes: &[u8]) -> Option<usize> {
    let end = 13 + colour_table(*bytes.get(10)?);
    (bytes.len() >= end).then_some(end)
}

/// Bytes of a colour table by the flags that announce it.
fn colour_table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The block at `at`; `None` where it is cut off or unknown.
pub(in crate::imaging) fn block(bytes: &[u8], at: usize) -> Option<Block<'_>> {
    match *bytes.get(at)? {
        EXTENSION => {
            let end = after_sub_blocks(bytes, at + 2)?;
            Some(Block::Extension { label: bytes[at + 1], payload: &bytes[at + 2..end], whole: &bytes[at..end] })
        }
        IMAGE => {
            let number = |index: usize| bytes.little16(at + 1 + index * 2);
            let area = [number(0)?, number(1)?, number(2)?, number(3)?];
            // The descriptor is 10 bytes; the code size comes after the local colour table.
            let data = at + 10 + colour_table(*bytes.get(at + 9)?) + 1;
            Some(Block::Image { area, whole: &bytes[at..after_sub_blocks(bytes, data)?] })
        }
        TRAILER => Some(Block::Trailer),
        _ => None,
    }
}

fn after_sub_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

pub(super) fn probe(bytes: &[u8]) -> Result<Probe, ImagingError> {
    let corrupt = |reason| ImagingError::corrupt(SourceFormat::Gif, reason);
    let (Some(width), Some(height), Some(mut at)) = (bytes.little16(6), bytes.little16(8), preamble(bytes)) else {
        return Err(corrupt("the header is cut off"));
    };
    let stored = Size { width: width.into(), height: height.into() };
    if width == 0 || height == 0 {
        return Err(corrupt("a side is 0"));
    }
    let (mut frames, mut loops, mut alpha) = (0_u32, 1, false);
    loop {
        match block(bytes, at).ok_or_else(|| corrupt("a block is cut off"))? {
            Block::Extension { label, payload, whole } => {
                // The graphic control extension: one colour is transparent, or the area is cleared after the frame.
                let clears = |flags: &u8| flags & 1 == 1 || flags >> 2 & 7 == 2;
                alpha |= label == 0xf9 && payload.get(1).is_some_and(clears);
                loops = plays(label, payload).unwrap_or(loops);
                at += whole.len();
            }
            Block::Image { area, whole } => {
                let covers = area == [0, 0, width, height];
                alpha |= frames == 0 && !covers;
                frames += 1;
                at += whole.len();
            }
            Block::Trailer => break,
        }
    }
    match frames {
        0 => Err(corrupt("there is no picture")),
        _ => Ok(Probe::animated(SourceFormat::Gif, stored, alpha, Orientation::Upright, frames, loops)),
    }
}

/// How often the animation plays by the NETSCAPE extension, which counts repetitions after the first play; 0 is forever.
fn plays(label: u8, payload: &[u8]) -> Option<u32> {
    let loops = payload.strip_prefix(b"\x0bNETSCAPE2.0\x03\x01").or(payload.strip_prefix(b"\x0bANIMEXTS1.0\x03\x01"));
    let repetitions = loops.filter(|_| label == APPLICATION)?.little16(0)?;
    Some(if repetitions == 0 { 0 } else { u32::from(repetitions) + 1 })
}

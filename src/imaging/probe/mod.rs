//! What the bytes are, by content alone, from headers alone: nothing is inflated and nothing large allocated.

pub(super) mod avif;
mod container;
pub(super) mod gif;
pub(super) mod jpeg;
pub(super) mod png;
pub(super) mod webp;

use crate::transform::{Natural, Size, SourceFormat};

use super::{ImagingError, Limits, Orientation, RefusedKind};
use container::Container;

/// The longest side of a picture: as much as a JPEG can have. Some memory is taken by the row, whatever the pixels.
pub const LONGEST_SIDE: u32 = 65_535;

/// What is known of a picture before its pixels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// As it will be seen: orientation applied.
    pub natural: Natural,
    /// As it is stored.
    pub stored: Size,
    pub orientation: Orientation,
    /// How often an animation plays; 0 is forever.
    pub loops: u32,
}

impl Probe {
    fn still(format: SourceFormat, stored: Size, alpha: bool, orientation: Orientation) -> Self {
        Self::animated(format, stored, alpha, orientation, 1, 0)
    }

    fn animated(
        format: SourceFormat,
        stored: Size,
        alpha: bool,
        orientation: Orientation,
        frames: u32,
        loops: u32,
    ) -> Self {
        let Size { width, height } = orientation.apply(stored);
        Self { natural: Natural { width, height, format, alpha, frames }, stored, orientation, loops }
    }

    /// Width × height of all frames together; saturates, because a header may claim more than 64 bits hold.
    pub fn pixels(&self) -> u64 {
        let area = u64::from(self.stored.width) * u64::from(self.stored.height);
        area.saturating_mul(u64::from(self.natural.frames))
    }

    /// # Errors
    /// [`ImagingError::TooManyPixels`] if the whole animation, or the still, is over a limit; [`ImagingError::TooLong`] for a
    /// side over [`LONGEST_SIDE`].
    pub fn admit(&self, limits: &Limits) -> Result<(), ImagingError> {
        let pixels = self.pixels();
        if pixels > limits.pixels || self.natural.frames > limits.frames {
            return Err(ImagingError::TooManyPixels {
                pixels,
                frames: self.natural.frames,
                pixel_limit: limits.pixels,
                frame_limit: limits.frames,
            });
        }
        let side = self.stored.width.max(self.stored.height);
        if side > LONGEST_SIDE {
            return Err(ImagingError::TooLong { side, limit: LONGEST_SIDE });
        }
        Ok(())
    }
}

/// Recognises the kind of `bytes` and reads its header. Types that a server or a file name claim play no part.
///
/// # Errors
/// [`ImagingError::KindRefused`] for pictures that are not rendered, [`ImagingError::NotAPicture`] for anything else,
/// [`ImagingError::Corrupt`] where a known kind's header is broken or cut off.
pub fn probe(bytes: &[u8]) -> Result<Probe, ImagingError> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => jpeg::probe(bytes),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => png::probe(bytes),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::probe(bytes),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif::probe(bytes),
        [0, 0, 1, 0, count, 0, ..] if *count > 0 && bytes.len() >= 22 => Ok(icon(bytes)),
        _ => match container::kind(bytes) {
            Some(Container::Avif) => avif::probe(bytes),
            Some(Container::Heic) => Err(ImagingError::KindRefused { kind: RefusedKind::Heic }),
            None => {
                Err(refused_kind(bytes).map_or(ImagingError::NotAPicture, |kind| ImagingError::KindRefused { kind }))
            }
        },
    }
}

/// The first entry of an ICO, where a side of 0 means 256.
fn icon(bytes: &[u8]) -> Probe {
    let side = |at: usize| if bytes[at] == 0 { 256 } else { u32::from(bytes[at]) };
    let stored = Size { width: side(6), height: side(7) };
    Probe::still(SourceFormat::Ico, stored, true, Orientation::Upright)
}

fn refused_kind(bytes: &[u8]) -> Option<RefusedKind> {
    const SIGNATURES: [(&[u8], RefusedKind); 10] = [
        (b"\xff\x0a", RefusedKind::JpegXl),
        (b"\0\0\0\x0cJXL \r\n\x87\n", RefusedKind::JpegXl),
        (b"\0\0\0\x0cjP  \r\n\x87\n", RefusedKind::Jpeg2000),
        (b"\xff\x4f\xff\x51", RefusedKind::Jpeg2000),
        (b"II*\0", RefusedKind::Tiff),
        (b"MM\0*", RefusedKind::Tiff),
        (b"II+\0", RefusedKind::Tiff),
        (b"8BPS", RefusedKind::Photoshop),
        (b"%PDF-", RefusedKind::Pdf),
        (b"icns", RefusedKind::Icns),
    ];
    let known = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)).map(|(_, kind)| *kind);
    known.or_else(|| bitmap(bytes)).or_else(|| vector(bytes))
}

/// `BM` alone begins too many texts: the header's size has to be one of BMP's as well.
fn bitmap(bytes: &[u8]) -> Option<RefusedKind> {
    let header = bytes.get(14..18)?.try_into().ok()?;
    let known = matches!(u32::from_le_bytes(header), 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124);
    (bytes.starts_with(b"BM") && known).then_some(RefusedKind::Bmp)
}

/// XML that begins as SVG does, or that has an `<svg` early on behind comments and a doctype.
fn vector(bytes: &[u8]) -> Option<RefusedKind> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let start = start[..start.len().min(1024)].to_ascii_lowercase();
    let contains = |needle: &[u8]| start.windows(needle.len()).any(|part| part == needle);
    let prologue = start.starts_with(b"<!--") || start.starts_with(b"<!doctype svg");
    let found = start.starts_with(b"<svg") || start.starts_with(b"<?xml") || (prologue && contains(b"<svg"));
    found.then_some(RefusedKind::Svg)
}

/// Reads big-endian and little-endian numbers at offsets; `None` beyond the end.
pub(super) trait Numbers {
    fn big16(&self, at: usize) -> Option<u16>;
    fn big32(&self, at: usize) -> Option<u32>;
    fn little16(&self, at: usize) -> Option<u16>;
    fn little24(&self, at: usize) -> Option<u32>;
    fn little32(&self, at: usize) -> Option<u32>;
}

impl Numbers for [u8] {
    fn big16(&self, at: usize) -> Option<u16> {
        self.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn big32(&self, at: usize) -> Option<u32> {
        self.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn little16(&self, at: usize) -> Option<u16> {
        self.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    fn little24(&self, at: usize) -> Option<u32> {
        self.get(at..)?.first_chunk().map(|[low, middle, high]| u32::from_le_bytes([*low, *middle, *high, 0]))
    }

    fn little32(&self, at: usize) -> Option<u32> {
        self.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

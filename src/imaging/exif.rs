//! The one thing that is read from EXIF: the orientation (tag 0x0112 of the first directory, CIPA DC-008 §4.6.2).

use super::Orientation;

const ORIENTATION_TAG: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;

/// Numbers of a TIFF block in its own byte order.
struct Tiff<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl Tiff<'_> {
    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

/// The orientation that a TIFF block (with or without the `Exif\0\0` of a JPEG's APP1) gives; upright where it gives none.
pub(super) fn orientation(block: &[u8]) -> Orientation {
    let bytes = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let little_endian = bytes.starts_with(b"II");
    if !little_endian && !bytes.starts_with(b"MM") {
        return Orientation::Upright;
    }
    find(&Tiff { bytes, little_endian }).unwrap_or(Orientation::Upright)
}

fn find(tiff: &Tiff<'_>) -> Option<Orientation> {
    if tiff.short(2)? != 42 {
        return None;
    }
    let directory = tiff.long(4)? as usize;
    let entries = usize::from(tiff.short(directory)?);
    for entry in 0..entries {
        let at = directory.checked_add(2 + entry * 12)?;
        if tiff.short(at)? == ORIENTATION_TAG {
            return if tiff.short(at + 2)? == TYPE_SHORT { Orientation::from_exif(tiff.short(at + 8)?) } else { None };
        }
    }
    None
}

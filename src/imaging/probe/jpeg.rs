//! JPEG's marker segments up to the first scan (ITU-T T.81 annex B).

use std::borrow::Cow;

use crate::transform::{Size, SourceFormat};

use super::{Numbers, Probe};
use crate::imaging::{ImagingError, Orientation, RefusedKind, exif};

const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// A marker's code and its payload, without the length.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    /// Ends at the first scan, at the end of the image, and where the structure breaks.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if *self.bytes.get(self.at)? != 0xff {
                return None;
            }
            // Any number of fill bytes may come before a marker.
            while *self.bytes.get(self.at)? == 0xff {
                self.at += 1;
            }
            let marker = *self.bytes.get(self.at)?;
            self.at += 1;
            match marker {
                START_OF_SCAN | END_OF_IMAGE | 0 => return None,
                0x01 | 0xd0..=0xd8 => {}
                _ => {
                    let length = usize::from(self.bytes.big16(self.at)?);
                    let payload = self.bytes.get(self.at + 2..self.at + length)?;
                    self.at += length;
                    return Some((marker, payload));
                }
            }
        }
    }
}

fn segments(bytes: &[u8]) -> Segments<'_> {
    Segments { bytes, at: 0 }
}

/// The picture without EXIF, XMP, comments and whatever follows its end; colour profile and Adobe's transform stay.
/// A structure that breaks is kept as it is from there on.
pub(in crate::imaging) fn without_metadata(bytes: &[u8]) -> Vec<u8> {
    const APP0: u8 = 0xe0;
    const APP15: u8 = 0xef;
    const COMMENT: u8 = 0xfe;
    let mut kept = bytes[..bytes.len().min(2)].to_vec();
    let mut walk = Segments { bytes, at: kept.len() };
    let mut rest = walk.at;
    while let Some((marker, payload)) = walk.next() {
        let told = matches!(marker, APP1..=APP15 | COMMENT) && !matches!(marker, APP2 | APP14);
        // Phones put a second picture, with its own EXIF, behind the first and list it here.
        let listed = marker == APP2 && payload.starts_with(b"MPF\0");
        if marker == APP0 || !(told || listed) {
            kept.extend_from_slice(&bytes[rest..walk.at]);
        }
        rest = walk.at;
    }
    kept.extend_from_slice(&bytes[rest..end_of_image(bytes, rest)]);
    kept
}

/// Where the first picture ends: after its end marker, which no entropy-coded byte can be.
fn end_of_image(bytes: &[u8], from: usize) -> usize {
    let tail = bytes.get(from..).unwrap_or_default();
    let end = tail.windows(2).position(|pair| pair == [0xff, END_OF_IMAGE]);
    end.map_or(bytes.len(), |end| from + end + 2)
}

pub(super) fn probe(bytes: &[u8]) -> Result<Probe, ImagingError> {
    let corrupt = |reason| ImagingError::corrupt(SourceFormat::Jpeg, reason);
    let (mut frame, mut orientation) = (None, None);
    for (marker, payload) in segments(bytes) {
        match marker {
            APP1 if payload.starts_with(b"Exif\0\0") => orientation = orientation.or(Some(exif::orientation(payload))),
            // Every start of frame; c4, c8 and cc are tables and reserved.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => frame = frame.or(Some(payload)),
            _ => {}
        }
    }
    let frame = frame.ok_or_else(|| corrupt("there is no frame header"))?;
    let &[depth, high, low, wide, narrow, components, ..] = frame else {
        return Err(corrupt("the frame header is cut off"));
    };
    let stored = Size {
        width: u32::from(u16::from_be_bytes([wide, narrow])),
        height: u32::from(u16::from_be_bytes([high, low])),
    };
    match (depth, components) {
        (8, 1 | 3 | 4) if stored.width > 0 && stored.height > 0 => {
            Ok(Probe::still(SourceFormat::Jpeg, stored, false, orientation.unwrap_or(Orientation::Upright)))
        }
        (8, 1 | 3 | 4) => Err(corrupt("a side is 0")),
        (9..=16, _) => Err(ImagingError::KindRefused { kind: RefusedKind::DeepJpeg }),
        _ => Err(corrupt("the frame header makes no sense")),
    }
}

/// Whether Adobe's marker is there: CMYK is then stored inverted (Adobe technical note 5116).
pub(in crate::imaging) fn has_adobe_marker(bytes: &[u8]) -> bool {
    segments(bytes).any(|(marker, payload)| marker == APP14 && payload.starts_with(b"Adobe"))
}

/// The same file with a profile that cannot be put together renamed: it is ignored, and is no reason to refuse the pixels.
///
/// libjpeg warns about such a profile, and a warning hides those about the pixels that come after it.
pub(in crate::imaging) fn with_usable_profile(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_part = |(marker, payload): &(u8, &[u8])| *marker == APP2 && payload.starts_with(b"ICC_PROFILE\0");
    if profile(bytes).is_some() || !segments(bytes).any(|segment| is_part(&segment)) {
        return Cow::Borrowed(bytes);
    }
    let starts: Vec<usize> = segments(bytes)
        .filter(is_part)
        // A payload is a part of `bytes`, so its distance from the start is its index.
        .map(|(_, payload)| payload.as_ptr().addr() - bytes.as_ptr().addr())
        .collect();
    let mut copy = bytes.to_vec();
    for start in starts {
        copy[start] = b'-';
    }
    Cow::Owned(copy)
}

/// The colour profile, put together from its numbered parts (ICC.1 annex B.4); `None` if there is none or parts are missing.
pub(in crate::imaging) fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, &[u8])> = Vec::new();
    let mut expected = None;
    for (marker, payload) in segments(bytes) {
        if let (APP2, Some([number, count, data @ ..])) = (marker, payload.strip_prefix(b"ICC_PROFILE\0")) {
            expected.get_or_insert(usize::from(*count));
            parts.push((*number, data));
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    let complete = parts.iter().enumerate().all(|(index, (number, _))| usize::from(*number) == index + 1);
    (complete && expected == Some(parts.len())).then(|| parts.iter().flat_map(|(_, data)| *data).copied().collect())
}

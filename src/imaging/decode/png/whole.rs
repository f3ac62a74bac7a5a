//! The ordinary PNG at once: all of it inflated into one buffer, then four rows unfiltered together in place. It takes two
//! thirds of the time that row after row takes.

use std::borrow::Cow;

use png::{BitDepth, ColorType, Info};

use crate::imaging::probe::png::{Chunk, chunks};

use super::deflate::{crc32, inflate};
pub(super) use super::unfilter::is_quick as is_possible;
use super::unfilter::unfilter;

/// Bytes of filtered rows up to which their memory is taken.
const LARGEST: usize = 64 << 20;

/// The pixels. `None` for other kinds of PNG, and for any that is not sound: the plain decoder says what is wrong with it.
pub(super) fn decode(bytes: &[u8], info: &Info<'_>) -> Option<Vec<u8>> {
    let is_plain = info.bit_depth == BitDepth::Eight
        && !info.interlaced
        && info.trns.is_none()
        && info.animation_control.is_none();
    let channels = match info.color_type {
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        _ => return None,
    };
    let stride = (info.width as usize).checked_mul(channels)?;
    let length = (stride + 1).checked_mul(info.height as usize).filter(|length| *length <= LARGEST)?;
    if !is_plain || !is_possible() {
        return None;
    }
    let mut data = inflate(&sound_data(bytes)?, length)?;
    let is_undone = match channels {
        3 => unfilter::<3>(&mut data, stride),
        _ => unfilter::<4>(&mut data, stride),
    };
    data.truncate(length - info.height as usize);
    is_undone.then_some(data)
}

/// The compressed pixels of a file whose chunks all are what their checksums say, and which has an end.
fn sound_data(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut data = Cow::Borrowed(&[][..]);
    let mut last = *b"IHDR";
    for chunk in chunks(bytes) {
        if !is_sound(&chunk) {
            return None;
        }
        match &chunk.kind {
            b"IDAT" if data.is_empty() => data = Cow::Borrowed(chunk.data),
            b"IDAT" if last == *b"IDAT" => data.to_mut().extend_from_slice(chunk.data),
            b"IDAT" => return None,
            b"IEND" => return Some(data),
            _ => {}
        }
        last = chunk.kind;
    }
    None
}

fn is_sound(chunk: &Chunk<'_>) -> bool {
    let Some((sum, checked)) =
        chunk.whole[4..].split_last_chunk().map(|(checked, sum)| (u32::from_be_bytes(*sum), checked))
    else {
        return false;
    };
    crc32(checked) == sum
}

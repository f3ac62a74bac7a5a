//! The frames of an AV1 stream are counted before it is decoded (AV1 §5.3): each costs time, whether it is shown or not.

/// A still picture is one frame, a progressive one up to four layers.
const MOST_FRAMES: usize = 4;

/// Whether the units are whole and hold a sequence header and no more frames than a still picture has.
pub(super) fn is_still(mut stream: &[u8]) -> bool {
    const SEQUENCE_HEADER: u8 = 1;
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let (mut sequences, mut frames) = (0, 0);
    while !stream.is_empty() {
        let Some((kind, rest)) = unit(stream) else { return false };
        match kind {
            SEQUENCE_HEADER => sequences += 1,
            FRAME_HEADER | FRAME => frames += 1,
            _ => {}
        }
        stream = rest;
    }
    sequences > 0 && (1..=MOST_FRAMES).contains(&frames)
}

/// The type of the first unit, and what follows it.
fn unit(stream: &[u8]) -> Option<(u8, &[u8])> {
    const EXTENSION: u8 = 0x04;
    const HAS_SIZE: u8 = 0x02;
    let (header, mut rest) = stream.split_first()?;
    if header & EXTENSION != 0 {
        rest = rest.get(1..)?;
    }
    let length = if header & HAS_SIZE == 0 { rest.len() } else { size(&mut rest)? };
    Some((header >> 3 & 15, rest.get(length..)?))
}

/// AV1 §4.10.5: seven bits a byte, the lowest first, in at most eight bytes.
fn size(stream: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for index in 0..8 {
        let (byte, rest) = stream.split_first()?;
        *stream = rest;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

//! The frames of an AV1 stream are counted before it is decoded (AV1 §5.3): each costs time, whether it is shown or not.

/// How many frames begin in the stream; `None` where its units are cut off or there is no sequence header.
pub(super) fn frames(mut stream: &[u8]) -> Option<usize> {
    const SEQUENCE_HEADER: u8 = 1;
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let (mut sequences, mut frames) = (0, 0);
    while !stream.is_empty() {
        let (kind, rest) = unit(stream)?;
        match kind {
            SEQUENCE_HEADER => sequences += 1,
            FRAME_HEADER | FRAME => frames += 1,
            _ => {}
        }
        stream = rest;
    }
    (sequences > 0).then_some(frames)
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

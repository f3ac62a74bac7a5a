//! Boxes of ISO base media files (ISO/IEC 14496-12 §4.2) and the numbers in them.

/// More boxes side by side than any still picture has; beyond it the file is taken for hostile.
const MOST_BOXES: usize = 4096;

#[derive(Clone, Copy)]
pub(super) struct Boxed<'a> {
    pub(super) kind: [u8; 4],
    pub(super) data: &'a [u8],
}

/// The boxes that fill `bytes`; `None` where one runs past the end, is shorter than its header, or there are too many.
pub(super) fn boxes(bytes: &[u8]) -> Option<Vec<Boxed<'_>>> {
    let (mut found, mut rest) = (Vec::new(), Cursor(bytes));
    while !rest.0.is_empty() {
        if found.len() == MOST_BOXES {
            return None;
        }
        let short = rest.long()?;
        let kind = *rest.take(4)?.first_chunk()?;
        let length = match short {
            0 => rest.0.len(),
            1 => usize::try_from(rest.number(8)?.checked_sub(16)?).ok()?,
            _ => (short as usize).checked_sub(8)?,
        };
        found.push(Boxed { kind, data: rest.take(length)? });
    }
    Some(found)
}

pub(super) fn first<'a>(boxes: &[Boxed<'a>], kind: [u8; 4]) -> Option<&'a [u8]> {
    boxes.iter().find(|found| found.kind == kind).map(|found| found.data)
}

/// Big-endian numbers from the front; `None` beyond the end.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of `width` bytes, 0 to 8.
    pub(super) fn number(&mut self, width: usize) -> Option<u64> {
        Some(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.number(1).map(|number| number as u8)
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.number(2).map(|number| number as u16)
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        self.number(4).map(|number| number as u32)
    }

    /// An item's number: 16 bits, or 32 in later versions of a box.
    pub(super) fn item(&mut self, wide: bool) -> Option<u32> {
        if wide { self.long() } else { self.short().map(u32::from) }
    }

    /// Version and flags of a full box.
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        let word = self.long()?;
        Some(((word >> 24) as u8, word & 0xff_ffff))
    }
}

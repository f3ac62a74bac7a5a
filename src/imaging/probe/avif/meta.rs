//! The `meta` box (ISO/IEC 14496-12 §8.11, ISO/IEC 23008-12): which items there are, where, and what is said of them.

use std::borrow::Cow;

use super::boxes::{Boxed, Cursor, boxes, first};

/// Everything is `None` where the structure breaks.
pub(super) struct Meta<'a> {
    file: &'a [u8],
    pub(super) primary: u32,
    entries: Vec<Boxed<'a>>,
    places: &'a [u8],
    references: Option<&'a [u8]>,
    properties: Vec<Boxed<'a>>,
    associations: Vec<&'a [u8]>,
    inside: &'a [u8],
}

/// A property of an item; an essential one must not be passed over.
pub(super) struct Property<'a> {
    pub(super) essential: bool,
    pub(super) kind: [u8; 4],
    pub(super) data: &'a [u8],
}

impl<'a> Meta<'a> {
    pub(super) fn read(file: &'a [u8]) -> Option<Self> {
        let mut meta = Cursor(first(&boxes(file)?, *b"meta")?);
        meta.version()?;
        let parts = boxes(meta.0)?;
        if first(&parts, *b"hdlr")?.get(8..12)? != b"pict" {
            return None;
        }
        let mut primary = Cursor(first(&parts, *b"pitm")?);
        let wide = primary.version()?.0 > 0;
        let mut entries = Cursor(first(&parts, *b"iinf")?);
        let count_width = if entries.version()?.0 > 0 { 4 } else { 2 };
        entries.number(count_width)?;
        let described = boxes(first(&parts, *b"iprp")?)?;
        let associations = described.iter().filter(|part| &part.kind == b"ipma").map(|part| part.data).collect();
        Some(Self {
            file,
            primary: primary.item(wide)?,
            entries: boxes(entries.0)?,
            places: first(&parts, *b"iloc")?,
            references: first(&parts, *b"iref"),
            properties: boxes(first(&described, *b"ipco")?)?,
            associations,
            inside: first(&parts, *b"idat").unwrap_or_default(),
        })
    }

    /// The type of an item that is not encrypted.
    pub(super) fn kind(&self, item: u32) -> Option<[u8; 4]> {
        self.entries.iter().filter(|entry| &entry.kind == b"infe").find_map(|entry| {
            let mut entry = Cursor(entry.data);
            let (version, _) = entry.version()?;
            let found = version >= 2 && entry.item(version > 2)? == item && entry.short()? == 0;
            if found { entry.take(4)?.first_chunk().copied() } else { None }
        })
    }

    /// Items that refer to `target` by references of this kind, at most `limit` of them.
    pub(super) fn referring(&self, kind: [u8; 4], target: u32, limit: usize) -> Option<Vec<u32>> {
        let Some(references) = self.references else { return Some(Vec::new()) };
        let mut references = Cursor(references);
        let wide = references.version()?.0 > 0;
        let mut found = Vec::new();
        for reference in boxes(references.0)?.iter().filter(|reference| reference.kind == kind) {
            let mut reference = Cursor(reference.data);
            let from = reference.item(wide)?;
            for _ in 0..reference.short()? {
                if reference.item(wide)? == target && found.len() < limit {
                    found.push(from);
                }
            }
        }
        Some(found)
    }

    /// In the order in which they are to be applied.
    pub(super) fn properties(&self, item: u32) -> Option<Vec<Property<'a>>> {
        let mut found = Vec::new();
        for associations in &self.associations {
            let mut entries = Cursor(associations);
            let (version, flags) = entries.version()?;
            let width = if flags & 1 == 1 { 2 } else { 1 };
            let essential = 1 << (8 * width - 1);
            for _ in 0..entries.long()? {
                let wanted = entries.item(version > 0)? == item;
                for _ in 0..entries.byte()? {
                    let association = entries.number(width)?;
                    let index = (association & (essential - 1)) as usize;
                    if wanted && index > 0 {
                        let Boxed { kind, data } = *self.properties.get(index - 1)?;
                        found.push(Property { essential: association & essential != 0, kind, data });
                    }
                }
            }
        }
        Some(found)
    }

    /// The bytes of an item, gathered where they are scattered.
    pub(super) fn payload(&self, item: u32) -> Option<Cow<'a, [u8]>> {
        let mut places = Cursor(self.places);
        let (version, _) = places.version()?;
        let widths = places.short()?;
        let width = |shift: u16| match usize::from(widths >> shift & 15) {
            width @ (0 | 4 | 8) => Some(width),
            _ => None,
        };
        let (offset, length, base) = (width(12)?, width(8)?, width(4)?);
        let index = if version > 0 { width(0)? } else { 0 };
        for _ in 0..places.item(version > 1)? {
            let found = places.item(version > 1)? == item;
            let method = if version > 0 { places.short()? & 15 } else { 0 };
            let elsewhere = places.short()? != 0;
            let start = places.number(base)?;
            let extents = places.short()?;
            let mut data = Cow::Borrowed(&[][..]);
            for _ in 0..extents {
                places.number(index)?;
                let (at, length) = (places.number(offset)?, places.number(length)?);
                if found {
                    let source = match (method, elsewhere) {
                        (0, false) => self.file,
                        (1, false) => self.inside,
                        _ => return None,
                    };
                    self.gather(&mut data, extent(source, start.checked_add(at)?, length)?)?;
                }
            }
            if found {
                return (!data.is_empty()).then_some(data);
            }
        }
        None
    }

    /// Extents may overlap; together they are never longer than the file.
    fn gather(&self, data: &mut Cow<'a, [u8]>, extent: &'a [u8]) -> Option<()> {
        if data.len() + extent.len() > self.file.len() {
            return None;
        }
        if data.is_empty() {
            *data = Cow::Borrowed(extent);
        } else {
            data.to_mut().extend_from_slice(extent);
        }
        Some(())
    }
}

/// A length of 0 is all from `at`.
fn extent(source: &[u8], at: u64, length: u64) -> Option<&[u8]> {
    let rest = source.get(usize::try_from(at).ok()?..)?;
    if length == 0 { Some(rest) } else { rest.get(..usize::try_from(length).ok()?) }
}

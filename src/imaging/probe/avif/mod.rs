//! AVIF stills (AV1 Image File Format 1.2): the primary item, its alpha, and what is said of both.

mod boxes;
mod meta;

use std::borrow::Cow;

use crate::transform::{Size, SourceFormat};

use self::boxes::Cursor;
use self::meta::{Meta, Property};
use super::Probe;
use crate::imaging::{ImagingError, Orientation, RefusedKind};

/// How samples become colours, in the numbers of ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::imaging) struct Coding {
    pub(in crate::imaging) primaries: u16,
    pub(in crate::imaging) transfer: u16,
    pub(in crate::imaging) matrix: u16,
    pub(in crate::imaging) full_range: bool,
}

/// A still picture's parts; both streams are AV1, and of the same size.
pub(in crate::imaging) struct Still<'a> {
    pub(in crate::imaging) size: Size,
    pub(in crate::imaging) orientation: Orientation,
    pub(in crate::imaging) colour: Cow<'a, [u8]>,
    pub(in crate::imaging) alpha: Option<Cow<'a, [u8]>>,
    pub(in crate::imaging) premultiplied: bool,
    /// Goes before what the stream says.
    pub(in crate::imaging) coding: Option<Coding>,
    pub(in crate::imaging) profile: Option<&'a [u8]>,
}

pub(in crate::imaging) fn corrupt(reason: impl Into<Cow<'static, str>>) -> ImagingError {
    ImagingError::corrupt(SourceFormat::Avif, reason)
}

pub(in crate::imaging) const REFUSED: ImagingError = ImagingError::KindRefused { kind: RefusedKind::Avif };

pub(super) fn probe(bytes: &[u8]) -> Result<Probe, ImagingError> {
    let still = still(bytes)?;
    Ok(Probe::still(SourceFormat::Avif, still.size, still.alpha.is_some(), still.orientation))
}

/// Finds the parts; nothing is decoded.
///
/// # Errors
/// [`ImagingError::KindRefused`] for pictures put together of several or cropped by their container,
/// [`ImagingError::Corrupt`] where the structure is broken or a part lies past the end.
pub(in crate::imaging) fn still(bytes: &[u8]) -> Result<Still<'_>, ImagingError> {
    let meta = Meta::read(bytes).ok_or_else(|| corrupt("the boxes make no sense"))?;
    match meta.kind(meta.primary).as_ref() {
        Some(b"av01") => {}
        Some(b"grid" | b"iovl" | b"iden" | b"tmap") => return Err(REFUSED),
        Some(b"hvc1") => return Err(ImagingError::KindRefused { kind: RefusedKind::Heic }),
        _ => return Err(corrupt("there is no picture")),
    }
    let item = Item::read(&meta, meta.primary)?;
    let (alpha, premultiplied) = match alpha(&meta)? {
        Some((id, alpha)) if alpha.size == item.size => {
            let premultiplied = meta.referring(*b"prem", id, 1).is_some_and(|by| by == [meta.primary]);
            (Some(alpha.payload), premultiplied)
        }
        Some(_) => return Err(corrupt("the alpha is of another size")),
        None => (None, false),
    };
    let Item { size, orientation, payload, coding, profile, .. } = item;
    Ok(Still { size, orientation, colour: payload, alpha, premultiplied, coding, profile })
}

/// The auxiliary item that says it is alpha.
fn alpha<'a>(meta: &Meta<'a>) -> Result<Option<(u32, Item<'a>)>, ImagingError> {
    /// Of depth maps and the like.
    const MOST_AUXILIARIES: usize = 16;
    let auxiliaries = meta.referring(*b"auxl", meta.primary, MOST_AUXILIARIES);
    // `auxl` points from the auxiliary item to the picture.
    for id in auxiliaries.ok_or_else(|| corrupt("the references make no sense"))? {
        let properties = meta.properties(id).ok_or_else(|| corrupt("the properties make no sense"))?;
        if !properties.iter().any(is_alpha) {
            continue;
        }
        return match meta.kind(id).as_ref() {
            Some(b"av01") => Ok(Some((id, Item::read(meta, id)?))),
            _ => Err(REFUSED),
        };
    }
    Ok(None)
}

fn is_alpha(property: &Property<'_>) -> bool {
    let name = property.data.get(4..).and_then(|name| name.split(|byte| *byte == 0).next());
    &property.kind == b"auxC"
        && matches!(name, Some(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha" | b"urn:mpeg:hevc:2015:auxid:1"))
}

/// One AV1 stream and its properties.
struct Item<'a> {
    size: Size,
    orientation: Orientation,
    payload: Cow<'a, [u8]>,
    coding: Option<Coding>,
    profile: Option<&'a [u8]>,
}

impl<'a> Item<'a> {
    fn read(meta: &Meta<'a>, id: u32) -> Result<Self, ImagingError> {
        let payload = meta.payload(id).ok_or_else(|| corrupt("a picture's bytes are missing"))?;
        let properties = meta.properties(id).ok_or_else(|| corrupt("the properties make no sense"))?;
        let (mut size, mut configured, mut coding, mut profile) = (None, false, None, None);
        let (mut turns, mut mirror) = (0, None);
        for Property { essential, kind, data } in properties {
            match &kind {
                b"ispe" => size = size.or(extents(data)),
                b"av1C" => configured = true,
                b"colr" => match data.split_first_chunk() {
                    Some((b"nclx", rest)) => coding = coding.or(nclx(rest)),
                    Some((b"prof" | b"rICC", rest)) => profile = profile.or(Some(rest)),
                    _ => {}
                },
                b"irot" => {
                    let quarters = data.first().ok_or_else(|| corrupt("a turn makes no sense"))? & 3;
                    // A mirror before a turn is as the opposite turn before the mirror.
                    let quarters = if mirror.is_some() { 4 - quarters } else { quarters };
                    turns = (turns + quarters) & 3;
                }
                b"imir" => {
                    mirror = Some(data.first().ok_or_else(|| corrupt("a mirror makes no sense"))? & 1 == 1);
                }
                b"pixi" | b"auxC" | b"pasp" | b"clli" | b"mdcv" | b"a1lx" => {}
                // Operating points, layers, crops, and what is not known.
                _ if essential => return Err(REFUSED),
                _ => {}
            }
        }
        let size = size.filter(|size| size.width > 0 && size.height > 0);
        match size {
            Some(size) if configured => {
                Ok(Self { size, orientation: orientation(turns, mirror), payload, coding, profile })
            }
            _ => Err(corrupt("a picture says neither its size nor its coding")),
        }
    }
}

fn extents(data: &[u8]) -> Option<Size> {
    let mut fields = Cursor(data);
    fields.version()?;
    Some(Size { width: fields.long()?, height: fields.long()? })
}

fn nclx(data: &[u8]) -> Option<Coding> {
    let mut fields = Cursor(data);
    Some(Coding {
        primaries: fields.short()?,
        transfer: fields.short()?,
        matrix: fields.short()?,
        full_range: fields.byte()? & 0x80 != 0,
    })
}

/// `irot` turns anticlockwise by quarters, then `imir` exchanges top and bottom (0) or left and right (1).
fn orientation(turns: u8, mirror: Option<bool>) -> Orientation {
    match (turns, mirror) {
        (1, None) => Orientation::Rotate270,
        (2, None) => Orientation::Rotate180,
        (3, None) => Orientation::Rotate90,
        (_, None) => Orientation::Upright,
        (0, Some(true)) | (2, Some(false)) => Orientation::MirrorHorizontal,
        (0, Some(false)) | (2, Some(true)) => Orientation::MirrorVertical,
        (1, Some(false)) | (3, Some(true)) => Orientation::Transpose,
        (_, Some(_)) => Orientation::Transverse,
    }
}

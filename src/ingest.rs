//! Checks on bytes that want into a bucket: declared type, type by content, whole and within limits, normalised. Pure.

use bytes::Bytes;

use crate::catalog::BucketSettings;
use crate::imaging::{self, Effort, ImagingError, Limits, Orientation, Probe, Raster, RefusedKind, Shrink};
use crate::transform::{Blur, Format, Quality, Rendering, SourceFormat};
use crate::variants::content_type_of;

/// Quality of a picture that has to be encoded anew: what is kept is the source of every variant.
const QUALITY: u8 = 92;

/// Why bytes may not come in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The declared type, or the one that the bytes turned out to have.
    #[error("mime type {0} is not supported")]
    Type(String),
    #[error("Invalid Content-Type header")]
    MalformedType,
    #[error("the picture is corrupt or incomplete")]
    Corrupt,
    #[error("the picture has too many pixels or frames")]
    TooManyPixels,
    /// Even encoded anew.
    #[error("the picture is too large")]
    TooLarge,
}

/// Holds the declared type against the bucket's list, exactly as the client said it.
pub fn declared(mime_type: &str, allowed: Option<&[String]>) -> Result<(), IngestError> {
    // Its parameters become part of a header too.
    let is_plain = mime_type.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let essence = essence(mime_type).filter(|_| is_plain).ok_or(IngestError::MalformedType)?;
    let Some(allowed) = allowed else { return Ok(()) };
    if is_allowed(&essence, allowed) { Ok(()) } else { Err(IngestError::Type(mime_type.to_owned())) }
}

/// `type/subtype` in lower case, without parameters.
fn essence(mime_type: &str) -> Option<String> {
    let essence = mime_type.split(';').next()?.trim().to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let (kind, subtype) = essence.split_once('/')?;
    (token(kind) && token(subtype)).then_some(essence)
}

fn is_allowed(essence: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|pattern| {
        let pattern = same_type(pattern);
        match pattern.strip_suffix("/*") {
            Some(kind) => kind == "*" || essence.split('/').next() == Some(kind),
            None => pattern == "*" || pattern == same_type(essence),
        }
    })
}

/// `image/jpg` is no registered type, but many clients say it.
fn same_type(text: &str) -> &str {
    if text.eq_ignore_ascii_case("image/jpg") { "image/jpeg" } else { text }
}

/// What bytes turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The type to keep.
    pub mime_type: String,
    /// Set where the bytes are a picture that we know.
    pub picture: Option<Probe>,
}

/// What the bytes are, held against what they were declared to be and what the bucket allows.
///
/// Bytes that are a picture are of that picture's type, whatever was declared. Bytes that are none keep their declared
/// type unless that is a picture's, or a page's where the bytes are not even text.
pub fn look(bytes: &[u8], declared: &str, allowed: Option<&[String]>, limits: &Limits) -> Result<Looked, IngestError> {
    let permitted = |mime_type: String, picture| match allowed {
        Some(allowed) if !is_allowed(&mime_type, allowed) => Err(IngestError::Type(mime_type)),
        _ => Ok(Looked { mime_type, picture }),
    };
    match imaging::probe(bytes) {
        Ok(probe) => {
            probe.admit(limits).map_err(|_| IngestError::TooManyPixels)?;
            permitted(type_of(probe.natural.format), Some(probe))
        }
        Err(ImagingError::Corrupt { .. }) => Err(IngestError::Corrupt),
        Err(ImagingError::TooManyPixels { .. }) => Err(IngestError::TooManyPixels),
        Err(ImagingError::KindRefused { kind }) => permitted(refused_type(kind).to_owned(), None),
        Err(_) => {
            let essence = essence(declared).unwrap_or_default();
            if essence.starts_with("image/") {
                return Err(IngestError::Type(other_type(bytes).to_owned()));
            }
            permitted(essence, None).map(|looked| Looked { mime_type: declared.to_owned(), ..looked })
        }
    }
}

/// The type of bytes whose sender declared none: what they are, else what their origin says of them.
pub fn type_of_bytes(bytes: &[u8], said: Option<&str>) -> String {
    match imaging::probe(bytes) {
        Ok(probe) => type_of(probe.natural.format),
        Err(ImagingError::Corrupt { format, .. }) => type_of(format),
        Err(ImagingError::KindRefused { kind }) => refused_type(kind).to_owned(),
        Err(_) => said.filter(|said| essence(said).is_some()).unwrap_or("application/octet-stream").to_owned(),
    }
}

fn type_of(format: SourceFormat) -> String {
    content_type_of(format).to_str().unwrap_or("application/octet-stream").to_owned()
}

const fn refused_type(kind: RefusedKind) -> &'static str {
    match kind {
        RefusedKind::Svg => "image/svg+xml",
        RefusedKind::Avif => "image/avif",
        RefusedKind::Heic => "image/heic",
        RefusedKind::JpegXl => "image/jxl",
        RefusedKind::Jpeg2000 => "image/jp2",
        RefusedKind::Bmp => "image/bmp",
        RefusedKind::Tiff => "image/tiff",
        RefusedKind::Photoshop => "image/vnd.adobe.photoshop",
        RefusedKind::Pdf => "application/pdf",
        RefusedKind::Icns => "image/icns",
        RefusedKind::Ico => "image/x-icon",
        RefusedKind::DeepJpeg => "image/jpeg",
    }
}

/// A name for bytes that are no picture, for the refusal's text.
fn other_type(bytes: &[u8]) -> &'static str {
    let start = bytes.trim_ascii_start();
    match start {
        [b'<', ..] => "text/html",
        [b'P', b'K', 3, 4, ..] => "application/zip",
        _ if std::str::from_utf8(bytes).is_ok() => "text/plain",
        _ => "application/octet-stream",
    }
}

/// What has to be done with a picture's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Decode it, to see that it is whole.
    Check,
    /// As [`Work::Check`], and remove the blocks that tell of its making.
    Strip,
    /// Decode and encode it: it lies on its side.
    Turn,
    /// Decode and encode it: it has too many bytes.
    Shrink,
}

/// What the bucket wants done; `None`: nothing.
pub fn work(probe: &Probe, size: u64, settings: &BucketSettings) -> Option<Work> {
    let still = probe.natural.frames <= 1;
    if still && settings.reencode_over.is_some_and(|most| size > most) {
        Some(Work::Shrink)
    } else if settings.normalise && still && probe.orientation != Orientation::Upright {
        Some(Work::Turn)
    } else if settings.normalise {
        Some(Work::Strip)
    } else {
        settings.must_decode.then_some(Work::Check)
    }
}

/// Does the work; other bytes with their type where they changed. Processor work: call it behind the gate.
pub fn treat(bytes: &[u8], probe: &Probe, work: Work, limits: &Limits) -> Result<Option<(Bytes, String)>, IngestError> {
    // An icon is never rendered, so nothing here could decode it.
    if probe.natural.format == SourceFormat::Ico {
        return Ok(None);
    }
    match work {
        Work::Check => check(bytes, probe, limits).map(|()| None),
        Work::Strip => {
            check(bytes, probe, limits)?;
            let kept = imaging::passthrough(bytes, probe);
            Ok((kept.len() != bytes.len()).then(|| (kept.into(), type_of(probe.natural.format))))
        }
        Work::Turn => encoded(&decoded(bytes, probe, limits)?, turned_format(probe)).map(Some),
        Work::Shrink => encoded(&decoded(bytes, probe, limits)?, Format::WebP).map(Some),
    }
}

/// Decodes all there is, an animation frame by frame.
fn check(bytes: &[u8], probe: &Probe, limits: &Limits) -> Result<(), IngestError> {
    if probe.natural.frames > 1 {
        return imaging::each_frame(bytes, probe, limits, |_| Ok(())).map_err(|error| undecoded(&error));
    }
    decoded(bytes, probe, limits).map(drop)
}

fn decoded(bytes: &[u8], probe: &Probe, limits: &Limits) -> Result<Raster, IngestError> {
    let decoded = imaging::decode(bytes, probe, Shrink::Whole, limits).map_err(|error| undecoded(&error))?;
    imaging::colour(decoded).and_then(imaging::orient).map_err(|error| undecoded(&error))
}

fn undecoded(error: &ImagingError) -> IngestError {
    match error {
        ImagingError::TooManyPixels { .. } => IngestError::TooManyPixels,
        _ => IngestError::Corrupt,
    }
}

/// The picture's own format where we write it.
fn turned_format(probe: &Probe) -> Format {
    match probe.natural.format {
        SourceFormat::Jpeg => Format::Jpeg,
        SourceFormat::Png | SourceFormat::Gif => Format::Png,
        SourceFormat::WebP | SourceFormat::Avif | SourceFormat::Ico => Format::WebP,
    }
}

fn encoded(raster: &Raster, format: Format) -> Result<(Bytes, String), IngestError> {
    let rendering = Rendering {
        output: raster.size(),
        crop: None,
        blur: Blur(0),
        background: None,
        format,
        quality: Quality::new(QUALITY).filter(|_| format != Format::Png),
        animated: false,
    };
    let bytes = imaging::encode(raster, &rendering, Effort::Fast).map_err(|_| IngestError::Corrupt)?;
    let format = match format {
        Format::Avif => SourceFormat::Avif,
        Format::WebP => SourceFormat::WebP,
        Format::Jpeg => SourceFormat::Jpeg,
        Format::Png => SourceFormat::Png,
    };
    Ok((bytes.into(), type_of(format)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(types: &[&str]) -> Vec<String> {
        types.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn declared_types_are_held_against_the_list_with_its_wildcards() {
        let pictures = list(&["image/png", "image/jpeg"]);
        for fits in ["image/png", "IMAGE/PNG", "image/jpg", "image/jpeg; charset=x"] {
            assert_eq!(declared(fits, Some(&pictures)), Ok(()), "{fits}");
        }
        for other in ["image/gif", "text/html", "image/pngx"] {
            assert_eq!(declared(other, Some(&pictures)), Err(IngestError::Type(other.to_owned())));
        }
        assert_eq!(declared("image/gif", Some(&list(&["image/*"]))), Ok(()));
        assert_eq!(declared("imagex/gif", Some(&list(&["image/*"]))), Err(IngestError::Type("imagex/gif".to_owned())));
        assert_eq!(declared("text/plain;charset=UTF-8", None), Ok(()));
        for bad in ["", "png", "image/", "/png", "a b/c", "image/png; a\r\nb: c"] {
            assert_eq!(declared(bad, None), Err(IngestError::MalformedType), "{bad:?}");
        }
    }

    #[test]
    fn the_content_decides_what_a_picture_is() {
        let file = |name: &str| std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (png, limits) = (file("photos/avatar-fox.png"), Limits::default());
        let pictures = list(&["image/png", "image/jpeg", "image/webp"]);
        let looked = look(&png, "image/jpeg", Some(&pictures), &limits).unwrap();
        assert_eq!(looked.mime_type, "image/png");
        let refused = |bytes: &[u8], declared| look(bytes, declared, Some(&pictures), &limits).unwrap_err();
        assert_eq!(refused(b"<html><script>", "image/png"), IngestError::Type("text/html".to_owned()));
        assert_eq!(refused(b"", "image/png"), IngestError::Type("text/plain".to_owned()));
        assert_eq!(refused(b"%PDF-1.7", "image/png"), IngestError::Type("application/pdf".to_owned()));
        assert_eq!(refused(&file("formats/animated.gif"), "image/png"), IngestError::Type("image/gif".to_owned()));
        let small = Limits { pixels: 1000, ..limits };
        assert_eq!(look(&png, "image/png", None, &small), Err(IngestError::TooManyPixels));
        assert_eq!(
            look(b"plain", "text/plain;charset=UTF-8", None, &limits).unwrap().mime_type,
            "text/plain;charset=UTF-8"
        );
    }

    #[test]
    fn truncated_pictures_are_refused_and_turned_ones_come_out_upright_without_metadata() {
        let file = |name: &str| std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (png, limits) = (file("photos/avatar-fox.png"), Limits::default());
        let probe = imaging::probe(&png).unwrap();
        let half = &png[..png.len() / 2];
        assert_eq!(treat(half, &probe, Work::Check, &limits), Err(IngestError::Corrupt));
        assert_eq!(treat(&png, &probe, Work::Check, &limits), Ok(None));
        let lying = file("formats/orientation-6.jpg");
        let probe = imaging::probe(&lying).unwrap();
        let settings = BucketSettings { normalise: true, ..BucketSettings::default() };
        assert_eq!(work(&probe, 1, &settings), Some(Work::Turn));
        let (turned, mime_type) = treat(&lying, &probe, Work::Turn, &limits).unwrap().unwrap();
        let after = imaging::probe(&turned).unwrap();
        assert_eq!((mime_type.as_str(), after.orientation), ("image/jpeg", Orientation::Upright));
        assert_eq!((after.stored.width, after.stored.height), (probe.natural.width, probe.natural.height));
        let settings = BucketSettings { reencode_over: Some(10), ..settings };
        assert_eq!(work(&probe, 11, &settings), Some(Work::Shrink));
    }
}

//! Bytes to pixels as they are stored: not yet sRGB, not yet upright.

mod apng;
mod avif;
mod gif;
mod jpeg;
mod png;
mod webp;

use crate::transform::{Size, SourceFormat};

use super::{Frame, ImagingError, Limits, Orientation, Pixels, Probe, RefusedKind, Shrink, colour, orient};

/// Interleaved channels as a file stores them, 8 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Ink: 0 is none, 255 is full.
    Cmyk,
}

impl Layout {
    pub(super) const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// Pixels as stored. [`super::colour`] and [`super::orient`] make a [`super::Raster`] of them.
#[derive(Debug)]
pub struct Decoded {
    pub(super) size: Size,
    pub(super) layout: Layout,
    /// `size` × `layout`.
    pub(super) data: Vec<u8>,
    /// An ICC profile, unchecked.
    pub(super) profile: Option<Vec<u8>>,
    pub(super) orientation: Orientation,
}

/// Who takes the canvases of an animation one by one, each with its delay in milliseconds.
type Take<'a> = &'a mut dyn FnMut(Decoded, u32) -> Result<(), ImagingError>;

/// Decodes what `probe` found in the same `bytes`, of an animation the first frame. [`Shrink::of`] says what can be shrunk on
/// the way.
///
/// # Errors
/// [`ImagingError::TooManyPixels`] before memory is taken, [`ImagingError::Corrupt`] for anything short of whole and sound,
/// [`ImagingError::KindRefused`] for kinds that are only passed through.
pub fn decode(bytes: &[u8], probe: &Probe, shrink: Shrink, limits: &Limits) -> Result<Decoded, ImagingError> {
    probe.admit(limits)?;
    if probe.natural.frames > 1 {
        return first(bytes, probe);
    }
    match probe.natural.format {
        SourceFormat::Jpeg => jpeg::decode(bytes, probe, shrink),
        SourceFormat::Png => png::decode(bytes, probe),
        SourceFormat::WebP => webp::decode(bytes, probe, shrink),
        SourceFormat::Avif => avif::decode(bytes, probe),
        SourceFormat::Gif => first(bytes, probe),
        SourceFormat::Ico => Err(ImagingError::KindRefused { kind: RefusedKind::Ico }),
    }
}

/// The pixels of what `probe` found in the same `bytes`, upright and in sRGB: [`decode`] → [`colour`] → [`orient`], or for most
/// JPEGs the planes that they are stored in.
///
/// # Errors
/// As [`decode`].
pub fn open(bytes: &[u8], probe: &Probe, shrink: Shrink, limits: &Limits) -> Result<Pixels, ImagingError> {
    probe.admit(limits)?;
    if probe.natural.format == SourceFormat::Jpeg
        && shrink == Shrink::Whole
        && let Some(planes) = jpeg::planes(bytes, probe)?
    {
        return Ok(Pixels::Planes(planes));
    }
    orient(colour(decode(bytes, probe, shrink, limits)?)?).map(Pixels::Raster)
}

/// Decodes an animation frame by frame: only one canvas is in memory beside what the decoder keeps.
///
/// # Errors
/// As [`decode`], and those of `take`, after which nothing more is decoded.
pub fn each_frame(
    bytes: &[u8],
    probe: &Probe,
    limits: &Limits,
    mut take: impl FnMut(Frame) -> Result<(), ImagingError>,
) -> Result<(), ImagingError> {
    probe.admit(limits)?;
    canvases(bytes, probe, probe.natural.frames, &mut |decoded, delay| {
        take(Frame { raster: orient(colour(decoded)?)?, delay })
    })
}

fn first(bytes: &[u8], probe: &Probe) -> Result<Decoded, ImagingError> {
    let mut first = None;
    canvases(bytes, probe, 1, &mut |decoded, _| {
        first = Some(decoded);
        Ok(())
    })?;
    first.ok_or_else(|| ImagingError::internal("an animation without frames"))
}

/// The first `wanted` canvases.
fn canvases(bytes: &[u8], probe: &Probe, wanted: u32, take: Take<'_>) -> Result<(), ImagingError> {
    match probe.natural.format {
        SourceFormat::Png => apng::decode(bytes, probe, wanted, take),
        SourceFormat::WebP => webp::decode_animation(bytes, probe, wanted, take),
        SourceFormat::Gif => gif::decode(bytes, probe, wanted, take),
        SourceFormat::Jpeg | SourceFormat::Avif | SourceFormat::Ico => {
            Err(ImagingError::internal("an animation of a format without"))
        }
    }
}

impl Decoded {
    fn still(probe: &Probe, layout: Layout, data: Vec<u8>, profile: Option<Vec<u8>>) -> Self {
        Self { size: probe.stored, layout, data, profile, orientation: probe.orientation }
    }

    /// A canvas in RGBA; the alpha goes where the header says that all is opaque.
    fn composed(probe: &Probe, canvas: Vec<u8>, profile: Option<Vec<u8>>) -> Self {
        if probe.natural.alpha {
            return Self::still(probe, Layout::Rgba, canvas, profile);
        }
        let data = canvas.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
        Self::still(probe, Layout::Rgb, data, profile)
    }
}

/// A zeroed buffer of `size` × `layout`, or an error where that does not fit in memory's address range.
fn buffer(size: Size, layout: Layout) -> Result<Vec<u8>, ImagingError> {
    Ok(vec![0; length(size, layout)?])
}

/// Bytes of `size` × `layout`.
fn length(size: Size, layout: Layout) -> Result<usize, ImagingError> {
    let length = super::raster::byte_length(size.width, size.height, layout.channels());
    length.ok_or_else(|| ImagingError::internal("a picture larger than memory"))
}

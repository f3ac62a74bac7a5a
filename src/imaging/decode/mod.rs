//! Bytes to pixels as they are stored: not yet sRGB, not yet upright.

mod apng;
mod avif;
mod gif;
mod jpeg;
mod png;
mod webp;

use crate::transform::{Frames, Size, SourceFormat};

use super::{ImagingError, Limits, Orientation, Probe, RefusedKind, Shrink};

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

/// One decoded canvas and how long it is shown, in milliseconds.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) data: Vec<u8>,
    pub(super) delay: u32,
}

/// Pixels as stored. [`super::colour`] and [`super::orient`] make a [`super::Picture`] of them.
#[derive(Debug)]
pub struct Decoded {
    pub(super) size: Size,
    pub(super) layout: Layout,
    /// At least one, each `size` × `layout`.
    pub(super) planes: Vec<Plane>,
    pub(super) loops: u32,
    /// An ICC profile, unchecked.
    pub(super) profile: Option<Vec<u8>>,
    pub(super) orientation: Orientation,
}

/// Decodes what `probe` found in the same `bytes`: all frames or the first. A JPEG alone can be shrunk on the way.
///
/// # Errors
/// [`ImagingError::TooManyPixels`] before memory is taken, [`ImagingError::Corrupt`] for anything short of whole and sound,
/// [`ImagingError::KindRefused`] for kinds that are only passed through.
pub fn decode(
    bytes: &[u8],
    probe: &Probe,
    frames: Frames,
    shrink: Shrink,
    limits: &Limits,
) -> Result<Decoded, ImagingError> {
    probe.admit(limits)?;
    let animated = probe.natural.frames > 1;
    match probe.natural.format {
        SourceFormat::Jpeg => jpeg::decode(bytes, probe, shrink),
        SourceFormat::Png if animated => apng::decode(bytes, probe, frames),
        SourceFormat::Png => png::decode(bytes, probe),
        SourceFormat::WebP if animated => webp::decode_animation(bytes, probe, frames),
        SourceFormat::WebP => webp::decode(bytes, probe),
        SourceFormat::Gif => gif::decode(bytes, probe, frames),
        SourceFormat::Ico => Err(ImagingError::KindRefused { kind: RefusedKind::Ico }),
        SourceFormat::Avif => avif::decode(bytes, probe),
    }
}

impl Decoded {
    fn still(probe: &Probe, layout: Layout, data: Vec<u8>, profile: Option<Vec<u8>>) -> Self {
        let planes = vec![Plane { data, delay: 0 }];
        Self { size: probe.stored, layout, planes, loops: 0, profile, orientation: probe.orientation }
    }

    /// Canvases in RGBA; the alpha goes where the header says that all is opaque.
    fn composed(probe: &Probe, mut planes: Vec<Plane>, profile: Option<Vec<u8>>) -> Self {
        let layout = if probe.natural.alpha { Layout::Rgba } else { Layout::Rgb };
        if layout == Layout::Rgb {
            for plane in &mut planes {
                plane.data = plane.data.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
            }
        }
        Self { size: probe.stored, layout, planes, loops: probe.loops, profile, orientation: probe.orientation }
    }
}

/// A zeroed buffer of `size` × `layout`, or an error where that does not fit in memory's address range.
fn buffer(size: Size, layout: Layout) -> Result<Vec<u8>, ImagingError> {
    let length = super::raster::byte_length(size.width, size.height, layout.channels());
    Ok(vec![0; length.ok_or_else(|| ImagingError::internal("a picture larger than memory"))?])
}

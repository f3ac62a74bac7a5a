//! Pixels to bytes. No metadata is written, and the same pixels give the same bytes.

mod jpeg;
mod png;
mod webp;

use crate::transform::{Format, Rendering, Rgb};

use super::{Channels, ImagingError, Picture, flatten};

/// The quality where a rendering gives none.
const DEFAULT_QUALITY: u8 = 75;

/// How hard an encoder tries to save bytes at the same visible quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effort {
    /// For an answer that someone waits for.
    Fast,
    /// For idle time.
    Small,
}

/// Encodes resized, blurred and flattened pixels as `rendering` wants them; only its format, quality and `animated` count.
/// Anything but an animated WebP gets the first frame. JPEG composites alpha that is left over on white.
pub fn encode(picture: &Picture, rendering: &Rendering, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let quality = rendering.quality.map_or(DEFAULT_QUALITY, crate::transform::Quality::get);
    let raster = picture.first();
    match (rendering.format, picture) {
        (Format::WebP, Picture::Animation(animation)) if rendering.animated => {
            webp::encode_animation(animation, quality, effort)
        }
        // An opaque alpha channel costs bytes and time and shows nothing.
        (Format::WebP, _) if raster.channels() == Channels::Rgba && raster.is_opaque() => {
            webp::encode(&raster.without_alpha(), quality, effort)
        }
        (Format::WebP, _) => webp::encode(raster, quality, effort),
        (Format::Jpeg, _) if raster.channels() == Channels::Rgba => {
            let opaque = flatten(Picture::Still(raster.clone()), Rgb([255; 3]))?;
            jpeg::encode(opaque.first(), quality, effort)
        }
        (Format::Jpeg, _) => jpeg::encode(raster, quality, effort),
        (Format::Png, _) if raster.is_opaque() => png::encode(&raster.without_alpha(), effort),
        (Format::Png, _) => png::encode(raster, effort),
    }
}

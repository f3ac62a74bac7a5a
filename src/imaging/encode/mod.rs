//! Pixels to bytes. No metadata is written, and the same pixels give the same bytes.

mod avif;
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

/// An encoder, and how fine it is on its own scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// ravif's scale, 1 to 100.
    Avif {
        quality: f32,
    },
    /// 0 to 100.
    WebP {
        quality: f32,
    },
    /// 1 to 100.
    Jpeg {
        quality: u8,
    },
    Png,
}

/// Encodes resized, blurred and flattened pixels as `rendering` wants them; only its format, quality and `animated` count.
/// Anything but an animated WebP gets the first frame.
pub fn encode(picture: &Picture, rendering: &Rendering, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let quality = rendering.quality.map_or(DEFAULT_QUALITY, crate::transform::Quality::get);
    let setting = match rendering.format {
        Format::Avif => Setting::Avif { quality: f32::from(quality) },
        Format::WebP => Setting::WebP { quality: f32::from(quality) },
        Format::Jpeg => Setting::Jpeg { quality },
        Format::Png => Setting::Png,
    };
    encode_at(picture, setting, rendering.animated, effort)
}

/// Encodes with a given encoder. JPEG composites alpha that is left over on white.
pub fn encode_at(picture: &Picture, setting: Setting, animated: bool, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    if let (Picture::Animation(animation), Setting::WebP { quality }, true) = (picture, setting, animated) {
        return webp::encode_animation(animation, quality, effort);
    }
    let raster = picture.first();
    let is_rgba = raster.channels() == Channels::Rgba;
    match setting {
        // An opaque alpha channel costs bytes and time and shows nothing.
        Setting::Avif { .. } | Setting::WebP { .. } | Setting::Png if is_rgba && raster.is_opaque() => {
            encode_at(&Picture::Still(raster.without_alpha()), setting, false, effort)
        }
        Setting::Jpeg { .. } if is_rgba => {
            encode_at(&flatten(Picture::Still(raster.clone()), Rgb::WHITE)?, setting, false, effort)
        }
        Setting::Avif { quality } => avif::encode(raster, quality, effort),
        Setting::WebP { quality } => webp::encode(raster, quality, effort),
        Setting::Jpeg { quality } => jpeg::encode(raster, quality, effort),
        Setting::Png => png::encode(raster, effort),
    }
}

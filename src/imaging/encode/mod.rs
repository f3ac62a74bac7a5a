//! Pixels to bytes. No metadata is written, and the same pixels give the same bytes.

mod auto;
mod avif;
mod jpeg;
mod png;
mod scale;
mod table;
mod webp;

pub use auto::{Measure, brightness, guessed};

use crate::transform::{Aim, Format, Rendering, Rgb};

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
    if rendering.format == Format::Jpeg && picture.first().channels() == Channels::Rgba {
        let opaque = flatten(Picture::Still(picture.first().clone()), Rgb::WHITE)?;
        return encode(&opaque, rendering, effort);
    }
    let level = match rendering.quality.map(crate::transform::Quality::aim) {
        None => DEFAULT_QUALITY,
        Some(Aim::Level(level)) => level,
        Some(Aim::Score(score)) if effort == Effort::Small && !rendering.animated => {
            return auto::searched(picture, rendering.format, score, effort);
        }
        Some(Aim::Score(score)) => auto::guessed(picture.first(), score),
    };
    encode_at(picture, scale::setting(rendering.format, level.into(), effort), rendering.animated, effort)
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

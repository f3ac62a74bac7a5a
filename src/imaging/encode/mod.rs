//! Pixels to bytes. No metadata is written, and the same pixels give the same bytes.

mod auto;
mod avif;
mod jpeg;
mod png;
mod scale;
mod table;
mod webp;

pub use auto::{Measure, brightness, guessed};

use crate::transform::{Aim, Format, Quality, Rendering, Rgb};

use super::{Channels, ImagingError, Raster, flatten};

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

/// Encodes resized, blurred and flattened pixels as `rendering` wants them; only its format and quality count. JPEG composites
/// alpha that is left over on white.
pub fn encode(raster: &Raster, rendering: &Rendering, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    if rendering.format == Format::Jpeg && raster.channels() == Channels::Rgba {
        return encode(&flatten(raster.clone(), Rgb::WHITE), rendering, effort);
    }
    match rendering.quality.map(Quality::aim) {
        Some(Aim::Score(score)) if effort == Effort::Small => auto::searched(raster, rendering.format, score, effort),
        aim => encode_at(raster, scale::setting(rendering.format, level(aim, raster), effort), effort),
    }
}

/// The quality on libwebp's scale; one that is a target is guessed.
fn level(aim: Option<Aim>, raster: &Raster) -> f32 {
    f32::from(match aim {
        None => DEFAULT_QUALITY,
        Some(Aim::Level(level)) => level,
        Some(Aim::Score(score)) => auto::guessed(raster, score),
    })
}

/// Encodes with a given encoder. JPEG composites alpha that is left over on white.
pub fn encode_at(raster: &Raster, setting: Setting, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let is_rgba = raster.channels() == Channels::Rgba;
    match setting {
        // An opaque alpha channel costs bytes and time and shows nothing.
        Setting::Avif { .. } | Setting::WebP { .. } | Setting::Png if is_rgba && raster.is_opaque() => {
            encode_at(&raster.without_alpha(), setting, effort)
        }
        Setting::Jpeg { .. } if is_rgba => encode_at(&flatten(raster.clone(), Rgb::WHITE), setting, effort),
        Setting::Avif { quality } => avif::encode(raster, quality, effort),
        Setting::WebP { quality } => webp::encode(raster, quality, effort),
        Setting::Jpeg { quality } => jpeg::encode(raster, quality, effort),
        Setting::Png => png::encode(raster, effort),
    }
}

/// An animated WebP that is written frame by frame: what is in memory beside one frame is encoded already.
#[derive(Debug)]
pub struct AnimationWriter {
    loops: u32,
    quality: Option<Quality>,
    effort: Effort,
    /// From the first frame on, which says how large all are.
    begun: Option<webp::Animation>,
}

impl AnimationWriter {
    /// `loops` is the number of times it plays; 0 is for ever.
    pub const fn new(loops: u32, quality: Option<Quality>, effort: Effort) -> Self {
        Self { loops, quality, effort, begun: None }
    }

    /// Adds a frame that is shown for `delay` milliseconds.
    ///
    /// # Errors
    /// [`ImagingError::Internal`] if it differs in size from the first.
    pub fn add(&mut self, frame: &Raster, delay: u32) -> Result<(), ImagingError> {
        match &mut self.begun {
            Some(animation) => animation.add(frame, delay),
            none => {
                let level = level(self.quality.map(Quality::aim), frame);
                let quality = scale::webp(level, self.effort);
                none.insert(webp::Animation::new(frame.size(), self.loops, quality, self.effort)?).add(frame, delay)
            }
        }
    }

    /// # Errors
    /// [`ImagingError::Internal`] if there is no frame.
    pub fn finish(self) -> Result<Vec<u8>, ImagingError> {
        self.begun.ok_or_else(|| ImagingError::internal("an animation without frames"))?.finish()
    }
}

//! Pixels: probe, decode, colour, orient, resize, blur, flatten, encode. No I/O, no clock, no async.
//!
//! Each step is a function of its own, so that a caller can time every one and share one decode among many renderings:
//! [`probe`] → [`Probe::admit`] → [`open`] → [`Pixels`], then for each rendering [`Pixels::resize`] → [`blur`] → [`flatten`] →
//! [`encode`], and for each placeholder [`Sample::of`] → [`Sample::placeholder`]. An animation goes that way frame by frame:
//! [`each_frame`] → [`window`] → [`resize`] → … → [`AnimationWriter`].
//!
//! The bytes are a stranger's: a picture over a [`Limits`] is refused from its header, before memory is taken for it,
//! and a truncated or corrupt one is an error, never half a picture.

mod blur;
mod colour;
mod decode;
mod encode;
mod error;
mod exif;
mod geometry;
mod orient;
mod passthrough;
mod placeholder;
mod planes;
mod probe;
mod raster;
mod resize;
mod shrink;
mod smart;
mod srgb;
#[cfg(test)]
mod tests;

pub use blur::blur;
pub use colour::{Coloured, colour};
pub use decode::{Decoded, decode, each_frame, open};
pub use encode::{AnimationWriter, Effort, Measure, Setting, brightness, encode, encode_at, guessed};
pub use error::{ImagingError, RefusedKind};
pub use geometry::{Window, window};
pub use orient::{Orientation, orient};
pub use passthrough::passthrough;
pub use placeholder::Sample;
pub use planes::Pixels;
pub use probe::{LONGEST_SIDE, Probe, probe};
pub use raster::{Channels, Frame, Raster, flatten};
pub use resize::resize;
pub use shrink::Shrink;

/// Part of every variant's key; raised whenever the pixels or bytes of a rendering would change.
pub const REVISION: u32 = 5;

/// What a source may be. Both are read from the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Width × height × frames. Default 50,000,000.
    pub pixels: u64,
    /// Frames of an animation. Default 100.
    pub frames: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pixels: 50_000_000, frames: 100 }
    }
}

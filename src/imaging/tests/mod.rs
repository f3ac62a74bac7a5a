//! The room as a whole: bytes in, bytes out. The pictures are made here, by the encoders themselves or by hand.

mod animation;
mod avif;
mod hostile;
mod make;
mod placeholder;
mod still;

use crate::transform::{Blur, Format, Frames, Gravity, Quality, Rendering, Size};

use super::*;

/// Everything up to an upright sRGB picture, all frames.
fn open(bytes: &[u8]) -> Result<Picture, ImagingError> {
    open_within(bytes, Frames::All, &Limits::default())
}

fn open_within(bytes: &[u8], frames: Frames, limits: &Limits) -> Result<Picture, ImagingError> {
    let probe = probe(bytes)?;
    orient(colour(decode(bytes, &probe, frames, Shrink::Whole, limits)?)?)
}

/// An uncropped rendering at quality 90.
fn rendering(width: u32, height: u32, format: Format) -> Rendering {
    Rendering {
        output: Size { width, height },
        crop: None,
        blur: Blur(0),
        background: None,
        format,
        quality: Quality::new(90),
        animated: false,
    }
}

fn render(picture: &Picture, rendering: &Rendering) -> Vec<u8> {
    let resized = resize(picture, rendering.output, rendering.crop).expect("resizes").into_owned();
    let blurred = blur(resized, rendering.blur).expect("blurs");
    let flat = rendering.background.map_or(Ok(blurred.clone()), |background| flatten(blurred, background));
    encode(&flat.expect("flattens"), rendering, Effort::Fast).expect("encodes")
}

/// The greatest difference of any channel of any pixel.
fn difference(left: &Raster, right: &Raster) -> u8 {
    assert_eq!((left.size(), left.channels()), (right.size(), right.channels()));
    left.data().iter().zip(right.data()).map(|(left, right)| left.abs_diff(*right)).max().unwrap_or(0)
}

fn pixel(raster: &Raster, x: u32, y: u32) -> &[u8] {
    let channels = raster.channels().count();
    &raster.data()[(y * raster.width() + x) as usize * channels..][..channels]
}

const EVERY_GRAVITY: [Gravity; 11] = [
    Gravity::Center,
    Gravity::North,
    Gravity::NorthEast,
    Gravity::East,
    Gravity::SouthEast,
    Gravity::South,
    Gravity::SouthWest,
    Gravity::West,
    Gravity::NorthWest,
    Gravity::Smart,
    Gravity::Focal { x: 70, y: 20 },
];

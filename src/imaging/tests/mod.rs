//! The room as a whole: bytes in, bytes out. The pictures are made here, by the encoders themselves or by hand.

mod animation;
mod avif;
mod hostile;
mod make;
mod placeholder;
mod planes;
mod still;

use std::borrow::Cow;

use crate::transform::{Blur, Format, Gravity, Quality, Rendering, Size};

use super::*;

/// Everything up to an upright sRGB raster, of an animation the first frame.
fn open(bytes: &[u8]) -> Result<Raster, ImagingError> {
    open_within(bytes, &Limits::default())
}

fn open_within(bytes: &[u8], limits: &Limits) -> Result<Raster, ImagingError> {
    super::open(bytes, &probe(bytes)?, Shrink::Whole, limits)?.raster().map(Cow::into_owned)
}

/// All frames of an animation.
fn open_all(bytes: &[u8], limits: &Limits) -> Result<Vec<Frame>, ImagingError> {
    let (probe, mut frames) = (probe(bytes)?, Vec::new());
    each_frame(bytes, &probe, limits, |frame| {
        frames.push(frame);
        Ok(())
    })?;
    Ok(frames)
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

fn resized(raster: &Raster, output: Size, crop: Option<Gravity>) -> Raster {
    resize(raster, window(raster, output, crop), output).expect("resizes").into_owned()
}

fn render(raster: &Raster, rendering: &Rendering) -> Vec<u8> {
    let blurred = blur(resized(raster, rendering.output, rendering.crop), rendering.blur).expect("blurs");
    let flat = rendering.background.map_or(blurred.clone(), |background| flatten(blurred, background));
    encode(&flat, rendering, Effort::Fast).expect("encodes")
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

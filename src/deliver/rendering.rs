//! From an original's pixels to a variant's bytes: the processor's part of a fill, and what it takes.

use std::borrow::Cow;
use std::time::Instant;

use crate::imaging::{self, AnimationWriter, Effort, ImagingError, Limits, Pixels, Probe, Raster};
use crate::render::{Cost, Timings, timed};
use crate::transform::{Blur, Format, Rendering};

/// Bytes of memory that each pixel of a variant takes while it is made: the pixel, and what the encoder makes of it.
const ENCODED_BYTES: u64 = 12;
/// The same for AVIF, whose encoder keeps several planes of 16-bit samples.
const ENCODED_AVIF_BYTES: u64 = 64;
/// The same for a frame of an animation: the encoder compares it with the canvas before, in several ways.
const ENCODED_FRAME_BYTES: u64 = 48;
/// Bytes of memory that each pixel of an animation's canvas takes while it is decoded: the decoder's two or three, and ours.
const CANVAS_BYTES: u64 = 20;

/// What making something takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) cost: Cost,
    /// Of memory.
    pub(super) bytes: u64,
}

impl Need {
    /// Of encoding so many pixels.
    pub(super) const fn of_encoding(format: Format, pixels: u64) -> Self {
        match format {
            Format::Avif => {
                Self { cost: Cost::of_encoding_avif(pixels), bytes: pixels.saturating_mul(ENCODED_AVIF_BYTES) }
            }
            Format::WebP | Format::Jpeg | Format::Png => {
                Self { cost: Cost::of_encoding(pixels), bytes: pixels.saturating_mul(ENCODED_BYTES) }
            }
        }
    }

    /// Of decoding and encoding an animation frame by frame: what is encoded already stays in memory, too, a byte a pixel
    /// at most.
    pub(super) fn of_animating(probe: &Probe, rendering: &Rendering) -> Self {
        let frames = u64::from(probe.natural.frames.max(1));
        let (canvas, output) = (probe.pixels() / frames, rendering.output.pixels());
        let encoded = output.saturating_mul(frames);
        Self {
            cost: Cost::of_decoding(probe.pixels()).with(Cost::of_encoding(encoded)),
            bytes: canvas
                .saturating_mul(CANVAS_BYTES)
                .saturating_add(output.saturating_mul(ENCODED_FRAME_BYTES))
                .saturating_add(encoded),
        }
    }
}

/// Whether all frames are shown, and there is more than one.
pub(super) const fn is_animated(probe: &Probe, rendering: &Rendering) -> bool {
    rendering.animated && probe.natural.frames > 1
}

/// Decoded pixels to a variant's bytes.
pub(super) fn render(
    pixels: &Pixels,
    rendering: &Rendering,
    effort: Effort,
    timings: &mut Timings,
) -> Result<Vec<u8>, ImagingError> {
    let finished =
        timed(&mut timings.resize, || finished(pixels.resize(rendering.output, rendering.crop)?, rendering))?;
    timed(&mut timings.encode, || imaging::encode(&finished, rendering, effort))
}

/// An animation's bytes to a variant's, one frame after the other. What the first frame shows is what all of them show.
pub(super) fn animate(
    bytes: &[u8],
    probe: &Probe,
    limits: &Limits,
    rendering: &Rendering,
    effort: Effort,
    timings: &mut Timings,
) -> Result<Vec<u8>, ImagingError> {
    let (began, before) = (Instant::now(), timings.resize + timings.encode);
    let (mut window, mut writer) = (None, AnimationWriter::new(probe.loops, rendering.quality, effort));
    imaging::each_frame(bytes, probe, limits, |frame| {
        let finished = timed(&mut timings.resize, || {
            let window =
                *window.get_or_insert_with(|| imaging::window(&frame.raster, rendering.output, rendering.crop));
            finished(imaging::resize(&frame.raster, window, rendering.output)?, rendering)
        })?;
        timed(&mut timings.encode, || writer.add(&finished, frame.delay))
    })?;
    let bytes = timed(&mut timings.encode, || writer.finish());
    let others = (timings.resize + timings.encode).saturating_sub(before);
    timings.decode += began.elapsed().saturating_sub(others);
    bytes
}

/// Blurred and flattened.
fn finished<'a>(resized: Cow<'a, Raster>, rendering: &Rendering) -> Result<Cow<'a, Raster>, ImagingError> {
    let blurred = match rendering.blur {
        Blur(0) => resized,
        blur => Cow::Owned(imaging::blur(resized.into_owned(), blur)?),
    };
    Ok(match rendering.background {
        Some(background) => Cow::Owned(imaging::flatten(blurred.into_owned(), background)),
        None => blurred,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{Channels, Frame, probe};
    use crate::transform::{Gravity, Size};

    /// Grey, with squares that catch the eye at the left or at the right.
    fn frame(is_left: bool) -> Raster {
        let busy = |x: u32| if is_left { x < 32 } else { x >= 96 };
        let pixel = |x: u32, y: u32| if busy(x) && (x / 4 + y / 4).is_multiple_of(2) { [250, 40, 0] } else { [120; 3] };
        let data = (0..32).flat_map(|y| (0..128).flat_map(move |x| pixel(x, y))).collect();
        Raster::new(128, 32, Channels::Rgb, data).unwrap()
    }

    #[test]
    fn every_frame_shows_the_part_that_the_first_one_chose() {
        let mut writer = AnimationWriter::new(0, None, Effort::Fast);
        for is_left in [true, false, true] {
            writer.add(&frame(is_left), 40).unwrap();
        }
        let source = writer.finish().unwrap();
        let rendering = Rendering {
            output: Size { width: 32, height: 32 },
            crop: Some(Gravity::Smart),
            blur: Blur(0),
            background: None,
            format: Format::WebP,
            quality: None,
            animated: true,
        };
        let (seen, limits, mut timings) = (probe(&source).unwrap(), Limits::default(), Timings::default());
        assert!(is_animated(&seen, &rendering));
        let made = animate(&source, &seen, &limits, &rendering, Effort::Fast, &mut timings).unwrap();
        let mut reds = Vec::new();
        imaging::each_frame(&made, &probe(&made).unwrap(), &limits, |Frame { raster, .. }| {
            assert_eq!(raster.size(), rendering.output);
            reds.push(raster.data().chunks_exact(raster.channels().count()).map(|pixel| pixel[0]).max());
            Ok(())
        })
        .unwrap();
        let is_busy: Vec<bool> = reds.into_iter().map(|red| red > Some(200)).collect();
        assert_eq!(is_busy, [true, false, true]);
        assert!(timings.decode > std::time::Duration::ZERO && timings.encode > std::time::Duration::ZERO);
    }
}

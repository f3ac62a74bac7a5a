//! APNG's frames composed to whole canvases (W3C PNG, third edition, §11.3.6).

use png::{BlendOp, DisposeOp, FrameControl};

use crate::transform::SourceFormat;

use super::png::{PngReader, corrupt, layout, profile, reader};
use super::{Decoded, Layout, Take, buffer};
use crate::imaging::{ImagingError, Probe};

pub(super) fn decode(bytes: &[u8], probe: &Probe, wanted: u32, take: Take<'_>) -> Result<(), ImagingError> {
    let mut reader = reader(bytes, probe)?;
    let mut pixels = vec![0; reader.output_buffer_size().unwrap_or(0)];
    if reader.info().frame_control.is_none() {
        // A default image that is no part of the animation.
        reader.next_frame(&mut pixels).map_err(|error| corrupt(&error))?;
    }
    let mut canvas = buffer(probe.stored, Layout::Rgba)?;
    let profile = profile(&reader);
    for index in 0..wanted {
        if index > 0 || reader.info().frame_control.is_none() {
            reader.next_frame_info().map_err(|error| corrupt(&error))?;
        }
        let control = *reader.info().frame_control().ok_or_else(|| broken("a frame without its control"))?;
        let before = (control.dispose_op == DisposeOp::Previous).then(|| canvas.clone());
        let area = paint(&mut reader, &control, &mut pixels, &mut canvas, probe)?;
        take(Decoded::composed(probe, canvas.clone(), profile.clone()), delay(&control))?;
        match (control.dispose_op, before) {
            (DisposeOp::Background, _) => area.rows().for_each(|row| canvas[row].fill(0)),
            (DisposeOp::Previous, Some(before)) => canvas = before,
            _ => {}
        }
    }
    reader.finish().map_err(|error| corrupt(&error))
}

fn broken(reason: &'static str) -> ImagingError {
    ImagingError::corrupt(SourceFormat::Png, reason)
}

/// Milliseconds; a denominator of 0 means hundredths of a second.
fn delay(control: &FrameControl) -> u32 {
    let denominator = if control.delay_den == 0 { 100 } else { u32::from(control.delay_den) };
    u32::from(control.delay_num) * 1000 / denominator
}

/// A frame's rectangle, inside a canvas of `canvas_width` pixels.
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    canvas_width: usize,
}

impl Area {
    fn of(control: &FrameControl, probe: &Probe) -> Option<Self> {
        let right = control.x_offset.checked_add(control.width)?;
        let bottom = control.y_offset.checked_add(control.height)?;
        (right <= probe.stored.width && bottom <= probe.stored.height).then_some(Self {
            left: control.x_offset as usize,
            top: control.y_offset as usize,
            width: control.width as usize,
            height: control.height as usize,
            canvas_width: probe.stored.width as usize,
        })
    }

    /// Where the rows lie in the RGBA canvas.
    fn rows(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        (self.top..self.top + self.height).map(|y| {
            let start = (y * self.canvas_width + self.left) * 4;
            start..start + self.width * 4
        })
    }
}

/// Decodes the next frame and paints it on the canvas.
fn paint(
    reader: &mut PngReader<'_>,
    control: &FrameControl,
    pixels: &mut Vec<u8>,
    canvas: &mut [u8],
    probe: &Probe,
) -> Result<Area, ImagingError> {
    let area = Area::of(control, probe).ok_or_else(|| broken("a frame lies outside the canvas"))?;
    let needed = reader.output_buffer_size().ok_or_else(|| broken("a frame is too large"))?;
    pixels.resize(needed, 0);
    reader.next_frame(pixels).map_err(|error| corrupt(&error))?;
    let layout = layout(reader);
    let row_bytes = area.width * layout.channels();
    for (source, target) in pixels.chunks_exact(row_bytes).zip(area.rows()) {
        let target = canvas.get_mut(target).ok_or_else(|| broken("a frame lies outside the canvas"))?;
        for (from, to) in source.chunks_exact(layout.channels()).zip(target.as_chunks_mut::<4>().0) {
            let pixel = match *from {
                [gray] => [gray, gray, gray, 255],
                [gray, alpha] => [gray, gray, gray, alpha],
                [red, green, blue] => [red, green, blue, 255],
                [red, green, blue, alpha] => [red, green, blue, alpha],
                _ => [0; 4],
            };
            *to = if control.blend_op == BlendOp::Source { pixel } else { over(pixel, *to) };
        }
    }
    Ok(area)
}

/// Porter and Duff's "over" on straight alpha.
fn over(front: [u8; 4], back: [u8; 4]) -> [u8; 4] {
    let (front_alpha, back_alpha) = (u32::from(front[3]), u32::from(back[3]));
    if front_alpha == 255 || back_alpha == 0 {
        return front;
    }
    // Both in units of 1/255².
    let front_part = front_alpha * 255;
    let back_part = back_alpha * (255 - front_alpha);
    let alpha = front_part + back_part;
    let mix =
        |at: usize| ((u32::from(front[at]) * front_part + u32::from(back[at]) * back_part + alpha / 2) / alpha) as u8;
    [mix(0), mix(1), mix(2), ((alpha + 127) / 255) as u8]
}

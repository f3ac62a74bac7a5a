//! AVIF by re_rav1d, a fork of the dav1d port rav1d. A panic below its C interface ends the process, and rav1d 1.1.0 itself
//! panics at any broken frame that is decoded on one thread; the fork does not.

mod av1;
mod colours;
mod stream;

use moxcms::ColorProfile;

use crate::transform::Size;

use self::av1::{Frame, Sampling};
use super::{Decoded, Layout, buffer};
use crate::imaging::probe::avif::{Coding, REFUSED, corrupt, still};
use crate::imaging::{ImagingError, Probe};

pub(super) fn decode(bytes: &[u8], probe: &Probe) -> Result<Decoded, ImagingError> {
    let still = still(bytes)?;
    if still.size != probe.stored || still.alpha.is_some() != probe.natural.alpha {
        return Err(ImagingError::internal("a probe does not match its picture"));
    }
    let colour = frame(&still.colour, still.size)?;
    let coding = still.coding.unwrap_or(colour.coding);
    let gray = colour.sampling == Sampling::Gray;
    let layout = match (gray, &still.alpha) {
        (true, None) => Layout::Gray,
        (true, Some(_)) => Layout::GrayAlpha,
        (false, None) => Layout::Rgb,
        (false, Some(_)) => Layout::Rgba,
    };
    let channels = layout.channels();
    let mut data = buffer(still.size, layout)?;
    let filled = if gray {
        colours::fill_gray(&colour, coding, &mut data, channels, 0)
    } else {
        colours::fill_colours(&colour, coding, &mut data, channels)
    };
    drop(colour);
    if !filled {
        return Err(REFUSED);
    }
    if let Some(stream) = &still.alpha {
        let alpha = frame(stream, still.size)?;
        colours::fill_gray(&alpha, alpha.coding, &mut data, channels, channels - 1);
        if still.premultiplied {
            divide_by_alpha(&mut data, channels);
        }
    }
    let profile = still.profile.map(<[u8]>::to_vec).or_else(|| wide_profile(coding));
    Ok(Decoded::still(probe, layout, data, profile))
}

fn frame(stream: &[u8], size: Size) -> Result<Frame, ImagingError> {
    match stream::frames(stream) {
        Some(1) => {}
        // Layers of a progressive picture. They alone would need the decoder's prediction between frames.
        Some(2..) => return Err(REFUSED),
        _ => return Err(corrupt("the stream is cut off or holds no frame")),
    }
    let (width, height) = (size.width as usize, size.height as usize);
    let pixels = u32::try_from(u64::from(size.width) * u64::from(size.height)).unwrap_or(u32::MAX);
    let frame = av1::decode(stream, pixels).ok_or_else(|| corrupt("the stream is broken"))?;
    if (frame.width, frame.height) != (width, height) {
        return Err(corrupt("the stream is of another size than the picture"));
    }
    Ok(frame)
}

fn divide_by_alpha(data: &mut [u8], channels: usize) {
    for pixel in data.chunks_exact_mut(channels) {
        let alpha = u32::from(pixel[channels - 1]);
        for value in &mut pixel[..channels - 1] {
            let divided = (u32::from(*value) * 255 + alpha / 2).checked_div(alpha);
            *value = divided.unwrap_or(0).min(255) as u8;
        }
    }
}

/// A profile for primaries that are not sRGB's (ITU-T H.273 table 2). HDR transfers are taken for sRGB's.
fn wide_profile(coding: Coding) -> Option<Vec<u8>> {
    match coding.primaries {
        9 => ColorProfile::new_bt2020().encode().ok(),
        12 => ColorProfile::new_display_p3().encode().ok(),
        _ => None,
    }
}

//! Stored colours to sRGB.

use moxcms::{ColorProfile, Transform8BitExecutor, TransformOptions};

use std::sync::Arc;

use super::decode::{Decoded, Layout};
use super::{Channels, ImagingError, Orientation, Raster};

/// In sRGB, not yet upright.
#[derive(Debug)]
pub struct Coloured {
    pub(super) raster: Raster,
    pub(super) orientation: Orientation,
}

/// Converts by the picture's profile. One that is broken, or made for other channels, is ignored.
pub fn colour(decoded: Decoded) -> Result<Coloured, ImagingError> {
    let Decoded { size, layout, data, profile, orientation } = decoded;
    let channels = if matches!(layout, Layout::GrayAlpha | Layout::Rgba) { Channels::Rgba } else { Channels::Rgb };
    let transform = profile.and_then(|profile| transform(&profile, layout, channels));
    let data = match &transform {
        Some(transform) => convert(transform, &data, layout, channels, size.width as usize)?,
        None => expand(data, layout),
    };
    Ok(Coloured { raster: Raster::new(size.width, size.height, channels, data)?, orientation })
}

/// Whether the profile of a picture of three channels is usable, and makes other colours of them.
pub(super) fn changes_colours(profile: &[u8]) -> bool {
    transform(profile, Layout::Rgb, Channels::Rgb).is_some()
}

/// A conversion to sRGB; `None` where the profile cannot be used or would change nothing.
fn transform(profile: &[u8], layout: Layout, channels: Channels) -> Option<Arc<Transform8BitExecutor>> {
    let from = match layout {
        Layout::Gray => moxcms::Layout::Gray,
        Layout::GrayAlpha => moxcms::Layout::GrayAlpha,
        Layout::Rgb => moxcms::Layout::Rgb,
        Layout::Rgba | Layout::Cmyk => moxcms::Layout::Rgba,
    };
    let to = if channels == Channels::Rgba { moxcms::Layout::Rgba } else { moxcms::Layout::Rgb };
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let fits = match profile.color_space {
        moxcms::DataColorSpace::Gray => matches!(layout, Layout::Gray | Layout::GrayAlpha),
        moxcms::DataColorSpace::Rgb => matches!(layout, Layout::Rgb | Layout::Rgba),
        moxcms::DataColorSpace::Cmyk => layout == Layout::Cmyk,
        _ => false,
    };
    if !fits {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()?;
    (!changes_nothing(&transform, layout)).then_some(transform)
}

/// Whether a profile for three channels is sRGB in all but name, which most are: a grid of colours stays within one step.
fn changes_nothing(transform: &Arc<Transform8BitExecutor>, layout: Layout) -> bool {
    let levels = || (0..=255_u8).step_by(15);
    let alpha: &[u8] = match layout {
        Layout::Rgb => &[],
        Layout::Rgba => &[255],
        Layout::Gray | Layout::GrayAlpha | Layout::Cmyk => return false,
    };
    let colours = levels().flat_map(|red| levels().flat_map(move |green| levels().map(move |blue| [red, green, blue])));
    let grid: Vec<u8> = colours.flat_map(|colour| colour.into_iter().chain(alpha.iter().copied())).collect();
    let mut converted = vec![0; grid.len()];
    let done = transform.transform(&grid, &mut converted).is_ok();
    done && grid.iter().zip(&converted).all(|(from, to)| from.abs_diff(*to) <= 1)
}

fn convert(
    transform: &Arc<Transform8BitExecutor>,
    from: &[u8],
    layout: Layout,
    channels: Channels,
    width: usize,
) -> Result<Vec<u8>, ImagingError> {
    let mut to = vec![0; from.len() / layout.channels() * channels.count()];
    let rows = from.chunks_exact(width * layout.channels()).zip(to.chunks_exact_mut(width * channels.count()));
    for (from, to) in rows {
        transform.transform(from, to).map_err(|error| ImagingError::internal(format!("colour: {error}")))?;
    }
    Ok(to)
}

/// Channels as they are, grey tripled, ink subtracted from white.
fn expand(data: Vec<u8>, layout: Layout) -> Vec<u8> {
    match layout {
        Layout::Rgb | Layout::Rgba => data,
        Layout::Gray => data.into_iter().flat_map(|gray| [gray; 3]).collect(),
        Layout::GrayAlpha => {
            data.as_chunks::<2>().0.iter().flat_map(|[gray, alpha]| [*gray, *gray, *gray, *alpha]).collect()
        }
        Layout::Cmyk => {
            let light = |ink: u8, black: u8| ((u32::from(255 - ink) * u32::from(255 - black) + 127) / 255) as u8;
            let pixels = data.as_chunks::<4>().0.iter();
            pixels.flat_map(|&[c, m, y, k]| [light(c, k), light(m, k), light(y, k)]).collect()
        }
    }
}

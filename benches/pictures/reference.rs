//! Lanczos3 on 32-bit floats in linear light, by another implementation than the engine's.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use tintype::imaging::{Channels, Raster};

use crate::Done;

/// A part of a picture in its own pixels.
#[derive(Clone, Copy)]
pub struct Part {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Part {
    pub fn whole(raster: &Raster) -> Self {
        Self { left: 0.0, top: 0.0, width: f64::from(raster.width()), height: f64::from(raster.height()) }
    }
}

/// `part` of `raster`, scaled, premultiplied and in linear light until the last step.
pub fn scale(raster: &Raster, part: Part, width: u32, height: u32) -> Done<Raster> {
    let channels = raster.channels();
    let pixel = if channels == Channels::Rgba { PixelType::F32x4 } else { PixelType::F32x3 };
    let light = widen(raster).into_iter().flat_map(f32::to_ne_bytes).collect();
    let source = Image::from_vec_u8(raster.width(), raster.height(), light, pixel)?;
    let mut target = Image::new(width, height, pixel);
    let options = ResizeOptions::new()
        .crop(part.left, part.top, part.width, part.height)
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options)?;
    let sums = target.buffer().as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect::<Vec<_>>();
    Ok(Raster::new(width, height, channels, narrow(&sums, channels))?)
}

fn widen(raster: &Raster) -> Vec<f32> {
    let table: Vec<f32> = (0..=255).map(|value: u8| light(f32::from(value) / 255.0)).collect();
    if raster.channels() == Channels::Rgb {
        return raster.data().iter().map(|value| table[usize::from(*value)]).collect();
    }
    let pixels = raster.data().as_chunks::<4>().0.iter();
    pixels
        .flat_map(|pixel| {
            let opacity = f32::from(pixel[3]) / 255.0;
            let [red, green, blue, _] = pixel.map(|value| table[usize::from(value)] * opacity);
            [red, green, blue, opacity]
        })
        .collect()
}

fn narrow(sums: &[f32], channels: Channels) -> Vec<u8> {
    if channels == Channels::Rgb {
        return sums.iter().map(|light| byte(encoded(*light))).collect();
    }
    let pixels = sums.as_chunks::<4>().0.iter();
    pixels
        .flat_map(|[red, green, blue, opacity]| {
            let straight = if *opacity > 0.0 { 1.0 / opacity } else { 0.0 };
            let [red, green, blue] = [red, green, blue].map(|light| byte(encoded(light * straight)));
            [red, green, blue, byte(*opacity)]
        })
        .collect()
}

/// IEC 61966-2-1.
fn light(value: f32) -> f32 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn encoded(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

//! Gaussian blur: a sampled kernel along each line, on a smaller copy where the sigma is large, so that the time is bounded.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::transform::{Blur, Size};

use super::{Channels, ImagingError, Raster};

/// The largest sigma that is convolved at full size.
const LARGEST_DIRECT_SIGMA: f32 = 4.0;

/// Columns that are blurred at a time: they share the cache lines of a row.
const COLUMNS: usize = 16;

/// Premultiplied, so that what is transparent does not bleed into what is not; edges repeat outward.
pub fn blur(raster: Raster, blur: Blur) -> Result<Raster, ImagingError> {
    if blur.0 == 0 {
        return Ok(raster);
    }
    let sigma = f32::from(blur.0) / 2.0;
    let raster = premultiplied(raster);
    let mut raster =
        if sigma <= LARGEST_DIRECT_SIGMA { direct(raster, sigma) } else { through_a_copy(&raster, sigma)? };
    straighten(&mut raster);
    Ok(raster)
}

fn premultiplied(mut raster: Raster) -> Raster {
    if raster.channels() == Channels::Rgba {
        for [red, green, blue, alpha] in raster.data_mut().as_chunks_mut::<4>().0 {
            let alpha = u32::from(*alpha);
            for value in [red, green, blue] {
                *value = ((u32::from(*value) * alpha + 127) / 255) as u8;
            }
        }
    }
    raster
}

fn straighten(raster: &mut Raster) {
    if raster.channels() == Channels::Rgba {
        for [red, green, blue, alpha] in raster.data_mut().as_chunks_mut::<4>().0 {
            let alpha = u32::from(*alpha);
            let straight = |value: u8| ((u32::from(value) * 255 + alpha / 2) / alpha.max(1)).min(255) as u8;
            for value in [red, green, blue] {
                *value = straight(*value);
            }
        }
    }
}

/// Shrinks until the sigma left is at least 2 pixels, blurs there and scales up again: the blur hides the detour.
fn through_a_copy(raster: &Raster, sigma: f32) -> Result<Raster, ImagingError> {
    let factor = (sigma / 2.0).floor() as u32;
    let Size { width, height } = raster.size();
    let small = Size { width: width.div_ceil(factor), height: height.div_ceil(factor) };
    let shrunk = scale(raster, small, FilterType::Bilinear)?;
    // The triangle that shrinks by `factor` already blurs with a variance of factor² / 6.
    let variance = sigma * sigma - (factor * factor) as f32 / 6.0;
    let blurred = direct(shrunk, variance.max(0.25).sqrt() / factor as f32);
    scale(&blurred, raster.size(), FilterType::CatmullRom)
}

fn scale(raster: &Raster, size: Size, filter: FilterType) -> Result<Raster, ImagingError> {
    let failed = |error: &dyn std::fmt::Display| ImagingError::internal(format!("blur: {error}"));
    let pixels = if raster.channels() == Channels::Rgba { PixelType::U8x4 } else { PixelType::U8x3 };
    let source = ImageRef::new(raster.width(), raster.height(), raster.data(), pixels);
    let source = source.map_err(|error| failed(&error))?;
    let mut target = Image::new(size.width, size.height, pixels);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| failed(&error))?;
    Raster::new(size.width, size.height, raster.channels(), target.into_vec())
}

fn direct(mut raster: Raster, sigma: f32) -> Raster {
    let kernel = kernel(sigma);
    let channels = raster.channels().count();
    let (stride, height) = (raster.stride(), raster.height() as usize);
    let data = raster.data_mut();
    let mut line = Line::default();
    for row in data.chunks_exact_mut(stride) {
        line.load(row, channels, &kernel);
        line.convolve(row, channels, &kernel);
    }
    let mut column = Vec::new();
    for left in (0..stride).step_by(COLUMNS) {
        let lanes = COLUMNS.min(stride - left);
        column.clear();
        (0..height).for_each(|y| column.extend_from_slice(&data[y * stride + left..][..lanes]));
        line.load(&column, lanes, &kernel);
        line.convolve(&mut column, lanes, &kernel);
        for (y, pixels) in column.chunks_exact(lanes).enumerate() {
            data[y * stride + left..][..lanes].copy_from_slice(pixels);
        }
    }
    raster
}

/// One half of a normalised Gaussian with the middle first, out to three sigmas.
fn kernel(sigma: f32) -> Vec<f32> {
    let radius = (sigma * 3.0).ceil().max(1.0) as usize;
    let weight = |distance: usize| (-((distance * distance) as f32) / (2.0 * sigma * sigma)).exp();
    let half: Vec<f32> = (0..=radius).map(weight).collect();
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f32>();
    half.iter().map(|weight| weight / sum).collect()
}

/// A line of samples, `lanes` side by side, with its ends repeated on both sides.
#[derive(Default)]
struct Line {
    padded: Vec<f32>,
    sums: Vec<f32>,
}

impl Line {
    fn load(&mut self, samples: &[u8], lanes: usize, kernel: &[f32]) {
        let (first, last) = (&samples[..lanes], &samples[samples.len() - lanes..]);
        let radius = kernel.len() - 1;
        self.padded.clear();
        (0..radius).for_each(|_| self.padded.extend(first.iter().map(|value| f32::from(*value))));
        self.padded.extend(samples.iter().map(|value| f32::from(*value)));
        (0..radius).for_each(|_| self.padded.extend(last.iter().map(|value| f32::from(*value))));
    }

    fn convolve(&mut self, target: &mut [u8], lanes: usize, kernel: &[f32]) {
        let (length, radius) = (target.len(), kernel.len() - 1);
        let shifted = |by: usize| &self.padded[by * lanes..by * lanes + length];
        self.sums.clear();
        self.sums.extend(shifted(radius).iter().map(|value| value * kernel[0]));
        for (distance, weight) in kernel.iter().enumerate().skip(1) {
            let pairs = shifted(radius - distance).iter().zip(shifted(radius + distance));
            self.sums.iter_mut().zip(pairs).for_each(|(sum, (before, after))| *sum += (before + after) * weight);
        }
        target.iter_mut().zip(&self.sums).for_each(|(target, sum)| *target = (sum + 0.5) as u8);
    }
}

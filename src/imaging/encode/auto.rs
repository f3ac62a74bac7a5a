//! `q=auto`: the smallest file that still looks as asked, in SSIMULACRA2.
//!
//! Where somebody waits, the quality is guessed from the picture's size and brightness; in idle time it is searched for, in at most
//! seven attempts that begin with the guess. The measure gives the same number on every processor.

use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};

use crate::imaging::{self, ImagingError, Limits, Raster, Shrink, flatten};
use crate::transform::{Format, Rgb};

use super::{Effort, encode_at, scale};

/// On libwebp's scale: below it blocks show whatever the measure says, above it bytes buy nothing that is seen.
const LOWEST: u8 = 30;
const HIGHEST: u8 = 95;
/// Pictures with more pixels are guessed only.
const MOST_PIXELS: u64 = 4_000_000;

/// What [`guessed`] goes by, as `benches/calibrate -- auto` fits it: the quality of a dark picture of one pixel, what a doubling
/// of its sides adds, what its brightness takes away, and what a point of the target takes.
const DARK: f32 = 52.0;
const BY_DOUBLING: f32 = 5.0;
const BY_BRIGHTNESS: f32 = 72.0;
const BY_POINT: f32 = 2.3;
/// The target that those are for.
const USUAL: f32 = 70.0;

/// Quality that such a picture takes to reach `score`, guessed: the measure forgives least in what is dark, and in what is large.
pub fn guessed(raster: &Raster, score: u8) -> u8 {
    let doublings = binary_logarithm(raster.width() as f32 * raster.height() as f32) / 2.0;
    let usual = DARK + BY_DOUBLING * doublings - BY_BRIGHTNESS * brightness(raster);
    let quality = usual + BY_POINT * (f32::from(score) - USUAL);
    quality.round().clamp(f32::from(LOWEST), f32::from(HIGHEST)) as u8
}

/// The mean of green, 0 to 1.
pub fn brightness(raster: &Raster) -> f32 {
    let pixels = raster.data().chunks_exact(raster.channels().count());
    let count = pixels.len() as f32;
    let sum: u64 = pixels.map(|pixel| u64::from(pixel[1])).sum();
    sum as f32 / count / 255.0
}

/// Straight between powers of two: the mathematical one may differ in its last bit from processor to processor.
fn binary_logarithm(value: f32) -> f32 {
    value.to_bits() as f32 / (1_u32 << 23) as f32 - 127.0
}

/// The smallest file of this format that reaches `score`, or the best of the bounds.
pub(super) fn searched(raster: &Raster, format: Format, score: u8, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let at = |quality: u8| {
        let setting = scale::setting(format, f32::from(quality), effort);
        encode_at(raster, setting, effort)
    };
    let guess = guessed(raster, score);
    if u64::from(raster.width()) * u64::from(raster.height()) > MOST_PIXELS {
        return at(guess);
    }
    let measure = Measure::new(raster)?;
    let (mut low, mut middle, mut high) = (LOWEST, guess, HIGHEST);
    let mut best = None;
    while low <= high {
        let bytes = at(middle)?;
        if measure.of(&bytes)? >= f64::from(score) {
            best = Some(bytes);
            high = middle - 1;
        } else {
            low = middle + 1;
        }
        middle = u8::midpoint(low, high);
    }
    best.map_or_else(|| at(HIGHEST), Ok)
}

/// Compares encoded files with one picture, on white and on black where there is alpha.
#[derive(Clone, Debug)]
pub struct Measure {
    references: Vec<(Ssimulacra2Reference, Rgb)>,
}

impl Measure {
    pub fn new(raster: &Raster) -> Result<Self, ImagingError> {
        let backgrounds: &[Rgb] = if raster.is_opaque() { &[Rgb::WHITE] } else { &[Rgb::WHITE, Rgb([0; 3])] };
        let references = backgrounds.iter().map(|background| {
            let flat = flatten(raster.clone(), *background);
            let reference = Ssimulacra2Reference::new(&view(&flat)?).map_err(failed)?;
            Ok((reference, *background))
        });
        Ok(Self { references: references.collect::<Result<_, ImagingError>>()? })
    }

    /// SSIMULACRA2: 100 is equal, 90 cannot be told apart, 70 is high quality.
    pub fn of(&self, encoded: &[u8]) -> Result<f64, ImagingError> {
        let probe = imaging::probe(encoded)?;
        let decoded = imaging::decode(encoded, &probe, Shrink::Whole, &Limits::default())?;
        let seen = imaging::orient(imaging::colour(decoded)?)?;
        let mut worst = f64::INFINITY;
        for (reference, background) in &self.references {
            let flat = flatten(seen.clone(), *background);
            worst = worst.min(reference.compare(&view(&flat)?).map_err(failed)?);
        }
        Ok(worst)
    }
}

fn view(raster: &Raster) -> Result<PixelSlice<'_>, ImagingError> {
    let (width, height) = (raster.width(), raster.height());
    PixelSlice::new(raster.data(), width, height, raster.stride(), PixelDescriptor::RGB8_SRGB).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> ImagingError {
    ImagingError::internal(format!("SSIMULACRA2: {error}"))
}

//! SSIMULACRA2 of answers beside the best that their size allows.

use std::collections::HashMap;
use std::path::Path;

use fast_ssim2::{PixelDescriptor, PixelSlice};
use tintype::imaging::{Channels, Raster};

use crate::reference::{Part, scale};
use crate::{Done, files, read};

/// Prints "pictures width height mean_bytes mean_score lowest_score" of the answers, whose sources have the same names.
pub fn folder(sources: &Path, answers: &Path) -> Done {
    let stem = |path: &Path| path.file_stem().map(ToOwned::to_owned);
    let sources: HashMap<_, _> = files(sources)?.into_iter().map(|path| (stem(&path), path)).collect();
    let (mut bytes, mut scores, mut size) = (0, Vec::new(), (0, 0));
    for path in files(answers)? {
        let source = sources.get(&stem(&path)).ok_or_else(|| format!("no source of {}", path.display()))?;
        let answer = read(&path)?;
        bytes += std::fs::metadata(&path)?.len();
        size = (answer.width(), answer.height());
        scores.push(score(&read(source)?, &answer)?);
    }
    let count = scores.len();
    if count == 0 {
        return Err("there are no answers".into());
    }
    let mean = scores.iter().sum::<f64>() / count as f64;
    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{count} {} {} {} {mean:.1} {lowest:.1}", size.0, size.1, bytes / count as u64);
    Ok(())
}

/// The worse of what is seen on black and on white.
fn score(source: &Raster, answer: &Raster) -> Done<f64> {
    let reference = scale(source, Part::whole(source), answer.width(), answer.height())?;
    let mut worst = f64::INFINITY;
    for background in [0, 255] {
        let (wanted, seen) = (composite(&reference, background), composite(answer, background));
        worst = worst.min(fast_ssim2::compute_ssimulacra2(&view(&wanted, answer)?, &view(&seen, answer)?)?);
        if source.channels() == Channels::Rgb {
            break;
        }
    }
    Ok(worst)
}

/// Without alpha, as browsers do it: in sRGB.
fn composite(raster: &Raster, background: u32) -> Vec<u8> {
    if raster.channels() == Channels::Rgb {
        return raster.data().to_vec();
    }
    let over = |value: u8, alpha: u32| ((u32::from(value) * alpha + background * (255 - alpha) + 127) / 255) as u8;
    let pixels = raster.data().as_chunks::<4>().0.iter();
    pixels
        .flat_map(|[red, green, blue, alpha]| [red, green, blue].map(|value| over(*value, u32::from(*alpha))))
        .collect()
}

fn view<'a>(pixels: &'a [u8], size: &Raster) -> Done<PixelSlice<'a>> {
    let (width, height) = (size.width(), size.height());
    Ok(PixelSlice::new(pixels, width, height, width as usize * 3, PixelDescriptor::RGB8_SRGB)?)
}

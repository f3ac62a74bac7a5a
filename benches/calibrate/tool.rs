//! How fine each encoder has to be for the same visible quality, measured in SSIMULACRA2 over the fixtures.
//!
//! `calibrate table` prints `src/imaging/encode/table.rs`; `calibrate check` how far the formats are from each other as they are;
//! `calibrate auto` what quality each picture needs for some scores, and where `q=auto` lands.

mod curve;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use curve::{Curve, median};
use tintype::imaging::{self, Effort, Limits, Measure, Raster, Setting, Shrink};
use tintype::transform::{Format, Quality, Rendering, Size};

/// As in the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Widths in pixels at which every fixture is measured.
const WIDTHS: [u32; 2] = [256, 512];
/// The rows of the table.
const ROWS: [f32; 15] = [1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 65.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 100.0];

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("table") => table(),
        Some("check") => check(),
        Some("auto") => auto(),
        _ => Err("usage: calibrate table | check | auto".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calibrate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A picture as it is given to the encoders.
struct Sample {
    name: String,
    picture: Raster,
    measure: Measure,
}

impl Sample {
    fn score(&self, setting: Setting, effort: Effort) -> Done<f64> {
        Ok(self.measure.of(&imaging::encode_at(&self.picture, setting, effort)?)?)
    }
}

/// The opaque fixtures at each width.
fn samples() -> Done<Vec<Sample>> {
    let mut paths = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Done<Vec<_>>>()?;
    paths.sort();
    let mut samples = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path)?;
        let probe = imaging::probe(&bytes)?;
        let decoded = imaging::decode(&bytes, &probe, Shrink::Whole, &Limits::default())?;
        let whole = imaging::orient(imaging::colour(decoded)?)?;
        let Size { width, height } = whole.size();
        for wanted in WIDTHS.into_iter().filter(|wanted| *wanted <= width && whole.is_opaque()) {
            let size = Size { width: wanted, height: (height * wanted + width / 2) / width };
            let resized = imaging::resize(&whole, imaging::window(&whole, size, None), size)?.into_owned();
            let picture = imaging::flatten(resized, tintype::transform::Rgb::WHITE);
            let measure = Measure::new(&picture)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            samples.push(Sample { name: format!("{name} {wanted}"), picture, measure });
        }
    }
    Ok(samples)
}

fn table() -> Done {
    let samples = samples()?;
    let webp = |quality| Setting::WebP { quality };
    let jpeg = |quality: f32| Setting::Jpeg { quality: quality as u8 };
    let avif = |quality| Setting::Avif { quality };
    let encoders: [(&dyn Fn(f32) -> Setting, Effort); 4] =
        [(&webp, Effort::Small), (&jpeg, Effort::Fast), (&avif, Effort::Fast), (&avif, Effort::Small)];
    // For every encoder and row, what each picture needs.
    let mut needed = vec![vec![Vec::new(); ROWS.len()]; encoders.len()];
    for sample in &samples {
        eprintln!("{}", sample.name);
        let scores = ROWS.iter().map(|quality| sample.score(webp(*quality), Effort::Fast)).collect::<Done<Vec<_>>>()?;
        for ((setting, effort), needed) in encoders.iter().zip(&mut needed) {
            let curve = Curve::measured(|quality| sample.score(setting(quality), *effort))?;
            for (score, needed) in scores.iter().zip(needed) {
                needed.push(curve.quality(*score));
            }
        }
    }
    let columns: Vec<Vec<f32>> = needed.into_iter().map(rising).collect();
    println!("//! Written by `benches/calibrate`: `cargo run --profile quick --example calibrate -- table`.\n");
    println!("use super::scale::Row;\n");
    println!("/// By quality, the medians of {} pictures.", samples.len());
    println!("#[rustfmt::skip]\npub(super) const ROWS: [Row; {}] = [", ROWS.len());
    for (index, quality) in ROWS.iter().enumerate() {
        let [webp_small, jpeg, avif_fast, avif_small] = [0, 1, 2, 3].map(|column| columns[column][index]);
        println!(
            "    Row {{ quality: {quality:.1}, webp_small: {webp_small:.1}, jpeg: {jpeg:.1}, avif_fast: {avif_fast:.1}, \
             avif_small: {avif_small:.1} }},"
        );
    }
    println!("];");
    Ok(())
}

/// The median of each row, none below the one before it.
fn rising(rows: Vec<Vec<f64>>) -> Vec<f32> {
    let mut highest = 1.0;
    let medians = rows.into_iter().map(|row| {
        highest = median(row).max(highest);
        highest as f32
    });
    medians.collect()
}

fn check() -> Done {
    let samples = samples()?;
    println!("| q | format | effort | score, median | from WebP, median | bytes, mean |\n|---|---|---|---|---|---|");
    for quality in [40, 60, 75, 85] {
        let mut reference = Vec::new();
        for (format, effort) in [
            (Format::WebP, Effort::Fast),
            (Format::WebP, Effort::Small),
            (Format::Jpeg, Effort::Fast),
            (Format::Jpeg, Effort::Small),
            (Format::Avif, Effort::Fast),
            (Format::Avif, Effort::Small),
        ] {
            let (mut scores, mut bytes) = (Vec::new(), 0);
            for sample in &samples {
                let rendering = rendering(sample, format, Quality::new(quality));
                let encoded = imaging::encode(&sample.picture, &rendering, effort)?;
                bytes += encoded.len();
                scores.push(sample.measure.of(&encoded)?);
            }
            if reference.is_empty() {
                reference.clone_from(&scores);
            }
            let from = median(scores.iter().zip(&reference).map(|(score, reference)| score - reference).collect());
            let (score, bytes) = (median(scores), bytes / samples.len());
            println!("| {quality} | {} | {effort:?} | {score:.1} | {from:+.1} | {bytes} |", format.as_str());
        }
    }
    Ok(())
}

fn rendering(sample: &Sample, format: Format, quality: Option<Quality>) -> Rendering {
    let Size { width, height } = sample.picture.size();
    let name = format!("{width}x{height}-q75.{}", format.as_str());
    Rendering { quality, ..name.parse().unwrap_or_else(|_| unreachable!("a rendering's name")) }
}

fn auto() -> Done {
    println!(
        "| picture | brightness | q for 60, 70, 80 | guessed for 70 | score of auto, fast and small | bytes beside q=75 |"
    );
    println!("|---|---|---|---|---|---|");
    let mut points = Vec::new();
    for sample in samples()? {
        let raster = &sample.picture;
        let brightness = imaging::brightness(raster);
        let curve = Curve::measured(|quality| sample.score(Setting::WebP { quality }, Effort::Fast))?;
        let needed = [60.0, 70.0, 80.0].map(|score| curve.quality(score));
        let made =
            |quality, effort| imaging::encode(&sample.picture, &rendering(&sample, Format::WebP, quality), effort);
        let (fast, small) = (made(Some(Quality::AUTO), Effort::Fast)?, made(Some(Quality::AUTO), Effort::Small)?);
        let usual = made(Quality::new(75), Effort::Small)?;
        println!(
            "| {} | {brightness:.2} | {:.0} {:.0} {:.0} | {} | {:.1} {:.1} | {:.2} |",
            sample.name,
            needed[0],
            needed[1],
            needed[2],
            imaging::guessed(raster, 70),
            sample.measure.of(&fast)?,
            sample.measure.of(&small)?,
            small.len() as f64 / usual.len() as f64,
        );
        points.push(Point { brightness: f64::from(brightness), doublings: doublings(raster.size()), needed });
    }
    let by_point = median(points.iter().map(|point| (point.needed[2] - point.needed[0]) / 20.0).collect());
    let rows = points.iter().map(|point| ([1.0, point.doublings, point.brightness], point.needed[1]));
    let [dark, by_doubling, by_brightness] = curve::plane(rows);
    println!(
        "\nq for 70 is {dark:.1} + {by_doubling:.2} x doublings of the sides {by_brightness:+.1} x brightness; \
         a point of the target takes {by_point:.2}"
    );
    Ok(())
}

/// What is known of a sample.
struct Point {
    brightness: f64,
    doublings: f64,
    /// Quality for 60, 70 and 80.
    needed: [f64; 3],
}

fn doublings(size: Size) -> f64 {
    (f64::from(size.width) * f64::from(size.height)).log2() / 2.0
}

//! The pictures that servers are compared with: parts of `fixtures/photos`, enlarged, turned and given the grain of a camera,
//! so that they cost what pictures of their size do. The same bytes every time.

use std::path::Path;

use tintype::imaging::{self, Channels, Effort, Raster};
use tintype::transform::Rendering;

use crate::Done;
use crate::reference::{Part, scale};

const PHOTOGRAPHS: [&str; 12] = [
    "airplane-from-above.jpg",
    "alpine-landscape.jpg",
    "chelsea-the-cat.png",
    "coffee-cup.png",
    "eileen-collins.png",
    "falcon-at-dusk.jpg",
    "grace-hopper.jpg",
    "house-cat-running.jpg",
    "hubble-deep-field.jpg",
    "lake-at-dusk.webp",
    "nagasaki-boats.jpg",
    "pink-lily-leek.jpg",
];
const AVATARS: [&str; 3] = ["avatar-fox.png", "avatar-owl.png", "avatar-reader.png"];
const WITH_ALPHA: [&str; 1] = ["avatar-robot.png"];
/// Of each kind.
const COUNT: u32 = 24;
/// The most that grain adds or takes.
const GRAIN: i32 = 3;

/// The folders `photographs` (1024 × 1024 JPEG), `large` (2725 × 2225 JPEG), `webp`, `avatars` (1024 × 1024 PNG) and `alpha`
/// (2048 × 1536 PNG), each of [`COUNT`] pictures 1, 2, 3, …
pub fn all(folder: &Path) -> Done {
    write(&folder.join("photographs"), &PHOTOGRAPHS, (1024, 1024), Kind::Jpeg)?;
    write(&folder.join("webp"), &PHOTOGRAPHS, (1024, 1024), Kind::WebP)?;
    write(&folder.join("large"), &PHOTOGRAPHS, (2725, 2225), Kind::Jpeg)?;
    write(&folder.join("avatars"), &AVATARS, (1024, 1024), Kind::Png)?;
    write(&folder.join("alpha"), &WITH_ALPHA, (2048, 1536), Kind::Png)
}

#[derive(Clone, Copy)]
enum Kind {
    Jpeg,
    Png,
    WebP,
}

fn write(folder: &Path, sources: &[&str], (width, height): (u32, u32), kind: Kind) -> Done {
    std::fs::create_dir_all(folder)?;
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos");
    for number in 1..=COUNT {
        let source = crate::read(&photos.join(sources[number as usize % sources.len()]))?;
        let part = part(&source, number, f64::from(width) / f64::from(height));
        let scaled = scale(&source, part, width, height)?;
        let picture = vary(&scaled, number)?;
        let (bytes, extension) = match kind {
            Kind::Jpeg => (jpeg(&picture)?, "jpg"),
            Kind::Png => (png(&picture)?, "png"),
            Kind::WebP => (webp(&picture)?, "webp"),
        };
        std::fs::write(folder.join(format!("{number}.{extension}")), bytes)?;
    }
    Ok(())
}

/// Between half of the picture and all of it, somewhere else for each number.
fn part(source: &Raster, number: u32, ratio: f64) -> Part {
    let (width, height) = (f64::from(source.width()), f64::from(source.height()));
    let share = f64::from(number % 6).mul_add(0.1, 0.5);
    let largest = if width / height > ratio { (height * ratio, height) } else { (width, width / ratio) };
    let (wide, high) = (largest.0 * share, largest.1 * share);
    let place = f64::from(number * 5 % 7) / 6.0;
    Part { left: (width - wide) * place, top: (height - high) * (1.0 - place), width: wide, height: high }
}

/// Colours that change places, and grain. What is transparent stays as it is.
fn vary(raster: &Raster, number: u32) -> Done<Raster> {
    let order = [[0, 1, 2], [2, 0, 1], [1, 2, 0]][number as usize % 3];
    let channels = raster.channels().count();
    let mut state = 0x9e37_79b9_u32.wrapping_mul(number);
    let mut data = Vec::with_capacity(raster.data().len());
    for pixel in raster.data().chunks_exact(channels) {
        let alpha = pixel.get(3).copied();
        let grain = if alpha == Some(0) { 0 } else { grain(&mut state) };
        data.extend(order.map(|channel| (i32::from(pixel[channel]) + grain).clamp(0, 255) as u8));
        data.extend(alpha);
    }
    Ok(Raster::new(raster.width(), raster.height(), raster.channels(), data)?)
}

/// Xorshift; the sum of two numbers is more often small than large.
fn grain(state: &mut u32) -> i32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    let range = GRAIN as u32 + 1;
    (*state % range) as i32 + (*state / range % range) as i32 - GRAIN
}

fn jpeg(raster: &Raster) -> Done<Vec<u8>> {
    let image = turbojpeg::Image {
        pixels: raster.data(),
        width: raster.width() as usize,
        pitch: raster.width() as usize * 3,
        height: raster.height() as usize,
        format: turbojpeg::PixelFormat::RGB,
    };
    Ok(turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2)?.to_vec())
}

fn png(raster: &Raster) -> Done<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, raster.width(), raster.height());
    encoder.set_color(if raster.channels() == Channels::Rgba { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_filter(png::Filter::Adaptive);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(raster.data())?;
    writer.finish()?;
    Ok(bytes)
}

fn webp(raster: &Raster) -> Done<Vec<u8>> {
    let rendering = format!("{}x{}-q90.webp", raster.width(), raster.height()).parse::<Rendering>()?;
    Ok(imaging::encode(raster, &rendering, Effort::Fast)?)
}

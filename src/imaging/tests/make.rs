//! Small pictures of every kind.

use image::codecs::gif::{GifEncoder, Repeat};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use crate::imaging::{AnimationWriter, Channels, Effort, Frame, Raster, encode};
use crate::transform::{Format, Quality};

/// Smooth colours, different in every corner.
pub fn gradient(width: u32, height: u32) -> Raster {
    let scaled = |at: u32, side: u32| (at * 255 / (side - 1).max(1)) as u8;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let data = pixels.flat_map(|(x, y)| [scaled(x, width), scaled(y, height), 255 - scaled(x + y, width + height)]);
    Raster::new(width, height, Channels::Rgb, data.collect()).expect("sizes match")
}

/// The gradient with an alpha that falls from left to right.
pub fn see_through(width: u32, height: u32) -> Raster {
    let opaque = gradient(width, height);
    let pixels = opaque.data().as_chunks::<3>().0.iter().enumerate();
    let alpha = |index: usize| 255 - (index as u32 % width * 255 / width) as u8;
    let data = pixels.flat_map(|(index, [r, g, b])| [*r, *g, *b, alpha(index)]).collect();
    Raster::new(width, height, Channels::Rgba, data).expect("sizes match")
}

pub fn jpeg(raster: &Raster) -> Vec<u8> {
    turbo(raster.data(), raster.width(), raster.height(), PixelFormat::RGB, Subsamp::None)
}

pub fn turbo(pixels: &[u8], width: u32, height: u32, format: PixelFormat, subsamp: Subsamp) -> Vec<u8> {
    let mut compressor = Compressor::new().expect("starts");
    compressor.set_quality(97).expect("in range");
    compressor.set_subsamp(subsamp).expect("known");
    let (width, height) = (width as usize, height as usize);
    compressor.compress_to_vec(Image { pixels, width, pitch: width * format.size(), height, format }).expect("encodes")
}

/// A JPEG with a segment put in after its first marker.
pub fn with_segment(jpeg: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, payload, &jpeg[2..]].concat()
}

/// A TIFF block that says nothing but the orientation.
pub fn exif(orientation: u16) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    block.extend(orientation.to_be_bytes());
    block.extend([0; 6]);
    block
}

pub fn webp(raster: &Raster, quality: u8) -> Vec<u8> {
    let mut rendering = super::rendering(raster.width(), raster.height(), Format::WebP);
    rendering.quality = crate::transform::Quality::new(quality);
    encode(&raster.clone(), &rendering, Effort::Fast).expect("encodes")
}

pub fn png(raster: &Raster) -> Vec<u8> {
    let rendering = super::rendering(raster.width(), raster.height(), Format::Png);
    encode(&raster.clone(), &rendering, Effort::Fast).expect("encodes")
}

/// A PNG of any colour type and depth; `set` adds palettes and the like.
pub fn png_of(
    (width, height): (u32, u32),
    color: png::ColorType,
    depth: png::BitDepth,
    data: &[u8],
    set: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    set(&mut encoder);
    encoder.write_header().expect("writes").write_image_data(data).expect("writes");
    bytes
}

/// The chunk with its length and checksum.
pub fn png_chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let crc = body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    [&(data.len() as u32).to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
}

/// A PNG with a chunk put in after its header.
pub fn with_chunk(png: &[u8], kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    const AFTER_HEADER: usize = 33;
    [&png[..AFTER_HEADER], &png_chunk(kind, data), &png[AFTER_HEADER..]].concat()
}

/// An 8-bit RGB PNG in Adam7's seven passes, not compressed.
pub fn interlaced(raster: &Raster) -> Vec<u8> {
    const PASSES: [(u32, u32, u32, u32); 7] =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let (width, height) = (raster.width(), raster.height());
    let mut rows = Vec::new();
    for (left, top, across, down) in PASSES {
        for y in (top..height).step_by(down as usize) {
            let row: Vec<u8> =
                (left..width).step_by(across as usize).flat_map(|x| super::pixel(raster, x, y).to_vec()).collect();
            if !row.is_empty() {
                rows.push(0);
                rows.extend(row);
            }
        }
    }
    let length = rows.len() as u16;
    let adler = rows.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    let checksum = (adler.1 << 16 | adler.0).to_be_bytes();
    let stored = [&[0x78, 1, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &rows, &checksum].concat();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 1]].concat();
    let signature = b"\x89PNG\r\n\x1a\n";
    [&signature[..], &png_chunk(*b"IHDR", &header), &png_chunk(*b"IDAT", &stored), &png_chunk(*b"IEND", b"")].concat()
}

/// Frames of plain colours that cannot be mistaken for each other.
pub fn frames(count: u32, width: u32, height: u32) -> Vec<Frame> {
    let frame = |index: u32| {
        let colour = [(index * 80) as u8, 200 - (index * 60) as u8, (index % 2 * 255) as u8, 255];
        let data = colour.repeat((width * height) as usize);
        let raster = Raster::new(width, height, Channels::Rgba, data).expect("sizes match");
        Frame { raster, delay: 40 + index * 30 }
    };
    (0..count).map(frame).collect()
}

/// `plays` of 0 is forever.
pub fn gif(frames: &[Frame], plays: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    let repeat = if plays == 0 { Repeat::Infinite } else { Repeat::Finite(plays - 1) };
    encoder.set_repeat(repeat).expect("writes");
    for frame in frames {
        let raster = &frame.raster;
        let pixels = image::RgbaImage::from_raw(raster.width(), raster.height(), raster.data().to_vec());
        let delay = image::Delay::from_numer_denom_ms(frame.delay, 1);
        let frame = image::Frame::from_parts(pixels.expect("sizes match"), 0, 0, delay);
        encoder.encode_frame(frame).expect("encodes");
    }
    drop(encoder);
    bytes
}

pub fn apng(frames: &[Frame], plays: u32) -> Vec<u8> {
    let first = &frames[0].raster;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, first.width(), first.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(frames.len() as u32, plays).expect("valid");
    let mut writer = encoder.write_header().expect("writes");
    for frame in frames {
        writer.set_frame_delay(frame.delay as u16, 1000).expect("valid");
        writer.write_image_data(frame.raster.data()).expect("writes");
    }
    writer.finish().expect("writes");
    bytes
}

pub fn animated_webp(frames: &[Frame], loops: u32) -> Vec<u8> {
    let mut writer = AnimationWriter::new(loops, Quality::new(90), Effort::Fast);
    for frame in frames {
        writer.add(&frame.raster, frame.delay).expect("adds");
    }
    writer.finish().expect("encodes")
}

/// A RIFF chunk.
pub fn webp_chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = &[0][..data.len() % 2];
    [&kind[..], &(data.len() as u32).to_le_bytes(), data, padding].concat()
}

pub fn riff(chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", chunks].concat()
}

/// A small file of every kind that is decoded.
pub fn every_kind() -> Vec<(&'static str, Vec<u8>)> {
    let (plain, clear) = (gradient(40, 24), see_through(40, 24));
    let mut progressive = Compressor::new().expect("starts");
    progressive.set_progressive(true).expect("known");
    let image = Image { pixels: plain.data(), width: 40, pitch: 120, height: 24, format: PixelFormat::RGB };
    vec![
        ("jpeg", jpeg(&plain)),
        ("progressive jpeg", progressive.compress_to_vec(image).expect("encodes")),
        ("png", png(&plain)),
        ("png with alpha", png(&clear)),
        ("interlaced png", interlaced(&plain)),
        ("apng", apng(&frames(3, 16, 12), 2)),
        ("webp", webp(&plain, 80)),
        ("webp with alpha", webp(&clear, 80)),
        ("animated webp", animated_webp(&frames(3, 16, 12), 2)),
        ("gif", gif(&frames(1, 16, 12), 0)),
        ("animated gif", gif(&frames(3, 16, 12), 2)),
        ("avif", include_bytes!("../../../fixtures/formats/still.avif").to_vec()),
        ("avif with alpha", include_bytes!("../../../fixtures/formats/soft-edges.avif").to_vec()),
    ]
}

//! Any size to any size: a picture of one colour stays one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tintype::imaging::{Channels, Raster, resize, window};
use tintype::transform::{Gravity, Size};

fuzz_target!(|parts: (u16, u16, u16, u16, [u8; 4], bool, bool)| {
    let (width, height, to_width, to_height, colour, is_opaque, is_cropped) = parts;
    let side = |side: u16| u32::from(side % 2000) + 1;
    let (from, to) = (Size { width: side(width), height: side(height) }, Size { width: side(to_width), height: side(to_height) });
    let channels = if is_opaque { Channels::Rgb } else { Channels::Rgba };
    let pixel = &colour[..channels.count()];
    let data = pixel.repeat(from.width as usize * from.height as usize);
    let raster = Raster::new(from.width, from.height, channels, data).expect("a whole raster");
    let window = window(&raster, to, is_cropped.then_some(Gravity::Center));
    let resized = resize(&raster, window, to).expect("resizes");
    assert_eq!(resized.size(), to);
    // What is nearly transparent has few steps of colour left.
    if is_opaque || colour[3] > 128 {
        for found in resized.data().chunks_exact(channels.count()) {
            assert!(found.iter().zip(pixel).all(|(one, other)| one.abs_diff(*other) <= 1), "{found:?} {pixel:?}");
        }
    }
});

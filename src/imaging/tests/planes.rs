//! JPEGs whose planes are kept, beside what libjpeg makes of them.

use proptest::prelude::*;
use turbojpeg::{PixelFormat, Subsamp};

use super::make::*;
use super::*;

const SHARED: [Subsamp; 3] = [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2];

fn pixels(bytes: &[u8]) -> Pixels {
    super::super::open(bytes, &probe(bytes).unwrap(), Shrink::Whole, &Limits::default()).unwrap()
}

/// By way of libjpeg's own conversion.
fn converted(bytes: &[u8]) -> Raster {
    let decoded = decode(bytes, &probe(bytes).unwrap(), Shrink::Whole, &Limits::default()).unwrap();
    orient(colour(decoded).unwrap()).unwrap()
}

/// Patches of strong colours, and noise.
fn motley(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as u8
    };
    let pixel = |x: u32, y: u32, noise: u8| match (x / 5 + y / 7) % 4 {
        0 => [255, 0, noise / 4],
        1 => [noise, 255, 0],
        2 => [0, noise / 8, 255],
        _ => [noise; 3],
    };
    (0..height).flat_map(|y| (0..width).flat_map(|x| pixel(x, y, noise())).collect::<Vec<_>>()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pixels_of_planes_are_those_of_libjpeg(width in 16_u32..90, height in 16_u32..70, shared in 0_usize..3, seed: u32) {
        let bytes = turbo(&motley(width, height, seed), width, height, PixelFormat::RGB, SHARED[shared]);
        let kept = pixels(&bytes);
        prop_assert!(matches!(kept, Pixels::Planes(_)));
        prop_assert_eq!(kept.raster().unwrap().into_owned(), converted(&bytes));
    }

    #[test]
    fn what_shrinks_little_is_made_of_the_same_pixels(
        width in 32_u32..90,
        height in 32_u32..70,
        shared in 0_usize..3,
        gravity in 0_usize..EVERY_GRAVITY.len(),
        (across, down) in (20_u32..60, 20_u32..60),
        is_cropped: bool,
        seed: u32,
    ) {
        let bytes = turbo(&motley(width, height, seed), width, height, PixelFormat::RGB, SHARED[shared]);
        let (output, crop) = (Size { width: across, height: down }, is_cropped.then(|| EVERY_GRAVITY[gravity]));
        let raster = converted(&bytes);
        let kept = window(&raster, output, crop);
        let is_little = kept.size.width < across * 2 || kept.size.height < down * 2;
        prop_assume!(is_little || shared == 0);
        let made = pixels(&bytes).resize(output, crop).unwrap().into_owned();
        prop_assert_eq!(made, resized(&raster, output, crop));
    }
}

#[test]
fn what_shrinks_by_more_looks_the_same() {
    let (width, height) = (301, 203);
    for shared in SHARED {
        let bytes = turbo(gradient(width, height).data(), width, height, PixelFormat::RGB, shared);
        for (output, crop) in
            [((75, 51), None), ((100, 20), Some(Gravity::South)), ((33, 60), Some(Gravity::Focal { x: 71, y: 3 }))]
        {
            let output = Size { width: output.0, height: output.1 };
            let made = pixels(&bytes).resize(output, crop).unwrap().into_owned();
            let most = difference(&made, &resized(&converted(&bytes), output, crop));
            assert!(most <= 3, "{shared:?} {output:?}: {most}");
        }
    }
}

#[test]
fn planes_are_kept_only_where_they_are_all_there_is_to_it() {
    let raster = gradient(48, 32);
    let plain = jpeg(&raster);
    assert!(matches!(pixels(&plain), Pixels::Planes(_)));
    let turned = with_segment(&plain, 0xe1, &[b"Exif\0\0", &exif(6)[..]].concat());
    let grey = turbo(&[120; 1024], 32, 32, PixelFormat::GRAY, Subsamp::Gray);
    let cmyk = turbo(&[120; 4096], 32, 32, PixelFormat::CMYK, Subsamp::None);
    let narrow = jpeg(&gradient(15, 40));
    let tall = turbo(raster.data(), 48, 32, PixelFormat::RGB, Subsamp::Sub1x2);
    for bytes in [turned, grey, cmyk, narrow, tall, png(&raster)] {
        assert!(matches!(pixels(&bytes), Pixels::Raster(_)));
    }
    let shrunk = super::super::open(&plain, &probe(&plain).unwrap(), Shrink::Half, &Limits::default()).unwrap();
    assert!(matches!(shrunk, Pixels::Raster(_)));
}

#[test]
fn planes_of_a_truncated_picture_are_none() {
    let whole = jpeg(&gradient(64, 64));
    for length in (whole.len() / 2..whole.len() - 2).step_by(7) {
        let cut = &whole[..length];
        let opened = super::super::open(cut, &probe(cut).unwrap(), Shrink::Whole, &Limits::default());
        assert!(matches!(opened, Err(ImagingError::Corrupt { .. })), "{length}");
    }
}

use fast_ssim2::{PixelDescriptor, PixelSlice};
use moxcms::ColorProfile;
use turbojpeg::{PixelFormat, Subsamp};

use super::make::*;
use super::*;
use crate::transform::{Natural, Rgb, SourceFormat};

/// Turns an upright picture into what a camera would store for this orientation.
fn stored_for(upright: &Raster, orientation: Orientation) -> Raster {
    let inverse = match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        own_inverse => own_inverse,
    };
    let coloured = Coloured { raster: upright.clone(), orientation: inverse };
    orient(coloured).expect("turns")
}

#[test]
fn all_eight_orientations_of_a_jpeg_land_on_the_same_picture() {
    let upright = gradient(48, 32);
    for (number, orientation) in (1..).zip(Orientation::ALL) {
        let block = [b"Exif\0\0", &exif(number)[..]].concat();
        let bytes = with_segment(&jpeg(&stored_for(&upright, orientation)), 0xe1, &block);
        let probe = probe(&bytes).unwrap();
        assert_eq!((probe.natural.width, probe.natural.height, probe.orientation), (48, 32, orientation));
        assert!(difference(&open(&bytes).unwrap(), &upright) <= 6, "{orientation:?}");
    }
}

#[test]
fn a_quarter_turn_is_clockwise() {
    let stored = Raster::new(2, 1, Channels::Rgb, vec![1, 1, 1, 2, 2, 2]).unwrap();
    let turned = orient(Coloured { raster: stored, orientation: Orientation::Rotate90 }).unwrap();
    assert_eq!(turned.size(), Size { width: 1, height: 2 });
    assert_eq!(turned.data(), [1, 1, 1, 2, 2, 2]);
}

#[test]
fn png_and_webp_orientations_are_honoured() {
    let upright = gradient(48, 32);
    let stored = stored_for(&upright, Orientation::Rotate90);
    let png = with_chunk(&png(&stored), *b"eXIf", &exif(6));
    assert_eq!(open(&png).unwrap(), upright);

    let frame = &webp(&stored, 90)[12..];
    let header = [8, 0, 0, 0, 31, 0, 0, 47, 0, 0];
    let webp = riff(&[&webp_chunk(*b"VP8X", &header)[..], frame, &webp_chunk(*b"EXIF", &exif(6))].concat());
    assert_eq!(open(&webp).unwrap().size(), Size { width: 48, height: 32 });
}

#[test]
fn grey_and_cmyk_jpegs_become_rgb() {
    let grey = turbo(&[120; 64], 8, 8, PixelFormat::GRAY, Subsamp::Gray);
    assert_eq!(pixel(&open(&grey).unwrap(), 3, 3), [120, 120, 120]);
    // Adobe's marker is written with CMYK, so that the ink is stored inverted: no cyan, full magenta, half yellow, no black.
    let cmyk = turbo(&[255, 0, 127, 255].repeat(64), 8, 8, PixelFormat::CMYK, Subsamp::None);
    let picture = open(&cmyk).unwrap();
    let colour = pixel(&picture, 3, 3);
    assert!(colour[0] >= 250 && colour[1] <= 5 && colour[2].abs_diff(127) <= 4, "{colour:?}");
}

#[test]
fn sixteen_bits_grey_palette_and_transparent_colours_are_expanded() {
    use png::{BitDepth, ColorType};
    let deep = png_of((1, 1), ColorType::Rgb, BitDepth::Sixteen, &[0x80, 0xff, 0x10, 0, 0xff, 0xff], |_| ());
    assert_eq!(open(&deep).unwrap().data(), [0x80, 0x10, 0xff]);
    let bits = png_of((8, 1), ColorType::Grayscale, BitDepth::One, &[0b1010_0000], |_| ());
    assert_eq!(open(&bits).unwrap().data()[..9], [255, 255, 255, 0, 0, 0, 255, 255, 255]);
    let palette = png_of((2, 1), ColorType::Indexed, BitDepth::Eight, &[1, 0], |encoder| {
        encoder.set_palette(vec![1, 2, 3, 4, 5, 6]);
        encoder.set_trns(vec![0, 255]);
    });
    assert!(probe(&palette).unwrap().natural.alpha);
    assert_eq!(open(&palette).unwrap().data(), [4, 5, 6, 255, 1, 2, 3, 0]);
}

#[test]
fn interlaced_png_decodes_like_any_other() {
    let picture = gradient(19, 13);
    assert_eq!(open(&interlaced(&picture)).unwrap(), picture);
}

#[test]
fn colours_follow_the_profile_and_a_broken_one_is_ignored() {
    let red = Raster::new(8, 8, Channels::Rgb, [200, 50, 50].repeat(64)).unwrap();
    let with_profile = |profile: &[u8]| {
        let bytes = with_segment(&jpeg(&red), 0xe2, &[b"ICC_PROFILE\0\x01\x01", profile].concat());
        pixel(&open(&bytes).unwrap(), 4, 4).to_vec()
    };
    let plain = pixel(&open(&jpeg(&red)).unwrap(), 4, 4).to_vec();
    let wide = with_profile(&ColorProfile::new_display_p3().encode().unwrap());
    assert!(wide[0] > plain[0] + 8 && wide[1] + 8 < plain[1], "{plain:?} became {wide:?}");
    assert_eq!(with_profile(&ColorProfile::new_srgb().encode().unwrap()), plain);
    assert_eq!(with_profile(b"no profile at all"), plain);
    let grey_profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    assert_eq!(with_profile(&grey_profile), plain, "made for other channels");

    let grey = turbo(&[64; 64], 8, 8, PixelFormat::GRAY, Subsamp::Gray);
    let linear = with_segment(&grey, 0xe2, &[b"ICC_PROFILE\0\x01\x01", &grey_profile[..]].concat());
    assert!(pixel(&open(&linear).unwrap(), 4, 4)[0] > 120);
}

#[test]
fn kinds_are_told_by_content() {
    let format = |bytes: &[u8]| probe(bytes).map(|probe| probe.natural.format);
    assert_eq!(format(b"\0\0\x01\0\x01\0\x20\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), Ok(SourceFormat::Ico));
    let refused: [(&[u8], RefusedKind); 8] = [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", RefusedKind::Svg),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><svg/>", RefusedKind::Svg),
        (b"<!-- drawn by hand --><svg/>", RefusedKind::Svg),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", RefusedKind::Heic),
        (b"\xff\x0a\0\0", RefusedKind::JpegXl),
        (b"II*\0\x08\0\0\0", RefusedKind::Tiff),
        (b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0", RefusedKind::Bmp),
        (b"%PDF-1.7", RefusedKind::Pdf),
    ];
    for (bytes, kind) in refused {
        assert_eq!(format(bytes), Err(ImagingError::KindRefused { kind }));
    }
    for bytes in
        [&b""[..], b"\xff", b"<!doctype html><svg/>", b"plain text", b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", b"BMW"]
    {
        assert_eq!(format(bytes), Err(ImagingError::NotAPicture), "{bytes:?}");
    }
}

#[test]
fn transparent_pixels_leave_no_dark_fringe() {
    let disc = |x: i32, y: i32| (x - 32).pow(2) + (y - 32).pow(2) < 500;
    let pixels = (0..64).flat_map(|y| (0..64).map(move |x| if disc(x, y) { [255, 255, 255, 255] } else { [0; 4] }));
    let picture = Raster::new(64, 64, Channels::Rgba, pixels.flatten().collect()).unwrap();
    let output = Size { width: 15, height: 15 };
    let resized = resized(&picture, output, None);
    let blurred = blur(resized.clone(), Blur(3)).unwrap();
    for raster in [&resized, &blurred] {
        let partly = raster.data().chunks_exact(4).filter(|pixel| pixel[3] > 16 && pixel[3] < 240);
        assert!(partly.clone().count() > 8);
        partly.for_each(|pixel| assert!(pixel[..3].iter().all(|value| *value >= 240), "{pixel:?}"));
    }
}

#[test]
fn light_is_averaged_in_linear_light() {
    let checks: Vec<u8> = (0..64 * 64).flat_map(|at| [if (at + at / 64) % 2 == 0 { 255 } else { 0 }; 3]).collect();
    let picture = Raster::new(64, 64, Channels::Rgb, checks).unwrap();
    for side in [16, 30] {
        let resized = resized(&picture, Size { width: side, height: side }, None);
        // Half the light of white is 188 in sRGB, not 128.
        assert!(pixel(&resized, 7, 7)[0].abs_diff(188) <= 3, "{:?}", pixel(&resized, 7, 7));
    }
}

#[test]
fn the_output_is_never_of_another_size() {
    for (width, height) in [(97, 61), (61, 97), (1, 40), (300, 2)] {
        let picture = gradient(width, height);
        for (out_width, out_height) in [(1, 1), (13, 40), (40, 13), (width, height), (width, 1), (7, height)] {
            let crops = EVERY_GRAVITY.map(Some);
            for crop in crops.into_iter().chain([None]) {
                let output = Size { width: out_width, height: out_height };
                let window = window(&picture, output, crop);
                assert!(window.left + window.size.width <= width && window.top + window.size.height <= height);
                assert_eq!(resized(&picture, output, crop).size(), output);
            }
        }
    }
}

#[test]
fn gravity_places_the_window() {
    let picture = gradient(100, 50);
    let left = |gravity| window(&picture, Size { width: 10, height: 10 }, Some(gravity)).left;
    assert_eq!([Gravity::West, Gravity::Center, Gravity::East].map(left), [0, 25, 50]);
    assert_eq!([0, 50, 60, 100].map(|x| left(Gravity::Focal { x, y: 0 })), [0, 25, 35, 50]);
    let same_size = window(&picture, Size { width: 50, height: 50 }, Some(Gravity::East));
    let cut = resized(&picture, Size { width: 50, height: 50 }, Some(Gravity::East));
    assert_eq!(pixel(&cut, 0, 7), pixel(&picture, same_size.left, 7), "no resampling");
}

#[test]
fn smart_gravity_finds_what_happens() {
    let busy = |x: u32, y: u32| (210..280).contains(&x) && (x / 3 + y / 3).is_multiple_of(2);
    let data = (0..100).flat_map(|y| (0..300).flat_map(move |x| if busy(x, y) { [220, 40, 30] } else { [90; 3] }));
    let picture = Raster::new(300, 100, Channels::Rgb, data.collect()).unwrap();
    let found = window(&picture, Size { width: 50, height: 50 }, Some(Gravity::Smart));
    assert!(found.left <= 210 && found.left + 100 >= 280, "{found:?}");
    let flat = Raster::new(300, 100, Channels::Rgb, vec![90; 90_000]).unwrap();
    assert_eq!(
        window(&flat, Size { width: 50, height: 50 }, Some(Gravity::Smart)).left,
        100,
        "nothing happens: the middle"
    );
}

#[test]
fn blur_spreads_by_its_sigma_and_keeps_the_light() {
    for half_steps in [1_u8, 4, 8, 9, 20, 60] {
        let data = (0..201 * 201).flat_map(|at| [if at % 201 < 100 { 40 } else { 200 }; 3]).collect();
        let picture = Raster::new(201, 201, Channels::Rgb, data).unwrap();
        let blurred = blur(picture, Blur(half_steps)).unwrap();
        let sigma = u32::from(half_steps).div_ceil(2);
        let at = |x: u32| i32::from(pixel(&blurred, x, 100)[0]);
        // One sigma from an edge a Gaussian has come 84 % of the way.
        if half_steps.is_multiple_of(2) && sigma < 90 {
            assert!((at(100 + sigma) - 175).abs() <= 9, "sigma {sigma}: {}", at(100 + sigma));
        }
        assert!((at(99) + at(100) - 240).abs() <= 8);
    }
}

#[test]
fn alpha_is_flattened_on_the_background() {
    let half = Raster::new(1, 1, Channels::Rgba, vec![255, 0, 0, 128]).unwrap();
    let flat = flatten(half.clone(), Rgb([0, 0, 255]));
    assert_eq!(flat.data(), [128, 0, 127]);
    let jpeg = encode(&half, &rendering(1, 1, Format::Jpeg), Effort::Fast).unwrap();
    assert!(difference(&open(&jpeg).unwrap(), &gray_of([255, 127, 127])) <= 4, "white where nothing is said");
}

fn gray_of(pixel: [u8; 3]) -> Raster {
    Raster::new(1, 1, Channels::Rgb, pixel.to_vec()).unwrap()
}

#[test]
fn every_format_comes_back_as_it_went_in() {
    let (plain, clear) = (gradient(64, 48), see_through(64, 48));
    for format in [Format::Png, Format::WebP, Format::Jpeg, Format::Avif] {
        for effort in [Effort::Fast, Effort::Small] {
            let bytes = encode(&plain.clone(), &rendering(64, 48, format), effort).unwrap();
            let again = encode(&plain.clone(), &rendering(64, 48, format), effort).unwrap();
            assert_eq!(bytes, again, "the same bytes");
            let natural = probe(&bytes).unwrap().natural;
            assert!(!natural.alpha);
            assert!(score(&plain, &open(&bytes).unwrap()) > 80.0, "{format:?}");
        }
    }
    let webp = open(&webp(&clear, 90)).unwrap();
    let alpha = |raster: &Raster| raster.data().iter().skip(3).step_by(4).copied().collect::<Vec<_>>();
    assert_eq!(alpha(&webp), alpha(&clear), "alpha is lossless");
    let avif = encode(&clear.clone(), &rendering(64, 48, Format::Avif), Effort::Fast).unwrap();
    assert!(probe(&avif).unwrap().natural.alpha);
    let differences = alpha(&open(&avif).unwrap()).into_iter().zip(alpha(&clear)).map(|(a, b)| a.abs_diff(b));
    assert!(differences.max() <= Some(24), "alpha is near");
    assert_eq!(open(&png(&clear)).unwrap(), clear);
}

#[test]
fn an_opaque_alpha_channel_is_not_written() {
    let opaque = Raster::new(4, 4, Channels::Rgba, [9, 9, 9, 255].repeat(16)).unwrap();
    let avif = encode(&opaque.clone(), &rendering(4, 4, Format::Avif), Effort::Fast).unwrap();
    for bytes in [webp(&opaque, 80), png(&opaque), avif] {
        assert!(!probe(&bytes).unwrap().natural.alpha);
    }
}

#[test]
fn the_same_quality_looks_the_same_in_every_format() {
    let picture = textured(192);
    let measure = Measure::new(&picture).unwrap();
    let seen = |format, quality| {
        let rendering = Rendering { quality: Quality::new(quality), ..rendering(192, 192, format) };
        [Effort::Fast, Effort::Small].map(|effort| measure.of(&encode(&picture, &rendering, effort).unwrap()).unwrap())
    };
    for quality in [50, 75, 90] {
        let [reference, small] = seen(Format::WebP, quality);
        assert!((reference - small).abs() < 4.0, "WebP {quality}: {reference} and {small}");
        for format in [Format::Jpeg, Format::Avif] {
            let scores = seen(format, quality);
            // One drawn texture is no photograph: the table is of the median of those.
            assert!(scores.iter().all(|score| (score - reference).abs() < 8.0), "{format:?} {quality}: {scores:?}");
        }
    }
}

/// A fixture, `width` pixels wide.
fn photograph(name: &str, width: u32) -> Raster {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos").join(name);
    let whole = open(&std::fs::read(file).expect("a fixture")).expect("opens");
    let Size { width: full, height } = whole.size();
    resized(&whole, Size { width, height: height * width / full }, None)
}

#[test]
fn automatic_quality_reaches_its_target_over_the_fixtures_with_few_bytes() {
    for name in ["coffee-cup.png", "hubble-deep-field.jpg", "nagasaki-boats.jpg", "avatar-robot.png"] {
        let picture = photograph(name, 128);
        let Size { width, height } = picture.size();
        let measure = Measure::new(&picture).unwrap();
        let mut last = 0;
        for (score, format) in [(65, Format::WebP), (80, Format::WebP), (70, Format::Jpeg)] {
            let is_flat = picture.is_opaque();
            if format == Format::Jpeg && !is_flat {
                continue;
            }
            let rendering = Rendering { quality: Quality::auto(score), ..rendering(width, height, format) };
            let bytes = encode(&picture, &rendering, Effort::Small).unwrap();
            assert_eq!(bytes, encode(&picture, &rendering, Effort::Small).unwrap(), "the same bytes");
            let reached = measure.of(&bytes).unwrap();
            let bound = |level| {
                let rendering = Rendering { quality: Quality::new(level), ..rendering };
                encode(&picture, &rendering, Effort::Small).unwrap() == bytes
            };
            // Strong colours at few pixels: WebP's chroma is out of reach. And the lowest may be more than enough.
            let is_enough = reached >= f64::from(score) || bound(95);
            let is_little = reached < f64::from(score) + 4.0 || bound(30);
            assert!(is_enough && is_little, "{name} {format:?}: {reached} for {score}");
            assert!(format == Format::Jpeg || bytes.len() >= last, "{name}: more takes more");
            last = bytes.len();
        }
    }
}

/// SSIMULACRA2: 100 is equal, 90 cannot be told apart, 70 is high quality.
fn score(reference: &Raster, seen: &Raster) -> f64 {
    fast_ssim2::compute_ssimulacra2(&view(reference), &view(seen)).expect("alike")
}

fn view(raster: &Raster) -> PixelSlice<'_> {
    let stride = raster.width() as usize * 3;
    PixelSlice::new(raster.data(), raster.width(), raster.height(), stride, PixelDescriptor::RGB8_SRGB).expect("fits")
}

/// Texture at several scales, so that a resizer has something to lose.
fn textured(side: u32) -> Raster {
    let wave = |x: u32, y: u32, period: f64| (f64::from(x) / period).sin() * (f64::from(y) / period * 1.3).cos();
    let value = |x, y| {
        let sum = wave(x, y, 5.0) * 0.3 + wave(x, y, 21.0) * 0.4 + wave(x, y, 90.0) * 0.3;
        (sum * 127.0 + 128.0) as u8
    };
    let pixels = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    let data = pixels
        .flat_map(|(x, y)| {
            let grey = value(x, y);
            [grey, grey / 8 * 7, grey / 8 * 6]
        })
        .collect();
    Raster::new(side, side, Channels::Rgb, data).expect("sizes match")
}

/// Lanczos3 in linear light by the book, in floating point.
fn reference(raster: &Raster, side: u32) -> Raster {
    let linear = |value: u8| {
        let encoded = f64::from(value) / 255.0;
        if encoded <= 0.040_45 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
    };
    let encoded = |light: f64| {
        let light = light.clamp(0.0, 1.0);
        let encoded = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
        (encoded * 255.0).round() as u8
    };
    let from = raster.width() as usize;
    let scale = from as f64 / f64::from(side);
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    let taps: Vec<Vec<f64>> = (0..side)
        .map(|to| {
            let distance = |at: usize| (at as f64 + 0.5 - (f64::from(to) + 0.5) * scale) / scale;
            let lanczos = |x: f64| if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 };
            let weights: Vec<f64> = (0..from).map(|at| lanczos(distance(at))).collect();
            let sum: f64 = weights.iter().sum();
            weights.into_iter().map(|weight| weight / sum).collect()
        })
        .collect();
    let light: Vec<f64> = raster.data().iter().map(|value| linear(*value)).collect();
    let across = |y: usize, taps: &[f64], channel: usize| -> f64 {
        taps.iter().enumerate().map(|(x, weight)| weight * light[(y * from + x) * 3 + channel]).sum()
    };
    let rows: Vec<f64> = (0..from)
        .flat_map(|y| taps.iter().flat_map(move |taps| [0, 1, 2].map(|channel| across(y, taps, channel))))
        .collect();
    let down = |taps: &[f64], at: usize| -> f64 {
        taps.iter().enumerate().map(|(y, weight)| weight * rows[y * side as usize * 3 + at]).sum()
    };
    let data = taps.iter().flat_map(|taps| (0..side as usize * 3).map(move |at| encoded(down(taps, at)))).collect();
    Raster::new(side, side, Channels::Rgb, data).expect("sizes match")
}

#[test]
fn resized_and_encoded_pictures_stay_close_to_the_reference() {
    let source = textured(384);
    let picture = source.clone();
    for side in [64, 96, 200] {
        let expected = reference(&source, side);
        let resized = resized(&picture, Size { width: side, height: side }, None);
        let encoded = open(&render(&picture, &rendering(side, side, Format::WebP))).unwrap();
        let (resized, encoded) = (score(&expected, &resized), score(&expected, &encoded));
        assert!(resized > 95.0, "{side}: {resized}");
        assert!(encoded > 70.0, "{side}: {encoded}");
    }
}

#[test]
fn a_photograph_that_is_shrunk_on_its_way_looks_the_same() {
    for name in ["nagasaki-boats.jpg", "pink-lily-leek.jpg", "hubble-deep-field.jpg", "lake-at-dusk.webp"] {
        let path = format!("{}/fixtures/photos/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let probe = probe(&bytes).unwrap();
        let output = Size { width: probe.natural.width / 8, height: probe.natural.height / 8 };
        assert_eq!(Shrink::of(&probe, output), Shrink::Half);
        let at = |shrink| {
            let decoded = decode(&bytes, &probe, shrink, &Limits::default()).unwrap();
            let picture = orient(colour(decoded).unwrap()).unwrap();
            resized(&picture, output, None)
        };
        let (whole, half) = (at(Shrink::Whole), at(Shrink::Half));
        let alike = score(&whole, &half);
        assert!(alike > 85.0, "{name}: {alike}");
    }
}

#[test]
fn only_photographs_are_shrunk_on_their_way_and_only_by_much() {
    let stored = Size { width: 2400, height: 1600 };
    let probe = |format| Probe {
        natural: Natural { width: 2400, height: 1600, format, alpha: false, frames: 1 },
        stored,
        orientation: Orientation::Upright,
        loops: 0,
    };
    let of = |format, width, height| Shrink::of(&probe(format), Size { width, height });
    assert_eq!(of(SourceFormat::Jpeg, 301, 201), Shrink::Whole);
    assert_eq!(of(SourceFormat::Jpeg, 300, 200), Shrink::Half);
    assert_eq!(of(SourceFormat::Jpeg, 100, 201), Shrink::Whole, "the side that shrinks least counts");
    assert_eq!(of(SourceFormat::Jpeg, 100, 66), Shrink::Quarter);
    assert_eq!(of(SourceFormat::WebP, 300, 200), Shrink::Half);
    assert_eq!(of(SourceFormat::Png, 10, 10), Shrink::Whole);
    let mut clear = probe(SourceFormat::WebP);
    clear.natural.alpha = true;
    assert_eq!(Shrink::of(&clear, Size { width: 10, height: 10 }), Shrink::Whole, "what is transparent would bleed");
    let mut moving = probe(SourceFormat::WebP);
    moving.natural.frames = 2;
    assert_eq!(Shrink::of(&moving, Size { width: 10, height: 10 }), Shrink::Whole);
}

use proptest::prelude::*;

use super::make::*;
use super::*;

#[test]
fn a_picture_cut_short_anywhere_is_an_error() {
    for (name, bytes) in every_kind() {
        assert!(open(&bytes).is_ok(), "{name} is sound");
        for length in 0..bytes.len() {
            assert!(open(&bytes[..length]).is_err(), "{name} cut to {length} of {}", bytes.len());
            assert!(open_all(&bytes[..length], &Limits::default()).is_err(), "{name} cut to {length}: a frame");
        }
    }
}

#[test]
fn a_huge_picture_is_refused_by_its_header() {
    let mut png = png(&gradient(8, 8));
    let header = [&60_000_u32.to_be_bytes()[..], &60_000_u32.to_be_bytes(), &png[24..29]].concat();
    png.splice(8..33, png_chunk(*b"IHDR", &header));
    let mut jpeg = jpeg(&gradient(8, 8));
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let mut gif = gif(&frames(2, 8, 8), 0);
    gif[6..10].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let header = [2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let frame = webp_chunk(*b"ANMF", &[0; 24]);
    let webp = riff(&[webp_chunk(*b"VP8X", &header), webp_chunk(*b"ANIM", &[0; 6]), frame.clone(), frame].concat());
    for bytes in [png, jpeg, gif, webp] {
        let probe = probe(&bytes).unwrap();
        assert!(matches!(probe.admit(&Limits::default()), Err(ImagingError::TooManyPixels { .. })), "{probe:?}");
        assert!(matches!(open(&bytes), Err(ImagingError::TooManyPixels { .. })));
    }
}

#[test]
fn a_picture_of_few_pixels_in_one_endless_row_is_refused() {
    let mut png = png(&gradient(8, 8));
    for (width, is_refused) in [(65_535_u32, false), (65_536, true), (25_000_000, true)] {
        let header = [&width.to_be_bytes()[..], &1_u32.to_be_bytes(), &png[24..29]].concat();
        png.splice(8..33, png_chunk(*b"IHDR", &header));
        let admitted = probe(&png).unwrap().admit(&Limits::default());
        assert_eq!(matches!(admitted, Err(ImagingError::TooLong { .. })), is_refused, "{width}: {admitted:?}");
        assert_eq!(admitted.is_err(), is_refused);
    }
}

#[test]
fn a_profile_that_inflates_without_end_does_no_harm() {
    // The picture data of a large blank PNG is a small stream that inflates to 24 MB.
    let blank = png_of((6000, 4000), png::ColorType::Grayscale, png::BitDepth::Eight, &vec![0; 24_000_000], |_| ());
    let start = blank.windows(4).position(|kind| kind == b"IDAT").unwrap();
    let length = u32::from_be_bytes(*blank[start - 4..].first_chunk().unwrap()) as usize;
    let profile = [b"name\0\0", &blank[start + 4..start + 4 + length]].concat();
    let bomb = with_chunk(&png(&gradient(8, 8)), *b"iCCP", &profile);
    match open(&bomb) {
        Ok(picture) => assert_eq!(picture, gradient(8, 8)),
        Err(error) => assert!(matches!(error, ImagingError::Corrupt { .. })),
    }
}

#[test]
fn a_jpeg_of_endless_scans_is_refused() {
    let mut compressor = turbojpeg::Compressor::new().unwrap();
    compressor.set_progressive(true).unwrap();
    let raster = gradient(64, 64);
    let image = turbojpeg::Image {
        pixels: raster.data(),
        width: 64,
        pitch: 192,
        height: 64,
        format: turbojpeg::PixelFormat::RGB,
    };
    let bytes = compressor.compress_to_vec(image).unwrap();
    let scans: Vec<usize> = (0..bytes.len() - 1).filter(|at| bytes[*at..*at + 2] == [0xff, 0xda]).collect();
    let last = bytes[scans[scans.len() - 1]..bytes.len() - 2].to_vec();
    let endless = [&bytes[..bytes.len() - 2], &last.repeat(600), &[0xff, 0xd9]].concat();
    assert!(matches!(open(&endless), Err(ImagingError::Corrupt { .. })));
}

/// Whatever the bytes are: an error, or a picture of the size that was announced and within the limits.
fn is_answered(bytes: &[u8]) {
    let limits = Limits { pixels: 100_000, frames: 8 };
    let Ok(probe) = probe(bytes) else { return };
    let passed = passthrough(bytes, &probe);
    assert!(passed.len() <= bytes.len());
    let announced = (probe.natural.width, probe.natural.height);
    if let Ok(picture) = open_within(bytes, &limits) {
        assert_eq!((picture.width(), picture.height()), announced);
        assert!(probe.pixels() <= limits.pixels && probe.natural.frames <= limits.frames);
    }
    if let Ok(frames) = open_all(bytes, &limits) {
        assert_eq!(frames.len(), probe.natural.frames as usize);
        assert!(frames.iter().all(|frame| (frame.raster.width(), frame.raster.height()) == announced));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        is_answered(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_signature_are_answered(kind in 0..13_usize, tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (_, bytes) = &every_kind()[kind];
        is_answered(&[&bytes[..12], &tail].concat());
    }

    #[test]
    fn damaged_pictures_are_answered(
        kind in 0..13_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (_, mut bytes) = every_kind().swap_remove(kind);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        is_answered(&bytes);
    }
}

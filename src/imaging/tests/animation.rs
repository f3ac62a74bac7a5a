use super::make::*;
use super::*;

fn sources(count: u32, plays: u16) -> [(&'static str, Vec<u8>); 3] {
    let frames = frames(count, 20, 16);
    let webp = animated_webp(&frames, plays.into());
    [("gif", gif(&frames, plays)), ("apng", apng(&frames, plays.into())), ("webp", webp)]
}

#[test]
fn animations_keep_frames_delays_and_loops_on_the_way_to_webp() {
    for plays in [0, 1, 3] {
        for (name, bytes) in sources(3, plays) {
            let natural = probe(&bytes).unwrap().natural;
            assert_eq!((natural.width, natural.height, natural.frames), (20, 16, 3), "{name}");
            let mut writer = AnimationWriter::new(probe(&bytes).unwrap().loops, Quality::new(90), Effort::Fast);
            each_frame(&bytes, &probe(&bytes).unwrap(), &Limits::default(), |frame| {
                writer.add(&resized(&frame.raster, Size { width: 10, height: 8 }, None), frame.delay)
            })
            .unwrap();
            let small = writer.finish().unwrap();
            let seen = open_all(&small, &Limits::default()).unwrap();
            let delays: Vec<u32> = seen.iter().map(|frame| frame.delay).collect();
            assert_eq!(delays, [40, 70, 100], "{name}");
            assert_eq!(probe(&small).unwrap().loops, u32::from(plays), "{name}");
            for (seen, made) in seen.iter().zip(frames(3, 20, 16)) {
                let (seen, made) = (pixel(&seen.raster, 5, 4), pixel(&made.raster, 5, 4));
                assert!((0..3).all(|at| seen[at].abs_diff(made[at]) <= 12), "{name}: {seen:?} for {made:?}");
            }
        }
    }
}

#[test]
fn the_first_frame_alone_is_a_still() {
    for (name, bytes) in sources(3, 0) {
        let first = open(&bytes).unwrap();
        let whole = open_all(&bytes, &Limits::default()).unwrap();
        assert_eq!((&first, whole.len()), (&whole[0].raster, 3), "{name}");
        let still = render(&first, &rendering(20, 16, Format::WebP));
        assert_eq!(probe(&still).unwrap().natural.frames, 1, "{name}: a rendering that is not animated");
    }
}

#[test]
fn who_takes_frames_and_wants_no_more_ends_the_decoding() {
    for (name, bytes) in sources(3, 0) {
        let mut taken = 0;
        let ended = each_frame(&bytes, &probe(&bytes).unwrap(), &Limits::default(), |_| {
            taken += 1;
            if taken == 2 { Err(ImagingError::internal("enough")) } else { Ok(()) }
        });
        assert!(matches!(ended, Err(ImagingError::Internal { .. })), "{name}: {ended:?}");
        assert_eq!(taken, 2, "{name}");
    }
}

#[test]
fn frames_of_different_sizes_make_no_animation() {
    let mut writer = AnimationWriter::new(0, None, Effort::Fast);
    writer.add(&gradient(8, 8), 40).unwrap();
    assert!(writer.add(&gradient(8, 9), 40).is_err());
    assert!(AnimationWriter::new(0, None, Effort::Fast).finish().is_err(), "no frame at all");
}

#[test]
fn frames_and_pixels_are_limited_by_the_header() {
    for (name, bytes) in sources(3, 0) {
        let refused = |limits| matches!(open_all(&bytes, &limits), Err(ImagingError::TooManyPixels { .. }));
        assert!(!refused(Limits { pixels: 20 * 16 * 3, frames: 3 }), "{name}");
        assert!(refused(Limits { pixels: 20 * 16 * 3 - 1, frames: 3 }), "{name}: all frames are summed");
        assert!(refused(Limits { pixels: u64::MAX, frames: 2 }), "{name}");
    }
}

#[test]
fn apng_frames_are_blended_and_disposed_of() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(3, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.set_dispose_op(png::DisposeOp::None).unwrap();
    writer.write_image_data(&[255, 0, 0, 255, 255, 0, 0, 255]).unwrap();
    writer.set_frame_dimension(1, 1).unwrap();
    writer.set_frame_position(1, 0).unwrap();
    writer.set_blend_op(png::BlendOp::Over).unwrap();
    writer.set_dispose_op(png::DisposeOp::Previous).unwrap();
    writer.write_image_data(&[0, 0, 255, 128]).unwrap();
    writer.set_frame_position(0, 0).unwrap();
    writer.set_blend_op(png::BlendOp::Source).unwrap();
    writer.write_image_data(&[0, 255, 0, 0]).unwrap();
    writer.finish().unwrap();

    let frames = open_all(&bytes, &Limits::default()).unwrap();
    let frames: Vec<&[u8]> = frames.iter().map(|frame| frame.raster.data()).collect();
    // The alpha of the second frame lets half of the first through; the third replaces what it covers.
    assert_eq!(frames[1][4..7], [127, 0, 128]);
    let colours: Vec<&[u8]> = frames.iter().flat_map(|frame| [&frame[..3], &frame[4..7]]).collect();
    assert_eq!(colours[0], [255, 0, 0]);
    assert_eq!(colours[5], [255, 0, 0], "the second frame is gone again");
}

#[test]
fn sixteen_bit_apng_is_reduced_like_any_png() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0x20, 0, 0x40, 0, 0x60, 0]).unwrap();
    writer.write_image_data(&[0x80, 0, 0xa0, 0, 0xc0, 0]).unwrap();
    writer.finish().unwrap();
    let frames = open_all(&bytes, &Limits::default()).unwrap();
    assert_eq!(frames[1].raster.data(), [0x80, 0xa0, 0xc0]);
}

#[test]
fn passed_through_originals_lose_their_metadata_and_nothing_else() {
    const SECRET: &[u8] = b"52.5200N 13.4050E";
    let [(_, gif), (_, apng), (_, webp)] = sources(3, 2);
    let after_screen = 13 + (3 << ((gif[10] & 7) + 1)) * usize::from(gif[10] >> 7);
    let comment = [&[0x21, 0xfe, SECRET.len() as u8], SECRET, &[0]].concat();
    let xmp = [b"\x21\xff\x0bXMP DataXMP", &[SECRET.len() as u8][..], SECRET, &[0]].concat();
    let mut chunks = webp[12..].to_vec();
    chunks[8] |= 0x0c;
    chunks.extend([webp_chunk(*b"EXIF", SECRET), webp_chunk(*b"XMP ", SECRET)].concat());
    let originals = [
        [&gif[..after_screen], &comment, &xmp, &gif[after_screen..]].concat(),
        with_chunk(&with_chunk(&apng, *b"eXIf", SECRET), *b"iTXt", SECRET),
        riff(&chunks),
    ];
    for original in originals {
        let probed = probe(&original).unwrap();
        let passed = passthrough(&original, &probed);
        assert!(original.windows(SECRET.len()).any(|part| part == SECRET));
        assert!(!passed.windows(SECRET.len()).any(|part| part == SECRET), "{:?}", probed.natural.format);
        assert_eq!(probe(&passed), Ok(probed));
        let limits = Limits::default();
        assert_eq!(open_all(&passed, &limits), open_all(&original, &limits));
    }
    let [(_, untouched_gif), (_, untouched_png), (_, untouched_webp)] = sources(3, 2);
    for bytes in [untouched_gif, untouched_png, untouched_webp] {
        assert_eq!(passthrough(&bytes, &probe(&bytes).unwrap()), bytes);
    }
}

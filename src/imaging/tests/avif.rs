use super::*;
use crate::transform::SourceFormat;

const STILL: &[u8] = include_bytes!("../../../fixtures/formats/still.avif");
const SOFT_EDGES: &[u8] = include_bytes!("../../../fixtures/formats/soft-edges.avif");

/// The corners of the card: `fixtures/README.md`.
const CORNERS: [(u32, u32, [u8; 3]); 4] =
    [(16, 16, [220, 40, 40]), (224, 16, [40, 180, 60]), (16, 144, [40, 80, 220]), (224, 144, [240, 220, 40])];

fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], &kind, body].concat()
}

/// The AV1 stream of `still.avif`, which is all of its `mdat`.
fn stream() -> &'static [u8] {
    let start = STILL.windows(4).position(|kind| kind == b"mdat").expect("has one") + 4;
    &STILL[start..]
}

/// A file of one item whose bytes lie in `idat`, with these extents, behind the properties that every picture has.
fn file(kind: [u8; 4], data: &[u8], extents: &[(u32, u32)], properties: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let size = boxed(*b"ispe", &[0, 0, 0, 0, 0, 0, 0, 240, 0, 0, 0, 160]);
    let common = [(false, size), (true, boxed(*b"av1C", &[0x81, 0, 0x0c, 0]))];
    let properties: Vec<_> = common.iter().chain(properties).collect();
    let listed: Vec<u8> = properties.iter().flat_map(|(_, property)| property.clone()).collect();
    let associated = (1..).zip(&properties).map(|(index, (essential, _))| index | u8::from(*essential) << 7);
    let associations =
        [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, properties.len() as u8], &associated.collect::<Vec<u8>>()[..]].concat();
    let mut places =
        [&[1, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 1, 0, 0], &(extents.len() as u16).to_be_bytes()[..]].concat();
    for (offset, length) in extents {
        places.extend([offset.to_be_bytes(), length.to_be_bytes()].concat());
    }
    let entry = boxed(*b"infe", &[&[2, 0, 0, 0, 0, 1, 0, 0], &kind[..], &[0]].concat());
    let meta = [
        vec![0; 4],
        boxed(*b"hdlr", &[&[0; 8], &b"pict"[..], &[0; 13]].concat()),
        boxed(*b"pitm", &[0, 0, 0, 0, 0, 1]),
        boxed(*b"iloc", &places),
        boxed(*b"iinf", &[&[0, 0, 0, 0, 0, 1], &entry[..]].concat()),
        boxed(*b"iprp", &[boxed(*b"ipco", &listed), boxed(*b"ipma", &associations)].concat()),
        boxed(*b"idat", data),
    ];
    [boxed(*b"ftyp", b"avif\0\0\0\0avifmif1"), boxed(*b"meta", &meta.concat())].concat()
}

fn with(properties: &[(bool, Vec<u8>)]) -> Vec<u8> {
    file(*b"av01", stream(), &[(0, stream().len() as u32)], properties)
}

#[test]
fn depths_samplings_and_animations_show_the_card() {
    let files: [(&str, &[u8]); 5] = [
        ("still", STILL),
        ("4:4:4", include_bytes!("../../../fixtures/formats/subsampling-444.avif")),
        ("ten bits", include_bytes!("../../../fixtures/formats/ten-bit.avif")),
        ("turned", include_bytes!("../../../fixtures/formats/orientation-6.avif")),
        ("animated", include_bytes!("../../../fixtures/formats/animated.avif")),
    ];
    for (name, bytes) in files {
        let natural = probe(bytes).unwrap().natural;
        assert_eq!((natural.format, natural.alpha, natural.frames), (SourceFormat::Avif, false, 1), "{name}");
        let picture = open(bytes).unwrap();
        assert_eq!(picture.size(), Size { width: 240, height: 160 }, "{name}");
        for (x, y, colour) in CORNERS {
            let found = pixel(&picture, x, y);
            assert!(found.iter().zip(colour).all(|(found, wanted)| found.abs_diff(wanted) <= 8), "{name}: {found:?}");
        }
    }
}

#[test]
fn the_auxiliary_picture_is_the_alpha() {
    assert!(probe(SOFT_EDGES).unwrap().natural.alpha);
    let picture = open(SOFT_EDGES).unwrap();
    let alpha: Vec<u8> = picture.data().iter().skip(3).step_by(4).copied().collect();
    assert!(alpha[0] <= 2 && alpha[240 * 160 - 1] <= 2 && alpha[80 * 240 + 120] >= 253);
    assert!(alpha.iter().filter(|alpha| (32..224).contains(*alpha)).count() > 100, "the rim is soft");
}

#[test]
fn premultiplied_colours_are_divided_by_their_alpha() {
    let reference = b"auxl\0\x02\0\x01\0\x01";
    let at = SOFT_EDGES.windows(10).position(|bytes| bytes == reference).unwrap() - 4;
    let mut bytes = SOFT_EDGES.to_vec();
    // The reference grows the file by 14 bytes: `iref`, `meta` and both offsets with it.
    bytes.splice(at..at, boxed(*b"prem", &[0, 1, 0, 1, 0, 2]));
    for kind in [b"iref", b"meta"] {
        let at = bytes.windows(4).position(|bytes| bytes == kind).unwrap() - 4;
        let length = u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()) + 14;
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    let places = bytes.windows(4).position(|bytes| bytes == b"iloc").unwrap() + 4;
    for at in [places + 14, places + 28] {
        let offset = u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()) + 14;
        bytes[at..at + 4].copy_from_slice(&offset.to_be_bytes());
    }
    let (straight, divided) = (open(SOFT_EDGES).unwrap(), open(&bytes).unwrap());
    let pixels = straight.data().as_chunks::<4>().0.iter().zip(divided.data().as_chunks::<4>().0);
    let mut brighter = 0;
    for (straight, divided) in pixels {
        let expected =
            |value: u8| (u32::from(value) * 255 + u32::from(straight[3]) / 2) / u32::from(straight[3]).max(1);
        if straight[3] > 0 {
            assert_eq!(u32::from(divided[1]), expected(straight[1]).min(255));
            brighter += u32::from(divided[1] > straight[1]);
        }
    }
    assert!(brighter > 100);
}

#[test]
fn turns_and_mirrors_are_the_eight_orientations() {
    let turn = |quarters: u8| (true, boxed(*b"irot", &[quarters]));
    let mirror = |axis: u8| (true, boxed(*b"imir", &[axis]));
    let expected = [
        (vec![], Orientation::Upright),
        (vec![mirror(1)], Orientation::MirrorHorizontal),
        (vec![turn(2)], Orientation::Rotate180),
        (vec![mirror(0)], Orientation::MirrorVertical),
        (vec![turn(1), mirror(0)], Orientation::Transpose),
        (vec![turn(3)], Orientation::Rotate90),
        (vec![turn(1), mirror(1)], Orientation::Transverse),
        (vec![turn(1)], Orientation::Rotate270),
        (vec![mirror(0), turn(1)], Orientation::Transverse),
        (vec![mirror(1), turn(2)], Orientation::MirrorVertical),
    ];
    for (properties, orientation) in expected {
        assert_eq!(probe(&with(&properties)).unwrap().orientation, orientation, "{properties:?}");
    }
}

#[test]
fn scattered_bytes_are_gathered() {
    let length = stream().len() as u32;
    let whole = open(&with(&[])).unwrap();
    let scattered = file(*b"av01", stream(), &[(0, 100), (100, 1), (101, length - 101)], &[]);
    assert_eq!(&open(&scattered).unwrap(), &whole);
    assert_eq!(&open(STILL).unwrap(), &whole);
}

#[test]
fn grids_crops_and_unknown_demands_are_refused() {
    let refused = Err(ImagingError::KindRefused { kind: RefusedKind::Avif });
    let grid = file(*b"grid", &[0, 0, 0, 0, 0, 240, 0, 160], &[(0, 8)], &[]);
    assert_eq!(probe(&grid).map(|_| ()), refused);
    for kind in [b"clap", b"lsel", b"what"] {
        assert_eq!(probe(&with(&[(true, boxed(*kind, &[0; 32]))])).map(|_| ()), refused);
        assert!(open(&with(&[(false, boxed(*b"what", &[]))])).is_ok(), "only what is essential matters");
    }
    let frames = stream().repeat(2);
    assert_eq!(open(&file(*b"av01", &frames, &[(0, frames.len() as u32)], &[])).map(|_| ()), refused);
    let heic = Err(ImagingError::KindRefused { kind: RefusedKind::Heic });
    assert_eq!(probe(&file(*b"hvc1", &[0], &[(0, 1)], &[])).map(|_| ()), heic);
}

#[test]
fn hostile_structures_are_corrupt() {
    let length = stream().len() as u32;
    let overlapping = vec![(0, length); 60_000];
    let mut other_size = with(&[]);
    let at = other_size.windows(4).position(|kind| kind == b"ispe").unwrap() + 8;
    other_size[at..at + 4].copy_from_slice(&241_u32.to_be_bytes());
    for (name, bytes) in [
        ("overlapping extents", file(*b"av01", stream(), &overlapping, &[])),
        ("past the end", file(*b"av01", stream(), &[(1, length)], &[])),
        ("no bytes", file(*b"av01", &[], &[(0, 0)], &[])),
        ("another size", other_size),
        ("a frame in part", file(*b"av01", stream(), &[(0, length - 1)], &[])),
        ("no stream", file(*b"av01", &[0; 64], &[(0, 64)], &[])),
        ("not even boxes", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif".to_vec()),
    ] {
        assert!(matches!(open(&bytes), Err(ImagingError::Corrupt { .. })), "{name}: {:?}", open(&bytes).map(|_| ()));
    }
}

#[test]
fn wide_colours_follow_the_profile_or_the_code_points() {
    let red = |properties: &[(bool, Vec<u8>)]| pixel(&open(&with(properties)).unwrap(), 16, 16).to_vec();
    let code_points =
        |primaries: u8| (false, boxed(*b"colr", &[b"nclx", &[0, primaries, 0, 13, 0, 6, 0x80][..]].concat()));
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let profile = (false, boxed(*b"colr", &[b"prof", &profile[..]].concat()));
    let (plain, wide) = (red(&[code_points(1)]), red(&[code_points(12)]));
    assert!(wide[0] > plain[0] + 8, "{plain:?} became {wide:?}");
    assert_eq!(red(std::slice::from_ref(&profile)), wide);
    assert_eq!(red(&[code_points(1), profile]), wide, "the profile goes before");
    assert!(red(&[code_points(9)])[0] > wide[0], "BT.2020 is wider");
}

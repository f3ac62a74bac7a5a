//! Placeholders against the authors' own packages, and by what they show.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;
use crate::transform::Placeholder;

fn sample(raster: &Raster) -> Sample {
    let natural = raster.size();
    Sample::of(&raster.clone().into(), natural).expect("resizes")
}

fn text(raster: &Raster, placeholder: Placeholder) -> String {
    String::from_utf8(sample(raster).placeholder(placeholder).expect("is made")).expect("is text")
}

fn described(raster: &Raster) -> Value {
    serde_json::from_str(&text(raster, Placeholder::Json)).expect("is JSON")
}

fn painted(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Raster {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let data = pixels.flat_map(|(x, y)| pixel(x, y)).collect();
    Raster::new(width, height, Channels::Rgba, data).expect("sizes match")
}

/// `fixtures/making/placeholders.mjs` made them, with npm's blurhash and thumbhash. Where the largest component of a BlurHash
/// is negative, npm's scales by another: only the reference in C takes magnitudes. Then size and mean colour are compared.
#[test]
fn hashes_are_those_of_the_authors_own_packages() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/golden/placeholders.json");
    let golden: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(golden.len() >= 8);
    let mut whole = 0;
    for one in golden {
        let side = |name: &str| u32::try_from(one[name].as_u64().unwrap()).unwrap();
        let data = STANDARD.decode(one["rgba"].as_str().unwrap()).unwrap();
        let raster = Raster::new(side("width"), side("height"), Channels::Rgba, data).unwrap();
        assert_eq!(text(&raster, Placeholder::ThumbHash), one["thumbhash"].as_str().unwrap(), "{}", one["name"]);
        let (ours, theirs) = (text(&raster, Placeholder::BlurHash), one["blurhash"].as_str().unwrap());
        let (scale, mean) = (1..2, 2..6);
        if ours[scale.clone()] == theirs[scale] {
            assert_eq!(ours, theirs, "{}", one["name"]);
            whole += 1;
        } else {
            assert_eq!((&ours[..1], &ours[mean.clone()]), (&theirs[..1], &theirs[mean]), "{}", one["name"]);
        }
    }
    assert!(whole >= 4, "{whole}");
}

#[test]
fn a_description_holds_what_each_placeholder_is_alone() {
    let raster = make::see_through(300, 200);
    let description = described(&raster);
    let fields: Vec<_> = description.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields.len(), 7, "{fields:?}");
    assert_eq!((&description["width"], &description["height"]), (&300.into(), &200.into()));
    assert_eq!(description["aspectRatio"], 1.5);
    assert_eq!(description["blurhash"], text(&raster, Placeholder::BlurHash));
    assert_eq!(description["thumbhash"], text(&raster, Placeholder::ThumbHash));
    let copy = sample(&raster).placeholder(Placeholder::Lqip).unwrap();
    assert_eq!(description["lqip"], format!("data:image/webp;base64,{}", STANDARD.encode(&copy)));
}

#[test]
fn copies_are_webp_of_twenty_pixels_and_few_bytes() {
    for (raster, size) in [
        (make::gradient(600, 400), (20, 13)),
        (make::gradient(100, 800), (3, 20)),
        (make::gradient(7, 5), (7, 5)),
        (make::see_through(400, 400), (20, 20)),
    ] {
        let alpha = raster.channels() == Channels::Rgba;
        let copy = sample(&raster).placeholder(Placeholder::Lqip).unwrap();
        let natural = probe(&copy).unwrap().natural;
        assert_eq!((natural.width, natural.height, natural.alpha), (size.0, size.1, alpha));
        assert!(copy.len() < 600, "{} bytes at {size:?}", copy.len());
    }
}

#[test]
fn the_colour_is_what_most_opaque_pixels_have() {
    let red_on_blue = |x: u32, _| if x < 12 { [220, 40, 40, 255] } else { [40, 80, 220, 255] };
    let mostly_clear = |x: u32, _| if x < 4 { [40, 180, 60, 255] } else { [250, 0, 0, 0] };
    let faint = |x: u32, _| if x < 14 { [10, 10, 10, 255] } else { [200, 200, 200, 60] };
    assert_eq!(described(&painted(32, 32, red_on_blue))["color"], "#2850dc");
    assert_eq!(described(&painted(32, 32, mostly_clear))["color"], "#28b43c", "what is clear does not count");
    assert_eq!(described(&painted(32, 32, faint))["color"], "#0a0a0a", "what is faint counts less");
    assert_eq!(described(&painted(9, 9, |_, _| [1, 2, 3, 0]))["color"], "#ffffff", "nothing is opaque");
}

#[test]
fn every_shape_and_plain_colour_has_placeholders() {
    for (width, height) in [(1, 1), (1, 5000), (5000, 1), (2, 3), (33, 32), (101, 101), (640, 480)] {
        for colour in [[0, 0, 0, 255], [255; 4], [120, 130, 140, 255], [9, 9, 9, 0]] {
            let description = described(&painted(width, height, |_, _| colour));
            let thumbhash = STANDARD.decode(description["thumbhash"].as_str().unwrap()).unwrap();
            assert!((5..=25).contains(&thumbhash.len()), "{width} x {height}: {thumbhash:?}");
            assert_eq!(description["blurhash"].as_str().unwrap().len(), 28, "{width} x {height}");
        }
    }
}

#[test]
fn portraits_have_their_four_components_downwards() {
    let flag = |raster| text(&raster, Placeholder::BlurHash).chars().next();
    // The first digit of base 83 is `(x - 1) + (y - 1) * 9`: 21 is L, 29 is T.
    assert_eq!(flag(make::gradient(40, 30)), Some('L'));
    assert_eq!(flag(make::gradient(30, 30)), Some('L'));
    assert_eq!(flag(make::gradient(30, 40)), Some('T'));
}

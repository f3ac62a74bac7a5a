//! Transforms against pictures, row by row.

use proptest::prelude::*;

use super::*;
use crate::transform::{Blur, Gravity, Quality, Want, native};

fn still(width: u32, height: u32, format: SourceFormat) -> Natural {
    Natural { width, height, format, alpha: false, frames: 1 }
}

fn photo() -> Natural {
    still(1000, 667, SourceFormat::Jpeg)
}

fn resolved(query: &str, natural: &Natural, accept: Option<&str>, dialect: Dialect) -> Resolved {
    match native::parse("photos/a", query, accept).unwrap().want {
        Want::Variant { transform, format } => transform.resolve(natural, format, dialect),
        other => panic!("{query} wants {other:?}"),
    }
}

fn rendering(query: &str, natural: &Natural) -> Rendering {
    match resolved(query, natural, None, Dialect::Native) {
        Resolved::Render(rendering) => rendering,
        Resolved::Passthrough => panic!("{query} is passed through"),
    }
}

#[test]
fn sizes_and_crops_follow_the_fit() {
    for (query, size, crop, why) in [
        ("w=300", (300, 200), false, "in proportion: 200.1"),
        ("h=200", (300, 200), false, "in proportion: 299.85 rounds up"),
        ("w=1&q=1", (1, 1), false, "at least one pixel"),
        ("w=5000", (1000, 667), false, "never enlarged"),
        ("q=50", (1000, 667), false, "natural size"),
        ("w=300&h=300", (300, 300), true, "cover crops"),
        ("w=300&h=200", (300, 200), false, "the picture's own ratio within rounding is no crop"),
        ("w=2000&h=300", (1000, 300), true, "each side is capped first, so that the ratio may change"),
        ("w=2000&h=2000", (1000, 667), false, "a larger box is the natural size"),
        ("w=300&h=300&fit=contain", (300, 200), false, "contain stays inside"),
        ("w=300&h=100&fit=inside", (150, 100), false, "inside by height"),
        ("w=5000&h=300&fit=contain", (450, 300), false, "a capped side does not bind"),
        ("w=300&h=300&fit=fill", (300, 300), false, "fill stretches"),
        ("w=2000&h=300&fit=fill", (1000, 300), false, "fill is capped too"),
        ("w=300&fit=fill", (300, 200), false, "one side is in proportion whatever the fit"),
        ("w=300&h=300&fit=outside", (450, 300), false, "outside covers: 449.8"),
        ("w=2000&h=100&fit=outside", (1000, 667), false, "outside is never enlarged"),
    ] {
        let rendering = rendering(query, &photo());
        assert_eq!((rendering.output.width, rendering.output.height), size, "{query}: {why}");
        assert_eq!(rendering.crop.is_some(), crop, "{query}: {why}");
    }
}

#[test]
fn extreme_ratios_keep_a_pixel() {
    let banner = still(8000, 1, SourceFormat::Png);
    assert_eq!(rendering("w=10", &banner).output, Size { width: 10, height: 1 });
    assert_eq!(rendering("w=10&h=10", &banner).output, Size { width: 10, height: 1 });
    assert!(rendering("w=10&h=1", &banner).crop.is_some(), "a box of ten pixels is not the whole banner");
    let largest = still(u32::MAX, u32::MAX, SourceFormat::Png);
    assert_eq!(rendering("q=1", &largest).output, Size { width: u32::MAX, height: u32::MAX });
}

#[test]
fn equal_pixels_share_a_name() {
    for (one, other) in [
        ("w=300&g=north", "w=300"),
        ("w=300&h=200&g=smart", "w=300"),
        ("w=5000", "f=auto"),
        ("w=300&bg=f00", "w=300"),
        ("w=300&h=300&fit=contain", "w=300"),
        ("w=100&dpr=3", "w=300"),
        ("w=300&f=png&q=10", "w=300&f=png&q=90"),
        ("w=300&frame=0", "w=300"),
    ] {
        assert_eq!(rendering(one, &photo()).to_string(), rendering(other, &photo()).to_string(), "{one} {other}");
    }
    assert_eq!(rendering("w=300&h=300&g=north", &photo()).crop, Some(Gravity::North));
}

#[test]
fn formats_follow_the_request_and_the_source() {
    use Format::{Jpeg, Png, WebP};
    let picture = |format, alpha| Natural { alpha, ..still(10, 10, format) };
    let plain = |webp| FormatRequest::Negotiated { avif: false, webp, otherwise: Otherwise::Plain };
    let by_type = FormatRequest::ORIGIN;
    for (request, source, alpha, background, expected, why) in [
        (plain(true), SourceFormat::Jpeg, false, None, WebP, "accepted"),
        (plain(true), SourceFormat::Png, true, None, WebP, "accepted, with alpha"),
        (plain(false), SourceFormat::Jpeg, false, None, Jpeg, "nothing better"),
        (plain(false), SourceFormat::Png, false, None, Jpeg, "PNG without alpha"),
        (plain(false), SourceFormat::Png, true, None, Png, "alpha survives"),
        (plain(false), SourceFormat::WebP, true, None, Png, "alpha survives from WebP"),
        (plain(false), SourceFormat::Png, true, Some(Rgb::WHITE), Jpeg, "flattened, so without alpha"),
        (by_type, SourceFormat::Jpeg, false, None, Jpeg, "JPEG stays"),
        (by_type, SourceFormat::Png, false, None, Png, "PNG stays"),
        (by_type, SourceFormat::Png, true, Some(Rgb::WHITE), Png, "PNG stays, flattened"),
        (by_type, SourceFormat::WebP, false, None, Jpeg, "WebP becomes JPEG"),
        (by_type, SourceFormat::WebP, true, None, Png, "or PNG with alpha"),
        (by_type, SourceFormat::Avif, false, None, Jpeg, "AVIF becomes JPEG"),
        (by_type, SourceFormat::Gif, true, None, Png, "GIF with alpha becomes PNG"),
        (FormatRequest::Named(Jpeg), SourceFormat::Png, true, None, Jpeg, "named"),
    ] {
        let transform = Transform { background, ..Transform::NATURAL };
        let resolved = transform.resolve(&picture(source, alpha), request, Dialect::Native);
        let Resolved::Render(rendering) = resolved else { panic!("{why}") };
        assert_eq!(rendering.format, expected, "{source:?} {alpha}: {why}");
        assert_eq!(rendering.quality.is_none(), expected == Png, "{why}");
    }
}

#[test]
fn backgrounds_count_where_alpha_goes() {
    let transparent = Natural { alpha: true, ..still(10, 10, SourceFormat::Png) };
    for (query, natural, expected, why) in [
        ("f=jpeg", &transparent, Some(Rgb::WHITE), "JPEG is flattened on white"),
        ("f=jpeg&bg=f00", &transparent, Some(Rgb([255, 0, 0])), "or as asked"),
        ("f=webp", &transparent, None, "alpha survives"),
        ("f=webp&bg=f00", &transparent, Some(Rgb([255, 0, 0])), "unless a background is asked for"),
        ("f=jpeg&bg=f00", &photo(), None, "nothing to flatten"),
    ] {
        assert_eq!(rendering(query, natural).background, expected, "{query}: {why}");
    }
}

#[test]
fn animations_live_on_in_webp_and_pass_through_next() {
    let animation = Natural { frames: 12, ..still(10, 10, SourceFormat::Gif) };
    for (query, animated, why) in [
        ("f=webp", true, "WebP keeps the frames"),
        ("f=webp&frame=0", false, "the first frame is asked for"),
        ("f=jpeg", false, "JPEG is still"),
        ("f=png", false, "PNG is still"),
    ] {
        assert_eq!(rendering(query, &animation).animated, animated, "{query}: {why}");
    }
    assert!(!rendering("f=webp", &photo()).animated, "a still picture");
    for (natural, dialect, passes) in [
        (animation, Dialect::Next, true),
        (animation, Dialect::Supabase, false),
        (still(16, 16, SourceFormat::Ico), Dialect::Next, true),
        (photo(), Dialect::Next, false),
    ] {
        let passed = resolved("w=5", &natural, Some("image/webp"), dialect) == Resolved::Passthrough;
        assert_eq!(passed, passes, "{natural:?} {dialect:?}");
    }
}

#[test]
fn names_are_canonical_and_readable() {
    let transparent = Natural { alpha: true, ..still(1000, 667, SourceFormat::Png) };
    let animation = Natural { frames: 2, ..transparent };
    for (query, natural, expected) in [
        ("w=300", &photo(), "300x200-q75.jpeg"),
        ("w=256&h=256&g=smart&blur=3&bg=fff&f=webp", &transparent, "256x256-cover.smart-blur3-bgffffff-q75.webp"),
        ("w=256&h=256&g=fp:0.5,1&blur=1.5&f=png", &transparent, "256x256-cover.fp50_100-blur1.5.png"),
        ("w=300&f=webp", &animation, "300x200-q75-animated.webp"),
    ] {
        let rendering = rendering(query, natural);
        assert_eq!(rendering.to_string(), expected, "{query}");
        assert_eq!(expected.parse(), Ok(rendering), "{query}");
    }
}

#[test]
fn other_spellings_are_not_names() {
    for text in [
        "",
        "300x200",
        "300x200.gif",
        "300x200-q75.jpg",
        "0x200-q75.jpeg",
        "0300x200-q75.jpeg",
        "300x200-q0.jpeg",
        "300x200-q101.jpeg",
        "300x200-q75-blur2.jpeg",
        "300x200-q75-q75.jpeg",
        "300x200-blur0-q75.jpeg",
        "300x200-blur1.4-q75.jpeg",
        "300x200-bgFFFFFF-q75.jpeg",
        "300x200-cover.fp101_0-q75.jpeg",
        "300x200-cover.up-q75.jpeg",
        "300x200-q75.jpeg.tmp",
        "../300x200-q75.jpeg",
        "99999999999x1-q75.jpeg",
    ] {
        assert!(text.parse::<Rendering>().is_err(), "{text}");
    }
}

fn renderings() -> impl Strategy<Value = Rendering> {
    let gravity = prop_oneof![
        (0usize..Gravity::WORDS.len()).prop_map(|index| Gravity::WORDS[index].0),
        (0u8..=100, 0u8..=100).prop_map(|(x, y)| Gravity::Focal { x, y }),
    ];
    let background = proptest::option::of(any::<[u8; 3]>().prop_map(Rgb));
    let quality = proptest::option::of((1u8..=100).prop_map(|value| Quality::new(value).unwrap()));
    let output = (1..=u32::MAX, 1..=u32::MAX).prop_map(|(width, height)| Size { width, height });
    let format = (0usize..3).prop_map(|index| Format::ALL[index]);
    (output, proptest::option::of(gravity), 0u8..=200, background, format, quality, any::<bool>()).prop_map(
        |(output, crop, blur, background, format, quality, animated)| Rendering {
            output,
            crop,
            blur: Blur(blur),
            background,
            format,
            quality,
            animated,
        },
    )
}

proptest! {
    #[test]
    fn a_rendering_survives_its_name(rendering in renderings()) {
        let name = rendering.to_string();
        prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)), "{}", name);
        prop_assert_eq!(name.parse(), Ok(rendering));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*|[0-9]{0,11}x[0-9]{0,11}(-(q|bg|blur|cover.|fp|animated)[0-9a-f_.]{0,7}){0,4}\\.(webp|jpeg|png)") {
        if let Ok(rendering) = text.parse::<Rendering>() {
            prop_assert_eq!(rendering.to_string(), text);
        }
    }

    #[test]
    fn results_are_never_larger_than_the_picture(
        natural in (1u32..20_000, 1u32..20_000),
        sides in (proptest::option::of(1u32..=8192), proptest::option::of(1u32..=8192)),
        fit in prop_oneof![Just(Fit::Cover), Just(Fit::Contain), Just(Fit::Fill), Just(Fit::Outside)],
    ) {
        let transform = Transform { width: sides.0, height: sides.1, fit, ..Transform::NATURAL };
        let natural = still(natural.0, natural.1, SourceFormat::Jpeg);
        let Resolved::Render(rendering) = transform.resolve(&natural, FormatRequest::ORIGIN, Dialect::Native) else {
            panic!("a photograph is rendered")
        };
        let Size { width, height } = rendering.output;
        prop_assert!((1..=natural.width).contains(&width) && (1..=natural.height).contains(&height));
        let within = sides.0.is_none_or(|side| width <= side) && sides.1.is_none_or(|side| height <= side);
        prop_assert!(within || fit == Fit::Outside);
        prop_assert!(rendering.crop.is_none() || fit == Fit::Cover);
    }
}

#[test]
fn a_size_within_a_longest_side_keeps_its_proportions_and_never_grows() {
    for ((width, height), longest, expected) in [
        ((4000, 3000), 32, (32, 24)),
        ((3000, 4000), 32, (24, 32)),
        ((1, 10_000), 32, (1, 32)),
        ((10_000, 1), 32, (32, 1)),
        ((20, 10), 32, (20, 10)),
        ((64, 10), 32, (32, 5)),
        ((1, 1), 32, (1, 1)),
    ] {
        let within = Size { width, height }.within(longest);
        assert_eq!((within.width, within.height), expected, "{width} x {height}");
    }
}

//! The native dialect, row by row.

use proptest::prelude::*;

use super::*;

fn variant(query: &str) -> (Transform, FormatRequest) {
    match parse("photos/a.jpg", query, None).map(|request| request.want) {
        Ok(Want::Variant { transform, format }) => (transform, format),
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn every_parameter_has_its_meaning() {
    let natural = Transform::NATURAL;
    let quality = |value| Quality::new(value).unwrap();
    for (query, expected, why) in [
        ("w=256", Transform { width: Some(256), ..natural }, "width"),
        ("width=256&height=9", Transform { width: Some(256), height: Some(9), ..natural }, "long names"),
        ("w=0256", Transform { width: Some(256), ..natural }, "leading zeros do not count"),
        ("%77=256", Transform { width: Some(256), ..natural }, "an encoded name is the name"),
        ("w=256&dpr=2", Transform { width: Some(512), ..natural }, "dpr multiplies"),
        ("w=3&h=5&dpr=1.5", Transform { width: Some(5), height: Some(8), ..natural }, "half pixels round up"),
        ("w=100&dpr=1.3", Transform { width: Some(150), ..natural }, "dpr goes in half steps"),
        ("w=4096&dpr=2", Transform { width: Some(8192), ..natural }, "the largest side"),
        ("dpr=2", natural, "dpr without a side does nothing"),
        ("fit=cover", natural, "the default fit"),
        ("fit=contain", Transform { fit: Fit::Contain, ..natural }, "contain"),
        ("fit=inside", Transform { fit: Fit::Contain, ..natural }, "inside is contain"),
        ("fit=fill", Transform { fit: Fit::Fill, ..natural }, "fill"),
        ("fit=outside", Transform { fit: Fit::Outside, ..natural }, "outside"),
        ("q=1", Transform { quality: quality(1), ..natural }, "lowest quality"),
        ("quality=100", Transform { quality: quality(100), ..natural }, "highest quality"),
        ("g=center", natural, "the default gravity"),
        ("g=northwest", Transform { gravity: Gravity::NorthWest, ..natural }, "a compass word"),
        ("g=se", Transform { gravity: Gravity::SouthEast, ..natural }, "a short form"),
        ("g=sm", Transform { gravity: Gravity::Smart, ..natural }, "smart in short"),
        ("g=fp:0.333,1", Transform { gravity: Gravity::Focal { x: 33, y: 100 }, ..natural }, "hundredths"),
        ("g=fp%3A0%2C.5", Transform { gravity: Gravity::Focal { x: 0, y: 50 }, ..natural }, "an encoded point"),
        ("blur=0", natural, "no blur"),
        ("blur=1.7", Transform { blur: Blur(3), ..natural }, "blur goes in half steps"),
        ("blur=100", Transform { blur: Blur::MAX, ..natural }, "the strongest blur"),
        ("bg=f00", Transform { background: Some(Rgb([255, 0, 0])), ..natural }, "a short colour"),
        ("bg=%23102030", Transform { background: Some(Rgb([16, 32, 48])), ..natural }, "a colour with #"),
        ("frame=0", Transform { frames: Frames::First, ..natural }, "the first frame"),
        ("f=webp", natural, "natural size in another format"),
    ] {
        assert_eq!(variant(query).0, expected, "{query}: {why}");
    }
}

#[test]
fn refusals_name_the_parameter_as_written_and_what_is_allowed() {
    for (query, parameter, allowed) in [
        ("w=0", "w", "from 1 to 8192"),
        ("width=-1", "width", "from 1 to 8192"),
        ("w=8193", "w", "from 1 to 8192"),
        ("h=4097&dpr=2", "h", "after multiplication by dpr"),
        ("w=99999999999999999999999", "w", "from 1 to 8192"),
        ("w=", "w", "an integer"),
        ("w=1.5", "w", "an integer"),
        ("w=+5", "w", "an integer"),
        ("w=1e2", "w", "an integer"),
        ("w=auto", "w", "an integer"),
        ("q=0", "q", "from 1 to 100"),
        ("q=101", "q", "from 1 to 100"),
        ("quality=75.5", "quality", "from 1 to 100"),
        ("dpr=0.5", "dpr", "from 1 to 3"),
        ("dpr=4", "dpr", "from 1 to 3"),
        ("blur=101", "blur", "from 0 to 100"),
        ("blur=-1", "blur", "from 0 to 100"),
        ("fit=Cover", "fit", "cover, contain, inside, fill or outside"),
        ("g=up", "g", "fp:x,y"),
        ("g=fp:1.1,0", "g", "from 0 to 1"),
        ("g=fp:0.5", "g", "fp:x,y"),
        ("bg=red", "bg", "hexadecimal"),
        ("bg=ff", "bg", "rrggbb"),
        ("f=heic", "f", "png, origin, or a placeholder: blurhash"),
        ("format=WEBP", "format", "webp"),
        ("frame=1", "frame", "must be 0"),
        ("w=1&w=1", "w", "once only"),
        ("w=1&width=1", "width", "once only"),
        ("v=1&v=2", "v", "once only"),
        ("W=1", "W", "did you mean w?"),
        ("Width=1", "Width", "did you mean width?"),
        ("DPR=2", "DPR", "did you mean dpr?"),
        ("widht=1", "widht", "did you mean width?"),
        ("heigh=1", "heigh", "did you mean height?"),
        ("weight=1", "weight", "did you mean height?"),
        ("qualty=1", "qualty", "did you mean quality?"),
        ("formats=1", "formats", "did you mean format?"),
        ("preset=a&w=1", "w", "not be combined with preset"),
    ] {
        let error = parse("photos/a.jpg", query, None).unwrap_err();
        assert_eq!(error.parameter, parameter, "{query}");
        assert!(error.message.contains(allowed), "{query}: {error}");
    }
}

#[test]
fn names_in_the_path_are_refused_as_such() {
    for (path, parameter) in
        [(".git/a", "bucket"), ("~remote/a", "bucket"), ("photos", "object"), ("photos/%2e%2e/a", "object")]
    {
        assert_eq!(parse(path, "", None).unwrap_err().parameter, parameter, "{path}");
    }
}

#[test]
fn without_a_shaping_parameter_the_original_is_wanted() {
    for query in
        ["", "v=3", "download", "download=a.jpg&v=3", "t=1700000000", "cb=1&utm_source=x&wid=1&form=1&blurry=1"]
    {
        let request = parse("photos/a.jpg", query, Some("image/webp")).unwrap();
        assert_eq!(request.want, Want::Original, "{query}");
        assert!(!request.varies_by_accept, "{query}");
    }
    for query in ["f=auto", "q=75", "frame=0", "blur=0", "dpr=1", "fit=cover"] {
        assert!(matches!(parse("photos/a.jpg", query, None).unwrap().want, Want::Variant { .. }), "{query}");
    }
}

#[test]
fn cache_busters_do_not_change_the_request() {
    let plain = parse("photos/a.jpg", "w=256", None).unwrap();
    for query in ["w=256&t=1", "cacheNonce=x&w=256&_=2", "w=256&&=&", "w=256&%00=%ff"] {
        assert_eq!(parse("photos/a.jpg", query, None).unwrap(), plain, "{query}");
    }
}

#[test]
fn formats_are_named_negotiated_or_the_sources() {
    let open = |webp| FormatRequest::Negotiated { avif: false, webp, otherwise: Otherwise::Plain };
    let both = FormatRequest::Negotiated { avif: true, webp: true, otherwise: Otherwise::Plain };
    for (query, accept, format, varies) in [
        ("w=9", Some("image/webp"), open(true), true),
        ("w=9&f=auto", Some("*/*"), open(false), true),
        ("w=9", None, open(false), true),
        ("w=9", Some("image/avif,image/webp,*/*"), both, true),
        ("f=avif", None, FormatRequest::Named(Format::Avif), false),
        ("f=webp", None, FormatRequest::Named(Format::WebP), false),
        ("f=jpg", Some("image/webp"), FormatRequest::Named(Format::Jpeg), false),
        ("format=jpeg", None, FormatRequest::Named(Format::Jpeg), false),
        ("f=png", None, FormatRequest::Named(Format::Png), false),
        ("f=origin", Some("image/webp"), FormatRequest::ORIGIN, false),
    ] {
        let request = parse("photos/a.jpg", query, accept).unwrap();
        assert!(matches!(request.want, Want::Variant { format: found, .. } if found == format), "{query}");
        assert_eq!(request.varies_by_accept, varies, "{query}");
    }
}

#[test]
fn placeholders_are_of_the_whole_picture() {
    for placeholder in Placeholder::ALL {
        let name = placeholder.as_str();
        for query in [format!("f={name}"), format!("format={name}&v=abc&download"), format!("f={name}&cachebuster=1")] {
            let request = parse("photos/a.jpg", &query, Some("image/webp")).unwrap();
            assert_eq!(request.want, Want::Placeholder(placeholder), "{query}");
            assert!(!request.varies_by_accept, "{query}");
        }
    }
    for (query, parameter) in [
        ("f=blurhash&w=64", "w"),
        ("height=64&f=json", "height"),
        ("f=lqip&quality=20", "quality"),
        ("f=lqip&fit=cover", "fit"),
        ("f=lqip&blur=0", "blur"),
        ("f=json&dpr=2", "dpr"),
        ("f=thumbhash&bg=fff", "bg"),
        ("f=thumbhash&frame=0", "frame"),
        ("f=thumbhash&g=smart", "g"),
        ("f=json&preset=card", "f"),
        ("f=json&f=lqip", "f"),
        ("f=BlurHash", "f"),
        ("f=lqip&w=none", "w"),
    ] {
        let error = parse("photos/a.jpg", query, None).unwrap_err();
        assert_eq!(error.parameter, parameter, "{query}: {error}");
    }
}

#[test]
fn version_and_download_are_kept_beside_the_picture() {
    let request = parse("photos/a.jpg", "w=9&v=abc&download=my%20cat.jpg", None).unwrap();
    assert_eq!(request.version.as_deref(), Some("abc"));
    assert_eq!(request.download, Some(Download(Some("my cat.jpg".to_owned()))));
    let request = parse("photos/a.jpg", "v=&download", None).unwrap();
    assert_eq!((request.version, request.download), (None, Some(Download(None))));
}

fn transforms() -> impl Strategy<Value = Transform> {
    let side = || proptest::option::of(1..=MAX_SIDE);
    let fit = prop_oneof![Just(Fit::Cover), Just(Fit::Contain), Just(Fit::Fill), Just(Fit::Outside)];
    let gravity = prop_oneof![
        (0usize..Gravity::WORDS.len()).prop_map(|index| Gravity::WORDS[index].0),
        (0u8..=100, 0u8..=100).prop_map(|(x, y)| Gravity::Focal { x, y }),
    ];
    let background = proptest::option::of(any::<[u8; 3]>().prop_map(Rgb));
    let frames = prop_oneof![Just(Frames::All), Just(Frames::First)];
    (side(), side(), fit, gravity, 1u8..=100, 0u8..=200, background, frames).prop_map(
        |(width, height, fit, gravity, quality, blur, background, frames)| Transform {
            width,
            height,
            fit,
            gravity,
            quality: Quality::new(quality).unwrap(),
            blur: Blur(blur),
            background,
            frames,
        },
    )
}

proptest! {
    #[test]
    fn a_transform_survives_its_canonical_query(transform in transforms()) {
        let query = transform.to_query();
        prop_assert_eq!(variant(&query).0, transform);
        prop_assert_eq!(variant(&query).0.to_query(), query);
    }

    #[test]
    fn any_query_is_answered_without_panic(
        query in "\\PC*|((w|h|q|dpr|blur|g|bg|fit|f|preset|widht|%)=?(fp:)?[-+.,e0-9a-f%#]{0,9}&){0,5}",
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let raw: String = bytes.into_iter().map(char::from).collect();
        let _ = parse(&raw, &raw, Some(&raw));
        if let Ok(ImageRequest { want: Want::Variant { transform, .. }, preset: None, .. }) = parse("p/a", &query, None) {
            prop_assert_eq!(variant(&transform.to_query()).0, transform);
        }
    }
}

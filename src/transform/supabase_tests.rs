//! The Supabase dialect, row by row.

use proptest::prelude::*;

use super::*;

fn variant(query: &str) -> (Transform, FormatRequest) {
    match parse_render("photos/a.jpg", query, None, 8192).map(|request| request.want) {
        Ok(Want::Variant { transform, format }) => (transform, format),
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn transformations_header_is_in_the_order_clients_rely_on() {
    for (query, expected, why) in [
        ("", None, "nothing was asked"),
        ("width=200&height=200&quality=60", Some("height:200,width:200,resizing_type:fill,quality:60"), "example"),
        ("width=100", Some("width:100,resizing_type:fill"), "cover is the default"),
        ("height=9&resize=contain", Some("height:9,resizing_type:fit"), "contain is fit"),
        ("width=9&resize=fill", Some("width:9,resizing_type:force"), "fill is force"),
        ("resize=fill", None, "no type without a side"),
        ("quality=80", Some("quality:80"), "quality as given, though it is the default"),
        ("width=0&height=0", None, "0 is unset"),
        ("width=9&format=origin", Some("width:9,resizing_type:fill"), "origin is not listed"),
        ("format=webp&width=9", Some("width:9,resizing_type:fill,format:webp"), "format after quality"),
        ("width=99999", Some("width:8192,resizing_type:fill"), "the clamped value"),
        ("width=1e300", Some("width:8192,resizing_type:fill"), "clamped from any size"),
        ("gravity=noea", Some("gravity:noea"), "gravity comes last"),
        ("gravity=fp&x_offset=0.25&y_offset=1", Some("gravity:fp:0.25:1"), "focal point"),
        ("gravity=no&y_offset=-4.5", Some("gravity:no:0:-4.5"), "a missing offset is 0 beside the other"),
        ("gravity=sm&x_offset=1", Some("gravity:sm"), "smart takes no offsets"),
        ("width=7&cacheNonce=1&t=2&dpr=3", Some("width:7,resizing_type:fill"), "unknown names are ignored"),
    ] {
        let request = parse_render("photos/a.jpg", query, None, 8192).unwrap();
        assert_eq!(request.x_transformations.as_deref(), expected, "{query}: {why}");
    }
}

#[test]
fn refusals_are_the_validators_sentences() {
    for (query, expected) in [
        ("width=-1", "querystring/width must be >= 0"),
        ("height=-1&width=-1", "querystring/height must be >= 0"),
        ("width=abc", "querystring/width must be integer"),
        ("width=", "querystring/width must be integer"),
        ("width=1.5", "querystring/width must be integer"),
        ("width=NaN", "querystring/width must be integer"),
        ("width=Infinity", "querystring/width must be integer"),
        ("width=1&width=1", "querystring/width must be integer"),
        ("quality=19", "querystring/quality must be >= 20"),
        ("quality=0", "querystring/quality must be >= 20"),
        ("quality=101", "querystring/quality must be <= 100"),
        ("resize=inside", "querystring/resize must be equal to one of the allowed values"),
        ("resize=cover&resize=cover", "querystring/resize must be string"),
        ("format=heic", "querystring/format must be equal to one of the allowed values"),
        ("format=jpeg", "querystring/format must be equal to one of the allowed values"),
        ("gravity=north", "querystring/gravity must be equal to one of the allowed values"),
        ("gravity=fp&y_offset=1", "querystring must have required property 'x_offset'"),
        ("gravity=fp&x_offset=1", "querystring must have required property 'y_offset'"),
        ("gravity=fp&x_offset=1.1&y_offset=0", "querystring/x_offset must be <= 1"),
        ("gravity=fp&x_offset=0&y_offset=-0.1", "querystring/y_offset must be >= 0"),
        ("x_offset=a", "querystring/x_offset must be number"),
        ("download=a&download=b", "querystring/download must be string"),
    ] {
        let refusal = parse_render("photos/a.jpg", query, None, 8192).unwrap_err();
        assert_eq!(refusal.to_string(), expected, "{query}");
        assert_eq!(refusal.code(), Code::BadParameter);
    }
}

#[test]
fn numbers_are_coerced_as_the_validator_does() {
    for (query, expected) in [("width=%2012%20", 12), ("width=12.0", 12), ("width=1e2", 100), ("width=0012", 12)] {
        assert_eq!(variant(query).0.width, Some(expected), "{query}");
    }
}

#[test]
fn a_request_without_parameters_is_a_natural_variant_of_quality_80() {
    let (transform, format) = variant("");
    assert_eq!(transform, Transform { quality: Quality::SUPABASE, ..Transform::NATURAL });
    assert_eq!(format, FormatRequest::Negotiated { avif: false, webp: false, otherwise: Otherwise::SourceType });
}

#[test]
fn only_an_open_format_varies() {
    for (query, varies, format) in [
        ("", true, FormatRequest::Negotiated { avif: false, webp: true, otherwise: Otherwise::SourceType }),
        ("format=origin", false, FormatRequest::ORIGIN),
        ("format=webp", false, FormatRequest::Named(Format::WebP)),
        ("format=avif", false, FormatRequest::Named(Format::Avif)),
    ] {
        let request = parse_render("photos/a.jpg", query, Some("image/webp"), 8192).unwrap();
        assert_eq!(request.varies_by_accept, varies, "{query}");
        assert!(matches!(request.want, Want::Variant { format: found, .. } if found == format), "{query}");
    }
}

#[test]
fn objects_take_download_alone() {
    for (query, expected) in [
        ("", None),
        ("download", Some(Download(None))),
        ("download=", Some(Download(None))),
        ("download=a%20b.png&width=-1", Some(Download(Some("a b.png".to_owned())))),
    ] {
        let request = parse_object("photos/a.jpg", query).unwrap();
        assert_eq!((request.want, request.download), (Want::Original, expected), "{query}");
    }
}

#[test]
fn impossible_names_are_missing_buckets_and_invalid_keys() {
    assert_eq!(parse_object("~remote/a", ""), Err(SupabaseRefusal::Bucket));
    let refusal = parse_render("photos/%2e%2e/a", "", None, 8192).unwrap_err();
    assert_eq!(refusal.to_string(), "Invalid key: %2e%2e/a");
}

proptest! {
    #[test]
    fn any_query_is_answered_without_panic(query in "\\PC*|((width|height|quality|x_offset|gravity)=[-+.e0-9fp]{0,9}&){0,5}") {
        if let Ok(request) = parse_render("photos/a.jpg", &query, None, 8192) {
            let Want::Variant { transform, .. } = request.want else { panic!() };
            let in_range = |side: Option<u32>| side.is_none_or(|side| (1..=8192).contains(&side));
            prop_assert!(in_range(transform.width) && in_range(transform.height));
        }
    }
}

//! Next's validation, row by row.

use proptest::prelude::*;

use super::*;
use crate::transform::{LocalPattern, NextFormat, NextSettings, OwnOrigins, RemotePattern};

fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

fn remote(hostname: &str) -> RemotePattern {
    RemotePattern { protocol: None, hostname: hostname.to_owned(), port: None, pathname: None, search: None }
}

fn own() -> OwnOrigins {
    let url = |text: &str| Url::parse(text).unwrap();
    OwnOrigins::new(&[url("http://127.0.0.1:8787")], &[(url("https://origin.test/pictures"), bucket("fronted"))])
}

fn rules() -> NextRules {
    let local = vec![
        ("/static".to_owned(), LocalTarget::Bucket(bucket("assets"))),
        ("/app".to_owned(), LocalTarget::Origin(BucketName::local_origin(0))),
    ];
    let settings = NextSettings { remote_patterns: vec![remote("*.example.com")], local, ..NextSettings::default() };
    NextRules::compile(&settings, own()).unwrap()
}

fn with_url(url: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs([("url", url), ("w", "640"), ("q", "75")]).finish()
}

fn message(query: &str) -> String {
    parse(query, None, &rules()).map_or_else(|refusal| refusal.to_string(), |request| format!("{:?}", request.target))
}

#[test]
fn refusals_come_in_nexts_order_with_nexts_texts() {
    let long = format!("url=/photos/{}", "a".repeat(3072));
    for (query, expected, why) in [
        ("", r#""url" parameter is required"#, "nothing"),
        ("url=&w=640&q=75", r#""url" parameter is required"#, "an empty url is missing"),
        ("w=1&q=1", r#""url" parameter is required"#, "url before w and q"),
        ("url=/a/b&url=/a/b", r#""url" parameter cannot be an array"#, "two urls"),
        ("url=&url=", r#""url" parameter cannot be an array"#, "two empty urls are an array all the same"),
        (&long, r#""url" parameter is too long"#, "3,080 characters"),
        ("url=//evil.test/a", r#""url" parameter cannot be a protocol-relative URL (//)"#, "protocol-relative"),
        ("url=%2F%2Fevil.test", r#""url" parameter cannot be a protocol-relative URL (//)"#, "the same, encoded"),
        ("url=/_next/image?url=x", r#""url" parameter cannot be recursive"#, "recursive before w is looked at"),
        ("url=photos/a.jpg", r#""url" parameter is invalid"#, "neither local nor absolute"),
        ("url=ftp://a.example.com/x", r#""url" parameter is invalid"#, "another protocol"),
        ("url=data:image/png,x", r#""url" parameter is invalid"#, "data URL"),
        ("url=http://", r#""url" parameter is invalid"#, "no host"),
        ("url=http://evil.test/a", r#""url" parameter is not allowed"#, "not listed"),
        ("url=http://u:p@a.example.com/a", r#""url" parameter is not allowed"#, "with credentials"),
        ("url=/photos/a", r#""w" parameter (width) is required"#, "no w"),
        ("url=/photos/a&w=&q=75", r#""w" parameter (width) is required"#, "an empty w is missing"),
        ("url=/photos/a&w=1&w=1", r#""w" parameter (width) cannot be an array"#, "two w"),
        ("url=/photos/a&w=1.5", r#""w" parameter (width) must be an integer greater than 0"#, "a fraction, before q"),
        ("url=/photos/a&w=-1&q=75", r#""w" parameter (width) must be an integer greater than 0"#, "a sign"),
        ("url=/photos/a&w=0", r#""q" parameter (quality) is required"#, "w=0 is digits: q is looked at first"),
        ("url=/photos/a&w=640", r#""q" parameter (quality) is required"#, "no q"),
        ("url=/photos/a&w=640&q=", r#""q" parameter (quality) is required"#, "an empty q is missing"),
        ("url=/photos/a&w=0&q=1&q=1", r#""q" parameter (quality) cannot be an array"#, "two q"),
        ("url=/photos/a&w=0&q=x", r#""q" parameter (quality) must be an integer between 1 and 100"#, "no digits"),
        ("url=/photos/a&w=0&q=0", r#""w" parameter (width) must be an integer greater than 0"#, "w=0 before q's range"),
        ("url=/photos/a&w=00&q=75", r#""w" parameter (width) must be an integer greater than 0"#, "zero by any name"),
        ("url=/photos/a&w=641&q=0", r#""w" parameter (width) of 641 is not allowed"#, "w's list before q's range"),
        ("url=/photos/a&w=0641&q=75", r#""w" parameter (width) of 641 is not allowed"#, "printed as parsed"),
        (
            "url=/photos/a&w=9999999999999999999999&q=75",
            r#""w" parameter (width) of 1e+22 is not allowed"#,
            "printed as JavaScript prints it",
        ),
        ("url=/photos/a&w=640&q=0", r#""q" parameter (quality) must be an integer between 1 and 100"#, "q of 0"),
        ("url=/photos/a&w=640&q=101", r#""q" parameter (quality) must be an integer between 1 and 100"#, "q of 101"),
        ("url=/photos/a&w=640&q=080", r#""q" parameter (quality) of 080 is not allowed"#, "printed as given"),
        ("url=/nothing&w=641&q=75", r#""w" parameter (width) of 641 is not allowed"#, "existence comes last"),
        (
            "url=/nothing&w=640&q=75",
            r#""url" parameter is valid but internal response is invalid"#,
            "a path that names no object",
        ),
        ("url=/photos/a.jpg&w=0640&q=075&dpl=x", "Object { bucket: \"photos\", key: \"a.jpg\" }", "numbers count"),
    ] {
        assert_eq!(message(query), expected, "{query}: {why}");
    }
}

#[test]
fn width_beyond_every_number_prints_as_infinity() {
    let query = format!("url=/photos/a&w={}&q=75", "9".repeat(400));
    assert_eq!(message(&query), r#""w" parameter (width) of Infinity is not allowed"#);
}

#[test]
fn url_length_is_counted_in_utf16_units() {
    let fitting = format!("/photos/{}", "a".repeat(1000));
    assert!(message(&with_url(&fitting)).starts_with("Object"));
    // A clef is two units: 8 + 2 × 1532 = 3072.
    let full = format!("/photos/{}", "𝄞".repeat(1532));
    assert_eq!(message(&with_url(&full)), r#""url" parameter is valid but internal response is invalid"#);
    assert_eq!(message(&with_url(&format!("{full}a"))), r#""url" parameter is too long"#);
}

#[test]
fn recursion_is_seen_in_every_spelling() {
    for url in [
        "/_next/image",
        "/_next/image/",
        "/_next/image?url=%2Fphotos%2Fa.jpg&w=640&q=75",
        "/%5Fnext/image",
        "/_next%2Fimage",
        "/%2F_next%2Fimage",
        "/x/_next/image/y",
        "/x/../_next/image",
        "/x/%2e%2e/_next/image",
        "/./_next/image#x",
        "http://127.0.0.1:8787/_next/image?url=%2Fphotos%2Fa.jpg",
        "http://127.0.0.1:8787/%5fnext%2fimage",
        "http://a@127.0.0.1:8787/x/../_next/image",
    ] {
        assert_eq!(message(&with_url(url)), r#""url" parameter cannot be recursive"#, "{url}");
    }
    assert!(message(&with_url("/_next/images/a.jpg")).starts_with("Object"), "a longer name is not recursive");
}

#[test]
fn hostile_local_urls_are_not_allowed() {
    for url in [
        "/\\evil.test/a",
        "/photos\\a",
        "/photos/%5ca",
        "/photos/../secret/a",
        "/photos/%2e%2e/a",
        "/photos/.%2E/a",
        "/photos/%2e%2e%2fa",
        "/photos/./a",
        "/photos/a\0",
        "/photos/a%00",
        "/\t/evil.test/a",
        "/\n/evil.test/a",
        "/photos/a%0a",
        "http://127.0.0.1:8787//evil.test/a",
    ] {
        assert_eq!(message(&with_url(url)), r#""url" parameter is not allowed"#, "{url:?}");
    }
}

#[test]
fn legal_urls_name_one_object() {
    for (url, expected, why) in [
        ("/photos/a.jpg", "photos a.jpg", "bucket and object"),
        ("/photos/x/a%20b.jpg?v=2#top", "photos x/a b.jpg", "decoded once; query and fragment ignored"),
        ("/photos/%252e%252e/a", "photos %2e%2e/a", "no second decoding"),
        ("/photos/ü.jpg", "photos ü.jpg", "beyond ASCII"),
        ("/static/x/a.jpg?v=1", "assets x/a.jpg", "a prefix that stands for a bucket"),
        ("/statics/a.jpg", "statics a.jpg", "a prefix ends at a segment"),
        ("/app/og%20x?title=a/b", "~local0 og%20x?title=a%2Fb", "an origin's key is URL text with its query"),
        ("/image/x/a.jpg", "image x/a.jpg", "a bucket may be called as our route is"),
        ("http://127.0.0.1:8787/image/photos/a.jpg", "photos a.jpg", "our own route, absolutely"),
        ("http://127.0.0.1:8787/static/a.jpg", "assets a.jpg", "our own local URL, absolutely"),
        ("https://origin.test/pictures/a.jpg?x=1", "fronted a.jpg", "a fronted bucket needs no pattern"),
        ("https://a.example.com/b?c#d", "remote https://a.example.com/b?c#d", "a listed stranger"),
    ] {
        let found = match parse(&with_url(url), None, &rules()).unwrap().target {
            Target::Object { bucket, key } => format!("{bucket} {key}"),
            Target::Remote(url) => format!("remote {url}"),
        };
        assert_eq!(found, expected, "{url}: {why}");
    }
}

#[test]
fn what_cannot_be_there_is_missing_on_its_own_side() {
    for (url, side) in [
        ("/", "internal"),
        ("/photos", "internal"),
        ("/photos/", "internal"),
        ("/static/", "internal"),
        ("/.git/config", "internal"),
        ("https://origin.test/pictures/", "upstream"),
        ("http://127.0.0.1:8787/", "upstream"),
        ("http://127.0.0.1:8787/image/.git/a", "upstream"),
    ] {
        let refusal = parse(&with_url(url), None, &rules()).unwrap_err();
        assert_eq!(refusal.to_string(), format!(r#""url" parameter is valid but {side} response is invalid"#), "{url}");
        assert_eq!(refusal.code(), Code::Missing);
    }
}

#[test]
fn local_patterns_judge_path_and_query() {
    let patterns = vec![LocalPattern { pathname: Some("/photos/**".to_owned()), search: Some(String::new()) }];
    let settings = NextSettings { local_patterns: Some(patterns), ..NextSettings::default() };
    let rules = NextRules::compile(&settings, own()).unwrap();
    for (url, allowed) in [
        ("/photos/a.jpg", true),
        ("/photos/a.jpg?v=1", false),
        ("/other/a.jpg", false),
        ("http://127.0.0.1:8787/other/a.jpg", false),
        ("http://127.0.0.1:8787/image/other/a.jpg", true),
    ] {
        assert_eq!(parse(&with_url(url), None, &rules).is_ok(), allowed, "{url}");
    }
}

#[test]
fn webp_is_chosen_if_named_and_listed() {
    let without = NextRules::compile(&NextSettings { formats: vec![], ..NextSettings::default() }, own()).unwrap();
    for (rules, accept, expected) in [
        (&rules(), Some("image/webp,*/*"), true),
        (&rules(), Some("*/*"), false),
        (&rules(), Some("image/webp;q=0,*/*"), false),
        (&rules(), None, false),
        (&without, Some("image/webp"), false),
    ] {
        let request = parse(&with_url("/photos/a.jpg"), accept, rules).unwrap();
        let Want::Variant { transform, format } = request.want else { panic!() };
        assert_eq!(
            format,
            FormatRequest::Negotiated { avif: false, webp: expected, otherwise: Otherwise::SourceType },
            "{accept:?}"
        );
        assert_eq!((transform.width, transform.height, transform.quality), (Some(640), None, Quality::DEFAULT));
        assert!(request.varies_by_accept);
    }
}

#[test]
fn avif_is_chosen_if_listed_and_by_the_order_of_the_list() {
    use NextFormat::{Avif, WebP};
    let accept = Some("image/avif,image/webp,*/*");
    for (formats, avif, webp) in [
        (vec![WebP], false, true),
        (vec![Avif, WebP], true, true),
        (vec![WebP, Avif], false, true),
        (vec![Avif], true, false),
    ] {
        let settings = NextSettings { formats: formats.clone(), ..NextSettings::default() };
        let rules = NextRules::compile(&settings, own()).unwrap();
        let Want::Variant { format, .. } = parse(&with_url("/photos/a.jpg"), accept, &rules).unwrap().want else {
            panic!()
        };
        assert_eq!(format, FormatRequest::Negotiated { avif, webp, otherwise: Otherwise::SourceType }, "{formats:?}");
    }
}

proptest! {
    #[test]
    fn any_query_is_answered_without_panic(query in "\\PC*|url=(/|http:|%[0-9a-f]{2}|[a-z.@:\\\\?#_]){0,40}&w=640&q=75") {
        let _ = parse(&query, Some("image/webp"), &rules());
    }

    #[test]
    fn no_local_url_leaves_its_bucket(tail in "([a-z./\\\\]|%2e|%2f|%5c|%00|%25){0,30}") {
        if let Ok(ImageRequest { target: Target::Object { key, .. }, .. }) = parse(&with_url(&format!("/photos/{tail}")), None, &rules()) {
            prop_assert!(key.as_str().split('/').all(|segment| !matches!(segment, "" | "." | "..")));
        }
    }
}

//! The Supabase and Next dialects over a socket; one picture is one variant in all three.

use crate::support::origin::{Origin, Reply};
use crate::support::{Setup, fixture};

fn next(url: &str, width: u32) -> String {
    let url: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
    format!("/_next/image?url={url}&w={width}&q=75")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_picture_in_every_dialect_is_one_variant() {
    let server = Setup::new().photos().start().await;
    let native = server.get_webp("/image/photos/coffee-cup.png?w=128").await.expect(200);
    let paths = [
        "/storage/v1/render/image/public/photos/coffee-cup.png?width=128&quality=75".to_owned(),
        next("/photos/coffee-cup.png", 128),
        next(&server.url("/image/photos/coffee-cup.png"), 128),
        next(&server.url("/storage/v1/object/public/photos/coffee-cup.png"), 128),
        "/image/photos/coffee-cup.png?width=64&dpr=2".to_owned(),
    ];
    for path in paths {
        let answer = server.get_webp(&path).await.expect(200);
        assert!(answer.is_hit(), "{path}: {}", answer.header("cache-status"));
        assert_eq!(answer.body, native.body, "{path}");
        assert_eq!(answer.header("etag"), native.header("etag"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supabase_width_alone_scales_and_never_crops() {
    let server = Setup::new().photos().start().await;
    let base = "/storage/v1/render/image/public/photos/coffee-cup.png";
    for (query, size) in [
        ("width=300", (300, 200)),
        ("height=100", (150, 100)),
        ("width=100&height=100", (100, 100)),
        ("width=100&height=100&resize=contain", (100, 67)),
        ("width=100&height=100&resize=fill", (100, 100)),
        ("width=9000", (600, 400)),
        ("width=0&height=100", (150, 100)),
    ] {
        assert_eq!(server.get(&format!("{base}?{query}")).await.expect(200).size(), size, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn supabase_answers_with_its_headers_and_envelopes() {
    let server = Setup::new()
        .photos()
        .with("BUCKETS__SECRET__URL", "http://127.0.0.1:1/")
        .with("BUCKETS__SECRET__ACCESS", "private")
        .start()
        .await;
    let base = "/storage/v1/render/image/public/photos/coffee-cup.png";
    let answer = server.get(&format!("{base}?height=200&width=200&quality=60")).await.expect(200);
    assert_eq!(answer.header("x-transformations"), "height:200,width:200,resizing_type:fill,quality:60");
    assert_eq!(answer.header("x-robots-tag"), "none");
    assert_eq!(answer.header("content-type"), "image/png", "the source's type where WebP is not accepted");
    let rows = [
        (format!("{base}?width=-1"), "400", "Error", "querystring/width must be >= 0"),
        (format!("{base}?quality=10"), "400", "Error", "querystring/quality must be >= 20"),
        ("/storage/v1/render/image/public/photos/none.png?width=9".to_owned(), "404", "not_found", "Object not found"),
        ("/storage/v1/object/public/photos/none.png".to_owned(), "404", "not_found", "Object not found"),
        ("/storage/v1/object/public/nobucket/a.png".to_owned(), "404", "Bucket not found", "Bucket not found"),
        ("/storage/v1/object/public/secret/a.png".to_owned(), "404", "Bucket not found", "Bucket not found"),
    ];
    for (path, status_code, error, message) in rows {
        let answer = server.get(&path).await.expect(400);
        let body = answer.json();
        assert_eq!(body["statusCode"], status_code, "{path}");
        assert_eq!((body["error"].as_str(), body["message"].as_str()), (Some(error), Some(message)), "{path}");
        assert!(body["code"].is_string());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

/// The order and the texts of next 16's own validation.
#[tokio::test(flavor = "multi_thread")]
async fn next_validates_in_its_own_order_with_its_own_texts() {
    let server = Setup::new()
        .photos()
        .with("NEXT__REMOTE_PATTERNS", "[{ hostname = 'images.example' }]")
        .with("NEXT__QUALITIES", "[50, 75]")
        .start()
        .await;
    let long = format!("url=/{}", "a".repeat(3072));
    let own = format!("url={}&w=640&q=75", server.url("/_next/image?url=x"));
    let rows: [(&str, &str); 26] = [
        ("", "\"url\" parameter is required"),
        ("url=&w=1&q=1", "\"url\" parameter is required"),
        ("w=0&q=0", "\"url\" parameter is required"),
        ("url=/a&url=/b", "\"url\" parameter cannot be an array"),
        (&long, "\"url\" parameter is too long"),
        ("url=//evil.example/a.png", "\"url\" parameter cannot be a protocol-relative URL (//)"),
        ("url=/_next/image?url=x", "\"url\" parameter cannot be recursive"),
        ("url=/_next%2Fimage", "\"url\" parameter cannot be recursive"),
        ("url=/%255fnext/image", "\"url\" parameter cannot be recursive"),
        (&own, "\"url\" parameter cannot be recursive"),
        ("url=nonsense", "\"url\" parameter is invalid"),
        ("url=ftp://images.example/a", "\"url\" parameter is invalid"),
        ("url=https://other.example/a", "\"url\" parameter is not allowed"),
        ("url=https://images.example.evil.example/a", "\"url\" parameter is not allowed"),
        ("url=https://images.example@evil.example/a", "\"url\" parameter is not allowed"),
        ("url=/photos/a", "\"w\" parameter (width) is required"),
        ("url=/photos/a&w=", "\"w\" parameter (width) is required"),
        ("url=/photos/a&w=1&w=2", "\"w\" parameter (width) cannot be an array"),
        ("url=/photos/a&w=1.5", "\"w\" parameter (width) must be an integer greater than 0"),
        ("url=/photos/a&w=640", "\"q\" parameter (quality) is required"),
        ("url=/photos/a&w=640&q=1&q=2", "\"q\" parameter (quality) cannot be an array"),
        ("url=/photos/a&w=640&q=x", "\"q\" parameter (quality) must be an integer between 1 and 100"),
        ("url=/photos/a&w=0&q=0", "\"w\" parameter (width) must be an integer greater than 0"),
        ("url=/photos/a&w=0641&q=0", "\"w\" parameter (width) of 641 is not allowed"),
        ("url=/photos/a&w=640&q=101", "\"q\" parameter (quality) must be an integer between 1 and 100"),
        ("url=/photos/a&w=640&q=074", "\"q\" parameter (quality) of 074 is not allowed"),
    ];
    for (query, text) in rows {
        let answer = server.get(&format!("/_next/image?{query}")).await.expect(400);
        assert_eq!(answer.text(), text, "{query}");
        assert_eq!(answer.header("vary"), "Accept", "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn next_answers_with_its_headers() {
    let server = Setup::new().photos().start().await;
    let answer = server.get_webp(&next("/photos/grace-hopper.jpg", 256)).await.expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=3600, must-revalidate");
    assert_eq!(answer.header("vary"), "Accept");
    assert_eq!(answer.header("x-nextjs-cache"), "MISS");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"grace-hopper.webp\"");
    assert_eq!(answer.header("content-security-policy"), "script-src 'none'; frame-src 'none'; sandbox;");
    assert_eq!(answer.header("accept-ranges"), "");
    let again = server.get_webp(&next("/photos/grace-hopper.jpg", 256)).await.expect(200);
    assert_eq!(again.header("x-nextjs-cache"), "HIT");
    let plain = server.get(&next("/photos/grace-hopper.jpg", 256)).await.expect(200);
    assert_eq!(plain.header("content-type"), "image/jpeg");
    assert_eq!(plain.header("content-disposition"), "attachment; filename=\"grace-hopper.jpeg\"");
    server.get_with(&next("/photos/grace-hopper.jpg", 256), &[("range", "bytes=0-3")]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn next_names_what_is_missing_on_which_side() {
    let origin = Origin::start();
    origin.serve("/gone.png", Reply::new(404, "no"));
    origin.serve("/teapot.png", Reply::new(418, "no"));
    origin.serve("/text.png", Reply::ok("image/png", "<!doctype html><p>not a picture"));
    let host = origin.address().to_string();
    let pattern = format!("[{{ hostname = '127.0.0.1', port = '{}' }}]", origin.address().port());
    let server =
        Setup::new().photos().with("NEXT__REMOTE_PATTERNS", &pattern).with("NEXT__INTERNAL_HOSTS", &host).start().await;
    let upstream = "\"url\" parameter is valid but upstream response is invalid";
    for (url, status, text) in [
        (origin.url("/gone.png"), 404, upstream),
        (origin.url("/teapot.png"), 418, upstream),
        (origin.url("/text.png"), 400, "The requested resource isn't a valid image."),
        ("/photos/none.png".to_owned(), 404, "\"url\" parameter is valid but internal response is invalid"),
        ("/nobucket/none.png".to_owned(), 404, "\"url\" parameter is valid but internal response is invalid"),
    ] {
        assert_eq!(server.get(&next(&url, 640)).await.expect(status).text(), text, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn next_passes_animations_and_icons_through_without_their_metadata() {
    let formats = crate::support::fixtures().join("formats");
    let server = Setup::new().bucket("formats", formats.to_str().unwrap()).start().await;
    for (name, content_type) in [
        ("animated.gif", "image/gif"),
        ("animated.png", "image/png"),
        ("animated.webp", "image/webp"),
        ("favicon.ico", "image/x-icon"),
    ] {
        let answer = server.get_webp(&next(&format!("/formats/{name}"), 640)).await.expect(200);
        assert_eq!(answer.header("content-type"), content_type, "{name}");
    }
    let stripped = server.get_webp(&next("/formats/animated-metadata.webp", 640)).await.expect(200);
    let original = fixture("formats/animated-metadata.webp");
    assert!(find(&original, b"EXIF") && !find(&stripped.body, b"EXIF") && !find(&stripped.body, b"XMP "));
    let svg = server.get_webp(&next("/formats/drawing.svg", 640)).await.expect(400);
    assert_eq!(svg.text(), "\"url\" parameter is valid but image type is not allowed");
}

fn find(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_source_is_an_error_unless_next_is_told_to_pass_it_on() {
    let hostile = crate::support::fixtures().join("hostile");
    let path = next("/hostile/422--truncated-half.jpg", 640);
    let ours = Setup::new().bucket("hostile", hostile.to_str().unwrap()).start().await;
    assert_eq!(ours.get(&path).await.expect(400).text(), "The requested resource isn't a valid image.");
    let theirs =
        Setup::new().bucket("hostile", hostile.to_str().unwrap()).with("NEXT__ON_CORRUPT", "original").start().await;
    assert_eq!(theirs.get(&path).await.expect(200).body, fixture("hostile/422--truncated-half.jpg"));
}

#[tokio::test(flavor = "multi_thread")]
async fn local_prefixes_lead_to_buckets_and_origins_the_longest_first() {
    let origin = Origin::start();
    origin.serve("/app/static/a%20b.png", Reply::ok("image/png", fixture("formats/truecolour.png")));
    let server = Setup::new()
        .photos()
        .with("NEXT__LOCAL", &format!("{{ '/' = '{}', '/media' = 'photos' }}", origin.url("/app/")))
        .start()
        .await;
    server.get(&next("/media/chelsea-the-cat.png", 64)).await.expect(200);
    server.get(&next("/static/a%20b.png", 64)).await.expect(200);
    assert_eq!(origin.hits("/app/static/a%20b.png"), 1);
    for traversal in ["/media/../x.png", "/static/%2e%2e/%2e%2e/secret", "/media/..%2fx", "/media/a%5c..%5cb"] {
        let status = server.get(&next(traversal, 64)).await.status.as_u16();
        assert!(matches!(status, 400 | 404), "{traversal}: {status}");
    }
    assert!(origin.seen().iter().all(|seen| seen.target.starts_with("/app/")), "{:?}", origin.seen());
}

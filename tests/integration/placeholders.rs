//! Placeholders are variants: made once of the decode that others share, kept, confirmed and purged like them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

use crate::support::origin::{Origin, Reply};
use crate::support::{Setup, files_below, fixture, fixtures, pixels};

const CUP: &str = "/image/photos/coffee-cup.png";
const FORMATS: [(&str, &str); 4] =
    [("blurhash", "text/plain"), ("thumbhash", "text/plain"), ("lqip", "image/webp"), ("json", "application/json")];

#[tokio::test(flavor = "multi_thread")]
async fn each_has_its_type_and_every_header_of_a_variant() {
    let server = Setup::new().photos().start().await;
    for (format, content_type) in FORMATS {
        let path = format!("{CUP}?f={format}");
        let first = server.get_webp(&path).await.expect(200);
        assert_eq!(first.header("content-type"), content_type);
        assert_eq!(first.header("cache-status"), "tintype; fwd=miss; stored", "{format}");
        assert_eq!(first.header("cache-control"), "public, max-age=3600");
        assert_eq!(first.header("x-content-type-options"), "nosniff");
        assert_eq!(first.header("access-control-allow-origin"), "*");
        assert_eq!(first.header("vary"), "", "{format} does not vary");
        assert_eq!(first.header("content-length"), first.body.len().to_string());
        let second = server.get(&path).await.expect(200);
        assert!(second.is_hit() && second.body == first.body, "{format}");
        let same = server.get_with(&path, &[("if-none-match", first.header("etag"))]).await.expect(304);
        assert!(same.body.is_empty(), "{format}");
        let head = server.send(Method::HEAD, &path, &[], None).await.expect(200);
        assert_eq!((head.header("etag"), head.body.len()), (first.header("etag"), 0), "{format}");
        let version = first.header("x-tintype-version");
        let dated = server.get(&format!("{path}&v={version}&download=it")).await.expect(200);
        assert!(dated.is_hit() && dated.header("cache-control").contains("immutable"), "{format}");
        assert!(dated.header("content-disposition").starts_with("attachment"), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_of_the_upright_original_and_holds_the_others() {
    let folder = fixtures().join("formats");
    let server = Setup::new().photos().bucket("formats", folder.to_str().unwrap()).start().await;
    for (picture, size, ratio) in [
        ("photos/coffee-cup.png", (600, 400), 1.5),
        ("formats/orientation-6.jpg", (240, 160), 1.5),
        ("formats/animated.gif", (240, 160), 1.5),
        ("formats/still.avif", (240, 160), 1.5),
        ("photos/avatar-robot.png", (1024, 1024), 1.0),
    ] {
        let get = async |format: &str| server.get(&format!("/image/{picture}?f={format}")).await.expect(200);
        let all = get("json").await.json();
        assert_eq!((&all["width"], &all["height"]), (&size.0.into(), &size.1.into()), "{picture}");
        assert_eq!(all["aspectRatio"].as_f64(), Some(ratio), "{picture}");
        assert_eq!(all["blurhash"], get("blurhash").await.text(), "{picture}");
        assert_eq!(all["thumbhash"], get("thumbhash").await.text(), "{picture}");
        let copy = get("lqip").await;
        assert_eq!(all["lqip"], format!("data:image/webp;base64,{}", STANDARD.encode(&copy.body)), "{picture}");
        let (width, height) = copy.size();
        assert!(width.max(height) == 20 && copy.body.len() < 600, "{picture}: {} bytes", copy.body.len());
        let color = all["color"].as_str().unwrap();
        let digits = color.strip_prefix('#').unwrap();
        assert!(digits.len() == 6 && u32::from_str_radix(digits, 16).is_ok(), "{picture}: {color}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_show_the_card_upright_with_its_alpha() {
    let folder = fixtures().join("formats");
    let server = Setup::new().bucket("formats", folder.to_str().unwrap()).start().await;
    for name in ["truecolour.png", "orientation-3.jpg", "orientation-6.webp", "animated.webp"] {
        let raster = pixels(&server.get(&format!("/image/formats/{name}?f=lqip")).await.expect(200).body);
        let at = |x: usize, y: usize| &raster.data()[(y * raster.width() as usize + x) * 3..][..3];
        let (left, right) = (at(0, 0), at(19, 0));
        assert!(left[0] > left[1] && left[0] > left[2], "{name}: red is top left, not {left:?}");
        assert!(right[1] > right[0] && right[1] > right[2], "{name}: green is top right, not {right:?}");
    }
    let soft = server.get("/image/formats/soft-edges.png?f=lqip").await.expect(200);
    assert!(!pixels(&soft.body).is_opaque());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_and_variants_of_one_cold_picture_are_one_upstream_get() {
    let origin = Origin::start();
    origin.serve("/cat.png", Reply::ok("image/png", fixture("photos/chelsea-the-cat.png")));
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let paths = ["f=json", "f=blurhash", "f=thumbhash", "f=lqip", "w=64", "w=128"];
    let all = paths.map(|query| format!("/image/web/cat.png?{query}"));
    futures_util::future::join_all(all.iter().map(async |path| server.get(path).await.expect(200))).await;
    assert_eq!(origin.hits("/cat.png"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_survive_a_restart_and_go_with_a_purge() {
    let setup = Setup::new().photos();
    let server = setup.start().await;
    let made = server.get(&format!("{CUP}?f=json")).await.expect(200);
    server.stop().await;
    let server = setup.start().await;
    let found = server.get(&format!("{CUP}?f=json")).await.expect(200);
    assert!(found.is_hit() && found.body == made.body && found.header("content-type") == "application/json");
    let kept = || {
        let files = files_below(&server.data().join("variants"));
        files.iter().filter(|path| path.to_string_lossy().ends_with("-placeholder.json")).count()
    };
    assert_eq!(kept(), 1);
    server.purge(r#"{"bucket":"photos","object":"coffee-cup.png"}"#).await.expect(200);
    assert_eq!(kept(), 0);
    assert!(!server.get(&format!("{CUP}?f=json")).await.expect(200).is_hit());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_object_has_another_placeholder() {
    let server = Setup::new().start().await;
    let authorization = format!("Bearer {}", crate::support::service_key());
    let put = async |file: &str| {
        let headers = [("authorization", authorization.as_str()), ("content-type", "image/png"), ("x-upsert", "true")];
        let path = "/storage/v1/object/kinkster-avatars/a.png";
        server.send_bytes(Method::POST, path, &headers, fixture(file)).await.expect(200);
    };
    let mut hashes = Vec::new();
    for file in ["photos/avatar-fox.png", "photos/avatar-owl.png"] {
        put(file).await;
        hashes.push(server.get("/image/kinkster-avatars/a.png?f=thumbhash").await.expect(200).text());
    }
    assert_ne!(hashes[0], hashes[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_placeholder_does_not_take_is_named() {
    let server = Setup::new().photos().start().await;
    for (query, parameter) in [("f=blurhash&w=64", "w"), ("f=json&q=50", "q"), ("format=lqip&height=9", "height")] {
        let answer = server.get(&format!("{CUP}?{query}")).await.expect(400);
        assert_eq!(answer.json()["parameter"], parameter, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_hold_for_placeholders() {
    let server = Setup::new()
        .photos()
        .with("BUCKETS__PHOTOS__TRANSFORMS", "presets")
        .with("BUCKETS__PHOTOS__PRESETS", "{ hash = 'f=blurhash' }")
        .start()
        .await;
    server.get(&format!("{CUP}?f=blurhash")).await.expect(403);
    let preset = server.get(&format!("{CUP}?preset=hash")).await.expect(200);
    assert_eq!((preset.header("content-type"), preset.body.len()), ("text/plain", 28));
    assert_eq!(preset.header("vary"), "");
}

/// Like every answer of one frame, they do not see what is wrong with the frames after it.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_pictures_are_answered_as_their_first_frame_is_in_any_format() {
    let folder = fixtures().join("hostile");
    let server = Setup::new().bucket("hostile", folder.to_str().unwrap()).start().await;
    let mut wrong = Vec::new();
    let mut refused = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let placeholder = server.get(&format!("/image/hostile/{name}?f=json")).await;
        let frame = server.get(&format!("/image/hostile/{name}?w=64&f=png&frame=0")).await;
        if placeholder.status != frame.status {
            wrong.push(format!("{name}: {}, not {}", placeholder.status, frame.status));
        } else if placeholder.status != 200 {
            refused += 1;
            assert!(name.starts_with(placeholder.status.as_str()), "{name}: {}", placeholder.text());
            assert_eq!(placeholder.json()["code"], frame.json()["code"], "{name}");
            assert_eq!(placeholder.header("cache-control"), "no-store", "{name}");
        }
    }
    assert!(wrong.is_empty() && refused > 50, "{refused} refused\n{}", wrong.join("\n"));
}

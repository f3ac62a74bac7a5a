//! Headers, conditions, ranges, HEAD and negotiation of picture answers.

use reqwest::Method;

use crate::support::{Setup, fixture};

const CAT: &str = "/image/photos/chelsea-the-cat.png";

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_is_made_once_and_then_a_hit_with_the_same_bytes() {
    let server = Setup::new().photos().start().await;
    let first = server.get_webp(&format!("{CAT}?w=128")).await.expect(200);
    assert_eq!(first.header("cache-status"), "tintype; fwd=miss; stored");
    assert_eq!(first.header("content-type"), "image/webp");
    assert_eq!(first.size(), (128, 85));
    let second = server.get_webp(&format!("{CAT}?w=128")).await.expect(200);
    assert_eq!(second.header("cache-status"), "tintype; hit");
    assert_eq!((first.body, first.headers["etag"].clone()), (second.body, second.headers["etag"].clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_of_the_contract() {
    let server = Setup::new().photos().start().await;
    let answer = server.get(&format!("{CAT}?w=64")).await.expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    assert_eq!(answer.header("vary"), "Accept");
    assert_eq!(answer.header("age"), "0");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("timing-allow-origin"), "*");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("content-security-policy").contains("sandbox"));
    assert!(answer.header("etag").starts_with('"') && answer.header("etag").ends_with('"'));
    assert!(httpdate::parse_http_date(answer.header("last-modified")).is_ok());
    assert!(answer.headers.get("set-cookie").is_none());
    let named = server.get(&format!("{CAT}?w=64&f=webp")).await.expect(200);
    assert_eq!(named.header("vary"), "", "a named format does not vary");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_format_follows_accept_with_its_weights() {
    let server = Setup::new().photos().start().await;
    let jpeg = "/image/photos/grace-hopper.jpg?w=64";
    let alpha = "/image/photos/avatar-robot.png?w=64";
    for (path, accept, expected) in [
        (jpeg, "image/webp", "image/webp"),
        (jpeg, "*/*", "image/jpeg"),
        (jpeg, "image/*", "image/jpeg"),
        (jpeg, "image/webp;q=0, */*", "image/jpeg"),
        (jpeg, "text/html, image/webp;q=0.1", "image/webp"),
        (alpha, "image/png", "image/png"),
        (alpha, "image/webp", "image/webp"),
    ] {
        let answer = server.get_with(path, &[("accept", accept)]).await.expect(200);
        assert_eq!(answer.header("content-type"), expected, "{path} for {accept}");
    }
    let flattened = server.get(&format!("{alpha}&bg=ff0000&f=jpeg")).await.expect(200);
    assert_eq!(flattened.header("content-type"), "image/jpeg");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_copy_is_answered_304_with_the_same_validators() {
    let server = Setup::new().photos().start().await;
    let path = format!("{CAT}?w=64");
    let full = server.get(&path).await.expect(200);
    let etag = full.header("etag").to_owned();
    for condition in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let answer = server.get_with(&path, &[("if-none-match", &condition)]).await.expect(304);
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(answer.header(name), full.header(name), "{name} for {condition}");
        }
        assert!(answer.body.is_empty());
    }
    server.get_with(&path, &[("if-none-match", "\"other\"")]).await.expect(200);
    let since = full.header("last-modified").to_owned();
    server.get_with(&path, &[("if-modified-since", &since)]).await.expect(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_work_on_variants_and_originals() {
    let server = Setup::new().photos().start().await;
    for path in [format!("{CAT}?w=64"), CAT.to_owned(), CAT.replace("/image/", "/storage/v1/object/public/")] {
        let full = server.get(&path).await.expect(200);
        let part = server.get_with(&path, &[("range", "bytes=10-19")]).await.expect(206);
        assert_eq!(part.body, full.body.slice(10..20), "{path}");
        assert_eq!(part.header("content-range"), format!("bytes 10-19/{}", full.body.len()));
        assert_eq!(part.header("content-length"), "10");
        let tail = server.get_with(&path, &[("range", "bytes=-5")]).await.expect(206);
        assert_eq!(tail.body, full.body.slice(full.body.len() - 5..));
        server.get_with(&path, &[("range", "bytes=99999999-")]).await.expect(416);
        let several = server.get_with(&path, &[("range", "bytes=0-1,5-6")]).await.expect(200);
        assert_eq!(several.body, full.body);
        let stale = [("range", "bytes=0-1"), ("if-range", "\"old\"")];
        assert_eq!(server.get_with(&path, &stale).await.expect(200).body, full.body);
        let current = [("range", "bytes=0-1"), ("if-range", full.header("etag"))];
        assert_eq!(server.get_with(&path, &current).await.expect(206).body.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_fills_like_get_and_names_the_true_length() {
    let server = Setup::new().photos().start().await;
    let path = format!("{CAT}?w=96");
    let head = server.send(Method::HEAD, &path, &[], None).await.expect(200);
    assert!(head.body.is_empty());
    let get = server.get(&path).await.expect(200);
    assert!(get.is_hit());
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("etag"), get.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_refused_and_preflights_answered() {
    let server = Setup::new().photos().start().await;
    let answer = server.send(Method::POST, CAT, &[], Some("{}")).await.expect(405);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    let preflight = server.send(Method::OPTIONS, CAT, &[("origin", "https://a.example")], None).await.expect(204);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
}

#[tokio::test(flavor = "multi_thread")]
async fn originals_come_as_they_are_and_download_names_are_safe() {
    let server = Setup::new().photos().start().await;
    let original = server.get(CAT).await.expect(200);
    assert_eq!(original.body, fixture("photos/chelsea-the-cat.png"));
    assert_eq!(original.header("content-type"), "image/png");
    let named = server.get(&format!("{CAT}?download=..%2F%0d%0aSet-Cookie:x.png")).await.expect(200);
    let disposition = named.header("content-disposition");
    assert!(disposition.starts_with("attachment; filename="), "{disposition}");
    assert!(!disposition.contains('/') && !disposition.contains(".."), "{disposition}");
    let bare = server.get(&format!("{CAT}?download")).await.expect(200);
    assert_eq!(bare.header("content-disposition"), "attachment;");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_version_is_immutable_and_a_wrong_one_is_not() {
    let server = Setup::new().photos().start().await;
    let version = server.get(&format!("{CAT}?w=64")).await.expect(200).header("x-tintype-version").to_owned();
    let right = server.get(&format!("{CAT}?w=64&v={version}")).await.expect(200);
    assert_eq!(right.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(right.is_hit(), "the version is no part of the key");
    let wrong = server.get(&format!("{CAT}?w=64&v=0000000000000000")).await.expect(200);
    assert_eq!(wrong.header("cache-control"), "public, max-age=3600");
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_busters_and_oversized_requests_share_one_variant() {
    let server = Setup::new().photos().start().await;
    let first = server.get(&format!("{CAT}?w=5000")).await.expect(200);
    assert_eq!(first.size(), (451, 300), "never enlarged");
    for path in [format!("{CAT}?w=5000&t=123"), format!("{CAT}?w=8000&_=x"), format!("{CAT}?q=75")] {
        let answer = server.get(&path).await.expect(200);
        assert!(answer.is_hit(), "{path}: {}", answer.header("cache-status"));
        assert_eq!(answer.body, first.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_timing_comes_on_request_only() {
    let server = Setup::new().photos().start().await;
    let path = format!("{CAT}?w=48&f=webp");
    let made = server.get(&format!("{path}&timing=1")).await.expect(200);
    for stage in ["fetch;dur=", "decode;dur=", "resize;dur=", "encode;dur="] {
        assert!(made.header("server-timing").contains(stage), "{}", made.header("server-timing"));
    }
    assert_eq!(server.get(&path).await.expect(200).header("server-timing"), "");
    let asked = server.get_with(&path, &[("x-tintype-timing", "1")]).await.expect(200);
    assert!(asked.header("server-timing").contains("cache;desc=hit"));
}

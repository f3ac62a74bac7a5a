//! Hits on the short way: the same answers as on the ordinary one, and never one that is no longer right.

mod framing;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use http_body_util::{BodyExt, Empty};
use reqwest::Method;
use serde_json::json;
use tintype::http::{Door, Plain};

use crate::support::{Running, Setup, eventually, fixture, service_key};
use wire::{Raw, Wire};

const FOX: &str = "/image/photos/avatar-fox.png?w=64";
const WEBP: &str = "image/avif,image/webp,image/*,*/*;q=0.8";
const PATHS: [&str; 7] = [
    FOX,
    "/image/photos/avatar-fox.png?w=64&f=png&download=a.png",
    "/image/photos/avatar-fox.png?f=lqip",
    "/storage/v1/render/image/public/photos/avatar-fox.png?width=64",
    "/storage/v1/object/public/photos/avatar-fox.png",
    "/storage/v1/object/public/photos/avatar-fox.png?download",
    "/_next/image?url=%2Fphotos%2Favatar-fox.png&w=64&q=75",
];

/// Long enough that a folder is not asked within a test.
fn photos() -> Setup {
    Setup::new().photos().with("CACHE__FOLDER_SECONDS", "3600")
}

fn get(path: &str, accept: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n{more}\r\n")
}

/// The last of some answers on one connection: it is remembered by then.
async fn again(wire: &mut Wire, request: &str) -> Raw {
    for _ in 0..3 {
        wire.ask(request).await;
    }
    wire.ask(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_again_is_what_the_ordinary_walk_gives_in_every_dialect() {
    let server = photos().start().await;
    let mut short = Wire::open(server.address).await;
    let mut ordinary = Wire::open(server.address).await;
    for path in PATHS {
        for accept in [WEBP, "image/png", "*/*"] {
            short.ask(&get(path, accept, "")).await;
            let expected = ordinary.ask(&get(path, accept, "Connection: keep-alive, x\r\nVia: 1.1 x\r\n")).await;
            let given = again(&mut short, &get(path, accept, "")).await;
            assert_eq!(given.status, 200, "{path}");
            assert_eq!(given.timeless(), expected.timeless(), "{path} {accept}");
            let etag = given.header("etag").to_owned();
            for tag in [etag.as_str(), &format!("\"x\", W/{etag}"), "*", "\"other\""] {
                let condition = format!("If-None-Match: {tag}\r\n");
                let expected = ordinary.ask(&get(path, accept, &format!("Via: 1.1 x\r\n{condition}"))).await;
                let given = again(&mut short, &get(path, accept, &condition)).await;
                assert_eq!(given.status, if tag == "\"other\"" { 200 } else { 304 }, "{path} {tag}");
                assert_eq!(given.timeless(), expected.timeless(), "{path} {tag}");
                // As browsers ask.
                let both = format!("{condition}If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
                assert_eq!(again(&mut short, &get(path, accept, &both)).await.timeless(), expected.timeless());
            }
            let head = get(path, accept, "").replacen("GET", "HEAD", 1);
            assert_eq!(short.ask(&head).await.timeless(), ordinary.ask(&head).await.timeless(), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_dates_and_timings_are_answered_beside_what_is_remembered() {
    let server = photos().start().await;
    let mut wire = Wire::open(server.address).await;
    let whole = again(&mut wire, &get(FOX, WEBP, "")).await;
    let part = wire.ask(&get(FOX, WEBP, "Range: bytes=0-9\r\n")).await;
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[..10]));
    let since = format!("If-Modified-Since: {}\r\n", whole.header("last-modified"));
    assert_eq!(wire.ask(&get(FOX, WEBP, &since)).await.status, 304);
    let timed = wire.ask(&get(FOX, WEBP, "X-Tintype-Timing: 1\r\n")).await;
    assert!(timed.header("server-timing").contains("cache;desc=hit"), "{timed:?}");
    assert_eq!(wire.ask(&get(FOX, WEBP, "Via: 1.1 tintype\r\n")).await.status, 508);
    assert_eq!(wire.ask(&get(FOX, WEBP, "")).await.timeless(), whole.timeless());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_depend_on_accept_are_never_mixed() {
    let server = photos().start().await;
    let (mut wire, mut ordinary) = (Wire::open(server.address).await, Wire::open(server.address).await);
    let lines = ["Accept: image/webp\r\n", "Accept: image/jpeg\r\n", "", "Accept: x/y\r\nAccept: image/webp\r\n"];
    let mut kinds = BTreeSet::new();
    for line in lines.iter().cycle().take(10 * lines.len()) {
        let request = |more: &str| format!("GET {FOX} HTTP/1.1\r\nHost: x\r\n{line}{more}\r\n");
        let expected = ordinary.ask(&request("Via: 1.1 x\r\n")).await;
        let answer = wire.ask(&request("")).await;
        let kind = answer.header("content-type").to_owned();
        assert_eq!((kind.as_str(), &answer.body), (expected.header("content-type"), &expected.body), "{line}");
        kinds.insert(kind);
    }
    assert!(kinds.len() > 1, "{kinds:?}");
}

#[tokio::test]
async fn a_hit_is_remembered_from_its_second_time_on_and_forgotten_by_a_purge() {
    let server = photos().start().await;
    let site = &server.app.service.site;
    let peer = server.address;
    let ask = async || {
        let request = http::Request::get(FOX).header("accept", WEBP).body(Empty::<bytes::Bytes>::new()).unwrap();
        let Ok(answer) = site.handle(request, peer, Door::Public).await;
        (answer.headers().clone(), answer.into_body().collect().await.unwrap().to_bytes())
    };
    let plain = Plain { target: FOX, accept: Some(WEBP), condition: None };
    let recall = || {
        let mut head = Vec::new();
        let again = site.recall(&plain, &mut head)?;
        Some((String::from_utf8(head).unwrap(), again.body().to_vec()))
    };
    for _ in 0..2 {
        ask().await;
        assert!(recall().is_none());
    }
    let (headers, body) = ask().await;
    let (head, again) = recall().unwrap();
    assert_eq!(again, body);
    for (name, value) in &headers {
        let line = format!("\r\n{name}: {}\r\n", value.to_str().unwrap());
        assert!(head.contains(&line), "{line} is missing from {head}");
    }
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("GMT\r\n\r\n"), "{head}");
    // What hyper is given is the same.
    assert_eq!(ask().await, (headers, body));
    let other = Plain { accept: None, ..plain };
    assert!(site.recall(&other, &mut Vec::new()).is_none());
    server.purge(r#"{"bucket":"photos","object":"coffee-cup.png"}"#).await.expect(200);
    server.purge(r#"{"bucket":"photos","object":"avatar-fox.png"}"#).await.expect(200);
    assert!(recall().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_counted() {
    let server = photos().start().await;
    let mut wire = Wire::open(server.address).await;
    let first = wire.ask(&get(FOX, WEBP, "")).await;
    let condition = format!("If-None-Match: {}\r\n", first.header("etag"));
    for _ in 0..50 {
        wire.ask(&get(FOX, WEBP, "")).await;
        wire.ask(&get(FOX, WEBP, &condition)).await;
    }
    let metrics = server.get("/metrics").await.expect(200).text();
    for line in [
        "tintype_requests_total{dialect=\"native\",status=\"200\",cache=\"miss\"} 1".to_owned(),
        "tintype_requests_total{dialect=\"native\",status=\"200\",cache=\"hit\"} 50".to_owned(),
        "tintype_requests_total{dialect=\"native\",status=\"304\",cache=\"hit\"} 50".to_owned(),
        format!("tintype_sent_bytes_total {}", 51 * first.body.len()),
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "{line} is missing from\n{metrics}");
    }
    let key = format!("Bearer {}", service_key());
    let most = server.get_with("/admin/objects/photos/requested", &[("authorization", &key)]).await.expect(200).json();
    assert_eq!((&most[0]["hits"], &most[0]["misses"]), (&json!(100), &json!(1)), "{most}");
}

/// Asks on many connections without a pause while something changes: whatever is asked for after that must be `right`.
async fn crowd(
    server: &Running,
    path: &'static str,
    change: impl AsyncFnOnce(),
    right: impl Fn(&Raw) -> bool + Send + Copy + 'static,
) {
    let (changed, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let asking: Vec<_> = (0..16)
        .map(|_| {
            let (changed, over, address) = (Arc::clone(&changed), Arc::clone(&over), server.address);
            tokio::spawn(async move {
                let mut wire = Wire::open(address).await;
                let (mut before, mut after) = (0, 0);
                while !over.load(Ordering::SeqCst) || after == 0 {
                    let is_changed = changed.load(Ordering::SeqCst);
                    let answer = wire.ask(&get(path, WEBP, "")).await;
                    assert!(!is_changed || right(&answer), "an old answer after the change: {answer:?}");
                    *if is_changed { &mut after } else { &mut before } += 1;
                }
                before
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    change().await;
    changed.store(true, Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    over.store(true, Ordering::SeqCst);
    for asked in asking {
        assert!(asked.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_old_byte_is_served_after_an_overwrite_a_removal_or_a_closed_bucket() {
    const PATH: &str = "/storage/v1/object/public/b/a.png";
    let server = Setup::new().start().await;
    let key = format!("Bearer {}", service_key());
    let call = async |method: Method, path: &str, kind: &str, body: Vec<u8>| {
        let headers = [("authorization", key.as_str()), ("content-type", kind), ("x-upsert", "true")];
        server.send_bytes(method, &format!("/storage/v1{path}"), &headers, body).await.expect(200);
    };
    let bucket = |public: bool| json!({"id": "b", "name": "b", "public": public}).to_string().into_bytes();
    call(Method::POST, "/bucket", "application/json", bucket(true)).await;
    let pictures = ["photos/avatar-fox.png", "photos/avatar-owl.png"].map(fixture);
    call(Method::POST, "/object/b/a.png", "image/png", pictures[0].clone()).await;
    for turn in 1..6 {
        let (picture, length) = (pictures[turn % 2].clone(), pictures[turn % 2].len());
        let overwrite = async || call(Method::POST, "/object/b/a.png", "image/png", picture).await;
        crowd(&server, PATH, overwrite, move |answer| answer.body.len() == length).await;
    }
    let close = async || call(Method::PUT, "/bucket/b", "application/json", bucket(false)).await;
    crowd(&server, PATH, close, |answer| answer.status == 400).await;
    call(Method::PUT, "/bucket/b", "application/json", bucket(true)).await;
    let remove = async || call(Method::DELETE, "/object/b/a.png", "application/json", b"{}".to_vec()).await;
    crowd(&server, PATH, remove, |answer| answer.status == 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_old_byte_is_served_after_a_purge_of_a_replaced_file() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = ["formats/truecolour.png", "formats/baseline.jpg"].map(fixture);
    let file = folder.path().join("a");
    std::fs::write(&file, &pictures[0]).unwrap();
    let setup = Setup::new().bucket("here", folder.path().to_str().unwrap()).with("CACHE__FOLDER_SECONDS", "3600");
    let server = setup.start().await;
    for (turn, scope) in
        ["\"all\":true", "\"bucket\":\"here\"", "\"bucket\":\"here\",\"prefix\":\"a\""].iter().enumerate()
    {
        let replace = async || {
            let (beside, picture) = (folder.path().join("beside"), &pictures[(turn + 1) % 2]);
            std::fs::write(&beside, picture).unwrap();
            std::fs::rename(&beside, &file).unwrap();
            server.purge(&format!("{{{scope}}}")).await.expect(200);
        };
        let first = pictures[(turn + 1) % 2][0];
        let path = "/storage/v1/object/public/here/a";
        crowd(&server, path, replace, move |answer| answer.body.first() == Some(&first)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_what_is_given_again_grows() {
    use crate::support::origin::{Origin, Reply};
    let origin = Origin::start();
    let reply = Reply::ok("image/png", fixture("formats/truecolour.png")).header("cache-control", "max-age=60");
    origin.serve("/a.png", reply);
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let began = SystemTime::now();
    eventually("the age is that of the answer", async || {
        let mut wire = Wire::open(server.address).await;
        let age: u64 = again(&mut wire, &get("/image/web/a.png?w=16", WEBP, "")).await.header("age").parse().unwrap();
        assert!(age <= began.elapsed().unwrap().as_secs());
        age >= 2
    })
    .await;
    assert_eq!(origin.hits("/a.png"), 1);
}

//! Writes pass through with the caller's own token, and end what was made of the old bytes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::json;

use crate::support::origin::Reply;
use crate::support::{eventually, fixture, service_key};

use super::{FOX, OWL, Pair, call_as, get_as, in_front_of_script, public_urls, put, user};

const PLACE: &str = "kinkster-avatars/ann/a.png";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overwritten_through_us_is_new_on_the_very_next_request() {
    let pair = Pair::start().await;
    let (fox, owl) = (fixture(FOX), fixture(OWL));
    put(&pair.front, PLACE, &user("ann"), fox).await.expect(200);
    let mut old = Vec::new();
    for url in public_urls(PLACE) {
        old.push(pair.front.get_webp(&url).await.expect(200).body);
    }
    let refused = put(&pair.front, PLACE, &user("bob"), owl.clone()).await.expect(400);
    assert_eq!(refused.json()["statusCode"], "403", "the upstream's policies decide");
    for (url, old) in public_urls(PLACE).iter().zip(&old) {
        let same = pair.front.get_webp(url).await.expect(200);
        assert!(same.is_hit() && same.body == *old, "a refused write ended what was kept: {url}");
    }
    put(&pair.front, PLACE, &user("ann"), owl).await.expect(200);
    for (url, old) in public_urls(PLACE).iter().zip(&old) {
        assert_ne!(pair.front.get_webp(url).await.expect(200).body, *old, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_copies_removals_and_signed_uploads_end_what_was_kept() {
    let pair = Pair::start().await;
    let ann = user("ann");
    let url = |key: &str| format!("/image/kinkster-avatars/ann/{key}?w=64");
    put(&pair.front, PLACE, &ann, fixture(FOX)).await.expect(200);
    pair.front.get_webp(&url("a.png")).await.expect(200);
    pair.front.get_webp(&url("b.png")).await.expect(404);
    let ends = |from: &str, to: &str| json!({"bucketId": "kinkster-avatars", "sourceKey": from, "destinationKey": to});
    let moved = ends("ann/a.png", "ann/b.png");
    call_as(&pair.front, Method::POST, "/storage/v1/object/move", &ann, &moved).await.expect(200);
    pair.front.get_webp(&url("a.png")).await.expect(404);
    pair.front.get_webp(&url("b.png")).await.expect(200);
    let copied = ends("ann/b.png", "ann/a.png");
    call_as(&pair.front, Method::POST, "/storage/v1/object/copy", &ann, &copied).await.expect(200);
    pair.front.get_webp(&url("a.png")).await.expect(200);
    let sign = "/storage/v1/object/upload/sign/kinkster-avatars/ann/c.png";
    pair.front.get_webp(&url("c.png")).await.expect(404);
    let link = call_as(&pair.front, Method::POST, sign, &ann, &json!({})).await.expect(200).json();
    let link = format!("/storage/v1{}", link["url"].as_str().unwrap());
    let headers = [("content-type", "image/png")];
    pair.front.send_bytes(Method::PUT, &link, &headers, fixture(OWL)).await.expect(200);
    pair.front.get_webp(&url("c.png")).await.expect(200);
    let removed = json!({"prefixes": ["ann/a.png", "ann/b.png"]});
    let path = "/storage/v1/object/kinkster-avatars";
    let answer = call_as(&pair.front, Method::DELETE, path, &ann, &removed).await.expect(200).json();
    assert_eq!(answer.as_array().unwrap().len(), 2);
    pair.front.get_webp(&url("a.png")).await.expect(404);
    pair.front.get_webp(&url("b.png")).await.expect(404);
    call_as(&pair.front, Method::DELETE, &format!("{path}/ann/c.png"), &ann, &json!({})).await.expect(200);
    pair.front.get_webp(&url("c.png")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_becomes_private_through_us_is_so_on_the_next_request() {
    let pair = Pair::start().await;
    pair.put_behind(PLACE, FOX).await;
    for url in public_urls(PLACE) {
        pair.front.get_webp(&url).await.expect(200);
    }
    let path = "/storage/v1/bucket/kinkster-avatars";
    call_as(&pair.front, Method::PUT, path, &service_key(), &json!({"public": false})).await.expect(200);
    for url in public_urls(PLACE) {
        assert_ne!(pair.front.get_webp(&url).await.status, 200, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_the_storage_api_is_the_upstreams() {
    let pair = Pair::start().await;
    let service = service_key();
    let made = json!({"id": "docs", "name": "docs", "public": true});
    call_as(&pair.front, Method::POST, "/storage/v1/bucket", &service, &made).await.expect(200);
    let listed = get_as(&pair.front, "/storage/v1/bucket", &service).await.expect(200).json();
    assert!(listed.as_array().unwrap().iter().any(|bucket| bucket["id"] == "docs"));
    let text = [("authorization", format!("Bearer {service}")), ("content-type", "text/plain".to_owned())];
    let text: Vec<_> = text.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pair.front
        .send_bytes(Method::POST, "/storage/v1/object/docs/a%20b.txt", &text, b"hello".to_vec())
        .await
        .expect(200);
    let info = get_as(&pair.front, "/storage/v1/object/info/docs/a%20b.txt", &service).await.expect(200).json();
    assert_eq!((info["name"].as_str(), info["size"].as_u64()), (Some("a b.txt"), Some(5)));
    let path = "/storage/v1/object/list/docs";
    let listed = call_as(&pair.front, Method::POST, path, &service, &json!({"prefix": ""})).await.expect(200).json();
    assert_eq!(listed[0]["name"], "a b.txt");
    assert_eq!(get_as(&pair.front, "/storage/v1/object/docs/a%20b.txt", &service).await.expect(200).text(), "hello");
    assert_eq!(pair.front.get("/storage/v1/object/public/docs/a%20b.txt").await.expect(200).text(), "hello");
    let unknown = get_as(&pair.front, "/storage/v1/nothing", &service).await.expect(404).json();
    assert_eq!(unknown["message"], "Route GET:/storage/v1/nothing not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_in_pieces_end_what_was_kept_and_doubtful_writes_do_too() {
    let (origin, front) = in_front_of_script(&[]).await;
    let original = "/storage/v1/object/public/b/a.png";
    let serve = |file: &str, etag: &str| {
        let reply = Reply::ok("image/png", fixture(file)).header("etag", etag).header("cache-control", "max-age=3600");
        origin.serve_conditionally(original, reply);
    };
    let shown = async || front.get_webp("/image/b/a.png?w=64").await.expect(200).body;
    serve(FOX, "\"1\"");
    let fox = shown().await;
    serve(OWL, "\"2\"");
    assert_eq!(shown().await, fox, "the clock has not run out");
    let id = URL_SAFE_NO_PAD.encode("b/a.png/some-version");
    let piece = format!("/storage/v1/upload/resumable/{id}");
    origin.serve(&piece, Reply::new(204, ""));
    front.send_bytes(Method::PATCH, &piece, &[("tus-resumable", "1.0.0")], vec![1]).await.expect(204);
    let owl = shown().await;
    assert_ne!(owl, fox);
    assert!(origin.seen().last().unwrap().target.contains("cacheNonce="), "a CDN could answer with the old bytes");
    serve(FOX, "\"3\"");
    let location = format!("{}/{id}", origin.url("/storage/v1/upload/resumable"));
    origin.serve("/storage/v1/upload/resumable", Reply::new(201, "").header("location", &location));
    let metadata = format!("bucketName {},objectName {}", STANDARD.encode("b"), STANDARD.encode("a.png"));
    let headers = [("tus-resumable", "1.0.0"), ("upload-metadata", metadata.as_str())];
    let made = front.send_bytes(Method::POST, "/storage/v1/upload/resumable", &headers, vec![1]).await.expect(201);
    assert_eq!(made.header("location"), piece);
    assert_eq!(shown().await, fox);
    serve(OWL, "\"4\"");
    origin.serve("/storage/v1/object/b/a.png", crate::support::origin::Answer::Raw(b"nonsense\r\n\r\n".to_vec()));
    front.send_bytes(Method::PUT, "/storage/v1/object/b/a.png", &[], vec![1]).await.expect(502);
    assert_eq!(shown().await, owl, "whether it was written is not known");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_here_is_read_anew_before_anyone_asks() {
    let (origin, front) = in_front_of_script(&[]).await;
    let original = "/storage/v1/object/public/b/a.png";
    origin.serve(original, Reply::ok("image/png", fixture(FOX)).header("etag", "\"1\""));
    origin.serve("/storage/v1/object/b/a.png", Reply::ok("application/json", "{}"));
    origin.serve("/storage/v1/object/b/unknown.png", Reply::ok("application/json", "{}"));
    front.get_webp("/image/b/a.png?w=64").await.expect(200);
    let before = origin.hits(original);
    front.send_bytes(Method::PUT, "/storage/v1/object/b/unknown.png", &[], vec![1]).await.expect(200);
    front.send_bytes(Method::PUT, "/storage/v1/object/b/a.png", &[], vec![1]).await.expect(200);
    eventually("it is warmed", async || origin.hits(original) > before).await;
    assert_eq!(origin.hits("/storage/v1/object/public/b/unknown.png"), 0);
}

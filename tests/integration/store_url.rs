//! Storing by URL: what is fetched, what is not, and what a refusal leaves behind.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::storage::{token, user};
use crate::support::origin::{Answer as Scripted, Origin, Reply};
use crate::support::{Answer, Running, Setup, files_below, fixture, service_key};

const PATH: &str = "/api/storage/store";

/// A setup that may store from these origins, although they are on this machine.
fn fetching(origins: &[&Origin]) -> Setup {
    let hosts: Vec<String> = origins.iter().map(|origin| origin.url("")).collect();
    let internal: Vec<String> = origins.iter().map(|origin| origin.address().to_string()).collect();
    Setup::new().with("STORAGE__FETCH_HOSTS", &hosts.join(",")).with("NEXT__INTERNAL_HOSTS", &internal.join(","))
}

async fn store(server: &Running, key: &str, body: &Value) -> Answer {
    let authorization = format!("Bearer {key}");
    server.send(Method::POST, PATH, &[("authorization", &authorization)], Some(&body.to_string())).await
}

fn avatar(name: &str, url: &str) -> Value {
    json!({"bucketId": "kinkster-avatars", "objectName": name, "url": url})
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, why: &str) {
    assert_eq!(answer.status.as_u16(), status, "{why}: {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json", "{why}");
    assert_eq!(answer.header("cache-control"), "no-store", "{why}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{why}");
    assert!(problem["code"].is_string() && problem["detail"].is_string(), "{why}: {problem}");
    let text = answer.text();
    assert!(!text.contains("127.0.0.1") && !text.contains("169.254"), "{why} tells an address: {text}");
}

/// Asserts that the avatars' bucket is as empty as it was, with `before` files on disk.
async fn assert_nothing_left(server: &Running, setup: &Setup, before: usize) {
    let authorization = format!("Bearer {}", service_key());
    let path = "/storage/v1/object/list-v2/kinkster-avatars";
    let listed = server.send(Method::POST, path, &[("authorization", &authorization)], Some("{}")).await.expect(200);
    assert_eq!(listed.json()["objects"], json!([]));
    assert_eq!(files_below(&setup.data.path().join("data/storage")).len(), before);
}

fn files_of(setup: &Setup) -> usize {
    files_below(&setup.data.path().join("data/storage")).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_url_shows_becomes_an_object_like_any_other() {
    let origin = Origin::start();
    let fox = fixture("photos/avatar-fox.png");
    // The type of the bytes counts, not the one that is said; and redirects within the list are followed.
    origin.serve("/moved", Reply::redirect("/fox"));
    origin.serve("/fox", Reply::ok("application/octet-stream", fox));
    let server = fetching(&[&origin]).start().await;
    let mut body = avatar("ann/a.png", &origin.url("/moved"));
    body["cacheControl"] = json!("600");
    body["metadata"] = json!({"from": "elsewhere"});
    let made = store(&server, &user("ann"), &body).await.expect(200).json();
    assert_eq!(
        (made["Key"].as_str(), made["mime_type"].as_str()),
        (Some("kinkster-avatars/ann/a.png"), Some("image/png"))
    );
    let info = server.get("/storage/v1/object/info/public/kinkster-avatars/ann/a.png").await.expect(200).json();
    assert_eq!((&info["id"], &info["size"]), (&made["Id"], &made["size"]));
    assert_eq!((&info["cache_control"], &info["metadata"]), (&json!("max-age=600"), &json!({"from": "elsewhere"})));
    server.get_webp("/image/kinkster-avatars/ann/a.png?w=64").await.expect(200);
    for header in ["authorization", "cookie", "apikey"] {
        assert!(origin.seen().iter().all(|seen| seen.header(header).is_none()), "{header} reached the origin");
    }
    assert_refused(&store(&server, &user("ann"), &body).await, 409, "it is there");
    body["upsert"] = json!(true);
    assert_eq!(store(&server, &user("ann"), &body).await.expect(200).json()["Id"], made["Id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_store_has_nothing_fetched() {
    let origin = Origin::start();
    origin.serve("/fox", Reply::ok("image/png", fixture("photos/avatar-fox.png")));
    let setup = fetching(&[&origin]);
    let server = setup.start().await;
    let before = files_of(&setup);
    let url = origin.url("/fox");
    let anon = token(&json!({"role": "anon", "exp": 4_000_000_000_u64}));
    let expired = token(&json!({"role": "service_role", "exp": 1}));
    let elsewhere = json!({"bucketId": "nowhere", "objectName": "ann/a.png", "url": url});
    let rows = [
        (user("bob"), avatar("ann/a.png", &url), 403, "another user's folder"),
        (anon, avatar("ann/a.png", &url), 403, "nobody"),
        (expired, avatar("ann/a.png", &url), 401, "an expired key"),
        ("nonsense".to_owned(), avatar("ann/a.png", &url), 401, "no token"),
        (user("ann"), elsewhere, 404, "no bucket"),
        (user("ann"), avatar("ann/../a.png", &url), 400, "a key that cannot be"),
        (user("ann"), avatar("ann/a.png", "fox.png"), 400, "no absolute URL"),
        (user("ann"), json!({"bucketId": "kinkster-avatars", "objectName": "ann/a.png"}), 400, "no URL"),
        (user("ann"), json!([]), 400, "no object"),
    ];
    for (key, body, status, why) in rows {
        assert_refused(&store(&server, &key, &body).await, status, why);
    }
    assert_refused(
        &server.send(Method::POST, PATH, &[], Some(&avatar("ann/a.png", &url).to_string())).await,
        401,
        "none",
    );
    assert!(origin.seen().is_empty());
    assert_nothing_left(&server, &setup, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_off_the_list_or_inside_are_never_asked() {
    let (origin, inside, off) = (Origin::start(), Origin::start(), Origin::start());
    for origin in [&origin, &inside, &off] {
        origin.serve("/fox", Reply::ok("image/png", fixture("photos/avatar-fox.png")));
    }
    let inside_port = inside.address().port();
    let setup = fetching(&[&origin]);
    // Everything inside is on the list, and nothing but the one origin is excepted from the guard.
    let hosts = [
        origin.url(""),
        "http://**".to_owned(),
        format!("http://**:{inside_port}"),
        format!("http://[::1]:{inside_port}"),
    ];
    let setup = setup.with("STORAGE__FETCH_HOSTS", &hosts.join(","));
    let server = setup.start().await;
    let before = files_of(&setup);
    let mut urls: Vec<String> =
        ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0", "[::1]", "localhost"]
            .iter()
            .map(|host| format!("http://{host}:{inside_port}/fox"))
            .collect();
    urls.extend(
        [
            "http://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1/a.png",
            "http://192.168.0.1/a.png",
            "http://100.64.0.1/a.png",
            "http://[::ffff:7f00:1]/a.png",
            "https://example.com/a.png",
            "ftp://example.com/a.png",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
            "gopher://127.0.0.1:6379/_FLUSHALL",
        ]
        .map(str::to_owned),
    );
    urls.push(off.url("/fox"));
    urls.push(origin.url("/fox").replace("http://", "http://user:secret@"));
    urls.push(origin.url("/fox").replace("http://", "https://"));
    for url in &urls {
        assert_refused(&store(&server, &user("ann"), &avatar("ann/a.png", url)).await, 403, url);
    }
    // The same on a redirect's word.
    for url in &urls {
        origin.serve("/away", Reply::redirect(url));
        assert_refused(&store(&server, &user("ann"), &avatar("ann/a.png", &origin.url("/away"))).await, 403, url);
    }
    assert!(inside.seen().is_empty() && off.seen().is_empty());
    assert_eq!((inside.connections(), off.connections()), (0, 0));
    assert_nothing_left(&server, &setup, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_other_side_has_its_status_and_leaves_nothing() {
    let origin = Origin::start();
    let fox = fixture("photos/avatar-fox.png");
    let limit = 5_usize << 20;
    let head =
        |length: usize| format!("HTTP/1.1 200 ok\r\ncontent-type: image/png\r\ncontent-length: {length}\r\n\r\n");
    let lying = [head(fox.len() + 100).as_bytes(), &fox].concat();
    let boasting = head(limit + 1).into_bytes();
    let half = [head(fox.len()).as_bytes(), &fox[..1000]].concat();
    let slowly =
        Scripted::Trickle { reply: Reply::ok("image/png", fox.clone()), piece: 1, pause: Duration::from_millis(300) };
    let pages = "<!doctype html><h1>Sign in</h1>";
    let rows: [(&str, Scripted, u16); 16] = [
        ("/lying", Scripted::Raw(lying), 502),
        ("/boasting", Scripted::Raw(boasting), 413),
        ("/reset", Scripted::RawThenReset(half), 502),
        ("/endless", Scripted::Endless { head: "content-type: image/png\r\n".into(), piece: vec![0; 65_536] }, 413),
        ("/large", Reply::ok("image/png", vec![0; limit + 1]).into(), 413),
        ("/bomb", Reply::ok("image/png", gzip(&vec![0; limit + 1])).header("content-encoding", "gzip").into(), 413),
        ("/hang", Scripted::Hang, 504),
        ("/slow", slowly, 504),
        ("/loop", Reply::redirect("/loop").into(), 502),
        ("/empty", Reply::ok("image/png", "").into(), 502),
        ("/error", Reply::new(500, "down").into(), 502),
        ("/gone", Reply::new(404, "none").into(), 502),
        ("/page", Reply::ok("text/html", pages).into(), 415),
        ("/page.png", Reply::ok("image/png", pages).into(), 415),
        ("/svg", Reply::ok("image/png", fixture("hostile/415--svg-with-script.svg")).into(), 415),
        ("/half.png", Reply::ok("image/png", &fox[..fox.len() / 2]).into(), 422),
    ];
    let setup = fetching(&[&origin]).with("LIMITS__HOP_SECONDS", "1");
    let server = setup.start().await;
    let before = files_of(&setup);
    for (path, answer, status) in rows {
        origin.serve(path, answer);
        assert_refused(&store(&server, &user("ann"), &avatar("ann/a.png", &origin.url(path))).await, status, path);
    }
    assert_nothing_left(&server, &setup, before).await;
    origin.serve("/fox", Reply::ok("image/png", fox));
    store(&server, &user("ann"), &avatar("ann/a.png", &origin.url("/fox"))).await.expect(200);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_public_urls_are_read_without_a_fetch() {
    let server = Setup::new().photos().with("STORAGE__FETCH_HOSTS", "").start().await;
    let service = service_key();
    let copied = async |name: &str, url: &str| store(&server, &service, &avatar(name, &server.url(url))).await;
    copied("ann/a.png", "/image/photos/avatar-fox.png?w=64").await.expect(200);
    let original = server.get("/storage/v1/object/public/photos/avatar-fox.png").await.expect(200);
    let first = server.get("/storage/v1/object/public/kinkster-avatars/ann/a.png").await.expect(200);
    assert_eq!(first.size(), original.size(), "the object itself is stored, not a variant of it");
    copied("ann/b.png", "/storage/v1/object/public/kinkster-avatars/ann/a.png").await.expect(200);
    let second = server.get("/storage/v1/object/public/kinkster-avatars/ann/b.png").await.expect(200);
    assert_eq!(second.body, first.body);
    let proof = json!({"bucketId": "task-proofs", "objectName": "ann/p.png", "url": server.url("/image/photos/avatar-fox.png")});
    store(&server, &service, &proof).await.expect(200);
    for hidden in [
        "/storage/v1/object/public/task-proofs/ann/p.png",
        "/image/task-proofs/ann/p.png",
        "/image/photos/none.png",
        "/image/nowhere/a.png",
        "/storage/v1/object/task-proofs/ann/p.png",
        "/_next/image?url=%2Fphotos%2Favatar-fox.png&w=64&q=75",
        "/metrics",
    ] {
        assert_refused(&copied("ann/c.png", hidden).await, 404, hidden);
    }
    let large = json!({"bucketId": "small", "objectName": "a.png", "url": server.url("/image/photos/avatar-fox.png")});
    let authorization = format!("Bearer {service}");
    let bucket = json!({"name": "small", "file_size_limit": 1000}).to_string();
    server
        .send(Method::POST, "/storage/v1/bucket", &[("authorization", &authorization)], Some(&bucket))
        .await
        .expect(200);
    assert_refused(&store(&server, &service, &large).await, 413, "larger than the bucket allows");
}

#[test]
fn mistaken_hosts_are_told_before_anything_starts() {
    let variable = ("TINTYPE_STORAGE__FETCH_HOSTS".to_owned(), "ftp://a.example,b.example/path".to_owned());
    let mistakes = tintype::config::load(None, [variable], &tintype::config::Overrides::default()).unwrap_err();
    let text = mistakes.to_string();
    assert!(text.contains("`ftp://a.example`: protocol") && text.contains("`b.example/path`: hostname"), "{text}");
}

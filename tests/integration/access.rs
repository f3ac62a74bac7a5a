//! Who may read what, what a stranger may ask, how much of it.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use tintype::transform::signature::SigningKeys;

use crate::support::{Setup, fixture, fixtures, service_key};

const CAT: &str = "/image/photos/chelsea-the-cat.png";

#[tokio::test(flavor = "multi_thread")]
async fn a_private_bucket_looks_like_no_bucket_in_every_public_dialect() {
    let photos = fixtures().join("photos");
    let server = Setup::new()
        .bucket("secret", photos.to_str().unwrap())
        .with("BUCKETS__SECRET__ACCESS", "private")
        .start()
        .await;
    for (private, missing) in [
        ("/image/secret/coffee-cup.png?w=64", "/image/nobody/coffee-cup.png?w=64"),
        ("/image/secret/coffee-cup.png", "/image/nobody/coffee-cup.png"),
        ("/storage/v1/object/public/secret/coffee-cup.png", "/storage/v1/object/public/nobody/coffee-cup.png"),
        (
            "/storage/v1/render/image/public/secret/coffee-cup.png?width=9",
            "/storage/v1/render/image/public/nobody/coffee-cup.png?width=9",
        ),
        ("/_next/image?url=/secret/coffee-cup.png&w=64&q=75", "/_next/image?url=/nobody/coffee-cup.png&w=64&q=75"),
    ] {
        let (one, other) = (server.get(private).await, server.get(missing).await);
        assert_eq!((one.status, one.text()), (other.status, other.text()), "{private}");
        assert!(one.status.is_client_error());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traversal_in_every_encoding_reads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("public")).unwrap();
    std::fs::create_dir(folder.path().join("public2")).unwrap();
    let picture = fixture("formats/truecolour.png");
    std::fs::write(folder.path().join("public/a.png"), &picture).unwrap();
    std::fs::write(folder.path().join("public/.hidden.png"), &picture).unwrap();
    std::fs::write(folder.path().join("public2/b.png"), &picture).unwrap();
    std::os::unix::fs::symlink(folder.path().join("public2"), folder.path().join("public/link")).unwrap();
    let server = Setup::new().bucket("here", folder.path().join("public").to_str().unwrap()).start().await;
    server.get("/image/here/a.png?w=8").await.expect(200);
    for tail in [
        "..%2fpublic2%2fb.png",
        "%2e%2e/public2/b.png",
        "%2e%2e%2fpublic2%2fb.png",
        "..%5cpublic2%5cb.png",
        "..%252fpublic2%252fb.png",
        "%c0%ae%c0%ae/public2/b.png",
        "a.png%00",
        "link/b.png",
        ".hidden.png",
        "%2fetc%2fpasswd",
        "2/b.png",
        "./a.png",
        "a.png/",
        "/a.png",
    ] {
        for base in ["/image/here/", "/storage/v1/object/public/here/"] {
            let answer = raw_get(&server, &format!("{base}{tail}")).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{base}{tail}: {}", answer.lines().next().unwrap_or_default());
        }
    }
}

/// A request line exactly as written, which a client library would tidy up.
async fn raw_get(server: &crate::support::Running, target: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_serves_pictures_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secrets.png"), "password=hunter2").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "hello").unwrap();
    let server = Setup::new().bucket("here", folder.path().to_str().unwrap()).start().await;
    for path in ["/image/here/secrets.png", "/image/here/notes.txt", "/image/here/secrets.png?w=9"] {
        let answer = server.get(path).await.expect(415);
        assert!(!answer.text().contains("hunter2"), "{path}");
    }
    server.get("/storage/v1/object/public/here/notes.txt").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_answers_only_what_its_transforms_setting_allows() {
    let setup = |mode: &str| {
        Setup::new()
            .photos()
            .with("BUCKETS__PHOTOS__TRANSFORMS", mode)
            .with("BUCKETS__PHOTOS__PRESETS", "{ avatar = 'w=96&h=96&fit=cover&f=webp' }")
    };
    let ladder = setup("ladder").start().await;
    ladder.get(&format!("{CAT}?w=256")).await.expect(200);
    let refused = ladder.get(&format!("{CAT}?w=257")).await.expect(400);
    assert!(refused.text().contains("256") && refused.text().contains("384"), "{}", refused.text());
    assert_eq!(refused.json()["code"], "bad-parameter");
    let snapping = setup("ladder").with("BUCKETS__PHOTOS__SNAP", "true").start().await;
    assert_eq!(snapping.get(&format!("{CAT}?w=200")).await.expect(200).size().0, 256);
    let presets = setup("presets").start().await;
    assert_eq!(presets.get(&format!("{CAT}?preset=avatar")).await.expect(200).size(), (96, 96));
    presets.get(&format!("{CAT}?w=96")).await.expect(403);
    let off = setup("off").start().await;
    off.get(&format!("{CAT}?w=96")).await.expect(403);
    off.get(CAT).await.expect(200);
    let next = off.get("/_next/image?url=/photos/coffee-cup.png&w=64&q=75").await.expect(400);
    assert_eq!(next.text(), "\"url\" parameter is not allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_urls_are_good_until_they_expire_and_for_exactly_their_bytes() {
    let secret = "s".repeat(32);
    let server = Setup::new()
        .photos()
        .with("BUCKETS__PHOTOS__TRANSFORMS", "signed")
        .with("SIGNING__KEYS__K1", &secret)
        .start()
        .await;
    let keys = SigningKeys::new([("k1".to_owned(), secret.into_bytes())]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let good = keys.sign(&format!("{CAT}?w=64"), now + 60).unwrap();
    let answer = server.get(&good).await.expect(200);
    let seconds: u64 = answer.header("cache-control").strip_prefix("public, max-age=").unwrap().parse().unwrap();
    assert!((50..=60).contains(&seconds), "{seconds}");
    let expired = keys.sign(&format!("{CAT}?w=64"), now - 1).unwrap();
    for bad in [
        expired,
        good.replace("w=64", "w=65"),
        format!("{good}&x=1"),
        format!("{CAT}?w=64"),
        good.replace("k1.", "k2."),
    ] {
        server.get(&bad).await.expect(403);
    }
    server.get(CAT).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_may_start_so_many_fills_and_hits_are_never_limited() {
    let server = Setup::new()
        .photos()
        .with("TRUSTED_PROXIES", "127.0.0.1")
        .with("LIMITS__CLIENT_PER_SECOND", "1")
        .with("LIMITS__CLIENT_BURST", "3")
        .start()
        .await;
    let as_client = |address: &'static str| [("x-forwarded-for", address)];
    for width in 1..=3 {
        server.get_with(&format!("{CAT}?w={width}"), &as_client("192.0.2.1")).await.expect(200);
    }
    let refused = server.get_with(&format!("{CAT}?w=4"), &as_client("192.0.2.1")).await.expect(429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    for _ in 0..10 {
        server.get_with(&format!("{CAT}?w=2"), &as_client("192.0.2.1")).await.expect(200);
    }
    server.get_with(&format!("{CAT}?w=5"), &as_client("192.0.2.2")).await.expect(200);
    for width in 10..20 {
        server.get(&format!("{CAT}?w={width}")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administration_needs_a_service_key() {
    let server = Setup::new().photos().start().await;
    let body = Some(r#"{"all":true}"#);
    server.send(Method::POST, "/admin/purge", &[], body).await.expect(403);
    server.send(Method::POST, "/admin/purge", &[("authorization", "Bearer nonsense")], body).await.expect(403);
    server.send(Method::POST, "/admin/purge", &[("apikey", &service_key())], body).await.expect(200);
    let wrong = server.purge(r#"{"bucket":"a","prefix":"x","object":"y"}"#).await.expect(400);
    assert!(wrong.text().contains("at most one"), "{}", wrong.text());
    server.purge("nonsense").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_parameters_are_named_with_what_is_allowed() {
    let server = Setup::new().photos().start().await;
    for (query, parameter, allowed) in [
        ("w=0", "w", "8192"),
        ("w=8193", "w", "8192"),
        ("w=5000&dpr=2", "w", "8192"),
        ("w=ten", "w", "8192"),
        ("q=101", "q", "100"),
        ("fit=squash&w=1", "fit", "cover"),
        ("f=bmp", "f", "webp"),
        ("widht=100", "widht", "width"),
        ("W=100", "W", "w"),
        ("w=1&w=2", "w", ""),
        ("dpr=9&w=1", "dpr", "3"),
        ("bg=zzz", "bg", ""),
    ] {
        let problem = server.get(&format!("{CAT}?{query}")).await.expect(400).json();
        assert_eq!(problem["parameter"], parameter, "{query}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(allowed), "{query}: {problem}");
        assert_eq!(problem["status"], 400);
    }
}

//! The edge of the server: protocols, slow and oversized clients, TLS, draining.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::origin::{Answer, Origin, Reply};
use crate::support::{Running, Setup, eventually, fixture, service_key};

const CAT: &str = "/image/photos/chelsea-the-cat.png?w=32";

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_tls_and_http1_share_the_port() {
    let server = Setup::new().photos().start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let answer = client.get(server.url(CAT)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    server.get(CAT).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_slow_clients_are_let_go() {
    let server = Setup::new().photos().with("LIMITS__HEADER_SECONDS", "1").start().await;
    for begin in ["", "PRI * HT", "GET /image", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{begin:?} is still connected");
    }
    server.get(CAT).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Setup::new().photos().with("LIMITS__BODY_SECONDS", "1").start().await;
    let head = format!(
        "POST /admin/purge HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n{{\"all\"",
        service_key()
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "it is still connected");
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

/// An original that no socket's buffers can hold, at `/storage/v1/object/public/large/a.png`.
async fn large(setup: Setup) -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut picture = fixture("formats/truecolour.png");
    picture.resize(40_000_000, 0);
    std::fs::write(folder.path().join("a.png"), picture).unwrap();
    let setup = setup.photos().bucket("large", folder.path().to_str().unwrap()).with("LIMITS__WRITE_SECONDS", "1");
    (setup.start().await, folder)
}

const LARGE: &str = "/storage/v1/object/public/large/a.png";

/// The request for it in HTTP/2, with windows as large as they can be: only the socket holds the answer back.
fn http2_request() -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = &(payload.len() as u32).to_be_bytes()[1..];
        [length, &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let window = (i32::MAX as u32).to_be_bytes();
    let path = [&[0x04, LARGE.len() as u8], LARGE.as_bytes()].concat();
    let headers = [&[0x82, 0x86][..], &path, &[0x01, 1, b'x']].concat();
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[&[0, 4], &window[..]].concat()),
        frame(8, 0, 0, &(i32::MAX as u32 - 65_535).to_be_bytes()),
        frame(1, 0x5, 1, &headers),
    ]
    .concat()
}

async fn connections(client: &reqwest::Client, metrics: &str) -> u64 {
    let text = client.get(metrics).send().await.unwrap().text().await.unwrap();
    text.lines().find_map(|line| line.strip_prefix("tintype_connections ")).unwrap().parse().unwrap()
}

/// Sends the request, never reads, and waits until the server has cut the connection.
async fn is_cut(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    client: &reqwest::Client,
    metrics: &str,
) {
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    eventually("it is counted", async || connections(client, metrics).await == 2).await;
    eventually("it is cut", async || connections(client, metrics).await == 1).await;
    let mut answer = Vec::new();
    // A reset loses what was on its way; an end comes early.
    let read = stream.read_to_end(&mut answer).await;
    assert!(read.is_err() || answer.len() < 40_000_000, "everything was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_cut_and_others_are_served() {
    let (server, _folder) = large(Setup::new()).await;
    let (client, metrics) = (reqwest::Client::new(), server.url("/metrics"));
    let http1 = format!("GET {LARGE} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes();
    for request in [http1, http2_request()] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        is_cut(stream, &request, &client, &metrics).await;
    }
    let whole = client.get(server.url(LARGE)).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(whole.len(), 40_000_000, "who reads gets everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_cut_behind_tls_too() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let setup = Setup::new().with("TLS__CERTIFICATE", certificate.to_str().unwrap());
    let (server, _folder) = large(setup.with("TLS__KEY", key.to_str().unwrap())).await;
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let metrics = format!("https://localhost:{}/metrics", server.address.port());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = TcpStream::connect(server.address).await.unwrap();
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let request = format!("GET {LARGE} HTTP/1.1\r\nhost: x\r\n\r\n");
    is_cut(stream, request.as_bytes(), &client, &metrics).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_headers_are_refused() {
    let server = Setup::new().photos().start().await;
    let long = "x".repeat(20_000);
    let answer = server.get_with(CAT, &[("x-long", &long)]).await;
    assert_eq!(answer.status, 431);
    server.get(CAT).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait_and_are_served_later() {
    let server = Setup::new().photos().with("LIMITS__CONNECTIONS", "2").start().await;
    let idle = [TcpStream::connect(server.address).await.unwrap(), TcpStream::connect(server.address).await.unwrap()];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let waiting = tokio::time::timeout(Duration::from_millis(300), server.get(CAT)).await;
    assert!(waiting.is_err(), "a third connection was served");
    drop(idle);
    server.get(CAT).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_answers_open_requests_and_refuses_new_ones() {
    let origin = Origin::start();
    let slow = Answer::After(
        Duration::from_millis(500),
        Box::new(Reply::ok("image/png", fixture("formats/truecolour.png")).into()),
    );
    origin.serve("/a.png", slow);
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    server.get("/readyz").await.expect(200);
    let (address, url) = (server.address, server.url("/image/web/a.png?w=32"));
    let open = tokio::spawn(async move { reqwest::get(url).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(150)).await;
    server.stop().await;
    let answer = open.await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(TcpStream::connect(address).await.is_err(), "the port is still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_serves_both_protocols_and_follows_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let write = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    };
    let first = write();
    let server = Setup::new()
        .photos()
        .with("TLS__CERTIFICATE", certificate.to_str().unwrap())
        .with("TLS__KEY", key.to_str().unwrap())
        .start()
        .await;
    let url = format!("https://localhost:{}{CAT}", server.address.port());
    let asked = async |trusted: &reqwest::Certificate, only_http1: bool| {
        let builder = reqwest::Client::builder().tls_certs_only([trusted.clone()]);
        let builder = if only_http1 { builder.http1_only() } else { builder };
        builder.build().unwrap().get(&url).send().await
    };
    assert_eq!(asked(&first, false).await.unwrap().version(), reqwest::Version::HTTP_2);
    assert_eq!(asked(&first, true).await.unwrap().version(), reqwest::Version::HTTP_11);
    let second = write();
    for _ in 0..150 {
        if asked(&second, false).await.is_ok() {
            assert!(asked(&first, false).await.is_err(), "the old certificate is still in use");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the new certificate was never used");
}

#[tokio::test(flavor = "multi_thread")]
async fn studio_is_one_strict_page_whose_every_module_is_served() {
    let server = Setup::new().with("PUBLIC_URL", "https://pictures.example").start().await;
    let page = server.get("/studio").await.expect(200);
    assert!(page.text().contains(r#"data-public-url="https://pictures.example""#));
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|found| found == part), "{part} is missing from {policy}");
    }
    let mut names = vec!["main.js".to_owned()];
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        let module = server.get(&format!("/assets/studio/{name}")).await.expect(200);
        assert_eq!(module.header("content-type"), "text/javascript; charset=utf-8");
        let text = module.text();
        for part in text.split("'./").skip(1) {
            let imported = part.split('\'').next().unwrap_or_default().to_owned();
            if !names.contains(&imported) {
                names.push(imported);
            }
        }
        at += 1;
    }
    assert!(names.len() > 20, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_pages_are_answered() {
    let server = Setup::new().photos().start().await;
    assert_eq!(server.get("/healthz").await.expect(200).text(), "ok\n");
    let missing = server.get("/nothing/here").await.expect(404);
    assert_eq!(missing.json()["message"], "Route GET:/nothing/here not found");
    let page = server.get("/").await.expect(200);
    assert!(page.text().contains("photos") && page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    server.get("/assets/gallery.css").await.expect(200);
    server.get("/assets/../Cargo.toml").await.expect(404);
    server.get("/assets/studio/..%2Fgallery.css").await.expect(404);
    server.get(CAT).await.expect(200);
    let metrics = server.get("/metrics").await.expect(200).text();
    for name in [
        "tintype_requests_total{dialect=\"native\",status=\"200\",cache=\"miss\"} 1",
        "tintype_stage_seconds_bucket",
        "tintype_memory_bytes",
        "tintype_store_bytes",
        "tintype_queue_requests",
        "tintype_shed",
    ] {
        assert!(metrics.contains(name), "{name} is missing from\n{metrics}");
    }
}

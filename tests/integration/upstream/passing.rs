//! What is not ours goes to the one configured upstream below its prefixes, and nowhere else.

use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::origin::{Answer, Reply};
use crate::support::{Running, fixture};

use super::{FOX, in_front_of, in_front_of_script};

/// Sends these bytes and reads the whole answer.
async fn raw(server: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_routes_come_first_then_prefixes_then_nothing() {
    let (origin, front) = in_front_of_script(&[]).await;
    for prefix in ["/auth/v1", "/rest/v1", "/functions/v1", "/graphql/v1", "/realtime/v1"] {
        origin.serve(&format!("{prefix}/x"), Reply::ok("text/plain", prefix));
        assert_eq!(front.get(&format!("{prefix}/x")).await.expect(200).text(), prefix);
        origin.serve(prefix, Reply::ok("text/plain", "itself"));
        assert_eq!(front.get(prefix).await.expect(200).text(), "itself");
        front.get(&format!("{prefix}x")).await.expect(404);
    }
    let before = origin.seen().len();
    assert_eq!(front.get("/healthz").await.expect(200).text(), "ok\n");
    front.get("/readyz").await.expect(200);
    front.get("/metrics").await.expect(200);
    for path in ["/other/v1/x", "/storage/v1", "/auth", "/x/auth/v1", "//auth/v1/x"] {
        front.get(path).await.expect(404);
    }
    assert_eq!(origin.seen().len(), before, "what is not configured does not reach the upstream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_as_it_was_sent_with_the_upstreams_host_and_no_credentials_of_ours() {
    let (origin, front) = in_front_of_script(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    origin.serve("/rest/v1/rows", Reply::new(201, "made").header("x-answer", "1").header("set-cookie", "s=1"));
    let sent = [
        ("host", "evil.example"),
        ("authorization", "Bearer the-callers-own"),
        ("apikey", "anon"),
        ("cookie", "a=b"),
        ("prefer", "return=minimal"),
        ("accept-encoding", "zstd"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic x"),
        ("forwarded", "for=9.9.9.9;host=evil.example"),
        ("x-forwarded-for", "9.9.9.9, 192.0.2.7"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-real-ip", "9.9.9.9"),
        ("via", "1.1 cdn"),
    ];
    let path = "/rest/v1/rows?select=*&name=eq.%C3%BC%20x&or=(a.eq.1,b.eq.2)";
    let answer = front.send_bytes(Method::PATCH, path, &sent, b"{\"a\":1}".to_vec()).await.expect(201);
    assert_eq!((answer.text().as_str(), answer.header("x-answer"), answer.header("set-cookie")), ("made", "1", "s=1"));
    let seen = origin.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str(), seen.body.as_slice()), ("PATCH", path, &b"{\"a\":1}"[..]));
    assert_eq!(seen.headers("host"), [origin.address().to_string()]);
    assert_eq!(seen.headers("authorization"), ["Bearer the-callers-own"]);
    assert_eq!((seen.header("apikey"), seen.header("cookie")), (Some("anon"), Some("a=b")));
    assert_eq!((seen.header("prefer"), seen.header("accept-encoding")), (Some("return=minimal"), Some("zstd")));
    for absent in
        ["x-hop", "te", "proxy-authorization", "forwarded", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]
    {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
    assert_eq!(seen.headers("x-forwarded-for"), ["192.0.2.7"]);
    let via = seen.headers("via");
    assert!(via[0] == "1.1 cdn" && via[1].starts_with("1.1 tintype-"), "{via:?}");
    // Whoever sends no credentials has none upstream.
    front.get("/rest/v1/rows").await.expect(201);
    let seen = origin.seen().remove(1);
    assert_eq!((seen.header("authorization"), seen.header("apikey"), seen.header("cookie")), (None, None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_with_a_target_of_their_own_are_refused() {
    let (origin, front) = in_front_of_script(&[]).await;
    let upstream = origin.address();
    for (request, status) in [
        (format!("GET http://{upstream}/rest/v1/x HTTP/1.1\r\nhost: {upstream}"), 400),
        ("GET http://evil.example/rest/v1/x HTTP/1.1\r\nhost: evil.example".to_owned(), 400),
        (format!("GET http://{}/image/b/a.png HTTP/1.1\r\nhost: x", front.address), 400),
        (format!("CONNECT {upstream} HTTP/1.1\r\nhost: {upstream}"), 405),
        ("CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443".to_owned(), 405),
    ] {
        let answer = raw(&front, &format!("{request}\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    origin.serve("/rest/v1/x", Reply::ok("text/plain", "x"));
    assert_eq!(client.get(front.url("/rest/v1/x")).send().await.unwrap().status(), 200, "HTTP/2 names it always");
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_could_be_read_otherwise_are_refused() {
    let (origin, front) = in_front_of_script(&[]).await;
    for path in [
        "/rest/v1/../../admin",
        "/rest/v1/./x",
        "/rest/v1/%2e%2e/x",
        "/rest/v1/%2E./x",
        "/rest/v1/..;a/x",
        "/rest/v1/a%2fb",
        "/rest/v1/a%2Fb",
        "/rest/v1/a\\b",
        "/rest/v1/a%5Cb",
        "/rest/v1/a%00",
        "/rest/v1/a%0d%0ax:y",
        "/storage/v1/object/b/../c/x",
        "/storage/v1/object/authenticated/b/%2e%2e/x",
        "/storage/v1/object/b/x%2fy",
        "/storage/v1/object/sign/b/a\\b?token=x",
        "/storage/v1/object/list/b%00",
    ] {
        let answer = raw(&front, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
    let nul = raw(&front, "GET /rest/v1/a\0b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(nul.starts_with("HTTP/1.1 400 "), "{nul}");
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
    // The prefix is matched decoded once, and the path goes on as it was sent.
    front.get("/%72est/v1/%252e%252e").await.expect(404);
    assert_eq!(origin.seen()[0].target, "/%72est/v1/%252e%252e");
    front.get("/%2572est/v1/x").await.expect(404);
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_handed_back_and_never_followed() {
    let (origin, front) = in_front_of_script(&[]).await;
    let elsewhere = crate::support::origin::Origin::start();
    for (location, expected) in [
        (origin.url("/rest/v1/other?a=1"), "/rest/v1/other?a=1".to_owned()),
        (elsewhere.url("/x"), elsewhere.url("/x")),
        ("/auth/v1/callback".to_owned(), "/auth/v1/callback".to_owned()),
        ("myapp://callback".to_owned(), "myapp://callback".to_owned()),
    ] {
        origin.serve("/auth/v1/verify", Reply::redirect(&location));
        assert_eq!(front.get("/auth/v1/verify").await.expect(302).header("location"), expected);
    }
    assert!(elsewhere.seen().is_empty() && origin.hits("/rest/v1/other") == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_under_limits() {
    let (origin, front) = in_front_of_script(&[
        ("UPSTREAM__BODY_BYTES", "1000000"),
        ("UPSTREAM__ANSWER_BYTES", "1000000"),
        ("UPSTREAM__TIMEOUT_SECONDS", "1"),
        ("LIMITS__BODY_SECONDS", "1"),
    ])
    .await;
    let path = "/functions/v1/f";
    origin.serve(path, Reply::ok("text/plain", "done"));
    front.send_bytes(Method::POST, path, &[], vec![1; 1_000_000]).await.expect(200);
    assert_eq!(origin.seen()[0].body.len(), 1_000_000);
    let seen = origin.seen().len();
    let refused = front.send_bytes(Method::POST, path, &[], vec![1; 1_000_001]).await.expect(413);
    assert_eq!(refused.json()["statusCode"], "413");
    assert_eq!(origin.seen().len(), seen, "its length alone told that it is too large");
    let piece = format!("{:x}\r\n{}\r\n", 500_001, "x".repeat(500_001));
    let chunked = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    let answer = raw(&front, &format!("{chunked}{piece}{piece}0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let answer = raw(&front, &format!("{chunked}5\r\nhello\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    origin.serve(path, Reply::ok("text/plain", vec![b'x'; 1_000_001]));
    front.get(path).await.expect(502);
    origin.serve(path, Answer::Endless { head: String::new(), piece: vec![b'x'; 10_000] });
    let answer = raw(&front, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    assert!(answer.len() < 1_100_000 && !answer.ends_with("0\r\n\r\n"), "{}", answer.len());
    let reply = Reply::ok("text/event-stream", "abcdef");
    origin.serve(path, Answer::Trickle { reply, piece: 1, pause: Duration::from_millis(300) });
    assert_eq!(front.get(path).await.expect(200).text(), "abcdef", "slower than the limit as a whole, never silent");
    origin.serve(path, Answer::Hang);
    front.get(path).await.expect(504);
    origin.serve(path, Answer::Raw(b"nonsense\r\n\r\n".to_vec()));
    front.get(path).await.expect(502);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_passed_on_is_cached() {
    let (origin, front) = in_front_of_script(&[]).await;
    let reply =
        Reply::ok("image/png", fixture(FOX)).header("cache-control", "public, max-age=3600").header("etag", "\"1\"");
    origin.serve("/functions/v1/picture", reply);
    for asked in 1..=3 {
        let answer = front.get("/functions/v1/picture").await.expect(200);
        assert_eq!(answer.header("cache-control"), "public, max-age=3600", "what caches before us may do is its word");
        assert_eq!(origin.hits("/functions/v1/picture"), asked);
    }
    let head = front.send(Method::HEAD, "/functions/v1/picture", &[], None).await;
    assert_eq!((head.status.as_u16(), origin.hits("/functions/v1/picture")), (200, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_are_told_by_the_upstream_below_its_prefixes_and_by_us_of_the_rest() {
    let (origin, front) = in_front_of_script(&[("CORS__ORIGINS", "https://app.example")]).await;
    let reply = |body: &str| {
        Reply::new(200, body)
            .header("access-control-allow-origin", "https://theirs.example")
            .header("x-who", "upstream")
    };
    origin.serve("/functions/v1/f", reply("{}"));
    origin.serve("/storage/v1/bucket", reply("[]"));
    let preflight = [("origin", "https://app.example"), ("access-control-request-method", "POST")];
    let answer = front.send(Method::OPTIONS, "/functions/v1/f", &preflight, None).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://theirs.example");
    let answer = front.get_with("/functions/v1/f", &preflight[..1]).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://theirs.example");
    let answer = front.send(Method::OPTIONS, "/storage/v1/bucket", &preflight, None).await.expect(204);
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("x-who")), ("https://app.example", ""));
    let answer = front.get_with("/storage/v1/bucket", &[("origin", "https://other.example")]).await.expect(200);
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("x-who")), ("", "upstream"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_itself_ends_at_the_first_hop() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    // Not the address of the one in front: what counts is what its own requests look like when they come back.
    let (origin, front) = in_front_of_script(&[]).await;
    origin.serve("/rest/v1/x", Reply::ok("text/plain", "x"));
    front.get("/rest/v1/x").await.expect(200);
    let seen = origin.seen().remove(0);
    let via = [("via", seen.header("via").unwrap())];
    front.get_with("/rest/v1/x", &via).await.expect(508);
    front.get_with("/storage/v1/object/authenticated/b/a.png", &via).await.expect(508);
    front.get_with("/storage/v1/bucket", &via).await.expect(508);
    front.get_with("/image/b/a.png", &via).await.expect(508);
    assert_eq!(origin.seen().len(), 1);
    let gone = in_front_of(&format!("http://{address}")).start().await;
    gone.get("/rest/v1/x").await.expect(502);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_we_sign_ever_reaches_the_upstream() {
    let (origin, front) = in_front_of_script(&[]).await;
    let reply = Reply::ok("image/png", fixture(FOX)).header("etag", "\"1\"");
    for path in ["public", "authenticated", "sign"] {
        origin.serve(&format!("/storage/v1/object/{path}/b/a.png"), reply.clone());
    }
    origin.serve("/storage/v1/object/b/a.png", reply);
    for path in [
        "/image/b/a.png?w=64",
        "/storage/v1/object/authenticated/b/a.png",
        "/storage/v1/render/image/authenticated/b/a.png?width=64",
        "/storage/v1/object/sign/b/a.png?token=x",
        "/storage/v1/object/b/a.png",
        "/storage/v1/bucket",
        "/rest/v1/rows",
        "/auth/v1/user",
    ] {
        front.get(path).await;
    }
    front.send_bytes(Method::POST, "/storage/v1/object/b/a.png", &[], vec![1]).await;
    for seen in origin.seen() {
        for absent in ["authorization", "apikey", "cookie", "x-api-key"] {
            assert_eq!(seen.header(absent), None, "{} {}", seen.method, seen.target);
        }
    }
}

//! Origins that are slow, resetting, lying, looping, or not ours to ask.

use std::time::Duration;

use crate::support::origin::{Answer, Origin, Reply};
use crate::support::{Setup, fixture};

fn png() -> Vec<u8> {
    fixture("formats/truecolour.png")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_origin_has_its_status_and_stores_nothing() {
    let origin = Origin::start();
    let body = png();
    let short = format!("HTTP/1.1 200 ok\r\ncontent-length: {}\r\n\r\n", body.len() + 100).into_bytes();
    let half = [format!("HTTP/1.1 200 ok\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), &body[..100]].concat();
    origin.serve("/hang", Answer::Hang);
    origin.serve(
        "/trickle",
        Answer::Trickle { reply: Reply::ok("image/png", body.clone()), piece: 10, pause: Duration::from_millis(400) },
    );
    origin.serve("/short", Answer::Raw([short, body.clone()].concat()));
    origin.serve("/reset", Answer::RawThenReset(half));
    origin.serve("/nonsense", Answer::Raw(b"hello\r\n\r\n".to_vec()));
    origin.serve("/empty", Reply::ok("image/png", ""));
    origin.serve("/error", Reply::new(503, "down"));
    origin.serve("/partial", Reply::new(206, body.clone()).header("content-range", "bytes 0-9/10"));
    origin.serve("/unasked-304", Reply::new(304, ""));
    origin.serve("/loop", Reply::redirect("/loop"));
    origin.serve("/inside", Reply::redirect("http://169.254.169.254/latest/meta-data/"));
    origin.serve("/html", Reply::ok("image/png", "<!doctype html><h1>error</h1>"));
    origin.serve("/endless", Answer::Endless { head: "content-type: image/png\r\n".into(), piece: vec![0; 65_536] });
    origin.serve("/lying", Reply::ok("image/png", vec![0; 3_000_000]));
    let setup = Setup::new()
        .bucket("web", origin.url("/"))
        .with("LIMITS__HOP_SECONDS", "1")
        .with("LIMITS__SOURCE_BYTES", "2MB");
    let server = setup.start().await;
    let rows = [
        ("hang", 504),
        ("trickle", 504),
        ("short", 502),
        ("reset", 502),
        ("nonsense", 502),
        ("empty", 502),
        ("error", 502),
        ("partial", 502),
        ("unasked-304", 502),
        ("loop", 502),
        ("inside", 403),
        ("html", 415),
        ("endless", 413),
        ("lying", 413),
        ("nothing", 404),
    ];
    for (name, status) in rows {
        let answer = server.get(&format!("/image/web/{name}?w=32")).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        let text = answer.text();
        assert!(!text.contains("127.0.0.1") && !text.contains("169.254"), "{name} leaks an address: {text}");
    }
    assert_eq!(crate::support::files_below(&setup.data.path().join("data/variants")).len(), 0);
    origin.serve("/good", Reply::ok("image/png", png()));
    server.get("/image/web/good?w=32").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_inside_are_refused_however_they_are_written() {
    let pattern = "[{ hostname = '**' }]";
    let server = Setup::new().with("NEXT__REMOTE_PATTERNS", pattern).start().await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "localhost",
        "localhost.",
    ] {
        let url: String =
            url::form_urlencoded::byte_serialize(format!("http://{host}:{}/a.png", server.address.port()).as_bytes())
                .collect();
        let answer = server.get(&format!("/_next/image?url={url}&w=64&q=75")).await;
        let text = answer.text();
        // Our own public URL is recognised as ours before the guard is asked; a name may not resolve at all here.
        assert!(matches!(answer.status.as_u16(), 400 | 404 | 502), "{host}: {} {text}", answer.status);
        if host != "127.0.0.1" {
            let refused = text == "\"url\" parameter is not allowed" || text.contains("response is invalid");
            assert!(refused, "{host}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_inside_the_origin_is_followed_and_off_it_is_guarded() {
    let origin = Origin::start();
    let elsewhere = Origin::start();
    origin.serve("/a.png", Reply::redirect("/b.png"));
    origin.serve("/b.png", Reply::ok("image/png", png()));
    origin.serve("/off.png", Reply::redirect(&elsewhere.url("/c.png")));
    elsewhere.serve("/c.png", Reply::ok("image/png", png()));
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    server.get("/image/web/a.png?w=32").await.expect(200);
    server.get("/image/web/off.png?w=32").await.expect(403);
    assert_eq!(elsewhere.hits("/c.png"), 0, "an internal address was asked on a redirect's word");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_the_client_reaches_the_origin() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("image/png", png()));
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let headers = [
        ("cookie", "session=1"),
        ("authorization", "Bearer x"),
        ("x-forwarded-host", "evil.example"),
        ("host", "evil.example"),
        ("referer", "https://a.example/"),
        ("x-secret", "1"),
    ];
    server.get_with("/image/web/a.png?w=32", &headers).await.expect(200);
    let seen = &origin.seen()[0];
    for name in ["cookie", "authorization", "x-forwarded-host", "x-forwarded-for", "referer", "x-secret"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("host"), Some(origin.address().to_string().as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_back_to_ourselves_ends_at_the_first_hop() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let origin = Origin::start();
    let setup = Setup::new().bucket("web", origin.url("/")).bucket("self", format!("http://{address}/image/self/"));
    let server = setup.start().await;
    let to_us = server.url("/image/web/back.png?w=32");
    origin.serve("/back.png", Reply::redirect(&to_us));
    server.get("/image/web/back.png?w=32").await.expect(403);
    assert_eq!(origin.hits("/back.png"), 1);
    let via = server.get_with("/image/web/back.png?w=48", &[("via", "1.1 tintype")]).await.expect(508);
    assert_eq!(via.header("cache-control"), "no-store");
    assert_eq!(origin.hits("/back.png"), 1, "a request of our own was answered with a fetch");
}

#[tokio::test(flavor = "multi_thread")]
async fn next_wording_of_slow_and_looping_origins() {
    let origin = Origin::start();
    origin.serve("/hang", Answer::Hang);
    origin.serve("/loop", Reply::redirect("/loop"));
    let port = origin.address().port();
    let server = Setup::new()
        .with("NEXT__REMOTE_PATTERNS", &format!("[{{ hostname = '127.0.0.1', port = '{port}' }}]"))
        .with("NEXT__INTERNAL_HOSTS", &origin.address().to_string())
        .with("LIMITS__HOP_SECONDS", "1")
        .start()
        .await;
    let asked = async |path: &str| server.get(&format!("/_next/image?url={}&w=64&q=75", origin.url(path))).await;
    let slow = asked("/hang").await.expect(504);
    assert_eq!(slow.text(), "\"url\" parameter is valid but upstream response timed out");
    let looping = asked("/loop").await.expect(508);
    assert_eq!(looping.text(), "\"url\" parameter is valid but upstream response is invalid");
}

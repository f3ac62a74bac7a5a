//! Where one request ends and the next begins, and what is left to hyper.

use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tokio::io::AsyncWriteExt;

use super::wire::{Raw, Wire};
use super::{FOX, WEBP, again, get, photos};
use crate::realtime::client::anon;
use crate::support::origin::{Answer, Origin, Reply};
use crate::support::{Setup, fixture, service_key};

/// Puts a connection into hyper's hands for good.
async fn hand_over(wire: &mut Wire) {
    let probe = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, x\r\n\r\n";
    assert_eq!(wire.ask(probe).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_in_two_pieces_is_one_request_wherever_it_is_cut() {
    let server = photos().start().await;
    let mut wire = Wire::open(server.address).await;
    let request = get(FOX, WEBP, "");
    let expected = again(&mut wire, &request).await;
    for cut in 1..request.len() {
        wire.send(&request.as_bytes()[..cut]).await;
        // On loopback the first piece is most often read alone.
        tokio::task::yield_now().await;
        wire.send(&request.as_bytes()[cut..]).await;
        assert_eq!(wire.answer(false).await.unwrap().timeless(), expected.timeless(), "{cut}");
    }
    for byte in request.bytes() {
        wire.send(&[byte]).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(wire.answer(false).await.unwrap().timeless(), expected.timeless());
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = photos().start().await;
    let mut wire = Wire::open(server.address).await;
    let paths = [FOX, "/image/photos/avatar-owl.png?w=32", "/healthz", "/image/photos/none.png?w=32"];
    let mut expected = Vec::new();
    for path in paths {
        expected.push(again(&mut wire, &get(path, WEBP, "")).await);
    }
    // Many more than one turn of a task answers, and than the sockets hold.
    let turns = 200;
    let all = paths.iter().map(|path| get(path, WEBP, "")).collect::<String>().repeat(turns);
    let Wire { writer, reader } = &mut wire;
    let reading = async {
        for turn in 0..turns {
            for expected in &expected {
                let answer = reader.answer(false).await.unwrap();
                assert_eq!(answer.timeless(), expected.timeless(), "{turn}");
            }
        }
    };
    let (written, ()) = tokio::join!(writer.write_all(all.as_bytes()), reading);
    written.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_asked_for_a_picture_can_do_everything_else() {
    let server = photos().start().await;
    let mut wire = Wire::open(server.address).await;
    again(&mut wire, &get(FOX, WEBP, "")).await;
    let body = "b\r\n{\"all\":true\r\n1\r\n}\r\n0\r\n\r\n";
    let purge = format!(
        "POST /admin/purge HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n{body}",
        service_key()
    );
    // The next request comes in the same bytes.
    wire.send(format!("{}{purge}{}", get(FOX, WEBP, ""), get(FOX, WEBP, "")).as_bytes()).await;
    for cache in ["hit", "removed", "miss"] {
        let answer = wire.answer(false).await.unwrap();
        let text = format!("{}{}", answer.header("cache-status"), String::from_utf8_lossy(&answer.body));
        assert!(answer.status == 200 && (cache == "removed" || text.contains(cache)), "{cache}: {answer:?}");
    }
    let mut wire = Wire::open(server.address).await;
    again(&mut wire, &get(FOX, WEBP, "")).await;
    let upgrade = format!(
        "GET /realtime/v1/websocket?apikey={}&vsn=2.0.0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        anon()
    );
    assert_eq!(wire.ask(&upgrade).await.status, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_heads_are_answered_as_hyper_answers_them() {
    let server = photos().start().await;
    let line = |line: &str| get(FOX, WEBP, &format!("{line}\r\n"));
    let heads = [
        line("a: b\rc"),
        line("a: b\0c"),
        line("a: b\r\n c: folded"),
        line("Content-Length: 0\r\nContent-Length: 5"),
        line("Content-Length: 0\r\nContent-Length: 0"),
        line("Content-Length : 5"),
        line("Content-Length: +5"),
        line("Transfer-Encoding: gzip"),
        line("Transfer-Encoding: chunked\r\nContent-Length: 5") + "0\r\n\r\n",
        line("\u{fe}: x"),
        line("no colon"),
        line(": no name"),
        line(&format!("a: {}", "b".repeat(20_000))),
        line("a: b\r\n".repeat(101).trim_end()),
        format!("GET /image/{} HTTP/1.1\r\n\r\n", "a".repeat(12_000)),
        "GET /image/photos/a b HTTP/1.1\r\n\r\n".to_owned(),
        "GET /\u{0}x HTTP/1.1\r\n\r\n".to_owned(),
        "GET http://x/image/photos/avatar-fox.png?w=64 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET\t/ HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET / HTTP/2.0\r\n\r\n".to_owned(),
        "GET /\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
    ];
    for head in heads {
        // What follows must not be taken for a request where the first was refused.
        let bytes = format!("{head}{}", get("/healthz", WEBP, "Connection: close\r\n"));
        let mut short = Wire::open(server.address).await;
        again(&mut short, &get(FOX, WEBP, "")).await;
        let mut hyper = Wire::open(server.address).await;
        hand_over(&mut hyper).await;
        let mut ends = Vec::new();
        for wire in [&mut short, &mut hyper] {
            // The server may have ended it before everything was written.
            let _ = wire.writer.write_all(bytes.as_bytes()).await;
            let text = String::from_utf8_lossy(&wire.rest().await).into_owned();
            ends.push(text.lines().filter(|line| line.starts_with("HTTP/1.")).map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!(ends[0], ends[1], "{head:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fall_silent_are_let_go_before_within_and_after_a_request() {
    let server = photos().with("LIMITS__HEADER_SECONDS", "1").start().await;
    for (is_asked, half) in [(false, ""), (false, "GET /im"), (true, ""), (true, "GET /image/photos/a HTTP/1.1\r\nx: ")]
    {
        let mut wire = Wire::open(server.address).await;
        if is_asked {
            again(&mut wire, &get(FOX, WEBP, "")).await;
        }
        wire.send(half.as_bytes()).await;
        let began = Instant::now();
        assert!(wire.rest().await.is_empty(), "{half:?}");
        assert!(began.elapsed() > Duration::from_millis(500), "{half:?}: too early");
    }
    // Dripping bytes is no way to stay.
    let mut wire = Wire::open(server.address).await;
    let dripping = async {
        for byte in "GET /image/photos/a?".bytes().chain(std::iter::repeat(b'a')) {
            if wire.writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), dripping).await.expect("it is still connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_wants_to_end_is_told_so_and_nothing_after_it_is_read() {
    let server = photos().start().await;
    let mut wire = Wire::open(server.address).await;
    let expected = again(&mut wire, &get(FOX, WEBP, "")).await;
    wire.send(format!("{}{}", get(FOX, WEBP, "Connection: close\r\n"), get(FOX, WEBP, "")).as_bytes()).await;
    let answer = wire.answer(false).await.unwrap();
    assert_eq!((answer.header("connection"), answer.body == expected.body), ("close", true));
    assert!(wire.rest().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_idle_connections_at_once_and_open_requests_after_their_answer() {
    let origin = Origin::start();
    let slow = Reply::ok("image/png", fixture("formats/truecolour.png"));
    origin.serve("/a.png", Answer::After(Duration::from_millis(800), Box::new(slow.into())));
    let server = photos().bucket("web", origin.url("/")).start().await;
    let (mut fresh, mut idle, mut half) =
        (Wire::open(server.address).await, Wire::open(server.address).await, Wire::open(server.address).await);
    again(&mut idle, &get(FOX, WEBP, "")).await;
    let request = get(FOX, WEBP, "");
    again(&mut half, &request).await;
    half.send(&request.as_bytes()[..20]).await;
    let mut busy = Wire::open(server.address).await;
    again(&mut busy, &get(FOX, WEBP, "")).await;
    busy.send(get("/image/web/a.png?w=16", WEBP, "").as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopping = tokio::spawn(server.stop());
    let began = Instant::now();
    assert!(fresh.rest().await.is_empty() && idle.rest().await.is_empty());
    assert!(began.elapsed() < Duration::from_millis(500), "idle connections were kept: {:?}", began.elapsed());
    half.send(&request.as_bytes()[20..]).await;
    for wire in [&mut half, &mut busy] {
        let answer = wire.answer(false).await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, "close"));
        assert!(wire.rest().await.is_empty());
    }
    stopping.await.unwrap();
}

/// Requests that can follow each other on one connection.
fn requests() -> impl Strategy<Value = Vec<String>> {
    let path = proptest::sample::select(vec![
        FOX,
        "/image/photos/avatar-owl.png?w=32",
        "/image/photos/avatar-owl.png?w=0",
        "/storage/v1/object/public/photos/none.png",
        "/_next/image?url=%2Fphotos%2Favatar-fox.png&w=64&q=75",
        "/healthz",
        "/nothing",
        "/image/photos/%zz",
    ]);
    let method = proptest::sample::select(vec!["GET", "GET", "GET", "HEAD", "OPTIONS", "DELETE"]);
    let header = proptest::sample::select(vec![
        "",
        "Accept: image/webp\r\n",
        "If-None-Match: *\r\n",
        "Range: bytes=1-5\r\n",
        "Content-Length: 0\r\n",
        "Cookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\n",
        "Connection: keep-alive\r\n",
    ]);
    let request = (method, path, header)
        .prop_map(|(method, path, header)| format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n"));
    proptest::collection::vec(request, 1..8)
}

async fn answers(wire: &mut Wire, requests: &[String]) -> Vec<Raw> {
    let mut answers = Vec::new();
    for request in requests {
        answers.push(wire.answer(request.starts_with("HEAD")).await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_as_by_hyper_alone_however_they_are_cut_and_joined() {
    let server = photos().start().await;
    let mut runner = TestRunner::deterministic();
    // Everything is a hit from here on.
    for path in [FOX, "/image/photos/avatar-owl.png?w=32", "/_next/image?url=%2Fphotos%2Favatar-fox.png&w=64&q=75"] {
        for accept in ["image/webp", ""] {
            server.get_with(path, &[("accept", accept)]).await;
        }
        server.get(path).await;
        again(&mut Wire::open(server.address).await, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    }
    for _ in 0..60 {
        let (requests, cuts) =
            (requests(), proptest::collection::vec(1_usize..200, 1..6)).new_tree(&mut runner).unwrap().current();
        let mut hyper = Wire::open(server.address).await;
        hand_over(&mut hyper).await;
        let mut expected = Vec::new();
        for request in &requests {
            expected.push(hyper.ask(request).await);
        }
        let all = requests.concat();
        let mut short = Wire::open(server.address).await;
        let mut rest = all.as_bytes();
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            short.send(now).await;
            tokio::task::yield_now().await;
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        for (request, (got, expected)) in
            requests.iter().zip(answers(&mut short, &requests).await.iter().zip(&expected))
        {
            assert_eq!(got.timeless(), expected.timeless(), "{request:?} of {requests:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_while_its_picture_is_made_leaves_the_server_well() {
    let origin = Origin::start();
    let slow = Reply::ok("image/png", fixture("formats/truecolour.png"));
    origin.serve("/a.png", Answer::After(Duration::from_millis(300), Box::new(slow.into())));
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let request = get("/image/web/a.png?w=16&f=webp", WEBP, "");
    for _ in 0..20 {
        let mut wire = Wire::open(server.address).await;
        wire.send(request.as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = Wire::open(server.address).await.ask(&request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(origin.hits("/a.png"), 1);
}

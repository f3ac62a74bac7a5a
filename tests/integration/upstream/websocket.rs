//! Websockets are carried through; no other protocol is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Running;
use crate::support::origin::Reply;

use super::{in_front_of, in_front_of_script};

const SWITCH: &str = "GET /realtime/v1/websocket?apikey=k&vsn=2.0.0 HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Switches every connection to `protocol` and sends back what comes; the first line tells the request's head.
fn echo(protocol: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte)?;
                    head.push(byte[0]);
                }
                write!(
                    stream,
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\
                     sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                )?;
                writeln!(stream, "{}", String::from_utf8_lossy(&head).replace("\r\n", "|"))?;
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer)? {
                        0 => return Ok(()),
                        count => stream.write_all(&buffer[..count])?,
                    }
                }
            });
        }
    });
    address
}

/// Sends the handshake and reads the answer's head.
async fn switch(server: &Running, request: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_until(&mut stream, b"\r\n\r\n").await;
    (stream, head)
}

async fn read_until(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !read.ends_with(end) {
            read.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap();
    String::from_utf8(read).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_and_either_side_may_end_it() {
    let upstream = echo("websocket");
    let front = in_front_of(&format!("http://{upstream}")).start().await;
    let (mut stream, head) = switch(&front, SWITCH).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let lower = head.to_ascii_lowercase();
    assert!(
        lower.contains("upgrade: websocket") && lower.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=")
    );
    let arrived = read_until(&mut stream, b"\n").await.to_ascii_lowercase();
    assert!(arrived.starts_with("get /realtime/v1/websocket?apikey=k&vsn=2.0.0 http/1.1|"), "{arrived}");
    assert!(arrived.contains(&format!("|host: {upstream}|")), "{arrived}");
    assert!(arrived.contains("|sec-websocket-key: dghlihnhbxbszsbub25jzq==|"), "{arrived}");
    for number in 0..20 {
        let message = format!("message {number}\n");
        stream.write_all(message.as_bytes()).await.unwrap();
        assert_eq!(read_until(&mut stream, b"\n").await, message);
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_handshake_is_passed_on() {
    let (origin, front) = in_front_of_script(&[]).await;
    origin.serve("/realtime/v1/websocket", Reply::new(401, "{\"error\":\"API key is missing\"}"));
    let (_, head) = switch(&front, SWITCH).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_websockets_are_switched_to() {
    let (origin, front) = in_front_of_script(&[]).await;
    origin.serve("/realtime/v1/websocket", Reply::ok("text/plain", "plain"));
    for upgrade in ["h2c", "TLS/1.0", "connect-udp"] {
        let (_, head) = switch(&front, &SWITCH.replace("upgrade: websocket", &format!("upgrade: {upgrade}"))).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let seen = origin.seen().pop().unwrap();
        assert_eq!((seen.header("upgrade"), seen.header("connection")), (None, None), "{upgrade}");
    }
    // An upstream that switches to something else, or unasked, is not followed.
    let front = in_front_of(&format!("http://{}", echo("h2c"))).start().await;
    for request in [SWITCH.to_owned(), SWITCH.replace("upgrade: websocket\r\n", "")] {
        let (_, head) = switch(&front, &request).await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_surplus_websockets_are_closed() {
    let setup = in_front_of(&format!("http://{}", echo("websocket")))
        .with("UPSTREAM__TUNNEL_SECONDS", "1")
        .with("UPSTREAM__TUNNELS", "1");
    let front = setup.start().await;
    let (mut first, head) = switch(&front, SWITCH).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let (_, head) = switch(&front, SWITCH).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    read_until(&mut first, b"\n").await;
    let ended = tokio::time::timeout(Duration::from_secs(10), first.read(&mut [0])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    crate::support::eventually("there is room again", async || {
        switch(&front, SWITCH).await.1.starts_with("HTTP/1.1 101 ")
    })
    .await;
    front.stop().await;
}

//! What one client may ask of us, and what a slow or silent one costs.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::{Socket, V1, V2, anon, config, user};
use crate::support::{Setup, eventually, service_key};

#[tokio::test(flavor = "multi_thread")]
async fn connections_channels_and_joins_are_counted() {
    let setup = Setup::new().with("REALTIME__CONNECTIONS", "2").with("REALTIME__CHANNELS", "2");
    let server = setup.with("REALTIME__JOINS_PER_SECOND", "4").start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    let second = Socket::connect(&server, V1, &anon()).await;
    let Err(Error::Http(refused)) = Socket::try_connect(&server, V2, &anon()).await else { panic!() };
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.body().as_deref(), Some(&br#"{"error":"Too many connected users"}"#[..]));
    drop(second);
    eventually("the place is given back", async || Socket::try_connect(&server, V2, &anon()).await.is_ok()).await;
    socket.join_public("a").await;
    socket.join_public("b").await;
    let refused = socket.join("realtime:c", config(false, false, false, None)).await;
    assert_eq!(refused.1["reason"], "ChannelRateLimitReached: Too many channels");
    let mut reasons = Vec::new();
    for _ in 0..4 {
        reasons.push(socket.join("realtime:c", config(false, false, false, None)).await.1["reason"].clone());
    }
    assert!(reasons.contains(&json!("ClientJoinRateLimitReached: Too many joins per second")), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_leaves_connections_to_others() {
    let setup = Setup::new().with("REALTIME__CONNECTIONS_PER_ADDRESS", "2").with("TRUSTED_PROXIES", "127.0.0.0/8");
    let server = setup.start().await;
    let connect = async |address| Socket::try_connect_from(&server, V2, &anon(), Some(address)).await;
    let token = user("ann");
    let stream = async |address: &str| {
        let request = reqwest::Client::new().get(server.url("/api/avatars/events")).bearer_auth(&token);
        request.header("x-forwarded-for", address).send().await.unwrap()
    };
    let socket = connect("192.0.2.1").await.unwrap();
    let listening = stream("192.0.2.1").await;
    assert_eq!(listening.status(), 200);
    let Err(Error::Http(refused)) = connect("192.0.2.1").await else { panic!() };
    assert_eq!(refused.status(), 429);
    assert_eq!(stream("192.0.2.1").await.status(), 429);
    let _others = (connect("192.0.2.2").await.unwrap(), stream("192.0.2.2").await);
    drop((socket, listening));
    eventually("both places are given back", async || {
        let again = (connect("192.0.2.1").await, connect("192.0.2.1").await);
        again.0.is_ok() && again.1.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_many_events_loses_the_channel() {
    let server = Setup::new().with("REALTIME__EVENTS_PER_SECOND", "3").start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    socket.join_public("room").await;
    for number in 0..8 {
        socket.tell("room", "ping", json!(number)).await;
    }
    let system = socket.heard().await;
    assert_eq!(system.payload["message"], "Too many messages per second");
    assert_eq!(socket.heard().await.event, "phx_close");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_are_refused_and_larger_frames_end_the_connection() {
    let setup = Setup::new().with("REALTIME__PAYLOAD_BYTES", "1000").with("REALTIME__FRAME_BYTES", "5000");
    let server = setup.start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    socket.join("realtime:room", config(false, true, true, None)).await;
    socket.tell("room", "ping", json!("x".repeat(1000))).await;
    let reply = socket.heard().await;
    assert_eq!((&reply.payload["status"], reply.event.as_str()), (&json!("error"), "phx_reply"));
    assert!(socket.is_quiet().await);
    socket.send(Message::text("x".repeat(5001))).await;
    assert!(socket.next().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_sockets_are_closed_and_those_that_beat_are_not() {
    let server = Setup::new().with("REALTIME__IDLE_SECONDS", "1").start().await;
    let mut silent = Socket::connect(&server, V2, &anon()).await;
    let mut alive = Socket::connect(&server, V2, &anon()).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2500) {
        alive.push("phoenix", "heartbeat", None, json!({})).await;
        assert_eq!(alive.heard().await.topic, "phoenix");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(silent.next().await, Err(Some(1000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_let_go_and_holds_up_nobody() {
    let setup = Setup::new().with("REALTIME__QUEUE_BYTES", "4MB").with("REALTIME__PAYLOAD_BYTES", "1MB");
    let server = setup.start().await;
    let mut stuck = Socket::connect(&server, V2, &anon()).await;
    let mut quick = Socket::connect(&server, V2, &anon()).await;
    stuck.join_public("room").await;
    quick.join_public("room").await;
    let key = format!("Bearer {}", service_key());
    let payload = json!({"x": "x".repeat(900_000)});
    let body = json!({"messages": [{"topic": "room", "event": "e", "payload": payload}]}).to_string();
    for _ in 0..30 {
        let headers = [("authorization", key.as_str())];
        server.send(Method::POST, "/realtime/v1/api/broadcast", &headers, Some(&body)).await.expect(202);
        assert_eq!(quick.heard().await.event, "broadcast");
    }
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("tintype_live_dropped 1"), "{metrics}");
    let mut frames = 0;
    while stuck.next().await.is_ok() {
        frames += 1;
    }
    assert!(frames < 30, "nothing was lost: {frames}");
    eventually("its place is free", async || {
        server.get("/metrics").await.text().contains("tintype_live_connections 1")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_says_so_to_every_socket() {
    let server = Setup::new().start().await;
    let mut joined = Socket::connect(&server, V2, &anon()).await;
    let mut idle = Socket::connect(&server, V1, &anon()).await;
    joined.join_public("room").await;
    let began = Instant::now();
    let (first, second, ()) = tokio::join!(joined.next(), idle.next(), server.stop());
    assert_eq!((first, second), (Err(Some(1001)), Err(Some(1001))), "the clients come back and join again");
    assert!(began.elapsed() < Duration::from_secs(15), "sockets were cut, not closed");
}

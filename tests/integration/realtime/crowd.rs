//! Many sockets at once.

use std::time::Instant;

use futures_util::future::join_all;
use reqwest::Method;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;

use super::client::{Socket, V1, V2, anon};
use crate::support::{Setup, service_key};

const SOCKETS: usize = 1000;
const EVENTS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sockets_hear_every_event() {
    // Both ends of every socket are in this process.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let server = Setup::new().with("REALTIME__CONNECTIONS", "1000").start().await;
    let key = anon();
    let joining = (0..SOCKETS).map(|number| {
        let (server, key) = (&server, &key);
        async move {
            let version = if number % 2 == 0 { V1 } else { V2 };
            let mut socket = Socket::connect(server, version, key).await;
            socket.join_public("stadium").await;
            socket
        }
    });
    let mut crowd = Vec::new();
    let mut waiting: Vec<_> = joining.collect();
    while !waiting.is_empty() {
        let rest = waiting.split_off(waiting.len().min(50));
        crowd.extend(join_all(waiting).await);
        waiting = rest;
    }
    let bearer = format!("Bearer {}", service_key());
    let mut delays = Vec::new();
    for number in 0..EVENTS {
        let listening = crowd.iter_mut().map(|socket| async {
            let content = socket.broadcast().await;
            (content, Instant::now())
        });
        let body = json!({"messages": [{"topic": "stadium", "event": "goal", "payload": {"n": number}}]}).to_string();
        let began = Instant::now();
        let headers = [("authorization", bearer.as_str())];
        let sending = server.send(Method::POST, "/realtime/v1/api/broadcast", &headers, Some(&body));
        let (answer, heard) = tokio::join!(sending, join_all(listening));
        answer.expect(202);
        assert_eq!(heard.len(), SOCKETS);
        assert!(heard.iter().all(|(content, _)| *content == json!({"n": number})));
        delays.extend(heard.into_iter().map(|(_, at)| at - began));
    }
    delays.sort();
    let at = |share: f64| delays[(share * (delays.len() - 1) as f64) as usize];
    println!("{SOCKETS} sockets: p50 {:?}, p99 {:?}, last {:?}", at(0.5), at(0.99), at(1.0));
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains(&format!("tintype_live_connections {SOCKETS}")), "{metrics}");
    assert!(metrics.contains(&format!("tintype_live_delivered {}", SOCKETS * EVENTS)), "{metrics}");
}

//! Broadcasts over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Socket, V1, V2, anon, user};
use crate::support::{Answer, Running, Setup, service_key};

const BATCH: &str = "/realtime/v1/api/broadcast";

async fn post(server: &Running, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {key}");
    server.send(Method::POST, BATCH, &[("authorization", &bearer)], Some(&body.to_string())).await
}

async fn post_single(server: &Running, path: &str, kind: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", service_key());
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    server.send_bytes(Method::POST, &format!("{BATCH}/{path}"), &headers, body.to_vec()).await
}

fn message(topic: &str, private: bool, payload: &Value) -> Value {
    json!({"topic": topic, "event": "ping", "payload": payload, "private": private})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reaches_sockets_of_both_protocols() {
    let server = Setup::new().start().await;
    let mut first = Socket::connect(&server, V1, &anon()).await;
    let mut second = Socket::connect(&server, V2, &anon()).await;
    first.join_public("room").await;
    second.join_public("room").await;
    let batch =
        json!({"messages": [message("room", false, &json!({"n": 1})), message("room", false, &json!({"n": 2}))]});
    let answer = post(&server, &anon(), &batch).await.expect(202);
    assert!(answer.body.is_empty());
    assert_eq!((answer.header("x-rate-limit"), answer.header("x-rate-limit-remaining")), ("100", "98"));
    assert_eq!(answer.header("x-rate-rolling"), "2");
    for socket in [&mut first, &mut second] {
        let heard = socket.heard().await;
        assert_eq!(heard.payload, json!({"type": "broadcast", "event": "ping", "payload": {"n": 1}}));
        assert_eq!(socket.broadcast().await, json!({"n": 2}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_may_not_send_is_left_out_of_a_batch() {
    let server = Setup::new().start().await;
    let mut ann = Socket::connect(&server, V2, &anon()).await;
    ann.join_private("user:ann:avatar", &user("ann")).await;
    ann.join_public("room").await;
    let batch = json!({"messages": [
        message("user:ann:avatar", true, &json!({"forged": true})),
        message("room", false, &json!({"n": 1})),
    ]});
    post(&server, &user("ann"), &batch).await.expect(202);
    assert_eq!(ann.broadcast().await, json!({"n": 1}));
    assert!(ann.is_quiet().await);
    // A public event of the same name is another topic's.
    post(&server, &service_key(), &json!({"messages": [message("user:ann:avatar", false, &json!({}))]}))
        .await
        .expect(202);
    assert!(ann.is_quiet().await);
    post(&server, &service_key(), &json!({"messages": [message("user:ann:avatar", true, &json!({"n": 2}))]}))
        .await
        .expect(202);
    assert_eq!(ann.broadcast().await, json!({"n": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_event_is_json_or_bytes() {
    let server = Setup::new().start().await;
    let mut first = Socket::connect(&server, V1, &anon()).await;
    let mut second = Socket::connect(&server, V2, &anon()).await;
    first.join_public("a/b c").await;
    second.join_public("a/b c").await;
    post_single(&server, "a%2Fb%20c/events/ping", "application/json; charset=utf-8", b"[1, 2]").await.expect(202);
    assert_eq!(first.broadcast().await, json!([1, 2]));
    assert_eq!(second.broadcast().await, json!([1, 2]));
    post_single(&server, "a%2Fb%20c/events/raw", "application/octet-stream", &[1, 200]).await.expect(202);
    assert_eq!(second.heard().await.payload, json!({"event": "raw", "payload": [1, 200]}));
    assert!(first.is_quiet().await);
    let refused = post_single(&server, "room/events/ping", "text/plain", b"x").await.expect(415);
    assert!(refused.json()["error"].as_str().unwrap().starts_with("Unsupported Media Type"));
    post_single(&server, "room/events/ping", "application/json", b"{").await.expect(400);
    let mut ann = Socket::connect(&server, V2, &anon()).await;
    ann.join_private("user:ann:avatar", &user("ann")).await;
    let path = "user%3Aann%3Aavatar/events/ping?private=true";
    post_single(&server, path, "application/json", b"{\"n\":1}").await.expect(202);
    assert_eq!(ann.broadcast().await, json!({"n": 1}));
    let bearer = format!("Bearer {}", user("ann"));
    let body = Some("{}");
    let path = format!("{BATCH}/{path}");
    let refused = server.send(Method::POST, &path, &[("authorization", &bearer)], body).await.expect(403);
    assert_eq!(refused.json(), json!({"message": "Unauthorized"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_a_batch_is_told_where_it_is() {
    let server = Setup::new().with("REALTIME__PAYLOAD_BYTES", "1000").start().await;
    let good = message("room", false, &json!({}));
    let rows = [
        (json!({"messages": [{"topic": "room", "event": "e"}]}), json!([{"payload": ["can't be blank"]}])),
        (
            json!({"messages": [good, {"topic": "", "event": 7, "payload": [], "private": "perhaps"}]}),
            json!([{}, {
                "topic": ["can't be blank"], "event": ["is invalid"], "payload": ["is invalid"], "private": ["is invalid"],
            }]),
        ),
        (
            json!({"messages": [message("room", false, &json!({"x": "x".repeat(1000)}))]}),
            json!([{"payload": ["Payload size exceeds the limit"]}]),
        ),
        (json!({"messages": []}), json!(["can't be blank"])),
        (json!({}), json!(["can't be blank"])),
        (json!({"messages": 7}), json!(["is invalid"])),
    ];
    for (body, errors) in rows {
        assert_eq!(
            post(&server, &service_key(), &body).await.expect(422).json(),
            json!({"errors": {"messages": errors}})
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_and_too_much_is_told_to_wait() {
    let server = Setup::new().with("REALTIME__EVENTS_PER_SECOND", "5").start().await;
    let one = json!({"messages": [message("room", false, &json!({}))]});
    for headers in [&[][..], &[("authorization", "Bearer nonsense")], &[("apikey", "sb_publishable_unknown")]] {
        let refused = server.send(Method::POST, BATCH, headers, Some(&one.to_string())).await.expect(401);
        assert_eq!(refused.json(), json!({"message": "Unauthorized"}));
    }
    let many = json!({"messages": vec![message("room", false, &json!({})); 6]});
    let refused = post(&server, &anon(), &many).await.expect(429);
    assert_eq!(refused.json()["message"], "Too many messages to broadcast, please reduce the batch size");
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(post(&server, &anon(), &one).await);
    }
    let refused = statuses.iter().find(|answer| answer.status == 429).expect("nobody was told to wait");
    assert_eq!(refused.json(), json!({"message": "You have exceeded your rate limit"}));
    assert_eq!((refused.header("retry-after"), refused.header("x-rate-limit-remaining")), ("1", "0"));
    post(&server, &service_key(), &one).await.expect(202);
    let large = vec![b' '; 5_000_001];
    let bearer = format!("Bearer {}", service_key());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    server.send_bytes(Method::POST, BATCH, &headers, large).await.expect(413);
}

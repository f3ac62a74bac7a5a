//! Joining, hearing and sending, in both protocols.

use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::{Socket, V1, V2, anon, binary_push, config, token_for, user};
use crate::support::{Setup, service_key};

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_handshake_says_why_in_http() {
    let server = Setup::new().with("AUTH__PUBLISHABLE_KEYS", "sb_publishable_0123456789abcdef").start().await;
    let (expired, unending) = (token_for("anon", None, 0), {
        let keys = tintype::auth::Keys::new(&tintype::config::Secret::new(crate::support::SECRET));
        let (role, subject, issued) = ("anon", None, 0);
        keys.sign(&tintype::auth::NewToken { role, subject, issuer: None, audience: None, issued, expires: None })
    });
    let (signed, _) = expired.rsplit_once('.').unwrap();
    let forged = format!("{signed}.c2lnbmF0dXJl");
    let rows = [
        ("", "API key is missing"),
        (&expired, "Token has expired"),
        (&unending, "Fields `role` and `exp` are required in JWT"),
        ("nonsense", "The token provided is not a valid JWT"),
        (&forged, "Failed to validate JWT signature"),
    ];
    for (key, message) in rows {
        let answer = server.get(&format!("/realtime/v1/websocket?apikey={key}&vsn=2.0.0")).await.expect(401);
        assert_eq!(answer.json(), json!({"error": message}));
        let Err(Error::Http(response)) = Socket::try_connect(&server, V2, key).await else { panic!("{message}") };
        assert_eq!(response.status(), 401);
    }
    server.get(&format!("/realtime/v1/websocket?apikey={}&vsn=3.0.0", anon())).await.expect(400);
    let header = server.get_with("/realtime/v1/websocket", &[("x-api-key", &anon())]).await;
    assert_eq!(header.status, 400, "the key was taken: {}", header.text());
    Socket::connect(&server, V1, "sb_publishable_0123456789abcdef").await.join_public("room").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcasts_reach_the_others_in_both_protocols() {
    let server = Setup::new().start().await;
    let mut sockets = Vec::new();
    for version in [V1, V2, V1, V2] {
        let mut socket = Socket::connect(&server, version, &anon()).await;
        socket.join_public("room").await;
        sockets.push(socket);
    }
    for sender in 0..sockets.len() {
        sockets[sender].tell("room", "ping", json!({"from": sender})).await;
        for (receiver, socket) in sockets.iter_mut().enumerate().filter(|(receiver, _)| *receiver != sender) {
            let heard = socket.heard().await;
            assert_eq!((heard.topic.as_str(), heard.event.as_str()), ("realtime:room", "broadcast"), "{receiver}");
            assert_eq!(heard.payload, json!({"type": "broadcast", "event": "ping", "payload": {"from": sender}}));
        }
    }
    for mut socket in sockets {
        assert!(socket.is_quiet().await, "a sender heard itself, or an answer came that nobody wanted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_hear_themselves_and_are_answered_if_they_want() {
    let server = Setup::new().start().await;
    for version in [V1, V2] {
        let mut socket = Socket::connect(&server, version, &anon()).await;
        socket.join("realtime:room", config(false, true, true, None)).await;
        let reference = socket.tell("room", "ping", json!({"n": 1})).await;
        let (first, second) = (socket.heard().await, socket.heard().await);
        let (reply, echo) = if first.event == "phx_reply" { (first, second) } else { (second, first) };
        assert_eq!(reply.reference, json!(reference));
        assert_eq!(reply.payload, json!({"status": "ok", "response": {}}));
        assert_eq!(echo.payload["payload"], json!({"n": 1}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_pushes_reach_whoever_can_read_them() {
    let server = Setup::new().start().await;
    let mut sender = Socket::connect(&server, V2, &anon()).await;
    let mut first = Socket::connect(&server, V1, &anon()).await;
    let mut second = Socket::connect(&server, V2, &anon()).await;
    for socket in [&mut sender, &mut first, &mut second] {
        socket.join_public("room").await;
    }
    sender.send(binary_push("room", "ping", 1, br#"{"n": 1}"#)).await;
    for socket in [&mut first, &mut second] {
        let heard = socket.heard().await;
        assert_eq!(heard.payload, json!({"type": "broadcast", "event": "ping", "payload": {"n": 1}}));
    }
    sender.send(binary_push("room", "raw", 0, &[0, 200, 7])).await;
    let heard = second.heard().await;
    assert_eq!(
        (heard.topic.as_str(), heard.payload),
        ("realtime:room", json!({"event": "raw", "payload": [0, 200, 7]}))
    );
    assert!(first.is_quiet().await, "the first protocol cannot say bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn public_and_private_topics_of_one_name_do_not_mix() {
    let topics = r#"[{pattern = "room", role = "authenticated", operations = ["hear", "send"]}]"#;
    let server = Setup::new().with("REALTIME__TOPICS", topics).start().await;
    let mut public = Socket::connect(&server, V2, &anon()).await;
    let mut private = Socket::connect(&server, V2, &anon()).await;
    let mut other = Socket::connect(&server, V1, &anon()).await;
    public.join_public("room").await;
    private.join_private("room", &user("ann")).await;
    other.join_private("room", &user("bob")).await;
    public.tell("room", "ping", json!("public")).await;
    private.tell("room", "ping", json!("private")).await;
    assert_eq!(other.broadcast().await, json!("private"));
    assert!(public.is_quiet().await && private.is_quiet().await && other.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn avatar_topics_are_for_their_user_alone_to_hear_and_for_the_service_to_send() {
    let server = Setup::new().start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    let reason = "Unauthorized: You do not have permissions to read from this Channel topic: user:ann:avatar";
    for token in [Some(user("bob")), None] {
        let refused = socket.join("realtime:user:ann:avatar", config(true, false, false, token.as_deref())).await;
        assert_eq!(refused, ("error".to_owned(), json!({"reason": reason})));
    }
    let mut ann = Socket::connect(&server, V1, &anon()).await;
    ann.join_private("user:ann:avatar", &user("ann")).await;
    let mut second = Socket::connect(&server, V2, &anon()).await;
    second.join("realtime:user:ann:avatar", config(true, true, true, Some(&user("ann")))).await;
    second.tell("user:ann:avatar", "avatar_generation_progress", json!({"status": "completed"})).await;
    assert!(second.is_quiet().await && ann.is_quiet().await, "a user sent, or was answered");
    let mut service = Socket::connect(&server, V2, &service_key()).await;
    service.join_private("user:ann:avatar", &service_key()).await;
    service.tell("user:ann:avatar", "avatar_generation_progress", json!({"status": "generating"})).await;
    assert_eq!(ann.broadcast().await, json!({"status": "generating"}));
    assert_eq!(second.broadcast().await, json!({"status": "generating"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_late_or_again_is_told_the_last_state_at_once() {
    let server = Setup::new().start().await;
    let key = format!("Bearer {}", service_key());
    for (seq, status) in [(1, "generating"), (3, "uploading"), (2, "downloading")] {
        let payload = json!({"status": status, "job_id": "j", "seq": seq});
        let message = json!({"topic": "user:ann:avatar", "event": "avatar_generation_progress", "payload": payload, "private": true});
        let body = json!({"messages": [message]}).to_string();
        server
            .send(Method::POST, "/realtime/v1/api/broadcast", &[("authorization", &key)], Some(&body))
            .await
            .expect(202);
    }
    for version in [V1, V2] {
        let mut socket = Socket::connect(&server, version, &anon()).await;
        for _ in 0..2 {
            socket
                .push("realtime:user:ann:avatar", "phx_join", None, config(true, false, false, Some(&user("ann"))))
                .await;
            let mut heard = socket.heard().await;
            if heard.event == "phx_close" {
                heard = socket.heard().await;
            }
            assert_eq!(heard.payload["status"], "ok");
            let state = socket.heard().await;
            assert_eq!(state.payload["payload"]["status"], "uploading", "what is older was told");
            assert_eq!(state.payload["meta"]["replayed"], true);
        }
        assert!(socket.is_quiet().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_leaves_and_strange_messages_are_answered_as_phoenix_does() {
    let server = Setup::new().start().await;
    for version in [V1, V2] {
        let mut socket = Socket::connect(&server, version, &anon()).await;
        let beat = socket.push("phoenix", "heartbeat", None, json!({})).await;
        let reply = socket.heard().await;
        assert_eq!((reply.reference, reply.join_ref), (json!(beat), json!(null)));
        assert_eq!(reply.payload, json!({"status": "ok", "response": {}}));
        socket.push("realtime:nowhere", "broadcast", Some("9"), json!({"event": "x"})).await;
        assert_eq!(socket.heard().await.payload["response"]["reason"], "unmatched topic");
        assert_eq!(socket.join("elsewhere", json!({})).await.1["reason"], "unmatched topic");
        let empty = socket.join("realtime:", config(false, false, false, None)).await;
        assert_eq!(empty.1["reason"], "TopicNameRequired: You must provide a topic name");
        let join = socket.push("realtime:room", "phx_join", None, config(false, false, false, None)).await;
        assert_eq!(socket.heard().await.payload["status"], "ok");
        socket.push("realtime:room", "presence", Some(&join), json!({"type": "presence", "event": "track"})).await;
        assert_eq!(socket.heard().await.payload["status"], "ok");
        let again = socket.push("realtime:room", "phx_join", None, config(false, false, false, None)).await;
        let closed = socket.heard().await;
        assert_eq!((closed.event.as_str(), closed.reference), ("phx_close", json!(join)));
        assert_eq!(socket.heard().await.reference, json!(again));
        socket.push("realtime:room", "phx_leave", Some(&join), json!({})).await;
        assert!(socket.is_quiet().await, "a leave of an earlier join ended a later one");
        let leave = socket.push("realtime:room", "phx_leave", Some(&again), json!({})).await;
        assert_eq!(socket.heard().await.reference, json!(leave));
        assert_eq!(socket.heard().await.event, "phx_close");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_are_echoed_and_presence_begins_empty() {
    let server = Setup::new().start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    let binding = json!({"event": "*", "schema": "public", "table": "kinksters"});
    let asked = json!({"config": {"presence": {"enabled": "true"}, "postgres_changes": [binding]}});
    let (status, response) = socket.join("realtime:room", asked).await;
    assert_eq!((status.as_str(), &response["postgres_changes"][0]["table"]), ("ok", &json!("kinksters")));
    assert!(response["postgres_changes"][0]["id"].is_u64());
    let presence = socket.heard().await;
    assert_eq!((presence.event.as_str(), presence.payload), ("presence_state", json!({})));
    let system = socket.heard().await;
    assert_eq!((system.event.as_str(), &system.payload["status"]), ("system", &json!("error")));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_cannot_be_read_end_the_connection() {
    let server = Setup::new().start().await;
    let nonsense = [
        Message::text("nonsense"),
        Message::text(r#"{"topic":"x"}"#),
        Message::binary(vec![3, 200]),
        Message::binary(vec![9; 20]),
    ];
    for message in nonsense {
        let mut socket = Socket::connect(&server, V2, &anon()).await;
        socket.send(message).await;
        assert_eq!(socket.next().await, Err(Some(1002)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_goodbye_is_answered() {
    let server = Setup::new().start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    socket.join_public("room").await;
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    socket.send(Message::Close(Some(frame))).await;
    assert_eq!(socket.next().await, Err(Some(1000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_where_realtime_is_switched_off() {
    let server = Setup::new().with("REALTIME__ENABLED", "false").start().await;
    server.get(&format!("/realtime/v1/websocket?apikey={}", anon())).await.expect(404);
    server.get_with("/api/avatars/events", &[("authorization", &format!("Bearer {}", user("ann")))]).await.expect(404);
}

//! What a token opens, and when it no longer does.

use serde_json::{Value, json, value::to_raw_value};
use tintype::realtime::hub::Told;
use tintype::realtime::topic::EventName;

use super::client::{Socket, V1, V2, anon, config, now, token_for, user};
use crate::support::{Running, Setup};

const TOPIC: &str = "realtime:user:ann:avatar";

/// Waits for the words that end a channel, and returns the message.
async fn shut(socket: &mut Socket) -> String {
    let system = socket.heard().await;
    assert_eq!(system.event, "system", "{system:?}");
    assert_eq!((&system.payload["extension"], &system.payload["status"]), (&json!("system"), &json!("error")));
    assert_eq!(system.payload["channel"], system.topic.trim_start_matches("realtime:"));
    assert_eq!(socket.heard().await.event, "phx_close");
    system.payload["message"].as_str().unwrap().to_owned()
}

fn announce(server: &Running, topic: &str, owner: &str, payload: &Value) -> Told {
    let event = EventName::new("avatar_generation_progress").unwrap();
    server.realtime.announce(topic, owner.into(), event, to_raw_value(payload).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_with_bad_tokens_are_refused_with_their_code() {
    let server = Setup::new().start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    let good = user("ann");
    let (signed, _) = good.rsplit_once('.').unwrap();
    let rows = [
        (token_for("authenticated", Some("ann"), 0), "InvalidJWTToken: Token has expired "),
        ("nonsense".to_owned(), "MalformedJWT: The token provided is not a valid JWT"),
        (format!("{signed}.c2lnbmF0dXJl"), "JwtSignatureError: Failed to validate JWT signature"),
    ];
    for (token, reason) in rows {
        let (status, response) = socket.join(TOPIC, config(true, false, false, Some(&token))).await;
        assert_eq!(status, "error");
        assert!(response["reason"].as_str().unwrap().starts_with(reason), "{response}");
    }
    // A key that is no token stands for the connection's own.
    let opaque = config(false, false, false, Some("sb_publishable_of_another_server"));
    assert_eq!(socket.join("realtime:room", opaque).await.0, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_ends_with_its_token_and_others_of_the_socket_go_on() {
    for version in [V1, V2] {
        let server = Setup::new().start().await;
        let mut socket = Socket::connect(&server, version, &anon()).await;
        socket.join_public("room").await;
        socket.join_private("user:ann:avatar", &token_for("authenticated", Some("ann"), 2)).await;
        let message = shut(&mut socket).await;
        assert!(message.starts_with("Token has expired ") && message.ends_with(" seconds ago"), "{message}");
        socket.push("phoenix", "heartbeat", None, json!({})).await;
        assert_eq!(socket.heard().await.topic, "phoenix");
        assert_eq!(announce(&server, "user:ann:avatar", "ann", &json!({})), Told::Members(0));
        socket.push("phoenix", "heartbeat", None, json!({})).await;
        assert_eq!(socket.heard().await.topic, "phoenix", "an event came to a closed channel");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_takes_the_place_of_the_old_one() {
    let server = Setup::new().start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    let ends = now() + 2;
    socket.join_private("user:ann:avatar", &token_for("authenticated", Some("ann"), 2)).await;
    for token in [json!(user("ann")), json!(null), json!("sb_secret_whatever"), json!(7)] {
        socket.push(TOPIC, "access_token", Some("1"), json!({"access_token": token})).await;
    }
    while now() <= ends {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(socket.is_quiet().await, "the old token still counts, or a new one is answered");
    assert_eq!(announce(&server, "user:ann:avatar", "ann", &json!({"n": 1})), Told::Members(1));
    assert_eq!(socket.broadcast().await, json!({"n": 1}));
    socket.push(TOPIC, "access_token", Some("1"), json!({"access_token": user("bob")})).await;
    assert_eq!(shut(&mut socket).await, "You do not have permissions to read from this Channel topic: user:ann:avatar");
    assert_eq!(announce(&server, "user:ann:avatar", "ann", &json!({"n": 2})), Told::Members(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kinkster_that_turns_out_to_be_somebody_elses_is_heard_no_more() {
    let server = Setup::new().start().await;
    let mut ann = Socket::connect(&server, V2, &anon()).await;
    let mut bob = Socket::connect(&server, V1, &anon()).await;
    ann.join_private("kinkster:k:avatar", &user("ann")).await;
    bob.join_private("kinkster:k:avatar", &user("bob")).await;
    assert_eq!(announce(&server, "kinkster:k:avatar", "ann", &json!({"n": 1})), Told::Members(1));
    assert_eq!(ann.broadcast().await, json!({"n": 1}));
    assert_eq!(shut(&mut bob).await, "You do not have permissions to read from this Channel topic: kinkster:k:avatar");
    let refused = bob.join("realtime:kinkster:k:avatar", config(true, false, false, Some(&anon()))).await;
    assert_eq!(refused.0, "error", "nobody in particular was let in");
    // Nothing kept is told to who is not its owner.
    bob.join_private("kinkster:k:avatar", &user("bob")).await;
    assert!(bob.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn public_topics_can_be_closed_to_everyone() {
    let server = Setup::new().with("REALTIME__PUBLIC", "false").start().await;
    let mut socket = Socket::connect(&server, V2, &anon()).await;
    let refused = socket.join("realtime:room", config(false, false, false, None)).await;
    assert_eq!(refused.1["reason"], "PrivateOnly: This project only allows private channels");
    socket.join_private("user:ann:avatar", &user("ann")).await;
}

//! An avatar's progress, as the app's page hears it: joined first, asked then.

use reqwest::Method;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tintype::realtime::topic::EventName;
use uuid::Uuid;

use super::client::{Socket, V1, V2, anon, config, user};
use crate::avatars::{ANN, BOB, fox, picture, provider, token, variables};
use crate::support::{Running, Setup, service_key};

async fn generate(server: &Running, body: &Value) -> Value {
    let bearer = format!("Bearer {}", token(ANN));
    let path = "/functions/v1/generate-kinkster-avatar";
    let answer = server.send(Method::POST, path, &[("authorization", &bearer)], Some(&body.to_string())).await;
    answer.expect(202).json()
}

/// What is told of a job until it has ended.
async fn told(socket: &mut Socket) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let heard = socket.heard().await;
        assert_eq!(heard.payload["event"], "avatar_generation_progress", "{heard:?}");
        let progress = heard.payload["payload"].clone();
        let is_last = progress["status"] == "completed" || progress["status"] == "error";
        all.push(progress);
        if is_last {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_hears_every_step_and_a_stranger_is_shut_out_at_the_first() {
    let provider = provider(picture(&fox()));
    let setup = variables(&provider).iter().fold(Setup::new(), |setup, (name, value)| setup.with(name, value));
    let server = setup.start().await;
    for version in [V1, V2] {
        let kinkster = Uuid::new_v4();
        let topic = format!("kinkster:{kinkster}:avatar");
        let (mut own, mut other) =
            (Socket::connect(&server, version, &anon()).await, Socket::connect(&server, V2, &anon()).await);
        own.join_private(&topic, &token(ANN)).await;
        other.join_private(&topic, &token(BOB)).await;
        let body = json!({"user_id": ANN, "kinkster_id": kinkster, "character_data": {"name": "Rook"}});
        let begun = generate(&server, &body).await;
        let told = told(&mut own).await;
        let mut statuses: Vec<_> = told.iter().map(|progress| progress["status"].as_str().unwrap()).collect();
        statuses.dedup();
        assert_eq!(statuses, ["generating", "downloading", "uploading", "completed"]);
        let last = told.last().unwrap();
        assert_eq!((&last["job_id"], &last["kinkster_id"]), (&begun["job_id"], &json!(kinkster)));
        assert!(last["storage_url"].is_string() && last["storage_path"].is_string() && last["timestamp"].is_string());
        assert_eq!(other.heard().await.event, "system");
        assert_eq!(other.heard().await.event, "phx_close");
        // Who comes late gets the last state at once.
        let mut late = Socket::connect(&server, version, &anon()).await;
        late.join_private(&topic, &token(ANN)).await;
        assert_eq!(late.heard().await.payload["payload"]["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_told_on_the_users_own_topic() {
    let provider = provider(picture(b"<html>"));
    let setup = variables(&provider).iter().fold(Setup::new(), |setup, (name, value)| setup.with(name, value));
    let server = setup.start().await;
    let mut own = Socket::connect(&server, V2, &anon()).await;
    own.join_private(&format!("user:{ANN}:avatar"), &token(ANN)).await;
    generate(&server, &json!({"user_id": ANN, "character_data": {"name": "Rook"}})).await;
    let told = told(&mut own).await;
    let last = told.last().unwrap();
    assert!(last["status"] == "error" && last["error"].is_string(), "{last}");
}

fn announce(server: &Running, topic: &str, owner: &str, payload: &Value) {
    let event = EventName::new("avatar_generation_progress").unwrap();
    server.realtime.announce(topic, owner.into(), event, to_raw_value(payload).unwrap()).unwrap();
}

#[tokio::test]
async fn a_uuid_is_the_same_in_any_case_and_every_answer_spells_the_topic_as_it_was_sent() {
    let server = Setup::new().start().await;
    for version in [V1, V2] {
        for cases in 0..8 {
            let id = Uuid::new_v4().to_string();
            let spelled = |bit| if cases & bit == 0 { id.clone() } else { id.to_uppercase() };
            let (topic, owner) = (format!("user:{}:avatar", spelled(1)), spelled(2));
            let mut socket = Socket::connect(&server, version, &anon()).await;
            socket.join_private(&topic, &user(&spelled(4))).await;
            let progress = json!({"job_id": "a", "seq": 1, "status": "generating"});
            announce(&server, &format!("user:{owner}:avatar"), &owner, &progress);
            let heard = socket.heard().await;
            assert_eq!(heard.topic, format!("realtime:{topic}"), "{cases}");
            assert_eq!(heard.payload["payload"], progress);
            // Told again, too.
            let mut late = Socket::connect(&server, version, &anon()).await;
            late.join_private(&topic, &user(&spelled(4))).await;
            assert_eq!(late.heard().await.topic, format!("realtime:{topic}"));
            // What is refused names it as it was sent, too.
            let asked = config(true, false, false, Some(&user(BOB)));
            let mut stranger = Socket::connect(&server, version, &anon()).await;
            let (status, response) = stranger.join(&format!("realtime:{topic}"), asked).await;
            assert_eq!(status, "error");
            assert!(response["reason"].as_str().unwrap().ends_with(&topic), "{response}");
        }
    }
}

#[tokio::test]
async fn whoever_joins_for_the_next_job_is_not_told_the_end_of_the_last_once_that_was_heard() {
    let server = Setup::new().start().await;
    let topic = format!("user:{ANN}:avatar");
    let tell = |job: &str, seq: u64, status: &str| {
        announce(&server, &topic, ANN, &json!({"job_id": job, "seq": seq, "status": status}));
    };
    let join = async |version| {
        let mut socket = Socket::connect(&server, version, &anon()).await;
        socket.join_private(&topic, &user(ANN)).await;
        socket
    };
    let mut page = join(V2).await;
    for (job, status) in [("a", "completed"), ("b", "error")] {
        tell(job, 1, status);
        assert_eq!(page.broadcast().await["job_id"], job);
        // It may have been lost on the way: nothing has shown yet that the page is there.
        for version in [V1, V2] {
            let mut late = join(version).await;
            let told = late.heard().await.payload;
            assert_eq!((&told["payload"]["job_id"], &told["meta"]["replayed"]), (&json!(job), &json!(true)));
        }
        // The service looks on; what it has heard, nobody else has.
        let mut service = Socket::connect(&server, V2, &anon()).await;
        service.join_private(&topic, &service_key()).await;
        assert_eq!(service.broadcast().await["job_id"], job);
        service.push("phoenix", "heartbeat", None, json!({})).await;
        assert_eq!(service.heard().await.event, "phx_reply");
        assert_eq!(join(V2).await.broadcast().await["job_id"], job);
        page.push("phoenix", "heartbeat", None, json!({})).await;
        assert_eq!(page.heard().await.event, "phx_reply");
        assert!(join(V1).await.is_quiet().await && join(V2).await.is_quiet().await);
    }
    // The next job is heard whole, also by who joins in the middle of it.
    tell("c", 1, "generating");
    assert_eq!(page.broadcast().await["job_id"], "c");
    page.push("phoenix", "heartbeat", None, json!({})).await;
    assert_eq!(page.heard().await.event, "phx_reply");
    assert_eq!(join(V2).await.broadcast().await["job_id"], "c");
}

//! An avatar's progress, as the app's page hears it: joined first, asked then.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Socket, V1, V2, anon};
use crate::avatars::{ANN, BOB, fox, picture, provider, token, variables};
use crate::support::{Running, Setup};

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

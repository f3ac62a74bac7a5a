//! Killed in any step of a job, the next process ends it: once, stored once, paid once where the answer was kept.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::avatars::{ANN, fox, located, paints, provider, token, variables};
use crate::process::{Process, command, start};
use crate::support::files_below;
use crate::support::origin::{Answer, Origin, Reply};

fn serve(data: &Path, provider: &Origin) -> Process {
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    for (name, value) in variables(provider) {
        command.env(format!("TINTYPE_{name}"), value);
    }
    start(command)
}

async fn post(server: &Process, path: &str, body: &Value) -> Value {
    let request = reqwest::Client::new().post(format!("{}{path}", server.url)).bearer_auth(token(ANN));
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

async fn job(server: &Process, id: &str) -> Value {
    let request = reqwest::Client::new().get(format!("{}/api/avatars/jobs/{id}", server.url)).bearer_auth(token(ANN));
    serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
}

/// The first state of the job that fits.
async fn reached(server: &Process, id: &str, fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..20_000 {
        let job = job(server, id).await;
        if fits(&job) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never reached");
}

/// Kills the server once the job is in this step, or as long after its start, and looks what the next one makes of it.
async fn killed_in(step: &str, after: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let provider = provider(Answer::Hang);
    let slowly = |pause, reply: Reply| Answer::After(Duration::from_millis(pause), Box::new(reply.into()));
    provider.serve("/p.png", slowly(150, Reply::ok("image/png", fox())));
    provider.serve("/v1/images/generations", slowly(150, located(&provider.url("/p.png"))));
    let server = serve(&data, &provider);
    let body = json!({"user_id": ANN, "character_data": {"name": "Rook"}});
    let begun = post(&server, "/functions/v1/generate-kinkster-avatar", &body).await;
    let id = begun["job_id"].as_str().unwrap();
    let seen = reached(&server, id, |job| job["status"] == step || job["state"] == "completed").await;
    tokio::time::sleep(after).await;
    drop(server);
    // While it was being painted nobody can tell whether the answer had come: two payments are then no fault.
    let was_answered = seen["status"] != "generating";
    let server = serve(&data, &provider);
    let ended = reached(&server, id, |job| job["state"] == "completed" || job["state"] == "error").await;
    assert_eq!(ended["state"], "completed", "{step} {after:?}: {ended}");
    assert!(
        paints(&provider) <= if was_answered { 1 } else { 2 },
        "{step} {after:?}: paid {} times",
        paints(&provider)
    );
    let listed = json!({"prefix": format!("{ANN}/kinksters")});
    let listed = post(&server, "/storage/v1/object/list/kinkster-avatars", &listed).await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{step} {after:?}");
    let seen = reqwest::get(format!(
        "{}/storage/v1/object/public/kinkster-avatars/{}",
        server.url,
        ended["storage_path"].as_str().unwrap()
    ));
    assert_eq!(seen.await.unwrap().status(), 200);
    assert!(files_below(&data.join("storage/objects/~answers")).is_empty(), "{step} {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_each_step_a_job_ends_once_and_is_paid_once() {
    for step in ["generating", "downloading", "uploading"] {
        killed_in(step, Duration::ZERO).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_a_job_ends_once() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 100 } else { 8 };
    for round in 0..rounds {
        killed_in("generating", Duration::from_millis(round * 73 % 600)).await;
    }
}

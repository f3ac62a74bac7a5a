//! Avatars in front of a Supabase: the rows, the objects and the topics are its own, and nothing of a job is done twice.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::gate::{Fate, Gate};
use super::{call_as, get_as};
use crate::avatars::{ANN, BOB, fox, located, paints, picture, provider, token, trusting, variables};
use crate::process::{Process, command, start_logging};
use crate::realtime::client::{Socket, V1, V2, anon, statuses};
use crate::support::origin::{Origin, Reply};
use crate::support::postgres::Database;
use crate::support::{Running, SECRET, Setup, eventually, files_below, service_key};

const GENERATE: &str = "/api/kinksters/avatar/generate";
const INVOKE: &str = "/functions/v1/generate-kinkster-avatar";
const OBJECTS: &str = "/storage/v1/object/kinkster-avatars/";
const ROWS: &str = "/rest/v1/kinksters";
const TOPICS: &str = "/realtime/v1/api/broadcast";

/// A stand-in, a gate before it, and a tintype in front of both that has a key to it.
struct Front {
    upstream: Running,
    gate: Gate,
    served: Running,
    provider: Origin,
}

fn front_of(url: &str, provider: &Origin, key: &str) -> Setup {
    let setup = Setup::new().with("JWT_SECRET", SECRET).with("UPSTREAM__URL", url).with("UPSTREAM__SERVICE_KEY", key);
    setup.with_all(&variables(provider))
}

impl Front {
    async fn start() -> Self {
        Self::with(&service_key(), &[]).await
    }

    async fn with(key: &str, others: &[(&str, &str)]) -> Self {
        let upstream = Setup::new().start().await;
        let gate = Gate::before(upstream.address).await;
        let provider = provider(picture(&fox()));
        let setup = front_of(&gate.url, &provider, key);
        let setup = setup.with_all(others);
        Self { served: setup.start().await, upstream, gate, provider }
    }

    /// A character of the user, as the app makes it: through us, by the upstream.
    async fn kinkster(&self, user: &str) -> Uuid {
        let id = Uuid::new_v4();
        let row = json!({"id": id, "user_id": user, "name": "Rook"});
        call_as(&self.served, Method::POST, ROWS, &token(user), &row).await.expect(201);
        id
    }

    async fn row(&self, id: Uuid) -> Value {
        let rows = get_as(&self.served, &format!("{ROWS}?id=eq.{id}"), &token(ANN)).await.expect(200).json();
        rows[0].clone()
    }

    /// What the stand-in holds of the user.
    async fn stored(&self, user: &str) -> Vec<Value> {
        let body = json!({"prefix": format!("{user}/kinksters")});
        let path = "/storage/v1/object/list/kinkster-avatars";
        let listed = call_as(&self.upstream, Method::POST, path, &service_key(), &body).await.expect(200);
        listed.json().as_array().unwrap().clone()
    }

    async fn generate(&self, kinkster: Option<Uuid>) -> crate::support::Answer {
        let mut body = json!({"characterData": {"name": "Rook"}});
        if let Some(kinkster) = kinkster {
            body["kinkster_id"] = json!(kinkster);
        }
        call_as(&self.served, Method::POST, GENERATE, &token(ANN), &body).await
    }
}

const ALL: [&str; 4] = ["generating", "downloading", "uploading", "completed"];

#[tokio::test(flavor = "multi_thread")]
async fn a_private_channel_of_the_project_hears_every_state_in_order_and_the_row_shows_the_picture() {
    let upstream = Setup::new().start().await;
    let provider = provider(picture(&fox()));
    // Without the gate, which carries no websockets.
    let front = front_of(&format!("http://{}", upstream.address), &provider, &service_key()).start().await;
    for version in [V1, V2] {
        let id = Uuid::new_v4();
        let row = json!({"id": id, "user_id": ANN});
        call_as(&front, Method::POST, ROWS, &token(ANN), &row).await.expect(201);
        let topic = format!("kinkster:{id}:avatar");
        let mut own = Socket::connect(&front, version, &anon()).await;
        own.join_private(&topic, &token(ANN)).await;
        let body = json!({"user_id": ANN, "kinkster_id": id, "character_data": {"name": "Rook"}});
        let begun = call_as(&front, Method::POST, INVOKE, &token(ANN), &body).await.expect(202).json();
        let told = own.generation().await;
        assert_eq!(statuses(&told), ALL);
        assert!(told.is_sorted_by_key(|progress| progress["seq"].as_i64()));
        let last = told.last().unwrap();
        assert_eq!((&last["job_id"], &last["kinkster_id"]), (&begun["job_id"], &json!(id)));
        let path = last["storage_path"].as_str().unwrap();
        assert!(path.starts_with(&format!("{ANN}/kinksters/avatar_")) && path.ends_with(&format!("_{id}.png")));
        let shown = get_as(&front, &format!("{ROWS}?id=eq.{id}"), &token(ANN)).await.expect(200).json()[0].clone();
        assert_eq!((&shown["avatar_url"], &shown["avatar_prompt"]), (&last["storage_url"], &begun["prompt"]));
        assert_eq!(shown["avatar_generation_config"]["model"], "gpt-image-2");
        // The first view is a hit, of what the upstream has.
        assert!(front.get_webp(&format!("/image/kinkster-avatars/{path}?w=128")).await.expect(200).is_hit());
        let there = upstream.get(&format!("/storage/v1/object/public/kinkster-avatars/{path}")).await.expect(200);
        assert!(there.header("cache-control").contains("max-age=3600"), "{}", there.header("cache-control"));
    }
    assert_eq!(paints(&provider), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_is_told_as_server_sent_events_by_us() {
    let server = Front::start().await;
    let url = server.served.url("/api/avatars/events");
    let stream = reqwest::Client::new().get(url).bearer_auth(token(ANN)).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    server.generate(None).await.expect(200);
    let (mut text, mut bytes) = (String::new(), stream.bytes_stream());
    while !text.contains("\"completed\"") {
        text.push_str(&String::from_utf8_lossy(&bytes.next().await.unwrap().unwrap()));
    }
    let places: Vec<_> = ALL.map(|status| text.find(&format!("\"status\":\"{status}\"")).unwrap()).to_vec();
    assert!(places.is_sorted(), "{text}");
    assert!(!text.contains(&service_key()));
    let id = server.kinkster(BOB).await;
    get_as(&server.served, &format!("/api/avatars/events?kinkster_id={id}"), &token(ANN)).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_row_decides_whose_a_kinkster_is() {
    for anon_key in [None, Some(anon())] {
        let anon_key = anon_key.iter().map(|key| ("UPSTREAM__ANON_KEY", key.as_str())).collect::<Vec<_>>();
        let server = Front::with(&service_key(), &anon_key).await;
        let (own, theirs) = (server.kinkster(ANN).await, server.kinkster(BOB).await);
        for id in [theirs, Uuid::new_v4()] {
            let refused = server.generate(Some(id)).await.expect(403);
            assert_eq!(refused.json()["error"], "This kinkster belongs to somebody else");
            let body = json!({"image_url": server.provider.url("/p.png"), "kinkster_id": id});
            call_as(&server.served, Method::POST, "/api/kinksters/avatar/store", &token(ANN), &body).await.expect(403);
        }
        assert_eq!((paints(&server.provider), server.stored(ANN).await.len()), (0, 0));
        server.generate(Some(own)).await.expect(200);
        let body = json!({"user_id": BOB, "kinkster_id": theirs, "characterData": {"name": "Rook"}});
        call_as(&server.served, Method::POST, GENERATE, &service_key(), &body).await.expect(200);
        let body = json!({"user_id": ANN, "kinkster_id": theirs, "characterData": {"name": "Rook"}});
        call_as(&server.served, Method::POST, GENERATE, &service_key(), &body).await.expect(403);
        assert_eq!(server.stored(BOB).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_announced_before_it_is_uploaded_and_a_deaf_topic_fails_no_job() {
    let server = Front::start().await;
    let id = server.kinkster(ANN).await;
    server.generate(Some(id)).await.expect(200);
    let passed = server.gate.passed();
    let announced = |status: &str| {
        let is = |passed: &super::gate::Passed| {
            let text = String::from_utf8_lossy(&passed.body);
            passed.path == TOPICS
                && text.contains(&format!("\"status\":\"{status}\""))
                && text.contains("\"private\":true")
        };
        passed.iter().position(is)
    };
    let uploaded = passed.iter().position(|passed| passed.path.starts_with(OBJECTS)).unwrap();
    let written = passed.iter().position(|passed| passed.method == Method::PATCH).unwrap();
    assert!(announced("uploading").unwrap() < uploaded && uploaded < written);
    server.gate.rule(Method::POST, TOPICS, Fate::Refused(500, "{}"), 1000);
    server.generate(Some(id)).await.expect(200);
    assert_eq!(server.stored(ANN).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_for_a_while_is_waited_for() {
    let server = Front::start().await;
    let id = server.kinkster(ANN).await;
    server.gate.rule(Method::POST, OBJECTS, Fate::Refused(503, "down"), 1);
    server.gate.rule(Method::PATCH, ROWS, Fate::Refused(502, "down"), 1);
    let done = server.generate(Some(id)).await.expect(200).json();
    assert_eq!(server.row(id).await["avatar_url"], done["storage_url"]);
    let uploads: Vec<_> =
        server.gate.passed().into_iter().filter(|passed| passed.path.starts_with(OBJECTS)).map(|p| p.path).collect();
    assert!(uploads.len() == 2 && uploads[0] == uploads[1], "{uploads:?}");
    assert_eq!((paints(&server.provider), server.stored(ANN).await.len()), (1, 1));
    // Down for good it is given up, with its reason; who tries again pays nothing.
    server.gate.rule(Method::POST, OBJECTS, Fate::Refused(503, "down"), 1000);
    let failed = server.generate(Some(id)).await.expect(500).json();
    assert_eq!(failed["error"], "The storage cannot be reached; please try again");
    server.gate.heal();
    let retry = format!("/api/avatars/jobs/{}/retry", failed["details"]["job_id"].as_str().unwrap());
    call_as(&server.served, Method::POST, &retry, &token(ANN), &json!({})).await.expect(202);
    eventually("it is stored", async || server.stored(ANN).await.len() == 2).await;
    assert_eq!(paints(&server.provider), 2);
    // One that has too much to do is told apart, with the time to wait.
    server.gate.rule(Method::POST, OBJECTS, Fate::Refused(429, "{}"), 1000);
    let busy = server.generate(Some(id)).await.expect(503);
    assert_eq!((busy.json()["details"]["code"].as_str(), busy.header("retry-after").is_empty()), (Some("busy"), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_upstream_refuses_is_told_in_words_and_stores_nothing() {
    let policy =
        r#"{"statusCode":"403","error":"Unauthorized","message":"new row violates row-level security policy"}"#;
    let size = r#"{"statusCode":"413","error":"Payload too large","message":"secret-word"}"#;
    let server = Front::start().await;
    for (status, body, words) in [
        (400, policy, "The storage's policies do not let this server store the picture"),
        (400, size, "The picture is too large for the storage"),
        (401, "{}", "The storage does not accept this server's key; whoever runs it has to look at it"),
        (400, "<html>", "The storage did not take the picture"),
    ] {
        server.gate.rule(Method::POST, OBJECTS, Fate::Refused(status, body), 1);
        let failed = server.generate(None).await.expect(500);
        assert_eq!((&failed.json()["error"], &failed.json()["details"]["code"]), (&json!(words), &json!("storage")));
        assert!(!failed.text().contains("secret-word"));
    }
    assert!(server.stored(ANN).await.is_empty());
    // A picture whose row is not written is found again by whoever tries again.
    let id = server.kinkster(ANN).await;
    server.gate.rule(Method::PATCH, ROWS, Fate::Refused(400, r#"{"code":"PGRST204","message":"x"}"#), 1);
    let failed = server.generate(Some(id)).await.expect(500).json();
    let uploads = server.gate.count(&Method::POST, OBJECTS);
    let retry = format!("/api/avatars/jobs/{}/retry", failed["details"]["job_id"].as_str().unwrap());
    call_as(&server.served, Method::POST, &retry, &token(ANN), &json!({})).await.expect(202);
    eventually("the row is written", async || server.row(id).await["avatar_url"].is_string()).await;
    assert_eq!(server.gate.count(&Method::POST, OBJECTS), uploads, "it lay there already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_service_key_is_told_of_and_shown_to_nobody() {
    let wrong = super::signed(&json!({"role": "service_role", "exp": 4_000_000_000_u64}), super::FRONT_SECRET);
    let server = Front::with(&wrong, &[]).await;
    let id = server.kinkster(ANN).await;
    let answers = [server.generate(Some(id)).await.expect(500), server.generate(None).await.expect(500)];
    for answer in &answers {
        let text = answer.text();
        assert!(text.contains("does not accept this server's key") && !text.contains(&wrong), "{text}");
    }
    assert_eq!((paints(&server.provider), server.stored(ANN).await.len()), (1, 0), "the first was not even painted");
    let jobs = get_as(&server.served, "/api/avatars/jobs", &token(ANN)).await.expect(200).text();
    assert!(!jobs.contains(&wrong), "{jobs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_stored_at_the_project() {
    let host = Origin::start();
    host.serve("/fox", Reply::ok("image/png", fox()));
    let hosts = trusting(&host);
    let hosts: Vec<(&str, &str)> = hosts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Front::with(&service_key(), &hosts).await;
    let id = server.kinkster(ANN).await;
    let body = json!({"image_url": host.url("/fox"), "kinkster_id": id});
    let path = "/api/kinksters/avatar/store";
    let stored = call_as(&server.served, Method::POST, path, &token(ANN), &body).await.expect(200).json();
    assert_eq!(server.row(id).await["avatar_url"], stored["storage_url"]);
    assert_eq!(server.stored(ANN).await.len(), 1);
    server.gate.rule(Method::POST, OBJECTS, Fate::Refused(503, "down"), 1);
    call_as(&server.served, Method::POST, path, &token(ANN), &body).await.expect(502);
    server.gate.rule(Method::PATCH, ROWS, Fate::Refused(401, "{}"), 1);
    call_as(&server.served, Method::POST, path, &token(ANN), &body).await.expect(500);
    assert_eq!(server.stored(ANN).await.len(), 1, "what no row shows is taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_may_be_kept_in_postgres_while_all_else_is_the_projects() {
    let database = Database::create().await;
    let server = Front::with(&service_key(), &[("STORAGE__DATABASE", &database.url())]).await;
    let id = server.kinkster(ANN).await;
    server.gate.rule(Method::PATCH, ROWS, Fate::Refused(502, "down"), 1);
    let done = server.generate(Some(id)).await.expect(200).json();
    assert_eq!(server.row(id).await["avatar_url"], done["storage_url"]);
    assert_eq!((paints(&server.provider), server.stored(ANN).await.len()), (1, 1));
    server.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_while_it_is_uploaded_a_picture_is_taken_back_and_its_row_shows_nothing() {
    let server = Front::start().await;
    let id = server.kinkster(ANN).await;
    server.gate.rule(Method::POST, OBJECTS, Fate::IsLate(Duration::from_millis(700)), 1);
    let body = json!({"user_id": ANN, "kinkster_id": id, "character_data": {"name": "Rook"}});
    let begun = call_as(&server.served, Method::POST, INVOKE, &token(ANN), &body).await.expect(202).json();
    let path = format!("/api/avatars/jobs/{}", begun["job_id"].as_str().unwrap());
    eventually("it is uploaded", async || !server.stored(ANN).await.is_empty()).await;
    let cancelled = call_as(&server.served, Method::DELETE, &path, &token(ANN), &Value::Null).await.expect(200).json();
    assert_eq!(cancelled["state"], "cancelled");
    // Taken up again before the first upload has ended, it is stored under a name of its own.
    call_as(&server.served, Method::POST, &format!("{path}/retry"), &token(ANN), &json!({})).await.expect(202);
    eventually("its row shows it", async || server.row(id).await["avatar_url"].is_string()).await;
    eventually("the other one is taken back", async || server.stored(ANN).await.len() == 1).await;
    let kept = server.stored(ANN).await[0]["name"].as_str().unwrap().to_owned();
    assert!(server.row(id).await["avatar_url"].as_str().unwrap().ends_with(&kept));
    assert_eq!(paints(&server.provider), 1);
    // Left alone after it was cancelled nothing stays.
    server.gate.rule(Method::POST, OBJECTS, Fate::IsLate(Duration::from_millis(700)), 1);
    let begun = call_as(&server.served, Method::POST, INVOKE, &token(ANN), &body).await.expect(202).json();
    let path = format!("/api/avatars/jobs/{}", begun["job_id"].as_str().unwrap());
    eventually("it is uploaded", async || server.stored(ANN).await.len() == 2).await;
    call_as(&server.served, Method::DELETE, &path, &token(ANN), &Value::Null).await.expect(200);
    eventually("it is taken back", async || server.stored(ANN).await.len() == 1).await;
    assert!(server.row(id).await["avatar_url"].as_str().unwrap().ends_with(&kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_between_two_tries_nothing_is_left_of_the_first() {
    let server = Front::with(&service_key(), &[("AVATARS__RETRY_MS", "60000")]).await;
    server.gate.rule(Method::POST, OBJECTS, Fate::IsDenied(502), 1);
    let body = json!({"user_id": ANN, "character_data": {"name": "Rook"}});
    let begun = call_as(&server.served, Method::POST, INVOKE, &token(ANN), &body).await.expect(202).json();
    let path = format!("/api/avatars/jobs/{}", begun["job_id"].as_str().unwrap());
    let shown = async || get_as(&server.served, &path, &token(ANN)).await.expect(200).json();
    eventually("it waits for another try", async || {
        let job = shown().await;
        job["state"] == "queued" && job["attempts"] == 1
    })
    .await;
    assert_eq!(server.stored(ANN).await.len(), 1, "it arrived all the same");
    call_as(&server.served, Method::DELETE, &path, &token(ANN), &Value::Null).await.expect(200);
    eventually("it is taken back", async || server.stored(ANN).await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_its_picture_is_uploaded_a_job_is_not_cancelled_any_more() {
    let server = Front::start().await;
    let id = server.kinkster(ANN).await;
    server.gate.rule(Method::PATCH, ROWS, Fate::IsLate(Duration::from_millis(700)), 1);
    let body = json!({"user_id": ANN, "kinkster_id": id, "character_data": {"name": "Rook"}});
    let begun = call_as(&server.served, Method::POST, INVOKE, &token(ANN), &body).await.expect(202).json();
    let path = format!("/api/avatars/jobs/{}", begun["job_id"].as_str().unwrap());
    eventually("the row is written", async || server.gate.count(&Method::PATCH, ROWS) > 0).await;
    call_as(&server.served, Method::DELETE, &path, &token(ANN), &Value::Null).await.expect(409);
    let shown = async || get_as(&server.served, &path, &token(ANN)).await.expect(200).json();
    eventually("the job ends", async || shown().await["finished_at"].is_string()).await;
    assert_eq!(shown().await["state"], "completed");
    assert_eq!(server.row(id).await["avatar_url"], shown().await["storage_url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_key_the_routes_are_the_upstreams() {
    let upstream = Setup::new().start().await;
    let gate = Gate::before(upstream.address).await;
    let front = Setup::new().with("UPSTREAM__URL", &gate.url).start().await;
    call_as(&front, Method::POST, INVOKE, &token(ANN), &json!({})).await.expect(400);
    assert_eq!(gate.count(&Method::POST, INVOKE), 1);
    call_as(&front, Method::POST, GENERATE, &token(ANN), &json!({})).await.expect(404);
    front.get("/api/avatars/events").await.expect(404);
}

/// The bytes of answers are on the disk of the node that asked; its fellows have the row alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_another_node_had_is_fetched_again_or_lost_but_never_paid_twice_unasked() {
    for is_located in [true, false] {
        let server = Front::start().await;
        server.provider.serve("/p.png", Reply::ok("image/png", fox()));
        if is_located {
            server.provider.serve("/v1/images/generations", located(&server.provider.url("/p.png")));
        }
        server.gate.rule(Method::POST, OBJECTS, Fate::Refused(503, "down"), 1000);
        let body = json!({"user_id": ANN, "character_data": {"name": "Rook"}});
        let begun = call_as(&server.served, Method::POST, INVOKE, &token(ANN), &body).await.expect(202).json();
        let path = format!("/api/avatars/jobs/{}", begun["job_id"].as_str().unwrap());
        let shown = async || get_as(&server.served, &path, &token(ANN)).await.expect(200).json();
        let ended = async || {
            eventually("the job ends", async || shown().await["finished_at"].is_string()).await;
            shown().await
        };
        assert_eq!(ended().await["error_code"], "storage");
        server.gate.heal();
        let kept = files_below(&server.served.data().join("storage/objects/~answers"));
        assert!(!kept.is_empty());
        for file in &kept {
            std::fs::remove_file(file).unwrap();
        }
        let retry = format!("{path}/retry");
        call_as(&server.served, Method::POST, &retry, &token(ANN), &json!({})).await.expect(202);
        let again = ended().await;
        assert_eq!(paints(&server.provider), 1);
        if is_located {
            assert_eq!(
                (&again["state"], &again["generation_config"]["model"]),
                (&json!("completed"), &json!("gpt-image-2"))
            );
            continue;
        }
        assert_eq!((&again["error_code"], &again["generation_config"]), (&json!("lost"), &Value::Null));
        assert!(again["error"].as_str().unwrap().contains("trying again has it painted anew"));
        call_as(&server.served, Method::POST, &retry, &token(ANN), &json!({})).await.expect(202);
        assert_eq!((ended().await["state"].as_str(), paints(&server.provider)), (Some("completed"), 2));
    }
}

fn serve(data: &Path, gate: &Gate, provider: &Origin, key: &str) -> Process {
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    // As the app's own variables name them.
    command.env("NEXT_PUBLIC_SUPABASE_URL", &gate.url).env("SUPABASE_SERVICE_ROLE_KEY", key);
    command.env("TINTYPE_LOG__LEVEL", "debug");
    for (name, value) in variables(provider) {
        command.env(format!("TINTYPE_{name}"), value);
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(data.with_extension("log")).unwrap();
    start_logging(command, log)
}

/// Kills the server while a step is under way and looks what the next one makes of it.
async fn killed_while(method: Method, prefix: &'static str, fate: Fate) {
    let what = format!("{method} {prefix} {fate:?}");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let upstream = Setup::new().start().await;
    let gate = Gate::before(upstream.address).await;
    let provider = Origin::start();
    provider.serve("/p.png", Reply::ok("image/png", fox()));
    provider.serve("/v1/images/generations", located(&provider.url("/p.png")));
    let (id, key) = (Uuid::new_v4(), service_key());
    let row = json!({"id": id, "user_id": ANN});
    call_as(&upstream, Method::POST, ROWS, &token(ANN), &row).await.expect(201);
    gate.rule(method.clone(), prefix, fate, 1);
    let server = serve(&data, &gate, &provider, &key);
    let client = reqwest::Client::new();
    let body = json!({"user_id": ANN, "kinkster_id": id, "character_data": {"name": "Rook"}});
    let begun = client.post(format!("{}{INVOKE}", server.url)).bearer_auth(token(ANN)).body(body.to_string());
    let begun = begun.header("content-type", "application/json").send().await.unwrap().bytes().await.unwrap();
    let begun: Value = serde_json::from_slice(&begun).unwrap();
    let job = begun["job_id"].as_str().unwrap();
    eventually("the step begins", async || gate.count(&method, prefix) > 0).await;
    // What is passed on arrives.
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(server);
    gate.heal();
    let server = serve(&data, &gate, &provider, &key);
    let shown = async || {
        let request = client.get(format!("{}/api/avatars/jobs/{job}", server.url)).bearer_auth(token(ANN));
        serde_json::from_slice::<Value>(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
    };
    eventually("the job ends", async || shown().await["finished_at"].is_string()).await;
    let ended = shown().await;
    assert_eq!(ended["state"], "completed", "{what}: {ended}");
    assert_eq!(paints(&provider), 1, "{what}");
    let list = json!({"prefix": format!("{ANN}/kinksters")});
    let path = "/storage/v1/object/list/kinkster-avatars";
    let listed = call_as(&upstream, Method::POST, path, &service_key(), &list).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{what}");
    let shown = get_as(&upstream, &format!("{ROWS}?id=eq.{id}"), &token(ANN)).await.expect(200).json();
    assert_eq!(shown[0]["avatar_url"], ended["storage_url"], "{what}");
    drop(server);
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.contains("tintype") && !log.contains(&key), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_any_step_a_job_ends_once_stored_once_and_paid_once() {
    for fate in [Fate::Hangs, Fate::IsLost] {
        killed_while(Method::POST, OBJECTS, fate.clone()).await;
        killed_while(Method::PATCH, ROWS, fate).await;
    }
}

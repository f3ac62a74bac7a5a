//! What follows from a write, and from others' word of one: purge, warm lists, webhooks, doors.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use tintype::auth::SigningSecret;
use tintype::config::Secret;

use crate::process::{command, serve};
use crate::receiver::{Answer, Message, Receiver, SIGNING_SECRET};
use crate::support::origin::{Origin, Reply};
use crate::support::postgres::Database;
use crate::support::{self, Running, Setup, eventually, fixture, service_key};

const EVENTS_KEY: &str = "an-events-key-for-tests";
const AVATAR_LIST: [u32; 6] = [64, 96, 128, 256, 384, 640];

/// A webhook that is told everything, and tried again quickly.
fn hooked(receiver: &Receiver) -> Setup {
    Setup::new()
        .with("WEBHOOKS__APP__URL", &receiver.url())
        .with("WEBHOOKS__APP__SECRET", SIGNING_SECRET)
        .with("EVENTS__RETRY_MS", "20")
        // Long enough for every warm list: what is announced is warm.
        .with("EVENTS__WARM_WAIT_MS", "60000")
}

async fn upload(server: &str, path: &str, body: Vec<u8>) {
    let request = reqwest::Client::new()
        .post(format!("{server}/storage/v1/object/{path}"))
        .bearer_auth(service_key())
        .header("content-type", "image/png")
        .header("x-upsert", "true")
        .body(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn remove(server: &str, path: &str) {
    let request = reqwest::Client::new().delete(format!("{server}/storage/v1/object/{path}"));
    assert_eq!(request.bearer_auth(service_key()).send().await.unwrap().status(), 200);
}

async fn received(receiver: &Receiver, count: usize) -> Vec<Message> {
    eventually("the messages came", async || receiver.messages().len() >= count).await;
    receiver.messages()
}

async fn as_service(server: &Running, method: Method, path: &str) -> support::Answer {
    server.send(method, path, &[("authorization", &format!("Bearer {}", service_key()))], None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_avatar_has_its_warm_list() {
    let receiver = Receiver::start(Answer::Status(204)).await;
    let server = hooked(&receiver).start().await;
    upload(&server.url(""), "kinkster-avatars/ann/a.png", fixture("photos/avatar-fox.png")).await;
    let message = received(&receiver, 1).await.remove(0);
    message.assert_signed();
    let event = message.event();
    assert_eq!((&event["type"], &event["subject"]), (&json!("tintype.object.created"), &json!("ann/a.png")));
    assert_eq!(
        (&event["source"], &event["data"]["bucket"]),
        (&json!("/buckets/kinkster-avatars"), &json!("kinkster-avatars"))
    );
    for width in AVATAR_LIST {
        let url = format!("/image/kinkster-avatars/ann/a.png?w={width}&f=webp&q=75");
        assert!(server.get(&url).await.expect(200).is_hit(), "{url}");
    }
    // The receiver has the message a moment before it is counted.
    let lines = [r#"tintype_deliveries_total{hook="app",result="ok"} 1"#, "tintype_outbox 0", "tintype_warm_queue 0"];
    let mut metrics = String::new();
    for _ in 0..200 {
        metrics = server.get("/metrics").await.expect(200).text();
        if lines.iter().all(|line| metrics.contains(line)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for line in lines {
        assert!(metrics.contains(line), "{line} is missing from\n{metrics}");
    }
    remove(&server.url(""), "kinkster-avatars/ann/a.png").await;
    let messages = received(&receiver, 2).await;
    assert_eq!(messages[1].event()["type"], "tintype.object.deleted");
    assert_eq!(messages[1].event()["data"]["version"], event["data"]["version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn overwrites_are_told_in_their_order() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let server = hooked(&receiver).start().await;
    let pictures =
        [fixture("photos/avatar-fox.png"), fixture("photos/avatar-owl.png"), fixture("formats/truecolour.png")];
    for number in 0..=20 {
        for name in ["a", "b"] {
            let body = pictures[number % pictures.len()].clone();
            upload(&server.url(""), &format!("kinkster-avatars/ann/{name}.png"), body).await;
        }
    }
    let messages = received(&receiver, 42).await;
    for name in ["ann/a.png", "ann/b.png"] {
        let events: Vec<Value> = messages.iter().map(Message::event).filter(|event| event["subject"] == name).collect();
        let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!((types.len(), types[0]), (21, "tintype.object.created"));
        assert!(types[1..].iter().all(|kind| *kind == "tintype.object.updated"), "{types:?}");
        let sizes: Vec<u64> = events.iter().map(|event| event["data"]["size"].as_u64().unwrap()).collect();
        let expected: Vec<u64> = (0..=20).map(|number| sizes[number % pictures.len()]).collect();
        assert_eq!(sizes, expected);
        assert!(sizes[0] != sizes[1] && sizes[1] != sizes[2] && sizes[0] != sizes[2], "{sizes:?}");
    }
    messages.iter().for_each(Message::assert_signed);
    for name in ["a", "b"] {
        let url = format!("/image/kinkster-avatars/ann/{name}.png?w=64&f=webp&q=75");
        assert!(server.get(&url).await.expect(200).is_hit(), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_variants_are_kept_at_their_first_request_and_others_at_the_second() {
    let setup = Setup::new().photos().with("BUCKETS__PHOTOS__WARM", "w=201&f=webp");
    let server = setup.start().await;
    for width in [201, 203] {
        server.get(&format!("/image/photos/coffee-cup.png?w={width}&f=webp")).await.expect(200);
    }
    server.stop().await;
    let server = setup.start().await;
    assert!(server.get("/image/photos/coffee-cup.png?w=201&f=webp").await.is_hit());
    assert!(!server.get("/image/photos/coffee-cup.png?w=203&f=webp").await.is_hit());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_down_is_told_when_it_is_back() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let address = receiver.address;
    let server = hooked(&receiver).start().await;
    receiver.stop().await;
    for name in ["a", "b"] {
        upload(&server.url(""), &format!("kinkster-avatars/ann/{name}.png"), fixture("photos/avatar-fox.png")).await;
    }
    let failed = r#"tintype_deliveries_total{hook="app",result="failed"}"#;
    eventually("an attempt failed", async || server.get("/metrics").await.text().contains(failed)).await;
    let receiver = Receiver::start_at(address, Answer::Status(200)).await;
    let messages = received(&receiver, 2).await;
    messages.iter().for_each(Message::assert_signed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_refused_for_long_is_a_dead_letter_that_can_be_sent_again() {
    let receiver = Receiver::start(Answer::Status(500)).await;
    let setup = hooked(&receiver).with("EVENTS__RETRY_SECONDS", "1");
    let server = setup.start().await;
    upload(&server.url(""), "kinkster-avatars/ann/a.png", fixture("photos/avatar-fox.png")).await;
    let letters = async || as_service(&server, Method::GET, "/admin/webhooks/dead").await.expect(200).json();
    eventually("it was given up", async || letters().await.as_array().unwrap().len() == 1).await;
    let letter = letters().await[0].clone();
    let attempts = receiver.messages();
    assert!(attempts.len() >= 3 && letter["attempts"].as_u64() == Some(attempts.len() as u64), "{letter}");
    assert!(attempts.iter().all(|attempt| attempt.id() == attempts[0].id()));
    assert_eq!((&letter["reason"], &letter["webhook"]), (&json!("status 500"), &json!("app")));
    assert_eq!((&letter["event"]["subject"], &letter["message"]), (&json!("ann/a.png"), &letter["event"]["id"]));

    // Kept over a restart, and shown by doctor.
    server.stop().await;
    let server = setup.start().await;
    let doctor = doctor(&setup, &receiver).await;
    assert!(doctor.contains("webhooks: 1 dead letters"), "{doctor}");

    receiver.answer(Answer::Status(200));
    let id = letter["id"].as_str().unwrap();
    let again = format!("/admin/webhooks/dead/{id}/retry");
    server.send(Method::POST, &again, &[], None).await.expect(403);
    as_service(&server, Method::POST, &again).await.expect(202);
    let messages = received(&receiver, attempts.len() + 1).await;
    let last = messages.last().unwrap();
    last.assert_signed();
    assert_eq!(last.body, attempts[0].body);
    as_service(&server, Method::POST, &again).await.expect(404);
    as_service(&server, Method::POST, "/admin/webhooks/dead/none/retry").await.expect(404);
    assert_eq!(as_service(&server, Method::GET, "/admin/webhooks/dead").await.json(), json!([]));
}

async fn doctor(setup: &Setup, receiver: &Receiver) -> String {
    let mut command = command();
    command.args(["doctor", "--data", setup.data.path().join("data").to_str().unwrap()]);
    command.env("TINTYPE_WEBHOOKS__APP__URL", receiver.url()).env("TINTYPE_WEBHOOKS__APP__SECRET", SIGNING_SECRET);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_failures_and_410_ends_the_telling() {
    let receiver = Receiver::start(Answer::Redirect).await;
    let server = hooked(&receiver).start().await;
    upload(&server.url(""), "kinkster-avatars/ann/a.png", fixture("photos/avatar-fox.png")).await;
    let first = received(&receiver, 2).await;
    assert!(first.iter().all(|message| message.id() == first[0].id()));
    receiver.answer(Answer::Status(410));
    let letters = async || as_service(&server, Method::GET, "/admin/webhooks/dead").await.expect(200).json();
    eventually("the hook is disabled", async || !letters().await.as_array().unwrap().is_empty()).await;
    let told = receiver.messages().len();
    receiver.answer(Answer::Status(200));
    upload(&server.url(""), "kinkster-avatars/ann/b.png", fixture("photos/avatar-fox.png")).await;
    eventually("the outbox is empty", async || server.get("/metrics").await.text().contains("tintype_outbox 0")).await;
    assert_eq!(receiver.messages().len(), told);
    let id = letters().await[0]["id"].as_str().unwrap().to_owned();
    as_service(&server, Method::POST, &format!("/admin/webhooks/dead/{id}/retry")).await.expect(202);
    received(&receiver, told + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_told_what_they_asked_for() {
    let (some, all) = (Receiver::start(Answer::Status(200)).await, Receiver::start(Answer::Status(200)).await);
    let server = hooked(&all)
        .with("WEBHOOKS__SOME__URL", &some.url())
        .with("WEBHOOKS__SOME__SECRET", SIGNING_SECRET)
        .with("WEBHOOKS__SOME__TYPES", "tintype.object.deleted,tintype.purge")
        .with("WEBHOOKS__SOME__BUCKETS", "kinkster-avatars")
        .start()
        .await;
    upload(&server.url(""), "task-proofs/ann/p.png", fixture("photos/avatar-fox.png")).await;
    upload(&server.url(""), "kinkster-avatars/ann/a.png", fixture("photos/avatar-fox.png")).await;
    remove(&server.url(""), "kinkster-avatars/ann/a.png").await;
    received(&all, 3).await;
    server.purge(r#"{"bucket":"task-proofs"}"#).await.expect(200);
    server.purge(r#"{"bucket":"kinkster-avatars","prefix":"ann/"}"#).await.expect(200);
    let told = received(&some, 2).await;
    assert_eq!(told[0].event()["type"], "tintype.object.deleted");
    assert_eq!(told[1].event()["type"], "tintype.purge");
    assert_eq!(told[1].event()["data"], json!({"bucket": "kinkster-avatars", "prefix": "ann/"}));
    received(&all, 5).await;
    assert_eq!(some.messages().len(), 2);
}

/// A configuration file with a webhook and a warm list.
fn configuration(folder: &Path, hook: &str, warm: &str) -> String {
    let file = folder.join("tintype.toml");
    let text = format!(
        "[buckets.album]\nwarm = {warm}\n[limits]\nrender_threads = 1\n[events]\nretry_ms = 20\nwarm_wait_ms = 60000\n\
         [webhooks.app]\nurl = \"{hook}\"\nsecret = \"{SIGNING_SECRET}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_row_and_event_it_tells_after_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(Answer::Status(200)).await;
    let list: Vec<String> = (0..16).map(|number| format!("w={}&f=webp", 300 - number)).collect();
    let file = configuration(folder.path(), &receiver.url(), &format!("{list:?}"));
    let data = folder.path().join("data");
    let server = serve(&data, &["--config", &file]);
    upload(&server.url, "album/a.png", fixture("photos/coffee-cup.png")).await;
    // The event waits for its warm list: the row is there, nobody was told.
    drop(server);
    assert!(receiver.messages().is_empty());
    let server = serve(&data, &["--config", &file]);
    let messages = received(&receiver, 1).await;
    messages[0].assert_signed();
    assert_eq!(messages[0].event()["subject"], "a.png");
    let answer = reqwest::get(format!("{}/image/album/a.png?w=285&f=webp", server.url)).await.unwrap();
    assert!(answer.headers()["cache-status"].to_str().unwrap().contains("hit"), "{:?}", answer.headers());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_receiver_holds_the_message_it_tells_again_after_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(Answer::Stall).await;
    let file = configuration(folder.path(), &receiver.url(), "[]");
    let data = folder.path().join("data");
    let server = serve(&data, &["--config", &file]);
    upload(&server.url, "album/a.png", fixture("photos/avatar-fox.png")).await;
    upload(&server.url, "album/a.png", fixture("photos/avatar-owl.png")).await;
    let first = received(&receiver, 1).await.remove(0);
    drop(server);
    receiver.answer(Answer::Status(200));
    let _server = serve(&data, &["--config", &file]);
    let messages = received(&receiver, 3).await;
    assert_eq!((messages.len(), messages[1].id()), (3, first.id()));
    assert_eq!(messages[1].body, first.body);
    assert_eq!(messages[2].event()["type"], "tintype.object.updated");
    messages.iter().for_each(Message::assert_signed);
}

/// A served HTTP bucket `web` whose picture was replaced unnoticed.
struct Replaced {
    _origin: Origin,
    server: Running,
    old: bytes::Bytes,
}

const PICTURE: &str = "/image/web/a%20b.png?w=32&f=webp";

async fn replaced(setup: Setup) -> Replaced {
    let origin = Origin::start();
    let reply = |path: &str| Reply::ok("image/png", fixture(path)).header("cache-control", "max-age=3600");
    origin.serve("/a%20b.png", reply("photos/avatar-fox.png"));
    let server = setup.bucket("web", origin.url("/")).start().await;
    let old = server.get(PICTURE).await.expect(200).body;
    origin.serve("/a%20b.png", reply("photos/avatar-owl.png"));
    assert_eq!(server.get(PICTURE).await.expect(200).body, old);
    Replaced { _origin: origin, server, old }
}

impl Replaced {
    async fn is_noticed(&self) -> bool {
        self.server.get(PICTURE).await.expect(200).body != self.old
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> support::Answer {
        self.server.send_bytes(Method::POST, path, headers, body.as_bytes().to_vec()).await
    }
}

fn with_key() -> Setup {
    Setup::new().with("EVENTS__KEY", EVENTS_KEY).with("EVENTS__SIGNING_SECRETS", SIGNING_SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_takes_what_its_senders_write() {
    let ours = json!({"specversion": "1.0", "id": "1", "source": "/buckets/web", "type": "tintype.object.updated",
        "subject": "a b.png", "data": {"bucket": "web", "name": "a b.png"}});
    let row = json!({"bucket_id": "web", "name": "a b.png"});
    let change = json!({"type": "UPDATE", "table": "objects", "schema": "storage", "record": row, "old_record": row});
    let record =
        json!({"eventName": "s3:ObjectCreated:Put", "s3": {"bucket": {"name": "web"}, "object": {"key": "a+b.png"}}});
    let bodies = [
        ("/events", ours.to_string()),
        ("/events", json!([ours, {"bucket": "unknown", "name": "x"}]).to_string()),
        ("/events", json!({"bucket": "web", "name": "a b.png"}).to_string()),
        ("/events/supabase", change.to_string()),
        ("/events/s3", json!({"Records": [record]}).to_string()),
    ];
    for (path, body) in bodies {
        let replaced = replaced(with_key()).await;
        for wrong in ["", "Bearer", "Bearer wrong", &format!("Basic {EVENTS_KEY}")] {
            replaced.post(path, &[("authorization", wrong)], &body).await.expect(401);
        }
        assert!(!replaced.is_noticed().await, "{path}");
        let answer = replaced.post(path, &[("authorization", &format!("Bearer {EVENTS_KEY}"))], &body).await;
        let counts = answer.expect(202).json();
        assert_eq!(
            (&counts["accepted"], counts["ignored"].as_u64() == Some(u64::from(body.contains("unknown")))),
            (&json!(1), true)
        );
        assert!(replaced.is_noticed().await, "{path} {body}");
        let service = format!("Bearer {}", service_key());
        replaced.post(path, &[("authorization", &service)], &body).await.expect(202);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_refused_and_bounded() {
    let server = with_key().with("EVENTS__BATCH", "2").with("EVENTS__BODY_BYTES", "1000").start().await;
    let bearer = format!("Bearer {EVENTS_KEY}");
    let post = async |path: &str, body: String| {
        server.send_bytes(Method::POST, path, &[("authorization", &bearer)], body.into_bytes()).await.status.as_u16()
    };
    for path in ["/events", "/events/supabase", "/events/s3"] {
        for body in ["", "{", "null", "[7]", "\u{0}", &"[".repeat(900)] {
            assert_eq!(post(path, body.to_owned()).await, 400, "{path} {body}");
        }
        assert_eq!(post(path, " ".repeat(1001)).await, 413, "{path}");
    }
    let plain = json!({"bucket": "kinkster-avatars", "name": "../../etc"});
    assert_eq!(post("/events", json!([plain, plain]).to_string()).await, 202);
    assert_eq!(post("/events", json!([plain, plain, plain]).to_string()).await, 400);
    assert_eq!(post("/events/s3", r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#.to_owned()).await, 202);
    assert_eq!(server.get("/events").await.status, 405);
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_counts_once_and_only_while_it_is_fresh() {
    let replaced = replaced(with_key()).await;
    let body = json!({"bucket": "web", "name": "a b.png"}).to_string();
    let secret = SigningSecret::parse(&Secret::new(SIGNING_SECRET)).unwrap();
    let post = async |path: &str, id: &str, timestamp: u64, signed: &str| {
        let signature = secret.sign(id, timestamp, signed.as_bytes());
        let timestamp = timestamp.to_string();
        let headers =
            [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", signature.as_str())];
        replaced.post(path, &headers, &body).await.status.as_u16()
    };
    let now = unix_now();
    assert_eq!(post("/events", "msg_1", now, "another body").await, 401);
    assert_eq!(post("/events", "msg_1", now - 400, &body).await, 401);
    assert_eq!(post("/events", "msg_1", now + 400, &body).await, 401);
    // Senders of the other doors sign differently, or not at all.
    assert_eq!(post("/events/supabase", "msg_1", now, &body).await, 401);
    assert_eq!(post("/events/s3", "msg_1", now, &body).await, 401);
    assert!(!replaced.is_noticed().await);
    assert_eq!(post("/events", "msg_1", now, &body).await, 202);
    assert!(replaced.is_noticed().await);
    let made = replaced.server.get(PICTURE).await;
    assert!(made.is_hit());
    assert_eq!(post("/events", "msg_1", now, &body).await, 200);
    assert!(replaced.server.get(PICTURE).await.is_hit(), "a replay purged");
    assert_eq!(post("/events", "msg_2", now, &body).await, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_of_ours_only_the_service_role_is_heard() {
    let replaced = replaced(Setup::new()).await;
    let body = json!({"bucket": "web", "name": "a b.png"}).to_string();
    replaced.post("/events", &[], &body).await.expect(401);
    replaced.post("/events", &[("authorization", "Bearer ")], &body).await.expect(401);
    assert!(!replaced.is_noticed().await);
    replaced.post("/events", &[("authorization", &format!("Bearer {}", service_key()))], &body).await.expect(202);
    assert!(replaced.is_noticed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_warms_what_is_behind_a_foreign_bucket() {
    let replaced = replaced(with_key().with("BUCKETS__WEB__WARM", "w=32&f=webp,w=40&f=webp")).await;
    let body = json!({"bucket": "web", "name": "a b.png"}).to_string();
    replaced.post("/events", &[("authorization", &format!("Bearer {EVENTS_KEY}"))], &body).await.expect(202);
    let other = "/image/web/a%20b.png?w=40&f=webp";
    // Waited for without asking for it: that would make it.
    let made = "tintype_store_files 3";
    eventually("record and list are kept", async || replaced.server.get("/metrics").await.text().contains(made)).await;
    assert!(replaced.server.get(other).await.expect(200).is_hit());
    assert!(replaced.is_noticed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_file_of_a_folder_is_noticed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    std::fs::write(&file, fixture("photos/avatar-fox.png")).unwrap();
    let setup = with_key().bucket("local", folder.path().to_str().unwrap()).with("CACHE__FOLDER_SECONDS", "3600");
    let server = setup.start().await;
    let url = "/image/local/a.png?w=32&f=webp";
    let old = server.get(url).await.expect(200).body;
    std::fs::write(&file, fixture("photos/avatar-owl.png")).unwrap();
    assert_eq!(server.get(url).await.expect(200).body, old);
    let body = json!({"bucket": "local", "name": "a.png"}).to_string().into_bytes();
    let bearer = format!("Bearer {EVENTS_KEY}");
    server.send_bytes(Method::POST, "/events", &[("authorization", &bearer)], body).await.expect(202);
    assert_ne!(server.get(url).await.expect(200).body, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_warm_queue_keeps_nobody_waiting() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let server = hooked(&receiver).with("EVENTS__WARM_QUEUE", "0").start().await;
    upload(&server.url(""), "kinkster-avatars/ann/a.png", fixture("photos/avatar-fox.png")).await;
    received(&receiver, 1).await;
    assert!(!server.get("/image/kinkster-avatars/ann/a.png?w=64&f=webp&q=75").await.expect(200).is_hit());
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_events_that_are_stuck() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let setup = hooked(&receiver);
    setup.start().await.stop().await;
    let file = setup.data.path().join("data/catalog.sqlite");
    let mut catalog = sqlx::SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    let insert = "INSERT INTO outbox (id, kind, bucket_id, name, version, size, mime_type, at) \
        VALUES (x'00000000000000000000000000000001', 'created', 'b', 'a', x'00000000000000000000000000000002', 1, 'image/png', 0)";
    sqlx::query(insert).execute(&mut catalog).await.unwrap();
    catalog.close().await.unwrap();
    let told = doctor(&setup, &receiver).await;
    assert!(told.contains("events: 1 wait, the oldest for"), "{told}");
    // Doctor looks only; whoever serves acts.
    assert!(receiver.messages().is_empty());
    let _server = setup.start().await;
    received(&receiver, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_a_catalogue_tell_each_event_once_and_in_order() {
    let database = Database::create().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    let node = || hooked(&receiver).with("STORAGE__DATABASE", &database.url()).with("EVENTS__WARM_WAIT_MS", "0");
    let nodes = [node().start().await, node().start().await];
    for number in 0..20 {
        for name in ["a", "b"] {
            let path = format!("task-proofs/ann/{name}.png");
            upload(&nodes[number % 2].url(""), &path, fixture("photos/avatar-fox.png")).await;
        }
    }
    received(&receiver, 40).await;
    for node in nodes {
        eventually("nothing waits", async || {
            let metrics = node.get("/metrics").await.text();
            metrics.contains("tintype_outbox 0") && metrics.contains("tintype_deliveries_waiting 0")
        })
        .await;
        node.stop().await;
    }
    let messages = receiver.messages();
    assert_eq!(messages.len(), 40);
    for name in ["ann/a.png", "ann/b.png"] {
        let of_name = messages.iter().filter(|message| message.event()["subject"] == name);
        let times: Vec<String> = of_name.map(|message| message.event()["time"].as_str().unwrap().to_owned()).collect();
        assert!(times.len() == 20 && times.is_sorted_by(|left, right| padded(left) < padded(right)), "{times:?}");
    }
}

/// A time with six digits of its second, as text that sorts.
fn padded(time: &str) -> String {
    let (second, fraction) = time.trim_end_matches('Z').split_once('.').unwrap_or((time.trim_end_matches('Z'), ""));
    format!("{second}.{fraction:0<6}")
}

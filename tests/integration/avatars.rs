//! Avatars from the request to the first view, against a scripted provider on a real socket.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::origin::{self, Origin, Reply};
use crate::support::{Answer, Running, SECRET, Setup, eventually, files_below, fixture, service_key};

pub const ANN: &str = "0a0a0a0a-0000-4000-8000-00000000000a";
pub const BOB: &str = "0b0b0b0b-0000-4000-8000-00000000000b";
const PAINT: &str = "/v1/images/generations";

pub fn token(subject: &str) -> String {
    let claims = json!({"role": "authenticated", "sub": subject, "exp": 4_000_000_000_u64});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

/// What the Images API answers with a picture's bytes.
pub fn picture(bytes: &[u8]) -> Reply {
    Reply::ok("application/json", json!({"created": 1, "data": [{"b64_json": STANDARD.encode(bytes)}]}).to_string())
}

/// What it answers with a picture's URL.
pub fn located(url: &str) -> Reply {
    Reply::ok("application/json", json!({"created": 1, "data": [{"url": url}]}).to_string())
}

pub fn fox() -> Vec<u8> {
    fixture("photos/avatar-fox.png")
}

/// A provider that answers everything with this.
pub fn provider(answer: impl Into<origin::Answer>) -> Origin {
    let provider = Origin::start();
    provider.serve(PAINT, answer);
    provider
}

/// How often it was asked to paint.
pub fn paints(provider: &Origin) -> usize {
    provider.hits(PAINT)
}

/// The variables of a server that asks this provider.
pub fn variables(provider: &Origin) -> [(&'static str, String); 7] {
    variables_of(provider.url("/v1"))
}

/// Those of a server that asks below this URL.
pub fn variables_of(base_url: String) -> [(&'static str, String); 7] {
    [
        ("AVATARS__OPENAI__BASE_URL", base_url),
        ("AVATARS__OPENAI__KEY", "sk-test".to_owned()),
        ("AVATARS__MODEL", "gpt-image-2".to_owned()),
        ("AVATARS__RETRY_MS", "10".to_owned()),
        ("AVATARS__PER_USER_PER_MINUTE", "10000".to_owned()),
        ("AVATARS__PER_USER_PER_DAY", "10000".to_owned()),
        // However busy the machine is, what is told is warm.
        ("EVENTS__WARM_WAIT_MS", "60000".to_owned()),
    ]
}

/// The variables by which this host is one of temporary pictures.
pub fn trusting(host: &Origin) -> [(&'static str, String); 2] {
    let address = host.address().to_string();
    [("STORAGE__FETCH_HOSTS", format!("http://{address}")), ("NEXT__INTERNAL_HOSTS", address)]
}

fn setup(provider: &Origin) -> Setup {
    Setup::new().with_all(&variables(provider))
}

/// One caller's requests.
pub struct Client<'a> {
    server: &'a Running,
    key: String,
}

impl<'a> Client<'a> {
    pub fn new(server: &'a Running, subject: &str) -> Self {
        Self { server, key: token(subject) }
    }

    fn service(server: &'a Running) -> Self {
        Self { server, key: service_key() }
    }

    async fn call_with(&self, method: Method, path: &str, extra: &[(&str, &str)], body: &Value) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        headers.extend_from_slice(extra);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.server.send_bytes(method, path, &headers, body).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call_with(Method::POST, path, &[], body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call_with(Method::GET, path, &[], &Value::Null).await
    }

    async fn generate(&self, body: &Value) -> Answer {
        self.post("/api/kinksters/avatar/generate", body).await
    }

    pub async fn begin(&self, user: &str) -> Value {
        let body = json!({"user_id": user, "character_data": {"name": "Rook"}});
        self.post("/functions/v1/generate-kinkster-avatar", &body).await.expect(202).json()
    }

    async fn job(&self, id: &Value) -> Value {
        self.get(&format!("/api/avatars/jobs/{}", id.as_str().unwrap())).await.expect(200).json()
    }

    /// The job once it has ended.
    pub async fn ended(&self, id: &Value) -> Value {
        eventually("the job ends", async || {
            let state = self.job(id).await["state"].clone();
            state != "queued" && state != "running"
        })
        .await;
        self.job(id).await
    }

    pub async fn avatars_of(&self, user: &str) -> usize {
        let body = json!({"prefix": format!("{user}/kinksters")});
        let listed = self.post("/storage/v1/object/list/kinkster-avatars", &body).await.expect(200).json();
        listed.as_array().unwrap().len()
    }
}

fn rook() -> Value {
    json!({"characterData": {"name": "Rook"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_at_once_the_answer_comes_before_the_picture_and_the_picture_after_it() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).start().await;
    let (ann, kinkster) = (Client::new(&server, ANN), Uuid::new_v4());
    let mut heard = server.app.jobs.announcer.subscribe();
    let body = json!({
        "user_id": ANN,
        "kinkster_id": kinkster,
        "character_data": {"name": "Rook", "props": {"clothing": {"top": ["red coat"]}}, "unknown": 1},
        "custom_prompt": "at dawn",
        "something_else": {"a": []},
    });
    let answer = ann.post("/functions/v1/generate-kinkster-avatar", &body).await.expect(202).json();
    assert_eq!((&answer["status"], &answer["kinkster_id"]), (&json!("processing"), &json!(kinkster)));
    let prompt = answer["prompt"].as_str().unwrap();
    assert!(prompt.contains("red coat") && prompt.contains("at dawn"), "{prompt}");
    let config = json!({"model": "gpt-image-2", "size": "1024x1024", "quality": "medium"});
    assert_eq!(answer["generation_config"], config);
    let job = ann.ended(&answer["job_id"]).await;
    assert_eq!(
        (&job["state"], &job["status"], &job["progress"]),
        (&json!("completed"), &json!("completed"), &json!(1.0))
    );
    let path = job["storage_path"].as_str().unwrap();
    assert!(path.starts_with(&format!("{ANN}/kinksters/avatar_")) && path.ends_with(&format!("_{kinkster}.png")));
    assert_eq!(job["storage_url"], server.url(&format!("/storage/v1/object/public/kinkster-avatars/{path}")));
    let seen = reqwest::get(job["storage_url"].as_str().unwrap()).await.unwrap();
    assert_eq!(seen.status(), 200);
    assert!(seen.headers()["cache-control"].to_str().unwrap().contains("max-age=3600"));
    let row = ann.get(&format!("/api/kinksters/{kinkster}")).await.expect(200).json();
    assert_eq!((&row["avatar_url"], &row["avatar_prompt"]), (&job["storage_url"], &json!(prompt)));
    assert_eq!(row["avatar_generation_config"], config);
    // Told in order, each with a higher number, `uploading` before the upload.
    let mut told = Vec::new();
    while told.last().is_none_or(|(_, status)| *status != "completed") {
        // The row is there before it is told of.
        let progress = heard.recv().await.unwrap();
        assert_eq!((progress.topic(), progress.user.as_str()), (format!("kinkster:{kinkster}:avatar"), ANN));
        told.push((progress.seq, progress.status));
    }
    assert!(told.is_sorted_by(|one, next| one.0 < next.0), "{told:?}");
    let mut statuses: Vec<_> = told.into_iter().map(|(_, status)| status).collect();
    statuses.dedup();
    assert_eq!(statuses, ["generating", "downloading", "uploading", "completed"]);
    assert_eq!(files_below(&server.data().join("storage/objects/~answers")).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_prompt_is_painted_as_it_is_and_usage_tells_each_user_of_their_own() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).start().await;
    let (ann, bob) = (Client::new(&server, ANN), Client::new(&server, BOB));
    let told = ann.post("/api/avatars/jobs", &json!({"prompt": "A fox\nwith a blue scarf"})).await.expect(202).json();
    assert_eq!(ann.ended(&told["job_id"]).await["prompt"], "A fox with a blue scarf");
    for prompt in [json!(""), json!(" \n"), json!("x".repeat(4001)), json!(7)] {
        let refused = ann.post("/api/avatars/jobs", &json!({"prompt": prompt})).await.expect(400).json();
        assert_eq!(refused["details"]["field"], "prompt", "{refused}");
    }
    let told = bob.begin(BOB).await;
    bob.ended(&told["job_id"]).await;
    let users = async |client: &Client<'_>, query: &str| {
        let usage = client.get(&format!("/api/avatars/usage{query}")).await.expect(200).json();
        let rows = usage["rows"].as_array().unwrap().clone();
        assert!(rows.iter().all(|row| row["day"] == usage["since"] || query.is_empty()), "{usage}");
        assert!(rows.iter().all(|row| row["completed"] == 1 && row["cost_usd"].as_f64().unwrap() > 0.0), "{usage}");
        let mut users: Vec<_> = rows.iter().map(|row| row["user_id"].as_str().unwrap().to_owned()).collect();
        users.sort();
        users
    };
    let (service, both) = (Client::service(&server), [ANN.min(BOB), ANN.max(BOB)]);
    assert_eq!(users(&ann, "?days=1").await, [ANN]);
    assert_eq!(users(&service, "").await, both);
    assert_eq!(users(&service, &format!("?days=1&user_id={BOB}")).await, [BOB]);
    ann.get(&format!("/api/avatars/usage?user_id={BOB}")).await.expect(403);
    for query in ["?days=0", "?days=367", "?days=x", "?user_id=x"] {
        service.get(&format!("/api/avatars/usage{query}")).await.expect(400);
    }
    server.send_bytes(Method::GET, "/api/avatars/usage", &[], Vec::new()).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn awaited_the_answer_holds_the_picture_and_its_first_views_are_hits() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).start().await;
    let ann = Client::new(&server, ANN);
    let mut wishes = rook();
    wishes["size"] = json!("1792x1024");
    wishes["quality"] = json!("hd");
    let answer = ann.generate(&wishes).await.expect(200).json();
    for name in ["avatarUrl", "image_url"] {
        assert_eq!(answer[name], answer["storage_url"]);
    }
    assert_eq!(answer["openai_url"], Value::Null);
    let config = json!({"model": "gpt-image-2", "size": "1536x1024", "quality": "high"});
    assert_eq!(answer["generation_config"], config);
    let path = answer["storage_path"].as_str().unwrap();
    for width in [64, 96, 128, 256, 384, 640] {
        let urls = [
            format!("/storage/v1/render/image/public/kinkster-avatars/{path}?width={width}&quality=75"),
            format!("/image/kinkster-avatars/{path}?w={width}&q=75"),
        ];
        for url in urls {
            let view = server.get_webp(&url).await.expect(200);
            assert!(view.is_hit(), "{url}: {}", view.header("cache-status"));
            assert_eq!(view.header("content-type"), "image/webp", "{url}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_gets_its_picture_all_the_same() {
    let provider = provider(origin::Answer::After(Duration::from_millis(300), Box::new(picture(&fox()).into())));
    let server = setup(&provider).start().await;
    let ann = Client::new(&server, ANN);
    let body = rook();
    let waiting = ann.generate(&body);
    assert!(tokio::time::timeout(Duration::from_millis(150), waiting).await.is_err());
    eventually("the picture is stored", async || ann.avatars_of(ANN).await == 1).await;
    assert_eq!(paints(&provider), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_tagged_pictures_come_in_under_the_limit_by_their_content() {
    let large = noise(1700);
    assert!(large.len() > 5_242_880);
    let provider = provider(picture(&large));
    let server = setup(&provider).start().await;
    let ann = Client::new(&server, ANN);
    let answer = ann.generate(&rook()).await.expect(200).json();
    let stored = reqwest::get(answer["storage_url"].as_str().unwrap()).await.unwrap().bytes().await.unwrap();
    assert!(stored.len() <= 5_242_880 && extension(&answer) == "webp");
    provider.serve(PAINT, picture(&fixture("formats/orientation-6.jpg")));
    let answer = ann.generate(&rook()).await.expect(200).json();
    assert_eq!(extension(&answer), "jpg");
    let stored = reqwest::get(answer["storage_url"].as_str().unwrap()).await.unwrap().bytes().await.unwrap();
    let probe = tintype::imaging::probe(&stored).unwrap();
    assert_eq!(probe.orientation, tintype::imaging::Orientation::Upright);
    assert!(!stored.windows(4).any(|window| window == b"Exif"));
}

/// What the stored name says that the picture is.
fn extension(answer: &Value) -> &str {
    answer["storage_path"].as_str().unwrap().rsplit_once('.').unwrap().1
}

/// A PNG that does not compress.
pub fn noise(side: u32) -> Vec<u8> {
    let mut state = 1_u64;
    let mut pixels = Vec::with_capacity((side * side * 3) as usize);
    while pixels.len() < (side * side * 3) as usize {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        pixels.push((state >> 56) as u8 & 0x3f);
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fastest);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_wrong_are_told_what_is_wrong() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).start().await;
    let ann = Client::new(&server, ANN);
    let path = "/functions/v1/generate-kinkster-avatar";
    let character = json!({"name": "Rook"});
    let rows = [
        (json!({"character_data": character}), 400, "user_id is required"),
        (json!({"user_id": ANN}), 400, "character_data is required"),
        (json!({"user_id": ANN, "character_data": {}}), 400, "character_data.name is required"),
        (json!({"user_id": ANN, "character_data": {"name": " "}}), 400, "character_data.name is required"),
        (json!({"user_id": BOB, "character_data": character}), 403, "You may only do this for yourself"),
        (json!({"user_id": ANN, "character_data": character, "preset": "none"}), 400, "Failed to build prompt"),
    ];
    for (body, status, error) in rows {
        assert_eq!(ann.post(path, &body).await.expect(status).json()["error"], error, "{body}");
    }
    let bearer = format!("Bearer {}", token(ANN));
    let broken = server.send_bytes(Method::POST, path, &[("authorization", &bearer)], b"{".to_vec()).await;
    assert_eq!(broken.expect(400).json()["error"], "Invalid JSON payload");
    let body = json!({"user_id": ANN, "character_data": character}).to_string();
    assert_eq!(server.send(Method::POST, path, &[], Some(&body)).await.expect(401).json()["error"], "Unauthorized");
    let anon = tintype::auth::Keys::new(&tintype::config::Secret::new(SECRET));
    let anon = anon.sign(&tintype::auth::NewToken {
        role: "anon",
        subject: None,
        issuer: None,
        audience: None,
        issued: 0,
        expires: None,
    });
    server.send(Method::POST, path, &[("authorization", &format!("Bearer {anon}"))], Some(&body)).await.expect(401);
    for (wish, value) in [("size", "1x1"), ("quality", "best")] {
        let mut body = rook();
        body[wish] = json!(value);
        let error = ann.generate(&body).await.expect(400).json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with(&format!("{wish} must be ")), "{error}");
    }
    ann.generate(&json!({"characterData": {"archetype": "x"}})).await.expect(400);
    assert_eq!(paints(&provider), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_old_words_are_said_and_switched_off_nothing_is_spent() {
    let keyless = Setup::new().start().await;
    let answer = Client::new(&keyless, ANN).generate(&rook()).await.expect(500).json();
    assert_eq!(answer["error"], "OpenAI API key not configured");
    let provider = provider(picture(&fox()));
    let server = setup(&provider).with("AVATARS__ENABLED", "false").start().await;
    let answer = Client::new(&server, ANN).generate(&rook()).await.expect(503);
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(paints(&provider), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_painter_needs_no_provider() {
    let server = Setup::new().with("AVATARS__PROVIDER", "painter").start().await;
    let answer = Client::new(&server, ANN).generate(&rook()).await.expect(200).json();
    assert_eq!(answer["generation_config"]["model"], "painter-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_job() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).start().await;
    let ann = Client::new(&server, ANN);
    let key = [("idempotency-key", "one")];
    let body = json!({"user_id": ANN, "character_data": {"name": "Rook"}});
    let path = "/functions/v1/generate-kinkster-avatar";
    let all = futures_util::future::join_all((0..8).map(|_| ann.call_with(Method::POST, path, &key, &body))).await;
    let ids: Vec<Value> = all.into_iter().map(|answer| answer.expect(202).json()["job_id"].clone()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    ann.ended(&ids[0]).await;
    let again = ann.call_with(Method::POST, "/api/kinksters/avatar/generate", &key, &rook()).await.expect(200).json();
    assert_eq!(again["job_id"], ids[0]);
    let other = json!({"user_id": ANN, "character_data": {"name": "Other"}});
    ann.call_with(Method::POST, path, &key, &other).await.expect(422);
    assert_eq!((paints(&provider), ann.avatars_of(ANN).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_cancelled_and_tried_again_by_whom_they_belong_to() {
    let provider = provider(origin::Answer::Hang);
    let server = setup(&provider).start().await;
    let (ann, bob) = (Client::new(&server, ANN), Client::new(&server, BOB));
    let begun = ann.begin(ANN).await;
    let path = format!("/api/avatars/jobs/{}", begun["job_id"].as_str().unwrap());
    eventually("it is being painted", async || paints(&provider) == 1).await;
    bob.get(&path).await.expect(404);
    bob.call_with(Method::DELETE, &path, &[], &Value::Null).await.expect(404);
    let cancelled = ann.call_with(Method::DELETE, &path, &[], &Value::Null).await.expect(200).json();
    assert_eq!((&cancelled["state"], &cancelled["status"]), (&json!("cancelled"), &json!("error")));
    assert!(cancelled["error"].is_string());
    ann.call_with(Method::DELETE, &path, &[], &Value::Null).await.expect(200);
    provider.serve(PAINT, picture(&fox()));
    let retried = ann.post(&format!("{path}/retry"), &Value::Null).await.expect(202).json();
    assert_eq!((&retried["state"], &retried["id"]), (&json!("queued"), &begun["job_id"]));
    assert_eq!(ann.ended(&begun["job_id"]).await["state"], "completed");
    ann.call_with(Method::DELETE, &path, &[], &Value::Null).await.expect(409);
    assert_eq!(ann.avatars_of(ANN).await, 1);
    let second = ann.post("/api/avatars/jobs", &json!({"character_data": {"name": "Rook"}})).await.expect(202).json();
    ann.ended(&second["id"]).await;
    let listed = ann.get("/api/avatars/jobs?state=completed&limit=1").await.expect(200).json();
    assert_eq!((&listed["jobs"][0]["id"], &listed["next"]), (&second["id"], &second["id"]));
    let before = format!("/api/avatars/jobs?before={}", second["id"].as_str().unwrap());
    assert_eq!(ann.get(&before).await.expect(200).json()["jobs"][0]["id"], begun["job_id"]);
    assert_eq!(bob.get("/api/avatars/jobs").await.expect(200).json()["jobs"], json!([]));
    bob.get(&format!("/api/avatars/jobs?user_id={ANN}")).await.expect(403);
    ann.get("/api/avatars/jobs?state=lost").await.expect(400);
    let service = Client::service(&server);
    let all = service.get(&format!("/api/avatars/jobs?user_id={ANN}")).await.expect(200).json();
    assert_eq!(all["jobs"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_leaves_a_reason_and_nothing_else() {
    let provider = Origin::start();
    let server = setup(&provider).with("AVATARS__PICTURE_BYTES", "25mb").start().await;
    let ann = Client::new(&server, ANN);
    provider.serve("/page", Reply::ok("text/html", "<html>".to_owned()));
    provider.serve("/large", Reply::ok("image/png", vec![0; 30_000_000]));
    let whole = fox();
    let answers: Vec<(&str, origin::Answer)> = vec![
        ("html", Reply::ok("text/html", "<html>".to_owned()).into()),
        ("empty", Reply::ok("application/json", Vec::new()).into()),
        ("no picture", Reply::ok("application/json", r#"{"data":[]}"#.to_owned()).into()),
        ("wrong base64", Reply::ok("application/json", r#"{"data":[{"b64_json":"%%%%"}]}"#.to_owned()).into()),
        ("truncated picture", picture(&whole[..whole.len() / 2]).into()),
        ("page as base64", picture(b"<html>").into()),
        ("internal URL", located("http://169.254.169.254/latest/meta-data/").into()),
        ("other host", located("http://127.0.0.1:9/x.png").into()),
        ("page behind the URL", located(&provider.url("/page")).into()),
        ("30 MB behind the URL", located(&provider.url("/large")).into()),
        ("30 MB as base64", picture(&vec![0; 30_000_000]).into()),
        ("refusal", Reply::new(400, r#"{"error":{"code":"moderation_blocked","message":"no"}}"#.to_owned()).into()),
        ("forbidden", Reply::new(401, r#"{"error":{"code":"invalid_api_key","message":"sk-test"}}"#.to_owned()).into()),
    ];
    for (name, answer) in answers {
        provider.serve(PAINT, answer);
        let begun = ann.begin(ANN).await;
        let job = ann.ended(&begun["job_id"]).await;
        assert_eq!((&job["state"], &job["status"]), (&json!("error"), &json!("error")), "{name}: {job}");
        let error = job["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains("169.254") && !error.contains("sk-test"), "{name}: {error}");
        assert_eq!(ann.avatars_of(ANN).await, 0, "{name}");
    }
    let objects = files_below(&server.data().join("storage/objects/kinkster-avatars"));
    assert!(objects.is_empty(), "{objects:?}");
    // What is not paid for is tried again, and then given up with its reason.
    let before = paints(&provider);
    provider.serve(PAINT, Reply::new(500, "{}".to_owned()));
    let failed = ann.generate(&rook()).await.expect(502).json();
    assert_eq!((&failed["details"]["code"], paints(&provider) - before), (&json!("overloaded"), 3));
    provider.route(PAINT, {
        let tries = std::sync::atomic::AtomicUsize::new(0);
        move |_| match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::new(503, "{}".to_owned()).into(),
            _ => picture(&fox()).into(),
        }
    });
    ann.generate(&rook()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_paid_for_is_not_asked_twice_by_itself() {
    let provider = Origin::start();
    let server = setup(&provider).with("AVATARS__OPENAI__TIMEOUT_SECONDS", "1").start().await;
    let ann = Client::new(&server, ANN);
    for (answer, code, status) in [
        (origin::Answer::Hang, "timeout", 504),
        (origin::Answer::RawThenReset(Vec::new()), "unreachable", 502),
        (Reply::new(504, "<html>".to_owned()).into(), "timeout", 504),
    ] {
        let before = paints(&provider);
        provider.serve(PAINT, answer);
        let failed = ann.generate(&rook()).await.expect(status).json();
        assert_eq!((&failed["details"]["code"], paints(&provider) - before), (&json!(code), 1));
        assert!(failed["error"].as_str().unwrap().ends_with("not asked twice by itself; please try again"));
        // Who wants it all the same has it.
        provider.serve(PAINT, picture(&fox()));
        let id = &failed["details"]["job_id"];
        let retry = format!("/api/avatars/jobs/{}/retry", id.as_str().unwrap());
        ann.post(&retry, &Value::Null).await.expect(202);
        assert_eq!(ann.ended(id).await["state"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_connected_to_is_tried_again_and_costs_nothing() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    let setup = Setup::new().with_all(&variables_of(nobody));
    let server = setup.with("AVATARS__PER_DAY", "1").start().await;
    let ann = Client::new(&server, ANN);
    for _ in 0..3 {
        let failed = ann.generate(&rook()).await.expect(502).json();
        assert_eq!(failed["details"]["code"], "unreachable");
        let job = ann.job(&failed["details"]["job_id"]).await;
        assert_eq!((&job["attempts"], &job["cost_usd"]), (&json!(3), &json!(0.0)));
    }
    assert_eq!(server.app.jobs.catalog.spent_today().await.unwrap(), tintype::catalog::Spent::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_the_storing_fails_the_providers_url_is_of_use() {
    let provider = Origin::start();
    provider.serve("/p.png", Reply::ok("image/png", fox()));
    provider.serve(PAINT, located(&provider.url("/p.png")));
    let server = setup(&provider).start().await;
    let (ann, service) = (Client::new(&server, ANN), Client::service(&server));
    let stored = ann.generate(&rook()).await.expect(200).json();
    assert_eq!(stored["openai_url"], provider.url("/p.png"));
    service.post("/storage/v1/bucket/kinkster-avatars/empty", &Value::Null).await.expect(200);
    service.call_with(Method::DELETE, "/storage/v1/bucket/kinkster-avatars", &[], &Value::Null).await.expect(200);
    let answer = ann.generate(&rook()).await.expect(200).json();
    assert_eq!((&answer["storage_url"], &answer["avatarUrl"]), (&Value::Null, &json!(provider.url("/p.png"))));
    assert!(answer["warning"].as_str().unwrap().contains("temporary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_refuse_with_the_time_to_wait_and_are_counted() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).with("AVATARS__PER_USER_PER_MINUTE", "2").with("AVATARS__PER_DAY", "3").start().await;
    let (ann, bob) = (Client::new(&server, ANN), Client::new(&server, BOB));
    for _ in 0..2 {
        ann.generate(&rook()).await.expect(200);
    }
    let refused = ann.generate(&rook()).await.expect(429);
    assert_eq!(refused.json()["error"], "Rate limit exceeded. Please try again later.");
    assert!((1..=60).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    bob.generate(&rook()).await.expect(200);
    assert_eq!(bob.generate(&rook()).await.expect(429).json()["details"]["quota"], "day");
    assert_eq!(paints(&provider), 3);
    let metrics = Client::service(&server).get("/metrics").await.expect(200).text();
    for line in ["avatar_refused_total{quota=\"user_minute\"} 1", "avatar_refused_total{quota=\"day\"} 1"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let money = setup(&provider).with("AVATARS__DOLLARS_PER_DAY", "0.0").start().await;
    assert_eq!(Client::new(&money, ANN).generate(&rook()).await.expect(429).json()["details"]["quota"], "money");
    // What nobody has named the price of is not free.
    let unlisted = setup(&provider).with("AVATARS__MODEL", "my-own").with("AVATARS__DOLLARS_PER_DAY", "0.06");
    let unlisted = unlisted.start().await;
    Client::new(&unlisted, ANN).generate(&rook()).await.expect(200);
    assert_eq!(Client::new(&unlisted, ANN).generate(&rook()).await.expect(429).json()["details"]["quota"], "money");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_a_limit_of_the_provider_is_told_how_long_it_lasts() {
    // Longer than a job may take: it is not waited for.
    let limited =
        Reply::new(429, r#"{"error":{"code":"rate_limit_exceeded"}}"#.to_owned()).header("retry-after", "290");
    let provider = provider(limited);
    let server = setup(&provider).with("AVATARS__DEADLINE_SECONDS", "60").start().await;
    let refused = Client::new(&server, ANN).generate(&rook()).await.expect(429);
    let body = refused.json();
    assert_eq!(body["error"], "Rate limit exceeded. Please try again later.");
    assert_eq!(body["details"]["code"], "rate_limited");
    assert!((60..=290).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(paints(&provider), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_for_another_user_or_upon_anothers_kinkster() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).start().await;
    let (ann, bob, service) = (Client::new(&server, ANN), Client::new(&server, BOB), Client::service(&server));
    let kinkster = Uuid::new_v4();
    let mut wishes = rook();
    wishes["kinkster_id"] = json!(kinkster);
    ann.generate(&wishes).await.expect(200);
    bob.generate(&wishes).await.expect(403);
    let store = json!({"image_url": provider.url("/p.png"), "kinkster_id": kinkster});
    bob.post("/api/kinksters/avatar/store", &store).await.expect(403);
    bob.get(&format!("/api/kinksters/{kinkster}")).await.expect(404);
    bob.call_with(Method::PUT, &format!("/api/kinksters/{kinkster}"), &[], &json!({"name": "x"})).await.expect(403);
    bob.call_with(Method::DELETE, &format!("/api/kinksters/{kinkster}"), &[], &Value::Null).await.expect(404);
    wishes["user_id"] = json!(ANN);
    bob.generate(&wishes).await.expect(403);
    service.generate(&rook()).await.expect(400);
    service.generate(&wishes).await.expect(200);
    let nobody = Client::new(&server, "not-a-uuid");
    nobody.generate(&rook()).await.expect(403);
    assert_eq!(paints(&provider), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_tried_again_for_whose_kinkster_it_is_now() {
    let provider = provider(Reply::new(400, r#"{"error":{"code":"moderation_blocked"}}"#.to_owned()));
    let server = setup(&provider).with("AVATARS__RETRIES_PER_JOB", "1").start().await;
    let (ann, bob, kinkster) = (Client::new(&server, ANN), Client::new(&server, BOB), Uuid::new_v4());
    let mut wishes = rook();
    wishes["kinkster_id"] = json!(kinkster);
    let failed = ann.generate(&wishes).await.expect(422).json();
    let id = &failed["details"]["job_id"];
    let retry = format!("/api/avatars/jobs/{}/retry", id.as_str().unwrap());
    ann.call_with(Method::DELETE, &format!("/api/kinksters/{kinkster}"), &[], &Value::Null).await.expect(204);
    bob.call_with(Method::PUT, &format!("/api/kinksters/{kinkster}"), &[], &json!({"name": "Mine"})).await.expect(200);
    ann.post(&retry, &Value::Null).await.expect(403);
    bob.call_with(Method::DELETE, &format!("/api/kinksters/{kinkster}"), &[], &Value::Null).await.expect(204);
    ann.post(&retry, &Value::Null).await.expect(202);
    assert_eq!(ann.ended(id).await["state"], "error");
    // As often as is configured.
    let refused = ann.post(&retry, &Value::Null).await.expect(409).json();
    assert_eq!(refused["error"], "This job was tried again often enough; please send a new one");
    assert_eq!(paints(&provider), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_turn_is_first_is_for_the_service_to_say() {
    let provider = provider(origin::Answer::After(Duration::from_millis(200), Box::new(picture(&fox()).into())));
    let server = setup(&provider).with("AVATARS__WORKERS", "1").start().await;
    let (ann, service) = (Client::new(&server, ANN), Client::service(&server));
    let body = |priority: Value| json!({"user_id": ANN, "character_data": {"name": "Rook"}, "priority": priority});
    for path in ["/api/avatars/jobs", "/functions/v1/generate-kinkster-avatar", "/api/kinksters/avatar/generate"] {
        let refused = ann.post(path, &body(json!(0))).await.expect(403).json();
        assert_eq!(refused["details"]["field"], "priority", "{path}");
        for wrong in [json!("high"), json!(101), json!(-101), json!(0.5), json!(true)] {
            let refused = service.post(path, &body(wrong)).await.expect(400).json();
            assert_eq!(refused["error"], "priority must be a whole number from -100 to 100", "{path}");
        }
    }
    assert_eq!(paints(&provider), 0);
    let mut ids = Vec::new();
    for priority in [Value::Null, json!(-5), json!(0), json!(7)] {
        let job = service.post("/api/avatars/jobs", &body(priority.clone())).await.expect(202).json();
        assert_eq!(job["priority"], if priority.is_null() { json!(0) } else { priority });
        ids.push(job["id"].clone());
    }
    let mut finished = Vec::new();
    for id in &ids {
        finished.push(ann.ended(id).await["finished_at"].as_str().unwrap().to_owned());
    }
    // The first was under way before the others came.
    assert!(finished[3] < finished[2] && finished[2] < finished[1], "{finished:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_cookie_counts_on_pages_of_ours_alone() {
    let provider = provider(picture(&fox()));
    let server = setup(&provider).with("AVATARS__ALLOWED_ORIGINS", "https://app.example").start().await;
    let session = json!({"access_token": token(ANN), "refresh_token": "r"}).to_string();
    let cookie =
        format!("sb-abc-auth-token=base64-{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(session));
    let cookie = cookie.as_str();
    let (first, rest) = cookie.split_at(60);
    let pieces = format!("{}; sb-abc-auth-token.1={rest}", first.replace("token=", "token.0="));
    let own = server.url("").trim_end_matches('/').to_owned();
    let (path, body) = ("/api/kinksters/avatar/generate", rook().to_string().into_bytes());
    let json_type = ("content-type", "application/json");
    let rows: [(&[(&str, &str)], u16); 8] = [
        (&[("cookie", cookie), json_type, ("origin", &own)], 200),
        (&[("cookie", &pieces), json_type, ("origin", "https://app.example")], 200),
        (&[("cookie", cookie), json_type, ("sec-fetch-site", "same-origin")], 200),
        (&[("cookie", cookie), json_type], 403),
        (&[("cookie", cookie), json_type, ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], 403),
        (&[("cookie", cookie), ("content-type", "text/plain"), ("origin", &own)], 403),
        (&[("cookie", "sb-abc-auth-token=nonsense"), json_type, ("origin", &own)], 401),
        (&[("cookie", "other=1"), json_type, ("origin", &own)], 401),
    ];
    for (headers, status) in rows {
        server.send_bytes(Method::POST, path, headers, body.clone()).await.expect(status);
    }
    assert_eq!(paints(&provider), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_stored_from_listed_hosts_and_by_its_content() {
    let host = Origin::start();
    let whole = fox();
    host.serve("/fox", Reply::ok("text/html", whole.clone()));
    host.serve("/page.png", Reply::ok("image/png", "<html>".to_owned()));
    host.serve("/half.png", Reply::ok("image/png", whole[..whole.len() / 2].to_vec()));
    host.serve("/large.png", Reply::ok("image/png", vec![0; 5_242_881]));
    host.serve("/away", Reply::redirect("http://169.254.169.254/"));
    let server = Setup::new().with_all(&trusting(&host)).start().await;
    let (ann, kinkster) = (Client::new(&server, ANN), Uuid::new_v4());
    let path = "/api/kinksters/avatar/store";
    let stored =
        ann.post(path, &json!({"image_url": host.url("/fox"), "kinkster_id": kinkster})).await.expect(200).json();
    assert_eq!((&stored["content_type"], ann.avatars_of(ANN).await), (&json!("image/png"), 1));
    assert!(stored["storage_path"].as_str().unwrap().ends_with(&format!("_{kinkster}.png")));
    let row = ann.get(&format!("/api/kinksters/{kinkster}")).await.expect(200).json();
    assert_eq!(row["avatar_url"], stored["storage_url"]);
    for (body, status) in [
        (json!({}), 400),
        (json!({"image_url": ""}), 400),
        (json!({"image_url": "nonsense"}), 400),
        (json!({"image_url": host.url("/page.png")}), 415),
        (json!({"image_url": host.url("/half.png")}), 422),
        (json!({"image_url": host.url("/large.png")}), 413),
        (json!({"image_url": host.url("/missing.png")}), 502),
        (json!({"image_url": host.url("/away")}), 403),
        (json!({"image_url": "http://127.0.0.1:1/x.png"}), 403),
        (json!({"image_url": "https://example.com/x.png"}), 403),
        (json!({"image_url": "file:///etc/passwd"}), 403),
    ] {
        ann.post(path, &body).await.expect(status);
    }
    let message = ann.post(path, &json!({})).await.json();
    assert_eq!(message["error"], "image_url is required");
    // A kinkster that nobody has is not claimed by what fails.
    let (unknown, bob) = (Uuid::new_v4(), Client::new(&server, BOB));
    for (url, status) in [("/half.png", 422), ("/missing.png", 502), ("/page.png", 415), ("/large.png", 413)] {
        ann.post(path, &json!({"image_url": host.url(url), "kinkster_id": unknown})).await.expect(status);
    }
    let theirs = json!({"image_url": host.url("/fox"), "kinkster_id": unknown});
    bob.post(path, &theirs).await.expect(200);
    ann.post(path, &theirs).await.expect(403);
    server.send(Method::POST, path, &[], Some("{}")).await.expect(401);
    assert_eq!(ann.avatars_of(ANN).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_operator_removed_the_bucket_storing_is_refused_in_words() {
    let host = Origin::start();
    host.serve("/fox", Reply::ok("image/png", fox()));
    let server = Setup::new().with_all(&trusting(&host)).with("AVATARS__PROVIDER", "painter").start().await;
    let (ann, service) = (Client::new(&server, ANN), Client::service(&server));
    service.call_with(Method::DELETE, "/storage/v1/bucket/kinkster-avatars", &[], &Value::Null).await.expect(200);
    let refused = ann.post("/api/kinksters/avatar/store", &json!({"image_url": host.url("/fox")})).await.expect(409);
    let told = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(told.contains("bucket") && told.contains("create it again"), "{told}");
    let unpainted = ann.generate(&rook()).await.expect(409).json();
    assert_eq!((&unpainted["error"], &unpainted["details"]["code"]), (&json!(told), &json!("no_bucket")));
}

#[tokio::test(flavor = "multi_thread")]
async fn kinksters_answer_the_calls_of_supabase_js() {
    let server = Setup::new().start().await;
    let (ann, bob) = (Client::new(&server, ANN), Client::new(&server, BOB));
    let table = "/rest/v1/kinksters";
    let (single, wanted) = (("accept", "application/vnd.pgrst.object+json"), ("prefer", "return=representation"));
    let new = json!([{"user_id": ANN, "name": "Rook", "avatar_url": "https://a.example/x.png"}]);
    let made =
        ann.call_with(Method::POST, &format!("{table}?select=*"), &[single, wanted], &new).await.expect(201).json();
    assert_eq!((&made["name"], &made["is_active"], &made["user_id"]), (&json!("Rook"), &json!(true), &json!(ANN)));
    let id = made["id"].as_str().unwrap();
    let one = format!("{table}?id=eq.{id}");
    let selected = ann.call_with(Method::GET, &format!("{one}&select=id,name"), &[single], &Value::Null).await;
    assert_eq!(selected.expect(200).json(), json!({"id": id, "name": "Rook"}));
    assert_eq!(bob.get(&one).await.expect(200).json(), json!([]));
    bob.call_with(Method::GET, &one, &[single], &Value::Null).await.expect(406);
    ann.call_with(Method::PATCH, &one, &[], &json!({"name": "Raven", "avatar_url": null})).await.expect(204);
    let row = &ann.get(&format!("{table}?user_id=eq.{ANN}")).await.expect(200).json()[0];
    assert_eq!((&row["name"], &row["avatar_url"]), (&json!("Raven"), &Value::Null));
    let theirs = bob.call_with(Method::PATCH, &one, &[wanted], &json!({"name": "x"})).await.expect(200).json();
    assert_eq!(theirs, json!([]));
    for (body, status, code) in [
        (json!({"user_id": ANN, "name": "x"}), 403, "42501"),
        (json!({"user_id": BOB, "id": id}), 409, "23505"),
        (json!({"user_id": BOB, "secret": 1}), 400, "PGRST204"),
        (json!({"user_id": BOB, "avatar_url": "javascript:alert(1)"}), 400, "22P02"),
    ] {
        assert_eq!(bob.post(table, &body).await.expect(status).json()["code"], code, "{body}");
    }
    ann.get(&format!("{table}?name=like.R*")).await.expect(400);
    ann.call_with(Method::PATCH, table, &[], &json!({"name": "all"})).await.expect(400);
    server.get(table).await.expect(401);
    ann.call_with(Method::PUT, &format!("/api/kinksters/{id}"), &[], &json!({"name": "Rook"})).await.expect(200);
    ann.call_with(Method::DELETE, &format!("/api/kinksters/{id}"), &[], &Value::Null).await.expect(204);
    ann.get(&format!("/api/kinksters/{id}")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_on_several_workers_end_once_each() {
    let count = if std::env::var_os("TINTYPE_FULL").is_some() { 1000 } else { 100 };
    let provider = provider(picture(&fixture("formats/palette.png")));
    let server = setup(&provider)
        .with("AVATARS__WORKERS", "8")
        .with("AVATARS__RUNNING_PER_USER", "3")
        .with("AVATARS__PER_DAY", "100000")
        .with("AVATARS__DOLLARS_PER_DAY", "100000")
        .with("AVATARS__DEADLINE_SECONDS", "3600")
        .start()
        .await;
    let mut heard = server.app.jobs.announcer.subscribe();
    let counting = tokio::spawn(async move {
        let mut ended = std::collections::HashMap::<Uuid, u32>::new();
        while ended.len() < count {
            let progress: Arc<_> = heard.recv().await.unwrap();
            if progress.state.is_final() {
                assert_eq!(progress.status, "completed", "{progress:?}");
                *ended.entry(progress.job_id).or_default() += 1;
            }
        }
        ended
    });
    let users: Vec<String> = (0..10).map(|_| Uuid::new_v4().to_string()).collect();
    for number in 0..count {
        let user = &users[number % users.len()];
        Client::new(&server, user).begin(user).await;
    }
    let ended = counting.await.unwrap();
    assert!(ended.values().all(|times| *times == 1));
    assert_eq!(paints(&provider), count);
    let service = Client::service(&server);
    let mut stored = 0;
    for user in &users {
        stored += service.avatars_of(user).await;
    }
    assert_eq!(stored, count);
}

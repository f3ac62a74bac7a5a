//! Our client beside the official one, and before a mock of the API that others wrote.
//!
//! `TINTYPE_TEST_PYTHON` names a Python with tests/python/requirements.txt, and tests/clients/provider has its npm
//! packages: deploy/test installs both.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tintype::sidecar::provider::{Nonsense, Painted, Picture, Provider, ProviderError, Quality, Retry, Size};

use crate::avatars::{ANN, Client, variables_of};
use crate::provider::{KEY, openai, request};
use crate::support::origin::{Origin, Reply, Seen};
use crate::support::{Setup, files_below, fixture};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// Every model family, with every size and quality that a client can ask for, as its owner would write it.
fn wanted() -> Vec<(&'static str, Size, Quality, Value)> {
    let prompt = "A cat called \"Ä\", 漢字 🙂";
    let old = |model: &'static str, size, quality, size_word: &str, quality_word: &str| {
        let call = json!({
            "model": model, "prompt": prompt, "n": 1, "size": size_word, "quality": quality_word, "response_format": "url",
        });
        (model, size, quality, call)
    };
    let new = |model: &'static str, size, quality, size_word: &str, quality_word: &str| {
        let call = json!({"model": model, "prompt": prompt, "n": 1, "size": size_word, "quality": quality_word});
        (model, size, quality, call)
    };
    vec![
        old("dall-e-3", Size::Square, Quality::Standard, "1024x1024", "standard"),
        old("dall-e-3", Size::Wide, Quality::Hd, "1792x1024", "hd"),
        old("dall-e-3", Size::Tall, Quality::Standard, "1024x1792", "standard"),
        new("gpt-image-1", Size::Square, Quality::Hd, "1024x1024", "high"),
        new("gpt-image-1-mini", Size::Tall, Quality::Standard, "1024x1536", "medium"),
        new("gpt-image-1.5", Size::Wide, Quality::Standard, "1536x1024", "medium"),
        new("gpt-image-2", Size::Wide, Quality::Hd, "1536x1024", "high"),
        new("gpt-image-2-2026-04-21", Size::Square, Quality::Standard, "1024x1024", "medium"),
        new("gpt-image-2.5-flare", Size::Tall, Quality::Hd, "1024x1536", "high"),
        new("gpt-image-2.5-sunburst", Size::Square, Quality::Standard, "1024x1024", "medium"),
        new("gpt-image-2.6-flare", Size::Wide, Quality::Standard, "1536x1024", "medium"),
    ]
}

fn recorder() -> Origin {
    let recorder = Origin::start();
    let picture = json!({"created": 1, "data": [{"b64_json": STANDARD.encode(fixture("formats/palette.png"))}]});
    recorder.serve("/v1/images/generations", Reply::ok("application/json", picture.to_string()));
    recorder.serve("/v1/models", Reply::ok("application/json", r#"{"object":"list","data":[]}"#));
    recorder
}

fn official_client(base: &str, calls: &[Value]) {
    let python = std::env::var("TINTYPE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_client = Command::new(&python).args(["-c", "import openai"]).output();
    assert!(
        has_client.is_ok_and(|output| output.status.success()),
        "{python} has no package `openai`: run deploy/test, which installs it, or name a Python that has it in \
         TINTYPE_TEST_PYTHON"
    );
    let mut command = Command::new(python);
    command.arg(format!("{FILES}/python/openai_requests.py")).args([base, KEY, "org-ours", "proj-ours"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(calls).to_string().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// What counts of a request: all but what names the client and its connection.
fn essence(seen: &Seen) -> Value {
    let header = |name: &str| seen.header(name).map(str::to_ascii_lowercase);
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    json!({
        "method": seen.method, "target": seen.target, "body": body,
        "authorization": seen.header("authorization"),
        "organization": header("openai-organization"), "project": header("openai-project"),
        "content-type": header("content-type"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_those_of_the_official_client() {
    let (theirs, ours) = (recorder(), recorder());
    let wanted = wanted();
    let calls: Vec<Value> = wanted.iter().map(|(.., call)| call.clone()).collect();
    let base = theirs.url("/v1");
    tokio::task::spawn_blocking(move || official_client(&base, &calls)).await.unwrap();
    for (model, size, quality, call) in &wanted {
        let asked = request(call["prompt"].as_str().unwrap(), *size, *quality);
        openai(&ours.url("/v1"), &[model]).paint(&asked).await.unwrap();
    }
    openai(&ours.url("/v1"), &["gpt-image-2"]).roll_call().await.unwrap();
    let (theirs, ours) = (theirs.seen(), ours.seen());
    assert_eq!(theirs.len(), wanted.len() + 1);
    assert_eq!(theirs.len(), ours.len());
    for (their, our) in theirs.iter().zip(&ours) {
        assert_eq!(essence(our), essence(their));
    }
}

/// A running aimock, which ends with this value.
struct Mock {
    child: Child,
    base: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Mock {
    fn start(fixtures: &Value) -> Self {
        let script = Path::new(FILES).join("clients/provider/node_modules/@copilotkit/aimock/dist/cli.js");
        assert!(script.exists(), "there is no aimock: run deploy/test, or `npm ci` in tests/clients/provider");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fixtures.json");
        std::fs::write(&file, fixtures.to_string()).unwrap();
        let mut command = Command::new("node");
        command.arg(script).args(["--port", "0", "--fixtures"]).arg(file);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let base = lines.find_map(|line| line.split_once("listening on ").map(|(_, url)| url.trim().to_owned()));
        // Whoever stops reading what it says stops it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base: base.expect("aimock did not start"), client: reqwest::Client::new(), _folder: folder }
    }

    async fn chaos(&self, chaos: Value) {
        let url = format!("{}/__aimock/chaos", self.base);
        let request = self.client.post(url).header("content-type", "application/json").body(chaos.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }

    async fn paint(&self, prompt: &str) -> Result<Painted, ProviderError> {
        let openai = openai(&format!("{}/v1", self.base), &["dall-e-3", "gpt-image-2"]);
        openai.paint(&request(prompt, Size::Square, Quality::Standard)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_with_faults_of_its_own_is_understood() {
    let picture = fixture("formats/palette.png");
    let gone =
        json!({"message": "The model has been deprecated", "type": "invalid_request_error", "code": "model_not_found"});
    let blocked = json!({"message": "Rejected.", "type": "image_generation_user_error", "code": "moderation_blocked"});
    let mock = Mock::start(&json!({"fixtures": [
        {"match": {"endpoint": "image", "model": "dall-e-3"}, "response": {"error": gone, "status": 404}},
        {"match": {"endpoint": "image", "userMessage": "forbidden"}, "response": {"error": blocked, "status": 400}},
        {"match": {"endpoint": "image", "userMessage": "by url"}, "response": {"image": {"url": "https://a.example/x.png"}}},
        {"match": {"endpoint": "image", "userMessage": "cat"}, "response": {"image": {"b64Json": STANDARD.encode(&picture)}}},
    ]}));
    let painted = mock.paint("a cat").await.unwrap();
    assert_eq!((painted.picture, painted.config.model.as_str()), (Picture::Bytes(picture.into()), "gpt-image-2"));
    let by_url = mock.paint("a cat by url").await.unwrap();
    assert_eq!(by_url.picture, Picture::Url("https://a.example/x.png".parse().unwrap()));
    assert_eq!(mock.paint("a forbidden cat").await.unwrap_err().code(), "refused");
    let second = std::time::Duration::from_secs(1);
    for (chaos, expected) in [
        (json!({"rateLimitRate": 1}), ProviderError::RateLimited { retry_after: Some(second) }),
        (json!({"dropRate": 1}), ProviderError::Overloaded { status: 500, retry_after: None }),
        (json!({"malformedRate": 1}), ProviderError::Nonsense(Nonsense::NotJson)),
        (json!({"latencyMs": 30_000}), ProviderError::Timeout),
    ] {
        mock.chaos(chaos).await;
        assert_eq!(mock.paint("a cat").await.unwrap_err(), expected);
    }
    mock.chaos(json!({"disconnectRate": 1})).await;
    let cut = mock.paint("a cat").await.unwrap_err();
    assert!(matches!(cut, ProviderError::Unreachable(_)) && cut.retry() == Retry::After(None), "{cut:?}");
    mock.chaos(json!({})).await;
    mock.paint("a cat").await.unwrap();
}

/// A server whose jobs ask the mock.
fn asking(mock: &Mock) -> Setup {
    let variables = variables_of(format!("{}/v1", mock.base));
    Setup::new().with_all(&variables)
}

fn one_cat() -> Value {
    let picture = json!({"b64Json": STANDARD.encode(fixture("formats/palette.png"))});
    json!({"fixtures": [{"match": {"endpoint": "image", "userMessage": "Rook"}, "response": {"image": picture}}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mocks_faults_end_jobs_with_a_reason_and_leave_nothing_stored() {
    let mock = Mock::start(&one_cat());
    let server =
        asking(&mock).with("AVATARS__ATTEMPTS", "2").with("AVATARS__OPENAI__TIMEOUT_SECONDS", "2").start().await;
    let ann = Client::new(&server, ANN);
    for (chaos, code) in [
        (json!({"rateLimitRate": 1}), "rate_limited"),
        (json!({"dropRate": 1}), "overloaded"),
        (json!({"malformedRate": 1}), "nonsense"),
        (json!({"disconnectRate": 1}), "unreachable"),
        (json!({"latencyMs": 30_000}), "timeout"),
    ] {
        mock.chaos(chaos).await;
        let job = ann.ended(&ann.begin(ANN).await["job_id"]).await;
        assert_eq!((&job["state"], &job["error_code"]), (&json!("error"), &json!(code)), "{job}");
        let reason = job["error"].as_str().unwrap();
        assert!(reason.contains(' ') && reason.starts_with(char::is_uppercase), "{code}: {reason}");
        assert_eq!(ann.avatars_of(ANN).await, 0, "{code}");
    }
    let objects = files_below(&server.data().join("storage/objects/kinkster-avatars"));
    assert!(objects.is_empty(), "{objects:?}");
    mock.chaos(json!({})).await;
    assert_eq!(ann.ended(&ann.begin(ANN).await["job_id"]).await["state"], "completed");
    assert_eq!(ann.avatars_of(ANN).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_chaos_every_job_ends_and_exactly_what_completed_is_stored() {
    let count = if std::env::var_os("TINTYPE_FULL").is_some() { 90 } else { 9 };
    let mock = Mock::start(&one_cat());
    let server = asking(&mock).with("AVATARS__ATTEMPTS", "4").start().await;
    let ann = Client::new(&server, ANN);
    mock.chaos(json!({"dropRate": 0.3, "malformedRate": 0.15, "disconnectRate": 0.15})).await;
    let mut begun = Vec::new();
    for _ in 0..count {
        begun.push(ann.begin(ANN).await["job_id"].clone());
    }
    let mut completed = 0;
    for id in &begun {
        let job = ann.ended(id).await;
        match job["state"].as_str() {
            Some("completed") => completed += 1,
            state => assert_eq!((state, job["error"].is_string()), (Some("error"), true), "{job}"),
        }
    }
    assert_eq!(ann.avatars_of(ANN).await, completed);
    assert!(completed > 0, "of {count} not one was painted");
}

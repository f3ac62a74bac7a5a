//! Whatever a provider answers: a picture, or an error that a person can read, and never the key.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tintype::config::Secret;
use tintype::imaging;
use tintype::render::Gate;
use tintype::sidecar::prompt::Prompt;
use tintype::sidecar::provider::openai::{Presence, RollCall};
use tintype::sidecar::provider::{
    Cost, ModelTable, Nonsense, OpenAi, OpenAiSettings, PaintRequest, Painted, Painter, Picture, PictureFetcher,
    Provider, ProviderError, Quality, Retry, Size,
};
use tintype::source::{Fetcher, HopLimits, HostPort, SystemResolver, VIA};
use tintype::transform::HostList;

use crate::support::fixture;
use crate::support::origin::{Answer, Origin, Reply};

pub const KEY: &str = "sk-hidden-0123456789abcdef";
const GENERATIONS: &str = "/v1/images/generations";
const LIMIT: u64 = 1_000_000;

const HOPS: HopLimits = HopLimits { redirects: 3, hop_timeout: Duration::from_secs(2) };

fn fetcher(exceptions: &[String]) -> Fetcher {
    let exceptions = exceptions.iter().map(|text| HostPort::parse(text).unwrap()).collect();
    Fetcher::new(exceptions, Arc::new(SystemResolver), &VIA).unwrap()
}

/// Asks the API below `base`.
pub fn openai(base: &str, models: &[&str]) -> OpenAi {
    let settings = OpenAiSettings {
        key: Some(Secret::new(KEY)),
        base_url: base.parse().unwrap(),
        organization: Some("org-ours".to_owned()),
        project: Some("proj-ours".to_owned()),
        timeout: Duration::from_secs(2),
        models: models.iter().map(|&model| model.to_owned()).collect(),
        picture_bytes: LIMIT,
    };
    OpenAi::new(settings, ModelTable::read(None).unwrap(), fetcher(&[]), HOPS).unwrap()
}

pub fn request(prompt: &str, size: Size, quality: Quality) -> PaintRequest {
    PaintRequest { prompt: Prompt::parse(prompt).unwrap(), size, quality }
}

fn cat() -> PaintRequest {
    request("a cat", Size::Square, Quality::Standard)
}

async fn answered(answer: impl Into<Answer>) -> Result<Painted, ProviderError> {
    let provider = Origin::start();
    provider.serve(GENERATIONS, answer);
    openai(&provider.url("/v1"), &["gpt-image-2"]).paint(&cat()).await
}

fn image(image: &Value) -> Reply {
    Reply::ok("application/json", json!({"created": 1, "data": [image]}).to_string())
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({"error": {"code": code, "type": "invalid_request_error", "param": null, "message": message}});
    Reply::new(status, body.to_string()).header("content-type", "application/json")
}

fn png() -> Vec<u8> {
    fixture("formats/palette.png")
}

#[tokio::test]
async fn a_picture_comes_with_what_it_was_painted_with_and_what_it_cost() {
    let provider = Origin::start();
    let body = json!({
        "created": 1, "data": [{"b64_json": STANDARD.encode(png())}], "size": "1536x1024", "quality": "high",
        "usage": {"input_tokens": 100, "output_tokens": 1000, "total_tokens": 1100},
    });
    provider.serve(GENERATIONS, Reply::ok("application/json", body.to_string()));
    let openai = openai(&provider.url("/v1/"), &["gpt-image-2.5-flare"]);
    let painted = openai.paint(&request("a cat", Size::Wide, Quality::Hd)).await.unwrap();
    assert_eq!(painted.picture, Picture::Bytes(png().into()));
    assert_eq!(painted.cost, Some(Cost(30_500)));
    let config = serde_json::to_value(&painted.config).unwrap();
    assert_eq!(config, json!({"model": "gpt-image-2.5-flare", "size": "1536x1024", "quality": "high"}));
    let seen = &provider.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", GENERATIONS));
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    let expected = json!({
        "model": "gpt-image-2.5-flare", "prompt": "a cat", "n": 1, "size": "1536x1024", "quality": "high",
    });
    assert_eq!(sent, expected);
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {KEY}")));
}

#[tokio::test]
async fn every_refusal_is_told_apart_with_whether_another_try_makes_sense() {
    let never = Retry::Never;
    let soon = |seconds| Retry::After(Some(Duration::from_secs(seconds)));
    let refused = "Your request was rejected by the safety system. safety_violations=[sexual].";
    for (answer, code, retry) in [
        (error(401, "invalid_api_key", &format!("Incorrect API key provided: {KEY}.")), "unauthorized", never),
        (error(403, "", "not allowed"), "unauthorized", never),
        (error(429, "rate_limit_exceeded", "slow down").header("retry-after", "7"), "rate_limited", soon(7)),
        (error(429, "rate_limit_exceeded", "slow down"), "rate_limited", Retry::After(None)),
        (error(429, "insufficient_quota", "pay"), "exhausted", never),
        (error(400, "billing_hard_limit_reached", "pay"), "exhausted", never),
        (error(400, "moderation_blocked", refused), "refused", never),
        (error(400, "content_policy_violation", "no"), "refused", never),
        (error(400, "contentFilter", "no"), "refused", never),
        (error(404, "model_not_found", "gone"), "model_gone", never),
        (error(404, "DeploymentNotFound", "gone"), "model_gone", never),
        (error(400, "invalid_size", "no"), "rejected", never),
        (error(404, "", "no such page"), "rejected", never),
        (error(500, "", "oops"), "overloaded", Retry::After(None)),
        (error(503, "", "oops").header("retry-after", "3"), "overloaded", soon(3)),
        (Reply::new(502, "<html>Bad Gateway</html>"), "overloaded", Retry::After(None)),
        (Reply::redirect(GENERATIONS), "nonsense", never),
    ] {
        let fault = answered(answer.clone()).await.unwrap_err();
        assert_eq!((fault.code(), fault.retry()), (code, retry), "{answer:?}");
        assert_readable(&fault);
    }
    let refused = answered(error(400, "moderation_blocked", refused)).await.unwrap_err();
    assert!(refused.public_text().ends_with("(it names: sexual)"), "{}", refused.public_text());
}

/// No key, no address, and something to read.
fn assert_readable(fault: &ProviderError) {
    let all = format!("{fault} {fault:?} {}", fault.public_text());
    assert!(!all.contains("hidden"), "{all}");
    let public = fault.public_text();
    assert!(public.len() > 20 && !public.contains("127.0.0.1") && !public.contains("http"), "{public}");
}

#[tokio::test]
async fn nonsense_is_no_picture() {
    let base64 = STANDARD.encode(png());
    let whole = json!({"data": [{"b64_json": base64}]}).to_string();
    let broken = whole.replacen(&base64[..8], "%%%%%%%%", 1);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", whole.len());
    let half = [head.as_bytes(), &whole.as_bytes()[..whole.len() / 2]].concat();
    let endless = Answer::Endless { head: String::new(), piece: vec![b'A'; 65_536] };
    for (answer, expected) in [
        (Answer::from(Reply::ok("text/html", "<html>Sign in</html>")), Nonsense::NotJson),
        (Reply::new(200, "").into(), Nonsense::Empty),
        (Reply::ok("application/json", &whole[..whole.len() - 20]).into(), Nonsense::Incomplete),
        (Answer::Raw(half), Nonsense::Incomplete),
        (endless, Nonsense::TooLarge),
        (image(&json!({"b64_json": "A".repeat(1_350_000)})).into(), Nonsense::TooLarge),
        (Reply::ok("application/json", broken).into(), Nonsense::Base64),
        (image(&json!({"b64_json": STANDARD.encode("<html>")})).into(), Nonsense::NotAPicture),
        (image(&json!({})).into(), Nonsense::NoPicture),
        (Reply::ok("application/json", "{\"data\":[]}").into(), Nonsense::NoPicture),
        (Reply::ok("application/json", "{}").header("content-encoding", "rot13").into(), Nonsense::NotJson),
    ] {
        let fault = answered(answer).await.unwrap_err();
        assert_eq!(fault, ProviderError::Nonsense(expected));
        assert_readable(&fault);
    }
}

#[tokio::test]
async fn a_provider_that_is_silent_or_not_there_is_told_apart() {
    assert_eq!(answered(Answer::Hang).await.unwrap_err(), ProviderError::Timeout);
    let cut = answered(Answer::RawThenReset(Vec::new())).await.unwrap_err();
    assert!(matches!(cut, ProviderError::Unreachable(_)), "{cut:?}");
    let nobody = openai("http://127.0.0.1:1/v1", &["gpt-image-2"]).paint(&cat()).await.unwrap_err();
    assert!(matches!(nobody, ProviderError::Unconnected(_)), "{nobody:?}");
    for fault in [cut, nobody] {
        assert_eq!(fault.retry(), Retry::After(None));
        assert_readable(&fault);
    }
}

/// A server that has only this model.
fn only(model: &'static str) -> Origin {
    let provider = Origin::start();
    provider.route(GENERATIONS, move |seen| {
        let sent: Value = serde_json::from_slice(&seen.body).unwrap();
        if sent["model"] == model {
            image(&json!({"b64_json": STANDARD.encode(png())})).into()
        } else {
            error(404, "model_not_found", "The model does not exist").into()
        }
    });
    provider
}

#[tokio::test]
async fn a_model_that_is_not_there_is_skipped_and_not_asked_again() {
    let provider = only("gpt-image-2");
    let openai = openai(&provider.url("/v1"), &["dall-e-3", "gpt-image-2.5-flare", "gpt-image-2"]);
    assert_eq!(openai.plan(Size::Square, Quality::Hd).unwrap().config.model, "dall-e-3");
    for _ in 0..2 {
        assert_eq!(openai.paint(&cat()).await.unwrap().config.model, "gpt-image-2");
    }
    assert_eq!(provider.hits(GENERATIONS), 4, "the missing models were asked again");
    assert_eq!(openai.plan(Size::Square, Quality::Hd).unwrap().config.model, "gpt-image-2");
}

#[tokio::test]
async fn without_a_model_there_is_nothing_to_ask() {
    let provider = only("gpt-image-2");
    let openai = openai(&provider.url("/v1"), &["dall-e-3", "gpt-image-1"]);
    for _ in 0..2 {
        let fault = openai.paint(&cat()).await.unwrap_err();
        assert_eq!(fault, ProviderError::ModelGone { model: "gpt-image-1".to_owned() });
    }
    assert_eq!(provider.hits(GENERATIONS), 2);
}

#[tokio::test]
async fn openais_own_dates_count_for_openai_alone() {
    let models = ["dall-e-3", "gpt-image-1", "gpt-image-2"];
    let plan = |base: &str| openai(base, &models).plan(Size::Tall, Quality::Hd).unwrap().config;
    let own = plan("https://api.openai.com/v1");
    assert_eq!(
        (own.model.as_str(), own.size.as_str(), own.quality.as_deref()),
        ("gpt-image-2", "1024x1536", Some("high"))
    );
    let other = plan("https://ours.openai.azure.com/openai/v1/");
    assert_eq!(
        (other.model.as_str(), other.size.as_str(), other.quality.as_deref()),
        ("dall-e-3", "1024x1792", Some("hd"))
    );
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let provider = only("gpt-image-2");
    let settings = OpenAiSettings {
        key: None,
        base_url: provider.url("/v1").parse().unwrap(),
        organization: None,
        project: None,
        timeout: Duration::from_secs(2),
        models: vec!["gpt-image-2".to_owned()],
        picture_bytes: LIMIT,
    };
    let openai = OpenAi::new(settings, ModelTable::read(None).unwrap(), fetcher(&[]), HOPS).unwrap();
    let fault = openai.paint(&cat()).await.unwrap_err();
    assert_eq!(fault.public_text(), "OpenAI API key not configured");
    assert!(provider.seen().is_empty());
}

/// What an answer with a URL leads to, the URL's host being `hosts`' only entry.
async fn fetched(hosts: &Origin, url: &str) -> Result<bytes::Bytes, ProviderError> {
    let provider = Origin::start();
    provider.serve(GENERATIONS, image(&json!({"url": url})));
    let painted = openai(&provider.url("/v1"), &["dall-e-3"]).paint(&cat()).await?;
    assert!(matches!(painted.picture, Picture::Url(_)));
    let place = hosts.address().to_string();
    let list = HostList::compile([format!("http://{place}").as_str()]).unwrap();
    let base = provider.url("/v1").parse().unwrap();
    let pictures = PictureFetcher::new(fetcher(&[place]), list, &base, HOPS, LIMIT).unwrap();
    let result = pictures.fetch_painted(&painted.picture).await;
    assert!(hosts.seen().iter().all(|seen| seen.header("authorization").is_none()), "the key went to a stranger");
    result
}

#[tokio::test]
async fn a_url_is_fetched_from_known_hosts_alone() {
    let store = Origin::start();
    store.serve("/cat.png", Reply::ok("image/png", png()));
    store.serve("/page", Reply::ok("image/png", "<html>"));
    store.serve("/gif", Reply::ok("image/png", fixture("formats/animated.gif")));
    store.serve("/empty", Reply::ok("image/png", ""));
    store.serve("/loop", Reply::redirect("/loop"));
    store.serve("/inside", Reply::redirect("http://169.254.169.254/latest/meta-data"));
    store.serve("/elsewhere", Reply::redirect("http://127.0.0.1:1/cat.png"));
    store.serve("/silent", Answer::Hang);
    store.serve("/endless", Answer::Endless { head: String::new(), piece: vec![0; 65_536] });
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nhalf";
    store.serve("/half", Answer::Raw(head.to_vec()));
    assert_eq!(fetched(&store, &store.url("/cat.png?sig=x")).await.unwrap(), png());
    for (path, expected) in [
        ("/page", Nonsense::NotAPicture),
        ("/gif", Nonsense::NotAPicture),
        ("/empty", Nonsense::Empty),
        ("/missing", Nonsense::Unfetched),
        ("/loop", Nonsense::Unfetched),
        ("/inside", Nonsense::Address),
        ("/elsewhere", Nonsense::Address),
        ("/endless", Nonsense::TooLarge),
        ("/half", Nonsense::Incomplete),
    ] {
        let fault = fetched(&store, &store.url(path)).await.unwrap_err();
        assert_eq!(fault, ProviderError::Nonsense(expected), "{path}");
        assert_readable(&fault);
    }
    assert_eq!(fetched(&store, &store.url("/silent")).await.unwrap_err(), ProviderError::Timeout);
    let stranger = Origin::start();
    stranger.serve("/cat.png", Reply::ok("image/png", png()));
    for url in [
        stranger.url("/cat.png").as_str(),
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/",
        "file:///etc/passwd",
        "https://user:pass@oaidalleapiprodscus.blob.core.windows.net/x",
    ] {
        let fault = fetched(&store, url).await.unwrap_err();
        assert_eq!(fault, ProviderError::Nonsense(Nonsense::Address), "{url}");
    }
    assert!(stranger.seen().is_empty());
}

#[tokio::test]
async fn a_picture_beside_the_api_itself_is_fetched_without_the_key() {
    let provider = Origin::start();
    let url = provider.url("/generated/cat.png");
    provider.serve(GENERATIONS, image(&json!({"url": url})));
    provider.serve("/generated/cat.png", Reply::ok("image/png", png()));
    provider.serve("/generated/away.png", Reply::redirect("/generated/cat.png"));
    let painted = openai(&provider.url("/v1"), &["dall-e-3"]).paint(&cat()).await.unwrap();
    let base = provider.url("/v1").parse().unwrap();
    let pictures = PictureFetcher::new(fetcher(&[]), HostList::default(), &base, HOPS, LIMIT).unwrap();
    assert_eq!(pictures.fetch_painted(&painted.picture).await.unwrap(), png());
    assert_eq!(provider.seen().last().unwrap().header("authorization"), None);
    let away = Picture::Url(provider.url("/generated/away.png").parse().unwrap());
    assert_eq!(pictures.fetch_painted(&away).await, Err(ProviderError::Nonsense(Nonsense::Unfetched)));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One thread, so that everything that is logged is seen.
#[tokio::test]
async fn the_key_is_in_no_log_line_at_the_finest_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let provider = Origin::start();
    let openai = openai(&provider.url("/v1"), &["dall-e-3", "gpt-image-2"]);
    for answer in [
        error(401, "invalid_api_key", &format!("Incorrect API key provided: {KEY}")),
        error(404, "model_not_found", KEY),
        error(500, KEY, KEY),
        image(&json!({"b64_json": STANDARD.encode(png())})),
    ] {
        provider.serve(GENERATIONS, answer);
        let painted = openai.paint(&cat()).await;
        tracing::error!(?painted, ?openai, "what came of it");
    }
    drop(guard);
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(lines.contains("images/generations answered") && lines.contains("what came of it"), "{lines}");
    assert!(!lines.contains("hidden"), "the key was logged");
}

#[tokio::test]
async fn the_models_that_are_there_are_asked_for_free() {
    let provider = Origin::start();
    let rows = json!({"object": "list", "data": [
        {"id": "gpt-image-2", "object": "model", "shutdown_date": null},
        {"id": "gpt-image-1.5", "object": "model", "shutdown_date": "2999-01-02"},
        {"id": "gpt-image-1", "object": "model", "shutdown_date": "2026-10-23"},
    ]});
    provider.serve("/v1/models", Reply::ok("application/json", rows.to_string()));
    let models = ["dall-e-3", "gpt-image-1", "gpt-image-1.5", "gpt-image-2"];
    let found = openai(&provider.url("/v1"), &models).roll_call().await.unwrap();
    let day = |text| time::Date::parse(text, time::macros::format_description!("[year]-[month]-[day]")).unwrap();
    let presences: Vec<_> = found.iter().map(|RollCall { presence, .. }| *presence).collect();
    let expected = [
        Presence::Missing,
        Presence::Retired(day("2026-10-23")),
        Presence::HereUntil(day("2999-01-02")),
        Presence::Here,
    ];
    assert_eq!(presences, expected);
    assert_eq!(found[0].successor.as_deref(), Some("gpt-image-2.6-flare"));
    assert_eq!(provider.seen()[0].header("authorization"), Some(&*format!("Bearer {KEY}")));
    provider.serve("/v1/models", Reply::new(401, "{}"));
    let refused = openai(&provider.url("/v1"), &models).roll_call().await.unwrap_err();
    assert_eq!(refused, ProviderError::Unauthorized { status: 401 });
}

#[tokio::test]
async fn the_painter_asks_nobody_and_paints_the_same_again() {
    let gate = Arc::new(Gate::start(1, Duration::from_secs(5), 8, 1_000_000).unwrap());
    let painter = Painter::new(gate);
    let paint = async |prompt: &str| painter.paint(&request(prompt, Size::Wide, Quality::Hd)).await.unwrap();
    let (first, again, other) = (paint("Ada").await, paint("Ada").await, paint("Bo").await);
    let Picture::Bytes(bytes) = &first.picture else { panic!("{:?}", first.picture) };
    let natural = imaging::probe(bytes).unwrap().natural;
    assert_eq!((natural.width, natural.height), (1024, 1024));
    assert_eq!(first.config.size, "1024x1024");
    assert_eq!((first.cost, &first.picture), (Some(Cost(0)), &again.picture));
    assert_ne!(first.picture, other.picture);
}

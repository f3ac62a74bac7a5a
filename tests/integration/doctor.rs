//! `tintype doctor` on what people come with: pictures that do not show, pictures that are not made, uploads that fail,
//! progress that nobody hears. Each is one finding with its remedy.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tintype::app::{App, Opening, Store};
use tintype::config::Config;
use tintype::doctor::{Finding, Grade, examine};
use tintype::migrate::Edits;

use crate::avatars::{BOB, fox, picture, provider, token, variables};
use crate::migrate::Supabase;
use crate::support::origin::{Origin, Reply};
use crate::support::postgres::Database;
use crate::support::{Running, Setup, service_key};

const TEMPORARY: &str = "https://dalleprodsec.blob.core.windows.net/private/x.png?sig=a";

async fn findings(config: &Config) -> Vec<Finding> {
    let scratch = tempfile::tempdir().unwrap();
    Box::pin(examine(config, scratch.path())).await
}

/// What is wrong with avatars, of everything that is looked at.
fn wrong(findings: &[Finding]) -> Vec<&Finding> {
    // What the machine that runs the tests has or lacks.
    let of_machine =
        |finding: &&Finding| ["disk:", "open files:", "clock:"].iter().any(|topic| finding.text.starts_with(topic));
    findings.iter().filter(|finding| finding.grade != Grade::Ok && !of_machine(finding)).collect()
}

/// The one thing that is wrong says this, and this is its remedy.
#[track_caller]
fn is_one(findings: &[Finding], text: &str, remedy: &str) {
    let wrong = wrong(findings);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let told = wrong[0].remedy.as_deref().unwrap_or_default();
    assert!(wrong[0].text.contains(text) && told.contains(remedy), "{}", wrong[0]);
}

fn says(findings: &[Finding], text: &str) -> bool {
    findings.iter().any(|finding| finding.grade == Grade::Ok && finding.text.contains(text))
}

/// A running server and what doctor is given of it.
async fn running(setup: Setup) -> (Running, Config) {
    let server = setup.start().await;
    let config = Config { listen: server.address, ..setup.config() };
    (server, config)
}

async fn change_bucket(server: &Running, change: &Value) {
    let authorization = format!("Bearer {}", service_key());
    let headers = [("authorization", authorization.as_str())];
    let body = change.to_string();
    server.send(Method::PUT, "/storage/v1/bucket/kinkster-avatars", &headers, Some(&body)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_where_nothing_is() {
    let provider = provider(picture(&fox()));
    provider.serve("/v1/models", Reply::ok("application/json", json!({"data": [{"id": "gpt-image-2"}]}).to_string()));
    let setup = variables(&provider).iter().fold(Setup::new().photos(), |setup, (name, value)| setup.with(name, value));
    let (_server, config) = running(setup).await;
    let findings = findings(&config).await;
    assert!(wrong(&findings).is_empty(), "{:?}", wrong(&findings));
    for text in [
        "realtime: an event went around",
        "bucket kinkster-avatars: public",
        "avatars: 0 of 1000 pictures and $0.00 of $50.00 used today",
    ] {
        assert!(says(&findings, text), "{text}: {findings:#?}");
    }
}

/// Every file and folder below, with when it was written.
fn written(folder: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
            found.push((entry.path(), entry.metadata().unwrap().modified().unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_the_box_nothing_is_wrong_and_nothing_is_made() {
    let setup = || Setup::new().with("AVATARS__ENABLED", "false");
    // Before a server was there.
    let fresh = setup();
    let mut config = fresh.config();
    config.jwt_secret = None;
    let found = findings(&config).await;
    assert!(!tintype::doctor::has_fault(&found), "{found:#?}");
    assert!(says(&found, "none yet, `tintype serve` makes one") && says(&found, "not there yet"), "{found:#?}");
    assert!(!config.data.exists(), "{:?}", written(&config.data));
    // Beside one.
    let (_server, config) = running(setup()).await;
    let found = findings(&config).await;
    assert!(!tintype::doctor::has_fault(&found), "{found:#?}");
    assert!(says(&found, "buckets of our own: kinkster-avatars, task-proofs"), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_and_commands_leave_a_fleet_its_rules_and_its_buckets() {
    let database = Database::create().await;
    let setup = Setup::new().with("STORAGE__DATABASE", &database.url()).with("STORAGE__SCHEMA", "told");
    let (server, mut config) = running(setup).await;
    let authorization = format!("Bearer {}", token(BOB));
    let headers = [("authorization", authorization.as_str()), ("content-type", "image/png")];
    let path = format!("/storage/v1/object/task-proofs/{BOB}/a.png");
    server.send_bytes(Method::POST, &path, &headers, fox()).await.expect(200);
    // Another configuration: nobody may do anything, and there is a bucket more.
    config.rules = tintype::auth::RuleSet::List(Vec::new());
    config.buckets.insert("another".to_owned(), tintype::config::BucketConfig::default());
    let found = findings(&config).await;
    assert!(found.iter().any(|finding| finding.text == "bucket another: of our own, not made yet"), "{found:#?}");
    // As `cleanup` and `backfill` open it, and as `warm` and `purge` do without a server.
    let elsewhere = tempfile::tempdir().unwrap();
    config.data = elsewhere.path().to_owned();
    drop(Box::pin(Store::open(&config, Opening::Beside)).await.unwrap());
    drop(Box::pin(App::build_beside(&config)).await.unwrap());
    server.get_with(&path, &[("authorization", &authorization)]).await.expect(200);
    let authorization = format!("Bearer {}", service_key());
    server.get_with("/storage/v1/bucket/another", &[("authorization", &authorization)]).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_do_not_show() {
    let (server, config) = running(Setup::new().photos()).await;
    change_bucket(&server, &json!({"public": false})).await;
    is_one(&findings(&config).await, "private, so its pictures do not show", "make it public");
    change_bucket(&server, &json!({"public": true})).await;
    let authorization = format!("Bearer {}", token(BOB));
    let row = json!({"user_id": BOB, "avatar_url": TEMPORARY}).to_string();
    server.send(Method::POST, "/rest/v1/kinksters", &[("authorization", &authorization)], Some(&row)).await.expect(201);
    is_one(&findings(&config).await, "1 kinksters show a picture at OpenAI", "tintype backfill");
    let authorization = format!("Bearer {}", service_key());
    let headers = [("authorization", authorization.as_str())];
    server.send(Method::DELETE, "/storage/v1/bucket/kinkster-avatars", &headers, None).await.expect(200);
    let findings = findings(&config).await;
    let missing = wrong(&findings)[0];
    assert!(
        missing.text.contains("missing") && missing.remedy.as_ref().unwrap().contains("[buckets.kinkster-avatars]")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_generated() {
    let provider = provider(picture(&fox()));
    let refusal = r#"{"error":{"code":"invalid_api_key","message":"no"}}"#;
    provider.serve("/v1/models", Reply::new(401, refusal.to_owned()));
    let setup =
        || variables(&provider).iter().fold(Setup::new().photos(), |setup, (name, value)| setup.with(name, value));
    let (_server, config) = running(setup()).await;
    is_one(&findings(&config).await, "avatars: ", "OPENAI_API_KEY");
    provider.serve("/v1/models", Reply::ok("application/json", json!({"data": [{"id": "gpt-image-2"}]}).to_string()));
    let (_server, config) = running(setup().with("AVATARS__ENABLED", "false")).await;
    is_one(&findings(&config).await, "switched off", "avatars.enabled = true");
    provider.serve("/v1/models", Reply::ok("application/json", json!({"data": [{"id": "my-own"}]}).to_string()));
    let (_server, config) = running(setup().with("AVATARS__MODEL", "my-own")).await;
    is_one(&findings(&config).await, "model my-own: its price is not known", "avatars.models");
    provider.serve("/v1/models", Reply::ok("application/json", json!({"data": [{"id": "gpt-image-2"}]}).to_string()));
    let (server, config) = running(setup().with("AVATARS__PER_DAY", "1").with("AVATARS__ATTEMPTS", "1")).await;
    let authorization = format!("Bearer {}", token(BOB));
    let body = json!({"characterData": {"name": "Rook"}}).to_string();
    let generate = async |status: u16| {
        let headers = [("authorization", authorization.as_str())];
        server.send(Method::POST, "/api/kinksters/avatar/generate", &headers, Some(&body)).await.expect(status);
    };
    generate(200).await;
    is_one(&findings(&config).await, "1 of 1 pictures", "wait until midnight UTC");
    generate(429).await;
    // A provider that answers, and paints nothing.
    provider.serve(
        "/v1/images/generations",
        Reply::new(400, r#"{"error":{"code":"moderation_blocked","message":"no"}}"#.to_owned()),
    );
    let (server, config) = running(setup()).await;
    for _ in 0..3 {
        let headers = [("authorization", authorization.as_str())];
        server.send(Method::POST, "/api/kinksters/avatar/generate", &headers, Some(&body)).await.expect(422);
    }
    is_one(&findings(&config).await, "the last 3 jobs failed", "moderation");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_fail() {
    let (server, config) = running(Setup::new().photos()).await;
    change_bucket(&server, &json!({"public": true, "file_size_limit": 1000})).await;
    is_one(&findings(&config).await, "takes 1000 bytes, so uploads of pictures fail", "raise its limit");
    change_bucket(
        &server,
        &json!({"public": true, "file_size_limit": 5_242_880, "allowed_mime_types": ["image/gif", "image/png"]}),
    )
    .await;
    is_one(&findings(&config).await, "does not take image/jpeg, image/webp", "allow image/png");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_heard() {
    let (_server, config) = running(Setup::new().photos().with("REALTIME__ENABLED", "false")).await;
    is_one(&findings(&config).await, "realtime: switched off", "realtime.enabled = true");
    let stopped = findings(&Setup::new().photos().config()).await;
    assert!(wrong(&stopped).is_empty() && says(&stopped, "no server is running here"), "{stopped:#?}");
    // In front of an upstream: one that answers, one that knows another key, one whose proxy lets no websocket through.
    let upstream = Setup::new().start().await;
    let front = |url: &str, key: &str| Setup::new().with("UPSTREAM__URL", url).with("UPSTREAM__SERVICE_KEY", key);
    let sound = findings(&front(&format!("http://{}", upstream.address), &service_key()).config()).await;
    assert!(wrong(&sound).is_empty() && says(&sound, "upstream's realtime: an event went around"), "{sound:#?}");
    let other = tintype::config::Secret::new("another-secret-that-is-not-the-upstreams-32");
    let other = tintype::auth::service_key(&other, std::time::Duration::from_secs(600));
    let told = findings(&front(&format!("http://{}", upstream.address), &other).config()).await;
    is_one(&told, "upstream's realtime at", "upstream.service_key");
    assert!(!told.iter().any(|finding| finding.to_string().contains(&other)), "a key was told");
    let proxy = Origin::start();
    proxy.serve("/storage/v1/status", Reply::ok("text/plain", Vec::new()));
    let told = findings(&front(&format!("http://{}", proxy.address()), &service_key()).config()).await;
    let silent =
        wrong(&told).into_iter().find(|finding| finding.text.contains("instead of opening a websocket")).unwrap();
    assert!(silent.remedy.as_ref().unwrap().contains("Upgrade"), "{silent}");
}

/// What doctor says of a Supabase's database behind a server that stands in front of it.
async fn of_database(supabase: &Supabase, data: &Path) -> Vec<Finding> {
    let upstream = Setup::new().start().await;
    let setup = Setup::new()
        .with("UPSTREAM__URL", &format!("http://{}", upstream.address))
        .with("STORAGE__DATABASE", &supabase.url());
    findings(&Config { data: data.to_owned(), ..setup.config() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_lacks_something() {
    let mut supabase = Supabase::new().await;
    let data = tempfile::tempdir().unwrap();
    is_one(&of_database(&supabase, data.path()).await, "not applied: 0001 own_schema", "tintype migrate");
    supabase.up().await;
    let sound = of_database(&supabase, data.path()).await;
    assert!(wrong(&sound).is_empty() && says(&sound, "database: functions and policies are there"), "{sound:#?}");
    for (harm, text, remedy, repair) in [
        // Progress that nobody hears.
        (
            "DROP POLICY \"tintype: hear of own avatars\" ON realtime.messages",
            "hear of own avatars",
            "migrate --again",
            "",
        ),
        // Policies that say something else, or nothing.
        (
            "DROP POLICY \"tintype: nobody else's folder\" ON storage.objects; \
             CREATE POLICY \"tintype: nobody else's folder\" ON storage.objects USING (true)",
            "replaced policy \"tintype: nobody else's folder\" of storage.objects",
            "migrate --again",
            "",
        ),
        (
            "ALTER POLICY \"tintype: own folder\" ON storage.objects TO PUBLIC",
            "replaced policy \"tintype: own folder\"",
            "migrate --again",
            "",
        ),
        (
            "ALTER TABLE storage.objects DISABLE ROW LEVEL SECURITY",
            "storage.objects has no row-level security",
            "migrate --again",
            "",
        ),
        (
            "ALTER TABLE realtime.messages DISABLE ROW LEVEL SECURITY",
            "realtime.messages has no row-level security",
            "migrate --again",
            "",
        ),
        // Uploads that fail.
        ("DROP POLICY \"tintype: own folder\" ON storage.objects", "own folder", "migrate --again", ""),
        (
            "UPDATE storage.buckets SET allowed_mime_types = '{image/png}'",
            "does not take image/jpeg, image/webp",
            "in the dashboard",
            "UPDATE storage.buckets SET allowed_mime_types = NULL",
        ),
        // Pictures that do not show.
        (
            "UPDATE storage.buckets SET public = false",
            "private, so its pictures do not show",
            "in the dashboard",
            "UPDATE storage.buckets SET public = true",
        ),
        (
            "INSERT INTO public.kinksters (user_id, avatar_url) SELECT id, 'https://dalleprodsec.blob.core.windows.net/x' FROM auth.users",
            "2 kinksters show a picture at OpenAI",
            "tintype backfill",
            "DELETE FROM public.kinksters",
        ),
        ("DROP FUNCTION public.validate_avatar_url(text)", "validate_avatar_url", "migrate --again", ""),
        (
            "ALTER TABLE public.kinksters DISABLE ROW LEVEL SECURITY",
            "no row-level security",
            "ENABLE ROW LEVEL SECURITY",
            "",
        ),
    ] {
        supabase.run(harm).await;
        is_one(&of_database(&supabase, data.path()).await, text, remedy);
        supabase.run(repair).await;
        supabase.runner().await.again(Edits::Keep, |_| {}).await.unwrap();
        let repaired = of_database(&supabase, data.path()).await;
        assert!(wrong(&repaired).is_empty(), "{repaired:#?}");
    }
}

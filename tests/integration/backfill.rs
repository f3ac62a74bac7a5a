//! `tintype backfill`: rows whose pictures are at a provider's temporary URLs, over our own catalogue and over a project's
//! REST API.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tintype::catalog::{Kinkster, KinksterChange};
use uuid::Uuid;

use crate::avatars::{ANN, fox, noise, paints, picture, provider, token, trusting, variables};
use crate::process::command;
use crate::support::origin::{Origin, Reply};
use crate::support::postgres::Database;
use crate::support::{Running, SECRET, Setup, eventually, fixture, service_key};
use crate::upstream::gate::{Fate, Gate};
use crate::upstream::{call_as, get_as};

const ROWS: &str = "/rest/v1/kinksters";
const OBJECTS: &str = "/storage/v1/object/kinkster-avatars/";

/// A host of temporary pictures, with everything that can be wrong with them.
fn host() -> Origin {
    let host = Origin::start();
    host.serve("/live.png", Reply::ok("image/png", fox()));
    host.serve("/large.png", Reply::ok("image/png", noise(1700)));
    host.serve("/expired.png", Reply::new(403, "<Error><Code>AuthenticationFailed</Code></Error>"));
    host.serve("/page.png", Reply::ok("text/html", "<html>expired</html>"));
    host.serve("/internal.png", Reply::redirect("http://169.254.169.254/latest/meta-data/"));
    host.serve("/broken.png", Reply::new(500, "down"));
    host
}

fn setup(host: &Origin) -> Setup {
    Setup::new().with_all(&trusting(host))
}

/// The command beside a running server, in its data folder.
fn beside(server: &Running, variables: &[(&str, String)], arguments: &[&str]) -> Command {
    let mut command = command();
    command.args(["backfill", "--json", "--data", server.data().to_str().unwrap()]).args(arguments);
    command.env("TINTYPE_PUBLIC_URL", server.url("")).env("TINTYPE_LOG__LEVEL", "debug");
    for (name, value) in variables {
        command.env(format!("TINTYPE_{name}"), value);
    }
    command
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

async fn report(command: Command) -> (Option<i32>, Value) {
    let output = output(command).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("sig=secret"), "a temporary URL's signature is told: {errors}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("sig=secret"), "{text}");
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{errors}")))
}

async fn row(server: &Running, url: &str) -> Uuid {
    let id = Uuid::new_v4();
    let change = KinksterChange {
        avatar_url: Some(Some(url.to_owned())),
        avatar_prompt: Some(Some("a fox".to_owned())),
        ..KinksterChange::default()
    };
    server.app.jobs.catalog.put_kinkster(id, ANN, &change).await.unwrap();
    id
}

async fn shown(server: &Running, id: Uuid) -> Kinkster {
    server.app.jobs.catalog.kinkster(id).await.unwrap().unwrap()
}

async fn objects(server: &Running) -> Vec<Value> {
    let body = json!({"prefix": format!("{ANN}/kinksters"), "limit": 1500});
    let path = "/storage/v1/object/list/kinkster-avatars";
    let listed = call_as(server, Method::POST, path, &service_key(), &body).await.expect(200).json();
    listed.as_array().unwrap().clone()
}

/// What a report says of this row.
fn state(report: &Value, id: Uuid) -> Value {
    let items = report["items"].as_array().unwrap();
    items.iter().find(|item| item["id"] == json!(id)).map_or(Value::Null, |item| item["state"].clone())
}

/// A PATCH by hand, from a thread without a runtime.
fn patch(address: SocketAddr, id: Uuid, body: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let (key, length) = (service_key(), body.len());
    write!(
        stream,
        "PATCH {ROWS}?id=eq.{id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lives_is_stored_what_is_dead_is_marked_and_the_rest_is_left_alone() {
    let host = host();
    let server = setup(&host).start().await;
    let at = |path: &str| host.url(&format!("/{path}?sig=secret"));
    let (live, large) = (row(&server, &at("live.png")).await, row(&server, &at("large.png")).await);
    let (gone, expired) = (row(&server, &at("gone.png")).await, row(&server, &at("expired.png")).await);
    let (page, internal) = (row(&server, &at("page.png")).await, row(&server, &at("internal.png")).await);
    let broken = row(&server, &at("broken.png")).await;
    let moved = row(&server, &at("moved.png")).await;
    let address = server.address;
    host.route("/moved.png", move |_| {
        patch(address, moved, r#"{"avatar_url":"https://app.example/new.png"}"#);
        Reply::ok("image/png", fox()).into()
    });
    // None of these is temporary, however they look.
    let own = server.url("/storage/v1/object/public/kinkster-avatars/x.png");
    for url in ["http://169.254.169.254/x.png", &format!("http://{}.evil.example/x", host.address()), &own] {
        row(&server, url).await;
    }
    let variables = trusting(&host);
    let (code, dry) = report(beside(&server, &variables, &[])).await;
    assert_eq!(
        (code, &dry["dry_run"], &dry["rows"], &dry["temporary"]),
        (Some(1), &json!(true), &json!(11), &json!(8))
    );
    for (id, expected) in [(live, "alive"), (large, "alive"), (gone, "dead"), (expired, "dead"), (page, "failed")] {
        assert_eq!(state(&dry, id), expected, "{dry}");
    }
    assert!(objects(&server).await.is_empty() && shown(&server, gone).await.avatar_generation_config.is_none());
    // The dry run's fetch moved it: back.
    patch(address, moved, &json!({"avatar_url": at("moved.png")}).to_string());
    let (code, done) = report(beside(&server, &variables, &["--apply"])).await;
    assert_eq!(code, Some(1), "what failed is told by the exit code");
    let expected = [
        (live, "stored"),
        (large, "stored"),
        (gone, "dead"),
        (expired, "dead"),
        (page, "failed"),
        (internal, "failed"),
        (broken, "failed"),
        (moved, "changed"),
    ];
    for (id, expected) in expected {
        assert_eq!(state(&done, id), expected, "{id}: {done}");
    }
    let stored = shown(&server, live).await.avatar_url.unwrap();
    assert!(stored.starts_with(&server.url("/storage/v1/object/public/kinkster-avatars/")), "{stored}");
    assert!(stored.ends_with(&format!("_{live}.png")));
    assert_eq!(reqwest::get(&stored).await.unwrap().status(), 200);
    let small = reqwest::get(shown(&server, large).await.avatar_url.unwrap()).await.unwrap().bytes().await.unwrap();
    assert!(small.len() <= 5_242_880);
    let dead = shown(&server, gone).await;
    assert_eq!(dead.avatar_url.unwrap(), at("gone.png"));
    assert_eq!(dead.avatar_generation_config.unwrap()["backfill"]["state"], "dead");
    assert_eq!(shown(&server, moved).await.avatar_url.unwrap(), "https://app.example/new.png");
    assert_eq!((shown(&server, page).await.avatar_url.unwrap(), objects(&server).await.len()), (at("page.png"), 2));
    // Again: nothing is stored twice, and the dead are not asked for.
    let asked = host.hits("/gone.png");
    let (_, again) = report(beside(&server, &variables, &["--yes"])).await;
    assert_eq!((&again["stored"], &again["known_dead"], &again["failed"]), (&json!(0), &json!(2), &json!(3)));
    assert_eq!((host.hits("/gone.png"), objects(&server).await.len()), (asked, 2));
    // Unless it is wanted: something in between may have said no.
    host.serve("/expired.png", Reply::ok("image/png", fox()));
    let (_, again) = report(beside(&server, &variables, &["--apply", "--recheck"])).await;
    assert_eq!((state(&again, expired), state(&again, gone)), (json!("stored"), json!("dead")), "{again}");
    assert!(shown(&server, expired).await.avatar_url.unwrap().contains("/kinkster-avatars/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_goes_on_and_stores_nothing_twice() {
    let count: usize = if std::env::var_os("TINTYPE_FULL").is_some() { 1000 } else { 150 };
    let host = Origin::start();
    host.serve("/p.png", Reply::ok("image/png", fixture("formats/palette.png")));
    let server = setup(&host).start().await;
    for number in 0..count {
        row(&server, &host.url(&format!("/p.png?n={number}"))).await;
    }
    let variables = trusting(&host);
    let mut rounds = 0;
    loop {
        let mut command = beside(&server, &variables, &["--apply", "--jobs", "8"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let enough = (rounds + 1) * count / 4;
        if rounds == 3 {
            assert!(tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap().success());
            break;
        }
        eventually_slowly(async || objects(&server).await.len() >= enough).await;
        child.kill().unwrap();
        child.wait().unwrap();
        rounds += 1;
    }
    let objects = objects(&server).await;
    assert_eq!(objects.len(), count);
    let (_, report) = report(beside(&server, &variables, &["--apply"])).await;
    assert_eq!((&report["rows"], &report["temporary"]), (&json!(count), &json!(0)));
    let kept = crate::support::files_below(&server.data().join("storage/objects/kinkster-avatars"));
    // A killed run may leave bytes that no row names, which `tintype cleanup` finds: at most one for each row at work.
    assert!((count..=count + 3 * 8).contains(&kept.len()), "{} files", kept.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_postgres_are_filled_too() {
    let (host, database) = (host(), Database::create().await);
    let server = setup(&host).with("STORAGE__DATABASE", &database.url()).start().await;
    let (live, gone) = (row(&server, &host.url("/live.png")).await, row(&server, &host.url("/gone.png")).await);
    let mut variables = trusting(&host).to_vec();
    variables.push(("STORAGE__DATABASE", database.url()));
    let (code, done) = report(beside(&server, &variables, &["--apply"])).await;
    assert_eq!((code, state(&done, live), state(&done, gone)), (Some(0), json!("stored"), json!("dead")), "{done}");
    assert_eq!(reqwest::get(shown(&server, live).await.avatar_url.unwrap()).await.unwrap().status(), 200);
    let (_, again) = report(beside(&server, &variables, &["--apply"])).await;
    assert_eq!((&again["stored"], &again["known_dead"]), (&json!(0), &json!(1)));
    server.stop().await;
}

async fn eventually_slowly(condition: impl AsyncFn() -> bool) {
    for _ in 0..2400 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_avatars_are_painted_again_once_and_within_the_quota() {
    let (host, provider) = (host(), provider(picture(&fox())));
    let more = variables(&provider);
    let setup = setup(&host).with_all(&more);
    let server = setup.start().await;
    let (one, two) = (row(&server, &host.url("/gone.png")).await, row(&server, &host.url("/gone-too.png")).await);
    let mut all = trusting(&host).to_vec();
    all.extend(more);
    all.push(("AVATARS__PER_USER_PER_MINUTE", "1".to_owned()));
    let (_, dry) = report(beside(&server, &all, &["--regenerate"])).await;
    assert_eq!((&dry["dead"], &dry["regenerating"]), (&json!(2), &json!(0)));
    let (code, done) = report(beside(&server, &all, &["--apply", "--regenerate"])).await;
    assert_eq!((code, &done["regenerating"], &done["over_quota"]), (Some(0), &json!(1), &json!(1)), "{done}");
    let begun = if state(&done, one) == "regenerating" { one } else { two };
    // The server's own workers do it.
    let is_new = async |id| shown(&server, id).await.avatar_url.unwrap().contains("/kinkster-avatars/");
    eventually("it is painted", async || is_new(begun).await).await;
    all.pop();
    let (_, done) = report(beside(&server, &all, &["--apply", "--regenerate"])).await;
    assert_eq!((&done["temporary"], &done["regenerating"]), (&json!(1), &json!(1)), "{done}");
    eventually("the other is painted", async || is_new(one).await && is_new(two).await).await;
    assert_eq!((paints(&provider), objects(&server).await.len()), (2, 2));
    assert_eq!(shown(&server, one).await.avatar_prompt.unwrap(), "a fox");
}

/// The command in front of a project.
fn in_front_of(gate: &Gate, host: &Origin, data: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = command();
    command.args(["backfill", "--json", "--data", data.to_str().unwrap()]).args(arguments);
    command.env("TINTYPE_UPSTREAM__URL", &gate.url).env("TINTYPE_UPSTREAM__SERVICE_KEY", service_key());
    command.env("TINTYPE_JWT_SECRET", SECRET).env("TINTYPE_PUBLIC_URL", "https://img.example.com");
    for (name, value) in trusting(host) {
        command.env(format!("TINTYPE_{name}"), value);
    }
    command
}

async fn remote_row(upstream: &Running, url: &str) -> Uuid {
    let id = Uuid::new_v4();
    let row = json!({"id": id, "user_id": ANN, "avatar_url": url});
    call_as(upstream, Method::POST, ROWS, &token(ANN), &row).await.expect(201);
    id
}

async fn remote(upstream: &Running, id: Uuid) -> Value {
    get_as(upstream, &format!("{ROWS}?id=eq.{id}"), &token(ANN)).await.expect(200).json()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projects_rows_are_filled_over_its_rest_api() {
    let (host, upstream) = (host(), Setup::new().start().await);
    let gate = Gate::before(upstream.address).await;
    let folder = tempfile::tempdir().unwrap();
    let live = remote_row(&upstream, &host.url("/live.png?a=1,2&sig=secret")).await;
    let gone = remote_row(&upstream, &host.url("/gone.png")).await;
    let moved = remote_row(&upstream, &host.url("/moved.png")).await;
    let address = upstream.address;
    host.route("/moved.png", move |_| {
        patch(address, moved, r#"{"avatar_url":"https://app.example/new.png"}"#);
        Reply::ok("image/png", fox()).into()
    });
    remote_row(&upstream, "https://app.example/other.png").await;
    let (_, done) = report(in_front_of(&gate, &host, folder.path(), &["--apply"])).await;
    for (id, expected) in [(live, "stored"), (gone, "dead"), (moved, "changed")] {
        assert_eq!(state(&done, id), expected, "{done}");
    }
    let url = remote(&upstream, live).await["avatar_url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://img.example.com").unwrap();
    upstream.get(path).await.expect(200);
    assert_eq!(remote(&upstream, gone).await["avatar_generation_config"]["backfill"]["state"], "dead");
    assert_eq!(objects(&upstream).await.len(), 1, "what no row shows is taken back");
    let (code, again) = report(in_front_of(&gate, &host, folder.path(), &["--apply"])).await;
    assert_eq!((code, &again["stored"], &again["known_dead"]), (Some(0), &json!(0), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_upload_and_row_a_picture_keeps_its_name() {
    for (method, prefix, fate) in
        [(Method::POST, OBJECTS, Fate::IsLost), (Method::PATCH, ROWS, Fate::Hangs), (Method::PATCH, ROWS, Fate::IsLost)]
    {
        let (host, upstream) = (host(), Setup::new().start().await);
        let gate = Gate::before(upstream.address).await;
        let folder = tempfile::tempdir().unwrap();
        let ids = [
            remote_row(&upstream, &host.url("/live.png?1")).await,
            remote_row(&upstream, &host.url("/live.png?2")).await,
        ];
        gate.rule(method.clone(), prefix, fate, 2);
        let mut command = in_front_of(&gate, &host, folder.path(), &["--apply"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually_slowly(async || gate.count(&method, prefix) == 2).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        gate.heal();
        let (code, done) = report(in_front_of(&gate, &host, folder.path(), &["--apply"])).await;
        assert_eq!((code, &done["failed"]), (Some(0), &json!(0)), "{method} {prefix}: {done}");
        assert_eq!(objects(&upstream).await.len(), 2, "{method} {prefix}");
        for id in ids {
            let url = remote(&upstream, id).await["avatar_url"].as_str().unwrap().to_owned();
            upstream.get(url.strip_prefix("https://img.example.com").unwrap()).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_or_none_ends_it_before_anything_is_done() {
    let (host, upstream) = (host(), Setup::new().start().await);
    let gate = Gate::before(upstream.address).await;
    let folder = tempfile::tempdir().unwrap();
    let key = "sb_secret_wrong_wrong_wrong";
    let mut wrong = in_front_of(&gate, &host, folder.path(), &["--apply"]);
    wrong.env("TINTYPE_UPSTREAM__SERVICE_KEY", key);
    let wrong = output(wrong).await;
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        !wrong.status.success() && text.contains("does not accept the service key") && !text.contains(key),
        "{text}"
    );
    let mut none = in_front_of(&gate, &host, folder.path(), &["--apply"]);
    none.env_remove("TINTYPE_UPSTREAM__SERVICE_KEY");
    let none = output(none).await;
    assert!(String::from_utf8(none.stderr).unwrap().contains("upstream.service_key"));
}

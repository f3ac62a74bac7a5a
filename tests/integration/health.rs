//! How the server is, told to its operator: `/admin/health`, the same live, and what doctor finds meanwhile.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;

use crate::process::{photos, serve};
use crate::support::{Answer, Running, Setup, eventually, service_key};

async fn ask(server: &Running, path: &str) -> Answer {
    server.get_with(path, &[("authorization", &format!("Bearer {}", service_key()))]).await
}

/// The events of a stream that has ended.
fn events(text: &str) -> Vec<(String, Value)> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    let field = |block: &str, name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim_start_matches(": ").to_owned())).unwrap_or_default()
    };
    blocks.map(|block| (field(block, "event"), serde_json::from_str(&field(block, "data")).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_and_times_are_told_to_service_keys_alone() {
    let server = Setup::new().photos().start().await;
    for path in ["/admin/health", "/admin/health/live"] {
        server.get(path).await.expect(403);
    }
    for _ in 0..4 {
        server.get_webp("/image/photos/coffee-cup.png?w=64").await.expect(200);
    }
    server.get("/image/photos/none.png?w=64").await.expect(404);
    let health = ask(&server, "/admin/health").await.expect(200);
    assert_eq!(health.header("cache-control"), "no-store");
    let health = health.json();
    for rates in [&health["windows"]["1m"], &health["windows"]["15m"], &health["since_start"]] {
        assert_eq!(
            (&rates["requests"], &rates["caller_errors"], &rates["hit_ratio"]),
            (&5.into(), &1.into(), &0.75.into())
        );
        assert!(rates["saved_bytes"].as_u64() > rates["sent_bytes"].as_u64(), "{rates}");
        assert!(rates["stages"]["decode"]["count"] == 1 && rates["stages"]["decode"]["p95_ms"].is_f64(), "{rates}");
    }
    assert!(health["now"]["memory_bytes"].as_u64().unwrap() > 0 && health["capacity"]["memory"] == 256_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_come_until_there_are_enough() {
    let server = Setup::new().start().await;
    let told = ask(&server, "/admin/health/live?most=2").await.expect(200);
    assert_eq!(told.header("content-type"), "text/event-stream");
    let names: Vec<String> = events(&told.text()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["doctor", "snapshot", "snapshot"]);
    ask(&server, "/admin/health/live?most=many").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_are_counted_and_end_with_the_server() {
    let server = Setup::new().with("ADMIN__LISTENERS", "1").start().await;
    let open = async || {
        let request = reqwest::Client::new().get(server.url("/admin/health/live")).bearer_auth(service_key());
        request.send().await.unwrap()
    };
    let first = open().await;
    assert_eq!(first.status(), 200);
    let refused = ask(&server, "/admin/health/live").await.expect(503);
    assert!(refused.text().contains("admin.listeners") && refused.header("retry-after") == "1", "{}", refused.text());
    drop(first);
    eventually("the place was free again", async || open().await.status() == 200).await;
    let last = loop {
        let last = open().await;
        if last.status() == 200 {
            break last;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (stopped, body) = tokio::join!(server.stop(), last.bytes_stream().collect::<Vec<_>>());
    assert_eq!(stopped, ());
    assert!(body.iter().all(Result::is_ok) && !body.is_empty(), "a stream was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_looks_in_the_background_of_a_running_server() {
    let data = tempfile::tempdir().unwrap();
    let server = serve(data.path(), &["--bucket", &photos()]);
    let doctor = async || {
        let request = reqwest::Client::new().get(format!("{}/admin/health", server.url)).bearer_auth(service_key());
        let health: Value = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
        health["doctor"].clone()
    };
    assert_eq!(doctor().await["is_running"], true);
    let mut found = doctor().await;
    for _ in 0..600 {
        if found["is_running"] == false {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = doctor().await;
    }
    let texts: Vec<&str> =
        found["findings"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    for part in ["configuration: no mistakes", "a server is using it", "bucket photos"] {
        assert!(texts.iter().any(|text| text.contains(part)), "{part} is missing from {texts:?}");
    }
    assert!(found["at"].is_string());
    // Once a minute is enough.
    assert_eq!((&doctor().await["at"], &doctor().await["is_running"]), (&found["at"], &Value::Bool(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_nobody_else_for_anything() {
    let server = Setup::new().start().await;
    let page = server.get("/studio/health").await.expect(200);
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!page.text().contains("{{") && !page.text().contains("https://"), "{}", page.text());
    for (name, kind) in [
        ("health.css", "text/css"),
        ("health.js", "text/javascript"),
        ("charts.js", "text/javascript"),
        ("stream.js", "text/javascript"),
    ] {
        let asset = server.get(&format!("/assets/health/{name}")).await.expect(200);
        assert!(asset.header("content-type").starts_with(kind) && !asset.text().contains("Storage"), "{name}");
    }
    server.get("/assets/health/none.js").await.expect(404);
}

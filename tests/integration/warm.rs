//! Warming: offline into the variant store, through a running server, and what is refused.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::process::{command, photos, serve};
use crate::support::origin::{Answer, Origin, Reply};
use crate::support::{Running, Setup, eventually, fixture, service_key};

/// Runs `tintype warm --json` with this standard input.
fn warm(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = command();
    command.args(["warm", "--json", "--data", data.to_str().unwrap(), "--bucket", &photos()]).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

async fn get_webp(url: &str) -> reqwest::Response {
    reqwest::Client::new().get(url).header("accept", "image/webp").send().await.unwrap()
}

async fn post(server: &Running, list: &Value) -> crate::support::Answer {
    let key = format!("Bearer {}", service_key());
    server.send(Method::POST, "/admin/warm", &[("authorization", &key)], Some(&list.to_string())).await
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_warmed_offline_is_there_for_the_next_run_and_the_server() {
    let data = tempfile::tempdir().unwrap();
    let list = "# every dialect\n/image/photos/chelsea-the-cat.png?w=64\n\
                http://img.example/_next/image?url=%2Fphotos%2Fchelsea-the-cat.png&w=96&q=75\n\
                /storage/v1/render/image/public/photos/chelsea-the-cat.png?width=48\n";
    let arguments = ["-", "--public-url", "http://img.example"];
    let first = warm(data.path(), &arguments, list);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let made = summary(&first);
    assert_eq!((&made["made"], &made["present"], &made["failed"]), (&json!(3), &json!(0), &json!(0)), "{made}");
    assert!(made["bytes"].as_u64().unwrap() * 10 < made["bytes_before"].as_u64().unwrap(), "{made}");

    let again = summary(&warm(data.path(), &arguments, list));
    assert_eq!((&again["made"], &again["present"]), (&json!(0), &json!(3)), "{again}");
    assert_eq!(again["bytes"], made["bytes"]);

    let server = serve(data.path(), &["--bucket", &photos()]);
    let answer = get_webp(&format!("{}/image/photos/chelsea-the-cat.png?w=64", server.url)).await;
    assert!(answer.headers()["cache-status"].to_str().unwrap().contains("hit"), "{:?}", answer.headers());
}

#[test]
fn failures_have_reasons_and_the_exit_code_1() {
    let data = tempfile::tempdir().unwrap();
    let list = "/image/photos/no-such.jpg?w=64\n/image/photos/nor-this.jpg?w=64\n/image/nowhere/a.jpg?w=64\n\
                /image/photos/pink-lily-leek.jpg?w=0\nhttps://elsewhere.example/image/photos/a.jpg\n/favicon.ico\n\
                /image/photos/pink-lily-leek.jpg?w=32\n";
    let output = warm(data.path(), &["-"], list);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let summary = summary(&output);
    assert_eq!((&summary["made"], &summary["failed"]), (&json!(1), &json!(6)), "{summary}");
    let reasons = summary["reasons"].as_array().unwrap();
    let reason = |text: &str| reasons.iter().find(|reason| reason["reason"].as_str().unwrap().contains(text)).unwrap();
    assert_eq!(reason("no such object")["count"], 2);
    for text in ["no such bucket", "w must be", "not a URL below a public URL", "not a picture's URL"] {
        assert_eq!(reason(text)["count"], 1, "{text}");
    }
}

#[test]
fn a_held_data_folder_is_refused_with_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let _server = serve(data.path(), &["--bucket", &photos()]);
    let output = warm(data.path(), &["-"], "/image/photos/pink-lily-leek.jpg?w=32\n");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("uses the data folder") && text.contains("--server http://"), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn nothing_to_warm_is_a_mistake() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["--widths", "64"], &["--bucket-prefix", "photos", "--formats", "bmp"]] {
        let output = warm(data.path(), arguments, "");
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_prefix_is_warmed_in_every_width_and_format_and_what_is_no_picture_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("avatars")).unwrap();
    for name in ["avatars/fox 1.png", "avatars/owl.png", "other.png"] {
        std::fs::write(folder.path().join(name), fixture("photos/avatar-fox.png")).unwrap();
    }
    std::fs::write(folder.path().join("avatars/notes.txt"), "no picture").unwrap();
    let data = tempfile::tempdir().unwrap();
    let bucket = format!("b={}", folder.path().display());
    let prefix = ["--bucket", &bucket, "--bucket-prefix", "b/avatars/"];
    let output = warm(data.path(), &[&prefix[..], &["--widths", "64,96", "--formats", "webp,jpeg"]].concat(), "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let summary = summary(&output);
    assert_eq!((&summary["made"], &summary["skipped"], &summary["failed"]), (&json!(8), &json!(4), &json!(0)));
}

#[test]
fn a_log_is_replayed() {
    let data = tempfile::tempdir().unwrap();
    let line = |url: &str| json!({"target": "tintype::access", "url": url, "status": 200, "method": "GET"}).to_string();
    let log = [
        line("/image/photos/pink-lily-leek.jpg?w=32"),
        line("/image/photos/pink-lily-leek.jpg?w=48"),
        line("/image/photos/pink-lily-leek.jpg?w=48"),
        line("/image/photos/pink-lily-leek.jpg?w=64&sig=***"),
    ];
    let file = data.path().join("access.log");
    std::fs::write(&file, log.join("\n")).unwrap();
    let output = warm(&data.path().join("data"), &["--from-log", file.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(summary(&output)["made"], 2);
}

/// An origin with a sitemap of two pages, one of which is missing.
fn site() -> Origin {
    let origin = Origin::start();
    let sitemap = format!(
        "<urlset xmlns:i=\"i\"><url><loc>{}</loc><i:image><i:loc>{}</i:loc></i:image></url><url><loc>{}</loc></url></urlset>",
        origin.url("/page"),
        origin.url("/image/photos/avatar-owl.png?w=32&amp;f=webp"),
        origin.url("/gone"),
    );
    origin.serve("/sitemap.xml", Reply::ok("application/xml", sitemap));
    let page = "<img src='https://elsewhere.example/x.png' srcset='/_next/image?url=%2Fphotos%2Favatar-fox.png&amp;w=64&amp;q=75 1x, \
                /_next/image?url=%2Fphotos%2Favatar-fox.png&amp;w=128&amp;q=75 2x'>";
    origin.serve("/page", Reply::ok("text/html", page));
    origin
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sitemap_on_a_host_of_the_command_line_is_read_with_its_pages_and_the_server_does_the_work() {
    let site = site();
    let data = tempfile::tempdir().unwrap();
    let server = serve(data.path(), &["--bucket", &photos()]);
    let sitemap = site.url("/sitemap.xml");
    let arguments = ["--sitemap", &sitemap, "--server", &server.url, "--key", &service_key()];
    let output = warm(&data.path().join("unused"), &arguments, "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let summary = summary(&output);
    assert_eq!(
        (&summary["made"], &summary["skipped"], &summary["failed"]),
        (&json!(3), &json!(1), &json!(1)),
        "{summary}"
    );
    assert!(summary["reasons"].to_string().contains("/gone"), "{summary}");
    let answer = get_webp(&format!("{}/_next/image?url=%2Fphotos%2Favatar-fox.png&w=128&q=75", server.url)).await;
    assert_eq!(answer.headers()["x-nextjs-cache"], "HIT");
    assert!(!data.path().join("unused").exists(), "the work was not done here");
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_hosts_that_no_command_line_names_are_not_fetched() {
    let site = site();
    let server = Setup::new().photos().start().await;
    let list = json!({"sitemaps": [site.url("/sitemap.xml")], "pages": [site.url("/page")]});
    let steps = lines(&post(&server, &list).await.expect(200).text());
    let failed: Vec<_> = steps.iter().filter(|step| step["outcome"] == "failed").collect();
    assert_eq!((steps.len(), failed.len()), (3, 2), "{steps:?}");
    assert!(failed.iter().all(|step| step["reason"].as_str().unwrap().contains("not a public address")), "{failed:?}");
    assert!(site.seen().is_empty());
}

#[test]
fn sitemaps_that_name_each_other_end() {
    let origin = Origin::start();
    let index = |to: &[&str]| {
        let named = to.iter().map(|path| format!("<sitemap><loc>{}</loc></sitemap>", origin.url(path)));
        Reply::ok("application/xml", format!("<sitemapindex>{}</sitemapindex>", named.collect::<String>()))
    };
    for (path, to) in
        [("/1.xml", ["/1.xml", "/2.xml"]), ("/2.xml", ["/1.xml", "/3.xml"]), ("/3.xml", ["/2.xml", "/4.xml"])]
    {
        origin.serve(path, index(&to));
    }
    let data = tempfile::tempdir().unwrap();
    let output = warm(data.path(), &["--sitemap", &origin.url("/1.xml")], "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(summary(&output)["reasons"][0]["reason"], "sitemap indexes are nested too deeply");
    assert_eq!(origin.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_route_needs_a_service_key_and_a_list() {
    let server = Setup::new().photos().start().await;
    let list = r#"{"urls":["/image/photos/avatar-fox.png?w=64"]}"#;
    server.send(Method::POST, "/admin/warm", &[], Some(list)).await.expect(403);
    for (list, text) in [
        (json!({}), "nothing to warm"),
        (json!({"widths": [64]}), "need a \\\"bucket\\\""),
        (json!({"bucket": "photos", "formats": ["bmp"]}), "f must be"),
        (json!({"urls": vec!["/"; 100_001]}), "several lists"),
    ] {
        let answer = post(&server, &list).await.expect(400);
        assert!(answer.text().contains(text), "{}", answer.text());
    }
    post(&server, &json!({"unknown": 1})).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_buckets_are_not_warmed() {
    let server = Setup::new().photos().with("BUCKETS__PHOTOS__ACCESS", "private").start().await;
    let list = json!({"urls": ["/image/photos/avatar-fox.png?w=64"], "bucket": "photos", "widths": [64]});
    let steps = lines(&post(&server, &list).await.expect(200).text());
    let summary = &steps.last().unwrap()["summary"];
    assert_eq!((&summary["failed"], &summary["made"]), (&json!(2), &json!(0)), "{steps:?}");
    assert!(summary["reasons"].to_string().contains("there is no such bucket"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_names_by_prefix_needs_no_signature() {
    let signed = |setup: Setup| setup.with("BUCKETS__PHOTOS__TRANSFORMS", "signed");
    let server = signed(Setup::new().photos()).start().await;
    let list = json!({"urls": ["/image/photos/avatar-fox.png?w=64"], "bucket": "photos", "prefix": "avatar-f", "widths": [64]});
    let steps = lines(&post(&server, &list).await.expect(200).text());
    let summary = &steps.last().unwrap()["summary"];
    assert_eq!((&summary["failed"], &summary["made"]), (&json!(1), &json!(1)), "{steps:?}");
}

/// An origin whose pictures `/{number}.png` each take this long, behind the bucket `web`.
async fn slow(each: Duration) -> (Origin, Arc<AtomicUsize>, Running) {
    let origin = Origin::start();
    let asked = Arc::new(AtomicUsize::new(0));
    let picture = Reply::ok("image/png", fixture("photos/avatar-fox.png"));
    for number in 0..20 {
        let (asked, picture) = (Arc::clone(&asked), picture.clone());
        origin.route(&format!("/{number}.png"), move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            Answer::After(each, Box::new(picture.clone().into()))
        });
    }
    let setup = Setup::new().bucket("web", origin.url("/")).with("LIMITS__BODY_SECONDS", "1");
    let server = setup.start().await;
    (origin, asked, server)
}

async fn begin(server: &Running, urls: usize) -> reqwest::Response {
    let urls: Vec<_> = (0..urls).map(|number| format!("/image/web/{number}.png?w=64")).collect();
    let request = reqwest::Client::new().post(server.url("/admin/warm")).bearer_auth(service_key());
    let list = json!({"urls": urls, "jobs": 1}).to_string();
    request.header("content-type", "application/json").body(list).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_come_while_the_work_proceeds_and_no_body_timeout_cuts_them() {
    let (_origin, asked, server) = slow(Duration::from_millis(500)).await;
    let began = Instant::now();
    let response = begin(&server, 4).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let (mut text, mut asked_before_first) = (String::new(), None);
    let mut body = response.bytes_stream();
    while let Some(part) = body.next().await {
        text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
        asked_before_first.get_or_insert_with(|| asked.load(Ordering::SeqCst));
    }
    assert!(began.elapsed() > Duration::from_secs(2), "longer than the body may take");
    assert!(asked_before_first.unwrap() < 4, "{asked_before_first:?}");
    let steps = lines(&text);
    let counts: Vec<_> = steps.iter().map(|step| (step["done"].as_u64(), step["total"].as_u64())).collect();
    assert_eq!(counts, [(Some(1), Some(4)), (Some(2), Some(4)), (Some(3), Some(4)), (Some(4), Some(4)), (None, None)]);
    assert_eq!(steps[4]["summary"]["made"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_ends_the_warming() {
    let (_origin, asked, server) = slow(Duration::from_millis(100)).await;
    let mut body = begin(&server, 20).await.bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);
    eventually("warming stands still", async || {
        let before = asked.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(500)).await;
        before == asked.load(Ordering::SeqCst)
    })
    .await;
    assert!(asked.load(Ordering::SeqCst) < 10, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn warmed_variants_are_the_small_ones_and_off_the_ladder_kept_at_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos");
    let data = tempfile::tempdir().unwrap();
    let url = "/image/photos/falcon-at-dusk.jpg?w=700";
    let output = warm(data.path(), &["-"], &format!("{url}\n"));
    let small = summary(&output)["bytes"].as_u64().unwrap();
    let fast = Setup::new().bucket("photos", folder.to_str().unwrap()).start().await.get_webp(url).await.expect(200);
    assert!(small < fast.body.len() as u64, "{small} and {}", fast.body.len());
    assert_eq!(summary(&warm(data.path(), &["-"], &format!("{url}\n")))["present"], 1);
}

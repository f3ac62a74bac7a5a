//! The binary itself: exit codes, locks, signals, `kill -9`, a full disk, what strangers may see.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::origin::{Origin, Reply};
use crate::support::{files_below, fixtures, service_key};

/// A served process that is killed when dropped.
pub struct Process {
    child: Child,
    pub url: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn command() -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_tintype")))
}

/// A command that sees the tests' own variables and no others of ours: each would be a configuration key.
fn configured(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TINTYPE_")) {
        command.env_remove(name);
    }
    // Nobody's own key is to be used by a test.
    for name in
        ["OPENAI_API_KEY", "NEXT_PUBLIC_SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"]
    {
        command.env_remove(name);
    }
    command.env("TINTYPE_JWT_SECRET", crate::support::SECRET).env("TINTYPE_LOG__LEVEL", "info");
    command
}

pub fn serve(data: &Path, arguments: &[&str]) -> Process {
    let mut command = command();
    command.args(["serve", "--data", data.to_str().unwrap()]).args(arguments);
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    start(command)
}

pub fn start(command: Command) -> Process {
    start_logging(command, Stdio::null())
}

pub fn start_logging(mut command: Command, log: impl Into<Stdio>) -> Process {
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().rsplit(' ').next().unwrap().replace("0.0.0.0", "127.0.0.1");
    assert!(url.starts_with("http://"), "{line}");
    Process { child, url }
}

pub fn photos() -> String {
    format!("photos={}", fixtures().join("photos").display())
}

async fn get(url: &str) -> reqwest::Response {
    reqwest::get(url).await.unwrap()
}

#[test]
fn mistakes_are_reported_together_with_exit_code_2_before_any_port_opens() {
    let output = command()
        .args(["serve", "--listen", "nowhere", "--bucket", "photos=ftp://x", "--bucket", "gone=/no/such/folder"])
        .env("TINTYPE_LIMITS__PIXELS", "many")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    for key in ["listen", "buckets.photos.url", "buckets.gone.url", "limits.pixels", "TINTYPE_LIMITS__PIXELS"] {
        assert!(text.contains(key), "{key} is missing from\n{text}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn secrets_are_shown_as_set() {
    let output = command()
        .args(["config"])
        .env("TINTYPE_SIGNING__KEYS__K1", "another-secret-of-at-least-32-bytes!!")
        .env("TINTYPE_BUCKETS__WEB__URL", "https://a.example/")
        .env("TINTYPE_BUCKETS__WEB__HEADERS__APIKEY", "hunter2hunter2")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("jwt_secret = \"set\"") && text.contains("k1 = \"set\""), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains("another-secret") && !text.contains(crate::support::SECRET),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_has_one_owner() {
    let data = tempfile::tempdir().unwrap();
    let _first = serve(data.path(), &["--bucket", &photos()]);
    let second =
        command().args(["serve", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("another tintype uses the data folder"), "{text}");
}

#[test]
fn doctor_finds_nothing_wrong_with_a_fresh_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let examine = |listen: &str| {
        let arguments = ["doctor", "--listen", listen, "--data", data.to_str().unwrap()];
        let output = command().env_remove("TINTYPE_JWT_SECRET").args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        // What the machine lacks is none of the data folder's faults.
        let of_machine = |line: &&str| !["disk:", "open files:", "clock:"].iter().any(|topic| line.contains(topic));
        let wrong: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("warning") || line.starts_with("fault"))
            .filter(of_machine)
            .collect();
        assert!(wrong.is_empty(), "{text}");
    };
    examine("127.0.0.1:0");
    assert!(!data.exists(), "doctor made the data folder");
    let mut fresh = command();
    fresh.env_remove("TINTYPE_JWT_SECRET").args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let server = start(fresh);
    examine(server.url.trim_start_matches("http://").trim_end_matches('/'));
    drop(server);
    examine("127.0.0.1:0");
}

#[test]
fn doctor_tries_a_real_picture_and_names_a_remedy_for_each_fault() {
    let data = tempfile::tempdir().unwrap();
    let run = |bucket: &str| {
        let output =
            command().args(["doctor", "--data", data.path().to_str().unwrap(), "--bucket", bucket]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run(&photos());
    assert_eq!(code, Some(0), "{text}");
    for part in ["data folder", "disk:", "secret:", "clock:", "bucket photos: reached", "transform: photos/"] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    let (code, text) = run("web=http://127.0.0.1:1/");
    assert_eq!(code, Some(1), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let fault = lines.iter().position(|line| line.starts_with("fault")).unwrap();
    assert!(lines[fault].contains("bucket web") && lines[fault + 1].contains('→'), "{text}");
}

#[test]
fn doctor_asks_which_models_are_there_and_names_their_successors() {
    let provider = Origin::start();
    let rows = r#"{"data":[{"id":"gpt-image-2"},{"id":"gpt-image-1.5","shutdown_date":"2999-01-02"}]}"#;
    provider.serve("/v1/models", Reply::ok("application/json", rows));
    let data = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = command();
        command.env("OPENAI_API_KEY", "sk-hidden").env("TINTYPE_AVATARS__OPENAI__BASE_URL", provider.url("/v1"));
        command.env("TINTYPE_AVATARS__MODEL", "dall-e-3, gpt-image-1.5, gpt-image-2");
        let output = command.args(["doctor", "--data", data.path().to_str().unwrap(), "--bucket", &photos()]).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(!text.contains("hidden"), "{text}");
        text
    };
    let text = run();
    for part in [
        "model dall-e-3: not among the provider's models",
        "put gpt-image-2.6-flare in its place",
        "model gpt-image-1.5: available until 2999-01-02",
        "model gpt-image-2: available",
    ] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    provider.serve("/v1/models", Reply::new(401, "{}"));
    assert!(run().contains("the provider does not accept the key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_no_names_and_no_metrics() {
    let data = tempfile::tempdir().unwrap();
    let server = serve(data.path(), &["--bucket", &photos(), "--listen", "0.0.0.0:0"]);
    let page = get(&server.url).await.text().await.unwrap();
    assert!(page.contains("tintype") && !page.contains("<code>photos</code>"), "{page}");
    assert_eq!(get(&format!("{}/metrics", server.url)).await.status(), 403);
    let with_key = reqwest::Client::new().get(format!("{}/metrics", server.url)).bearer_auth(service_key());
    assert_eq!(with_key.send().await.unwrap().status(), 200);
    assert_eq!(get(&format!("{}/healthz", server.url)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_address_answers_without_a_key() {
    let data = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = command();
    command.args(["serve", "--listen", "0.0.0.0:0", "--data", data.path().to_str().unwrap(), "--bucket", &photos()]);
    command.env("TINTYPE_ADMIN__LISTEN", format!("127.0.0.1:{port}"));
    let _server = start(command);
    assert_eq!(get(&format!("http://127.0.0.1:{port}/metrics")).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_writes_it_starts_again_and_serves_only_whole_variants() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 100 } else { 10 };
    let data = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        let mut server = serve(data.path(), &["--bucket", &photos()]);
        let asking = (0..40).map(|number| {
            let url = format!("{}/image/photos/coffee-cup.png?w={}&f=webp", server.url, 16 + number + round * 3);
            async move { reqwest::get(url).await.ok() }
        });
        let asked = futures_util::future::join_all(asking);
        let patience = Duration::from_millis(20 + 17 * (round % 9));
        tokio::time::timeout(patience, asked).await.ok();
        server.child.kill().unwrap();
        server.child.wait().unwrap();
    }
    let server = serve(data.path(), &["--bucket", &photos()]);
    for width in [16, 32, 48, 64, 17, 21, 30] {
        let answer = get(&format!("{}/image/photos/coffee-cup.png?w={width}&f=webp", server.url)).await;
        assert_eq!(answer.status(), 200);
        let body = answer.bytes().await.unwrap();
        let probe = tintype::imaging::probe(&body).unwrap();
        assert_eq!(probe.natural.width, width);
        crate::support::pixels(&body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_nothing_but_the_keeping() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs {data} && exec {binary} serve --listen 127.0.0.1:0 --data {data} --bucket {photos}",
        data = folder.path().display(),
        binary = env!("CARGO_BIN_EXE_tintype"),
        photos = photos(),
    );
    let mut command = configured(Command::new("unshare"));
    command.args(["--map-root-user", "--user", "--mount", "sh", "-c", &script]);
    let server = start(command);
    for width in [640, 384, 256, 128, 96, 64] {
        for name in ["avatar-fox.png", "coffee-cup.png", "avatar-owl.png", "hubble-deep-field.jpg"] {
            let answer = get(&format!("{}/image/photos/{name}?w={width}&f=png", server.url)).await;
            assert_eq!(answer.status(), 200, "{name} at {width}");
        }
    }
    for _ in 0..200 {
        let metrics = get(&format!("{}/metrics", server.url)).await.text().await.unwrap();
        let failures = metrics.lines().find_map(|line| line.strip_prefix("tintype_store_failures ")).unwrap();
        if failures.parse::<u64>().unwrap() > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the disk was never full");
}

/// Megabytes that a process had in memory at most.
fn peak_megabytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    kilobytes.unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_pictures_at_once_stay_within_the_memory_that_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    let mut large = std::io::Cursor::new(Vec::new());
    image::RgbaImage::from_fn(4000, 3000, |x, y| image::Rgba([x as u8, y as u8, (x / 16) as u8, 255]))
        .write_to(&mut large, image::ImageFormat::Png)
        .unwrap();
    for number in 0..12 {
        std::fs::write(photos.join(format!("{number}.png")), large.get_ref()).unwrap();
    }
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", folder.path().join("data").to_str().unwrap()]);
    command.args(["--bucket", &format!("photos={}", photos.display())]);
    // Each takes 96 MB, and eight threads would take 768.
    command.env("TINTYPE_LIMITS__RENDER_THREADS", "8").env("TINTYPE_LIMITS__RENDER_BYTES", "120MB");
    command.env("TINTYPE_LIMITS__QUEUE_MS", "60000");
    let server = start(command);
    let asked = (0..12).map(|number| get_owned(format!("{}/image/photos/{number}.png?w=64&f=webp", server.url)));
    for status in futures_util::future::join_all(asked).await {
        assert_eq!(status, 200);
    }
    let peak = peak_megabytes(server.child.id());
    assert!(peak < 400, "{peak} MB");
}

async fn get_owned(url: String) -> reqwest::StatusCode {
    get(&url).await.status()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_process_with_both_endings_logged() {
    let data = tempfile::tempdir().unwrap();
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap(), "--bucket", &photos()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let began = Instant::now();
    let status = child.wait().unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(status.success() && began.elapsed() < Duration::from_secs(20));
    for text in ["SIGTERM received", "every connection ended", "every task ended"] {
        assert!(log.contains(text), "{text} is missing from\n{log}");
    }
    assert!(!log.contains('\u{1b}'), "colours where there is no terminal: {log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_in_urls_never_reach_the_log() {
    let data = tempfile::tempdir().unwrap();
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap(), "--bucket", &photos()]);
    command.env("TINTYPE_LOG__FORMAT", "json");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().rsplit(' ').next().unwrap();
    get(&format!("{url}/image/photos/coffee-cup.png?w=32&token=hunter2&apikey=hunter2&sig=k.hunter2")).await;
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("token=***") && !log.contains("hunter2"), "{log}");
    let access = log.lines().find(|line| line.contains("tintype::access")).unwrap();
    let entry: serde_json::Value = serde_json::from_str(access).unwrap();
    assert_eq!((&entry["status"], &entry["cache"], &entry["dialect"]), (&200.into(), &"miss".into(), &"native".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_its_own_pictures_and_keeps_them_beside_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = command();
    command.args(["demo", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let server = start(command);
    let page = get(&server.url).await.text().await.unwrap();
    assert!(page.matches("<figure").count() >= 10, "{page}");
    assert!(!page.contains("{{"), "a placeholder was left: {page}");
    assert!(files_below(&folder.path().join("data-demo-photos")).len() >= 10);
    let started = page.split("srcset=\"").nth(1).unwrap();
    let first = started.split(' ').next().unwrap();
    assert_eq!(get(&format!("{}{first}", server.url)).await.status(), 200);
}

//! The examples of the README and of `deploy/docs` do what the text around them says.

use std::process::Command;

use serde_json::Value;

use crate::docs::{blocks, pages};
use crate::process::{command, serve};
use crate::receiver::{Answer, Receiver};
use crate::support::object_server::{Bucket, options};
use crate::support::{Setup, eventually, fixture, service_key};

#[tokio::test(flavor = "multi_thread")]
async fn the_migrations_run_in_their_order() {
    let supabase = crate::migrate::Supabase::new().await;
    let block = blocks("sh").into_iter().find(|block| block.contains("tintype migrate")).unwrap();
    for line in block.lines() {
        let arguments = line.split(" # ").next().unwrap().split_whitespace().skip(1);
        let output = command().args(arguments).env("SUPABASE_DB_URL", supabase.url()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(supabase.down(1).await, 0, "the last line takes everything back");
}

#[test]
fn every_file_is_a_configuration_without_mistakes() {
    for block in blocks("toml") {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tintype.toml");
        std::fs::create_dir(folder.path().join("photos")).unwrap();
        for name in ["fullchain.pem", "privkey.pem"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let here = folder.path().to_str().unwrap();
        let block = block.replace("\"./photos\"", &format!("\"{here}/photos\"")).replace("/etc/tintype", here);
        std::fs::write(&file, &block).unwrap();
        let loaded = tintype::config::load(Some(&file), [], &tintype::config::Overrides::default());
        assert!(loaded.is_ok(), "{}\n{block}", loaded.unwrap_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buckets_in_s3_are_read_and_written() {
    let bucket = Bucket::new();
    bucket.put("uploads/cat.png", fixture("formats/truecolour.png"), &[]).await;
    let mut file = blocks("toml").into_iter().find(|block| block.contains("[buckets.media.options]")).unwrap();
    file = file.replace("my-bucket", &bucket.name);
    for (name, value) in options() {
        let lines = file.lines().map(|line| match line.split_once(" = ") {
            Some((key, _)) if key == name => format!("{name} = {value:?}"),
            // The server of the tests has no TLS.
            Some(("region", _)) if name == "allow_http" => format!("{line}\nallow_http = \"true\""),
            _ => line.to_owned(),
        });
        file = lines.collect::<Vec<_>>().join("\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.toml");
    std::fs::write(&path, file).unwrap();
    let server = serve(&folder.path().join("data"), &["--config", path.to_str().unwrap()]);
    let answer = reqwest::get(format!("{}/image/media/cat.png?w=32", server.url)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let is_kept = async || bucket.paths().await.iter().any(|path| path.starts_with("variants/media/"));
    eventually("the variant is in the bucket", is_kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_gets_what_is_shown() {
    let receiver = Receiver::start(Answer::Status(204)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.toml");
    let file = blocks("toml").into_iter().find(|block| block.contains("[webhooks.app]")).unwrap();
    std::fs::write(&path, file.replace("https://app.example.com/hooks/tintype", &receiver.url())).unwrap();
    let server = serve(&folder.path().join("data"), &["--config", path.to_str().unwrap()]);
    let upload = reqwest::Client::new()
        .post(format!("{}/storage/v1/object/album/ann/cat.png", server.url))
        .bearer_auth(service_key())
        .header("content-type", "image/png")
        .body(fixture("photos/avatar-fox.png"));
    assert_eq!(upload.send().await.unwrap().status(), 200);
    eventually("the message came", async || receiver.messages().len() == 1).await;
    let told = receiver.messages()[0].event();
    let shown: Value = serde_json::from_str(&blocks("json")[0]).unwrap();
    let keys = |event: &Value| event.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(&told), keys(&told["data"])), (keys(&shown), keys(&shown["data"])));
    for key in ["specversion", "source", "type", "subject", "datacontenttype", "dataversion"] {
        assert_eq!(told[key], shown[key], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_supabase_is_stood_in_front_of() {
    let upstream = Setup::new().start().await;
    let file = blocks("toml").into_iter().find(|block| block.contains("[upstream]")).unwrap();
    let file = file.replace("https://your-project.supabase.co", &format!("http://{}", upstream.address));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.toml");
    std::fs::write(&path, file).unwrap();
    let server = serve(&folder.path().join("data"), &["--config", path.to_str().unwrap()]);
    let client = reqwest::Client::new();
    let call = |method, path: &str| client.request(method, format!("{}{path}", server.url)).bearer_auth(service_key());
    let made = call(reqwest::Method::POST, "/storage/v1/bucket")
        .header("content-type", "application/json")
        .body(r#"{"id":"avatars","name":"avatars","public":true}"#);
    assert_eq!(made.send().await.unwrap().status(), 200);
    let put = call(reqwest::Method::POST, "/storage/v1/object/avatars/a.png").header("content-type", "image/png");
    assert_eq!(put.body(fixture("photos/avatar-fox.png")).send().await.unwrap().status(), 200);
    let status = async |path: &str| reqwest::get(format!("{}{path}", server.url)).await.unwrap().status().as_u16();
    assert_eq!(status("/image/avatars/a.png?w=64").await, 200);
    assert_eq!(status("/image/avatars/a.png?w=65").await, 400, "the ladder of the example");
    assert_eq!(status("/image/kinkster-avatars/none.png?w=65").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_supabase_gets_the_avatars() {
    let upstream = Setup::new().start().await;
    let file = blocks("toml").into_iter().find(|block| block.contains("[upstream]")).unwrap();
    let file = file.replace("https://your-project.supabase.co", &format!("http://{}", upstream.address));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tintype.toml");
    std::fs::write(&path, file).unwrap();
    let mut command = crate::process::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--config", path.to_str().unwrap()]);
    command.args(["--data", folder.path().join("data").to_str().unwrap()]);
    command.env("SUPABASE_SERVICE_ROLE_KEY", service_key()).env("TINTYPE_AVATARS__PROVIDER", "painter");
    let server = crate::process::start(command);
    let request = reqwest::Client::new().post(format!("{}/api/kinksters/avatar/generate", server.url));
    let request = request.bearer_auth(crate::avatars::token(crate::avatars::ANN));
    let body = r#"{"characterData":{"name":"Ada"}}"#;
    let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let path = answer["storage_url"].as_str().unwrap().strip_prefix("https://api.example.com").unwrap();
    upstream.get(path).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backfills_run() {
    let server = Setup::new().start().await;
    let lines =
        blocks("sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>();
    let lines: Vec<_> = lines.into_iter().filter(|line| line.starts_with("tintype backfill")).collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let mut command = crate::process::command();
        command.args(line.split_whitespace().skip(1)).args(["--data", server.data().to_str().unwrap()]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_is_walked_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["photos/coffee.png", "coffee.png", "latte.png", "pictures/cats/tabby.png"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, fixture("photos/avatar-fox.png")).unwrap();
    }
    let server = serve(&folder.path().join("data"), &[]);
    let page = pages().into_iter().find(|page| page.name() == "command-line").unwrap();
    let lines: Vec<&str> = page.text.lines().filter(|line| line.starts_with("tintype ")).collect();
    assert_eq!(lines.len(), 12, "{lines:?}");
    for line in lines {
        let mut command = command();
        command.args(line.split(" # ").next().unwrap().split_whitespace().skip(1)).current_dir(folder.path());
        command.env("TINTYPE_URL", &server.url).env("TINTYPE_KEY", service_key()).stdin(std::process::Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_placeholder_is_written_into_the_page() {
    let server = Setup::new().photos().start().await;
    let script = blocks("js").into_iter().find(|block| block.contains("// placeholder.js")).unwrap();
    let script = script.replace("127.0.0.1:8787", &server.address.to_string());
    let run = move || Command::new("node").args(["--input-type=module", "-e", &script]).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains(r#"width="600" height="400" style="background: #"#), "{page}");
    assert!(page.contains("url(data:image/webp;base64,"), "{page}");
}

#[test]
fn the_loader_is_one() {
    let loader = blocks("js").into_iter().find(|block| block.contains("export default function loader")).unwrap();
    let check = "const url = new URL(loader({ src: '/cats/a.jpg', width: 640 }));\n\
                 if (url.pathname !== '/image/photos/cats/a.jpg' || url.search !== '?w=640&q=75') throw new Error(url.href);";
    let script = format!("{}\n{check}", loader.replace("export default ", ""));
    let output = Command::new("node").args(["--input-type=module", "-e", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

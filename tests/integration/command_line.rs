//! The commands that ask a running server, and those that need none: the real binary, a real server.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::process::{Process, command, serve};
use crate::support::{eventually, fixture, service_key};

/// A server with a data folder of its own, and a folder that commands run in.
struct Place {
    server: Process,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(&folder.path().join("data"), &[]);
        Self { server, folder }
    }

    /// A command that is told where the server is, and has its key.
    fn command(&self, line: &str) -> Command {
        let mut command = command();
        command.args(line.split_whitespace()).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("TINTYPE_URL", &self.server.url).env("TINTYPE_KEY", service_key());
        command.env("XDG_STATE_HOME", self.folder.path().join("state"));
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// What the command prints, which succeeds.
    #[track_caller]
    fn told(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The documents that the command prints.
    #[track_caller]
    fn documents(&self, line: &str) -> Vec<Value> {
        self.told(line).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The names below a bucket.
    fn names(&self, address: &str) -> BTreeSet<String> {
        let documents = self.documents(&format!("ls --recursive --json {address}"));
        documents.iter().map(|object| object["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The one line on standard error of a command that ended so.
#[track_caller]
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part} is missing from {error}");
    }
    assert!(!error.contains('\u{1b}'), "colours where there is no terminal: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_goes_up_and_is_listed_copied_moved_signed_and_removed() {
    let place = Place::new();
    let fox = fixture("photos/avatar-fox.png");
    for name in ["pictures/a.png", "pictures/cats/b.png", "pictures/cats/c (1).png"] {
        place.write(name, &fox);
    }
    std::os::unix::fs::symlink("/etc", place.folder.path().join("pictures/elsewhere")).unwrap();
    let up = place.told("upload --recursive pictures kinkster-avatars/ann/");
    assert!(up.starts_with("uploaded 3 objects"), "{up}");
    assert_eq!(
        place.names("kinkster-avatars"),
        ["ann/a.png", "ann/cats/b.png", "ann/cats/c (1).png"].map(str::to_owned).into()
    );
    let listed = place.told("ls kinkster-avatars/ann/");
    assert!(listed.contains("cats/") && listed.contains("ann/a.png") && !listed.contains("b.png"), "{listed}");
    assert_eq!(place.documents("stat --json kinkster-avatars/ann/a.png")[0]["original"]["mime_type"], "image/png");

    assert!(place.told("cp kinkster-avatars/ann/a.png task-proofs/bob/").contains("copied 1 object"));
    assert!(place.told("mv --recursive kinkster-avatars/ann/cats kinkster-avatars/eve").contains("moved 2 objects"));
    assert_eq!(place.names("kinkster-avatars"), ["ann/a.png", "eve/b.png", "eve/c (1).png"].map(str::to_owned).into());

    let url = place.told("sign --expires 10m task-proofs/bob/a.png");
    let answer = reqwest::get(url.trim()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap()), (200, fox.into()));

    let dry = place.told("rm --recursive --dry-run kinkster-avatars");
    assert!(dry.contains("kinkster-avatars/eve/b.png") && dry.contains("3 objects would be removed"), "{dry}");
    assert_eq!(place.names("kinkster-avatars").len(), 3);
    assert!(place.told("rm --yes --recursive kinkster-avatars/eve").contains("removed 2 objects"));
    assert_eq!(place.names("kinkster-avatars"), ["ann/a.png".to_owned()].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_of_json_is_a_line() {
    let place = Place::new();
    place.write("a.png", &fixture("photos/avatar-fox.png"));
    let up = &place.documents("upload --json a.png kinkster-avatars/x/b.png")[0];
    assert_eq!((up["object"].as_str(), up["status"].as_str()), (Some("kinkster-avatars/x/b.png"), Some("uploaded")));
    let buckets = place.documents("ls --json");
    assert!(buckets.iter().any(|bucket| bucket["name"] == "task-proofs" && bucket["public"] == false), "{buckets:?}");
    let copied = &place.documents("cp --json kinkster-avatars/x/b.png kinkster-avatars/y/c.png")[0];
    assert_eq!(copied["object"], "kinkster-avatars/y/c.png");
    let signed = &place.documents("sign --json --width 32 kinkster-avatars/x/b.png")[0];
    assert!(signed["url"].as_str().unwrap().contains("/render/image/sign/"), "{signed}");
    let purged = &place.documents("purge --json kinkster-avatars")[0];
    assert_eq!(purged["of"], "the bucket kinkster-avatars");
    let removed = place.documents("rm --json --yes kinkster-avatars/x/b.png kinkster-avatars/y/c.png");
    assert!(removed.len() == 2 && removed.iter().all(|object| object["removed"] == true), "{removed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_is_one_line_with_what_to_do() {
    let place = Place::new();
    place.write("a.png", &fixture("photos/avatar-fox.png"));
    place.told("upload a.png kinkster-avatars/");
    refused(
        &place.run("ls kinkster-avatar"),
        1,
        &["keeps no bucket kinkster-avatar;", "did you mean kinkster-avatars?"],
    );
    refused(&place.run("ls somewhere-else-entirely"), 1, &["there are kinkster-avatars, task-proofs"]);
    refused(&place.run("ls kinkster-avatars/none"), 1, &["nothing begins with kinkster-avatars/none"]);
    refused(
        &place.run("upload a.png kinkster-avatars/"),
        1,
        &["a.png: is there already", "--overwrite", "--skip-existing"],
    );
    assert!(place.told("upload --skip-existing a.png kinkster-avatars/").contains("passed over 1"));
    assert!(place.told("upload --overwrite a.png kinkster-avatars/").contains("uploaded 1 object"));
    refused(&place.run("stat kinkster-avatars/none.png"), 1, &["tintype ls kinkster-avatars"]);
    refused(&place.run("rm --yes kinkster-avatars/none.png"), 1, &["kinkster-avatars/none.png: was not removed"]);
    refused(&place.run("sign kinkster-avatars/none.png"), 1, &["kinkster-avatars/none.png: answered 404"]);
    place.write("ü.png", &fixture("photos/avatar-fox.png"));
    refused(&place.run("upload ü.png kinkster-avatars/"), 1, &["Invalid key: ü.png", "storage.utf8_keys"]);
    // Wrong use.
    refused(&place.run("rm kinkster-avatars/a.png"), 2, &["--yes", "--dry-run"]);
    refused(&place.run("rm --yes kinkster-avatars"), 2, &["kinkster-avatars is no object", "--recursive"]);
    refused(&place.run("upload none.png kinkster-avatars/"), 2, &["none.png: No such file"]);
    refused(&place.run("upload . kinkster-avatars/"), 2, &["is a folder; pass --recursive"]);
    refused(&place.run("upload a.png kinkster-avatars/../b"), 2, &["an object name is"]);
    refused(
        &place.run("mv --overwrite kinkster-avatars/a.png kinkster-avatars/b.png"),
        2,
        &["a move replaces nothing"],
    );
    refused(&place.run("cp -r kinkster-avatars kinkster-avatars/b"), 2, &["lies in kinkster-avatars"]);
    assert_eq!(place.names("kinkster-avatars"), ["a.png".to_owned()].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_named_when_it_is_wrong_and_kept_out_of_sight() {
    let place = Place::new();
    let wrong = |key: &str| place.command("ls kinkster-avatars").env("TINTYPE_KEY", key).output().unwrap();
    refused(&wrong("no-key-at-all-0123"), 1, &["tintype keys --service"]);
    assert!(!text(&wrong("no-key-at-all-0123").stderr).contains("no-key-at-all"));
    // A user may not write into another's folder.
    place.write("a.png", &fixture("photos/avatar-fox.png"));
    let token =
        text(&command().args(["keys", "--user", "ann"]).current_dir(place.folder.path()).output().unwrap().stdout);
    let token = token.lines().find_map(|line| line.strip_prefix("authenticated ann: ")).unwrap();
    let upload = |to: &str| place.command(&format!("upload a.png {to}")).env("TINTYPE_KEY", token).output().unwrap();
    assert_eq!(upload("kinkster-avatars/ann/").status.code(), Some(0));
    refused(&upload("kinkster-avatars/bob/"), 1, &["a.png: answered 403", "use the service key"]);
    // From a file, which others should not read; or on the command line, where others can.
    place.write("key", service_key().as_bytes());
    let by_file = place.command("ls --key-file key").env_remove("TINTYPE_KEY").output().unwrap();
    refused(&by_file, 0, &["chmod 600 key"]);
    let by_flag = place.command(&format!("ls --key {}", service_key())).env_remove("TINTYPE_KEY").output().unwrap();
    refused(&by_flag, 0, &["--key shows the key to everyone"]);
    refused(&place.run("ls --key-file none"), 2, &["the key file none"]);
}

#[test]
fn a_server_that_is_not_there_is_told_with_what_starts_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut nobody = command();
    nobody.args(["ls", "--server", "http://127.0.0.1:1"]).current_dir(folder.path());
    refused(&nobody.output().unwrap(), 1, &["http://127.0.0.1:1/", "tintype serve", "TINTYPE_URL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_up_in_parts_and_goes_on_after_a_kill() {
    let place = Place::new();
    // Four parts; no picture, so that nothing has to be decoded.
    let bytes: Vec<u8> = (0..20_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    place.write("large.bin", &bytes);
    make_bucket(&place.server.url, "files").await;
    let gate = Gate::start(&place.server.url, 7 << 20).await;
    let upload = || {
        let mut command = place.command("upload large.bin files/");
        command.env("TINTYPE_URL", &gate.url).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut killed = upload();
    eventually("the second part was under way", async || gate.passed() >= 7 << 20).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    gate.open();
    let before = gate.offsets().len();
    let output = tokio::task::spawn_blocking({
        let second = upload();
        move || second.wait_with_output().unwrap()
    });
    refused(&output.await.unwrap(), 0, &[]);
    let offsets = gate.offsets();
    assert_eq!((before, offsets[0]), (2, 0), "{offsets:?}");
    assert!(offsets[2] >= 6 << 20, "what was there was sent again: {offsets:?}");
    let kept =
        reqwest::Client::new().get(format!("{}/storage/v1/object/authenticated/files/large.bin", place.server.url));
    let kept = kept.bearer_auth(service_key()).send().await.unwrap().bytes().await.unwrap();
    assert!(kept == bytes, "other bytes came back");
    assert_eq!(std::fs::read_dir(place.folder.path().join("state/tintype/uploads")).unwrap().count(), 0);
}

async fn make_bucket(url: &str, name: &str) {
    let request = reqwest::Client::new().post(format!("{url}/storage/v1/bucket")).bearer_auth(service_key());
    let body = format!(r#"{{"name":"{name}"}}"#);
    let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// A server in front of another one, which after so many bytes of requests passes on nothing until it is opened.
struct Gate {
    url: String,
    state: Arc<GateState>,
}

struct GateState {
    left: AtomicI64,
    limit: i64,
    is_open: AtomicBool,
    /// `upload-offset` of every request that passed.
    offsets: Mutex<Vec<u64>>,
}

impl Gate {
    async fn start(behind: &str, limit: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind = behind.trim_start_matches("http://").to_owned();
        let (left, is_open, offsets) = (AtomicI64::new(limit), AtomicBool::new(false), Mutex::default());
        let state = Arc::new(GateState { left, limit, is_open, offsets });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&behind).await.unwrap();
                tokio::spawn(Arc::clone(&shared).pass(client, server));
            }
        });
        Self { url, state }
    }

    fn passed(&self) -> i64 {
        self.state.limit - self.state.left.load(Ordering::Relaxed)
    }

    fn open(&self) {
        self.state.is_open.store(true, Ordering::Relaxed);
    }

    fn offsets(&self) -> Vec<u64> {
        self.state.offsets.lock().unwrap().clone()
    }
}

impl GateState {
    async fn pass(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let down = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await.ok() });
        let mut buffer = vec![0; 64 << 10];
        loop {
            while self.left.load(Ordering::Relaxed) <= 0 && !self.is_open.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let Ok(read @ 1..) = from_client.read(&mut buffer).await else { break };
            let text = String::from_utf8_lossy(&buffer[..read]);
            if let Some((_, rest)) = text.split_once("upload-offset: ") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                self.offsets.lock().unwrap().push(digits.parse().unwrap());
            }
            self.left.fetch_sub(read as i64, Ordering::Relaxed);
            if to_server.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
        drop(to_server);
        down.await.ok();
    }
}

#[test]
fn init_writes_what_doctor_finds_nothing_wrong_with() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("My Pictures")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = command();
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).env_remove("TINTYPE_JWT_SECRET");
        command.output().unwrap()
    };
    refused(&run(&["init"]), 2, &["--pictures FOLDER_OR_URL"]);
    refused(&run(&["init", "--pictures", "./none"]), 2, &["there is no folder ./none"]);
    assert!(!folder.path().join("tintype.toml").exists());
    let made = run(&["init", "--pictures", "My Pictures", "--listen", "127.0.0.1:0", "--users"]);
    refused(&made, 0, &[]);
    let told = text(&made.stdout);
    for part in ["wrote tintype.toml", "made a secret", "tintype doctor", "tintype serve", "tintype keys --user ada"] {
        assert!(told.contains(part), "{part} is missing from {told}");
    }
    let file = std::fs::read_to_string(folder.path().join("tintype.toml")).unwrap();
    assert!(
        file.contains("[buckets.my-pictures]") && file.contains("own-folder") && !file.contains("secret"),
        "{file}"
    );
    let secret = std::fs::metadata(folder.path().join("tintype-data/jwt-secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    let examined = run(&["doctor"]);
    assert_eq!(examined.status.code(), Some(0), "{}", text(&examined.stdout));
    assert!(!text(&examined.stdout).contains("fault"), "{}", text(&examined.stdout));
    // What is there is kept.
    refused(&run(&["init", "--pictures", "."]), 2, &["tintype.toml is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("tintype.toml")).unwrap(), file);
    refused(
        &run(&["init", "--pictures", "https://p.example.com", "--public-url", "https://i.example.com", "--force"]),
        0,
        &[],
    );
    let file = std::fs::read_to_string(folder.path().join("tintype.toml")).unwrap();
    assert!(
        file.contains("[upstream]\nurl = \"https://p.example.com\"") && file.contains("https://i.example.com"),
        "{file}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "a draft was left behind");
}

#[test]
fn the_completions_are_scripts_of_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, parts) in [
        ("bash", ["complete -F", "upload", "--key-file"]),
        ("zsh", ["#compdef tintype", "upload", "--key-file"]),
        ("fish", ["complete -c tintype", "upload", "key-file"]),
    ] {
        let output = command().args(["completions", shell]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let script = text(&output.stdout);
        for part in parts {
            assert!(script.contains(part), "{part} is missing from the script for {shell}");
        }
        if shell == "bash" {
            let file = folder.path().join("tintype.bash");
            std::fs::write(&file, &script).unwrap();
            let checked = Command::new("bash").arg("-n").arg(&file).output().unwrap();
            assert!(checked.status.success(), "{}", text(&checked.stderr));
            let ask = format!(
                "source {}; COMP_WORDS=(tintype upl); COMP_CWORD=1; _tintype tintype upl tintype; echo \"${{COMPREPLY[@]}}\"",
                file.display()
            );
            let completed = Command::new("bash").args(["-c", &ask]).output().unwrap();
            assert_eq!(text(&completed.stdout).trim(), "upload");
        }
    }
    refused(&command().args(["completions", "cmd"]).output().unwrap(), 2, &["bash"]);
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let output = command().args(["man", "--dir", folder.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let names: BTreeSet<String> = files(folder.path());
    for name in ["tintype.1", "tintype-serve.1", "tintype-upload.1", "tintype-init.1", "tintype-man.1"] {
        assert!(names.contains(name), "{name} is missing from {names:?}");
    }
    for name in &names {
        let page = std::fs::read_to_string(folder.path().join(name)).unwrap();
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(page.contains(part), "{name} has no {part}");
        }
        // Lines that begin so are requests; every one is known to the man macros or to roff itself.
        let requests: BTreeSet<&str> =
            page.lines().filter(|line| line.starts_with('.')).filter_map(|line| line.split(' ').next()).collect();
        let known =
            [".TH", ".SH", ".SS", ".TP", ".PP", ".RS", ".RE", ".br", ".ie", ".el", ".nf", ".fi", ".B", ".I", ".IP"];
        assert!(requests.iter().all(|request| known.contains(request)), "{name}: {requests:?}");
    }
    let one = command().args(["man", "upload"]).output().unwrap();
    assert_eq!(one.stdout, std::fs::read(folder.path().join("tintype-upload.1")).unwrap());
    refused(&command().args(["man", "nothing"]).output().unwrap(), 2, &["no command nothing"]);
}

fn files(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_seen_enough_is_no_error() {
    let place = Place::new();
    let script = format!("{} ls | true; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_tintype"));
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("TINTYPE_URL", &place.server.url).env("TINTYPE_KEY", service_key());
    let output = bash.output().unwrap();
    assert_eq!((text(&output.stdout).trim(), text(&output.stderr).as_str()), ("0", ""));
}

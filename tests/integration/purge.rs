//! `tintype purge`: at a running server, without one, and what is refused.

use std::path::Path;
use std::process::Output;

use crate::process::{Process, command, photos, serve};
use crate::support::{eventually, files_below};

fn purge(data: &Path, arguments: &[&str]) -> Output {
    let mut command = command();
    command.args(["purge", "--data", data.to_str().unwrap(), "--bucket", &photos()]).args(arguments).output().unwrap()
}

#[track_caller]
fn told(output: &Output, line: &str) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{line}\n"));
}

#[track_caller]
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty(), "{output:?}");
    for part in parts {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
}

/// Makes a variant of each of three pictures, and waits until they are stored: a file and a record each.
async fn fill(server: &Process, data: &Path) {
    for name in ["avatar-fox.png", "avatar-owl.png", "coffee-cup.png"] {
        let url = format!("{}/image/photos/{name}?w=32", server.url);
        assert_eq!(reqwest::get(url).await.unwrap().status(), 200);
    }
    stored(data, 6).await;
}

/// Waits until as many files are stored: answers do not wait for them.
async fn stored(data: &Path, count: usize) {
    let variants = data.join("variants");
    eventually("the variants are stored", async || files_below(&variants).len() == count).await;
}

async fn is_hit(server: &Process, name: &str) -> bool {
    let answer = reqwest::get(format!("{}/image/photos/{name}?w=32", server.url)).await.unwrap();
    answer.headers()["cache-status"].to_str().unwrap().contains("hit")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_purges_what_is_named_with_a_key_signed_for_it() {
    let data = tempfile::tempdir().unwrap();
    let server = serve(data.path(), &["--bucket", &photos()]);
    fill(&server, data.path()).await;
    let at = ["--server", &server.url];
    let purge = |arguments: &[&str]| purge(data.path(), &[arguments, &at].concat());
    told(&purge(&["photos", "avatar-fox.png"]), "removed 2 files made of photos/avatar-fox.png");
    assert!(!is_hit(&server, "avatar-fox.png").await && is_hit(&server, "avatar-owl.png").await);
    stored(data.path(), 6).await;
    told(&purge(&["photos", "--prefix", "avatar-"]), "removed 4 files made of photos/avatar-…");
    assert!(is_hit(&server, "coffee-cup.png").await);
    told(&purge(&["photos"]), "removed 2 files made of the bucket photos");
    told(&purge(&["--all"]), "removed 0 files made of all pictures");
    let remote = "https://a.example/b.png";
    told(&purge(&["--url", remote]), &format!("removed 0 files made of {remote}"));
    assert_eq!(files_below(&data.path().join("variants")).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_uses_the_data_folder_is_found_by_its_configured_address() {
    let data = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("0.0.0.0:{port}");
    let server = serve(data.path(), &["--bucket", &photos(), "--listen", &listen]);
    fill(&server, data.path()).await;
    told(&purge(data.path(), &["--all", "--listen", &listen]), "removed 6 files made of all pictures");
    let unknown = purge(data.path(), &["--all", "--listen", "127.0.0.1:0"]);
    refused(&unknown, 1, &["uses the data folder", "pass --server"]);
    drop(server);
    // Nobody listens there any more, but the store can be purged directly.
    told(&purge(data.path(), &["--all", "--listen", &listen]), "removed 0 files made of all pictures");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_variant_store_is_purged() {
    let data = tempfile::tempdir().unwrap();
    let server = serve(data.path(), &["--bucket", &photos()]);
    fill(&server, data.path()).await;
    drop(server);
    told(&purge(data.path(), &["photos", "avatar-fox.png"]), "removed 2 files made of photos/avatar-fox.png");
    told(&purge(data.path(), &["--all"]), "removed 4 files made of all pictures");
    assert_eq!(files_below(&data.path().join("variants")).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_silence_are_told_with_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let server = serve(data.path(), &["--bucket", &photos()]);
    let at = ["photos", "--server", &server.url];
    refused(
        &purge(data.path(), &[&at[..], &["--key", "nonsense"]].concat()),
        1,
        &["403 Forbidden", "this needs a service key", "signed with another secret"],
    );
    // A machine without the secret: nothing to sign with.
    let mut stranger = command();
    stranger.env_remove("TINTYPE_JWT_SECRET").args(["purge", "--data", "/no/such/folder"]).args(at);
    refused(&stranger.output().unwrap(), 1, &["403 Forbidden", "pass it by --key"]);
    refused(&purge(data.path(), &["photos", "--server", "http://127.0.0.1:1"]), 1, &["is it running?", "--server"]);
    refused(&purge(data.path(), &["photos", "a//b", "--server", &server.url]), 1, &["object: an object name is"]);
    refused(&purge(Path::new("/no/such/folder"), &["--all"]), 1, &["there is no data folder", "--data", "--server"]);
}

#[test]
fn what_to_purge_must_be_named_once() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [
        &[][..],
        &["--all", "photos"],
        &["photos", "a.png", "--prefix", "a"],
        &["--prefix", "a"],
        &["--all", "--url", "https://a.example/"],
        &["--url", "https://a.example/", "--prefix", "a"],
    ] {
        refused(&purge(data.path(), arguments), 2, &["Usage"]);
    }
    let help = command().args(["purge", "--help"]).output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    for part in ["BUCKET", "OBJECT", "--all", "--prefix", "--url", "--server", "--key"] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
}

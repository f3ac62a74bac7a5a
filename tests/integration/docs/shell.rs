//! Every line of every block of commands is run, or at least understood by whoever would run it.

use std::path::Path;
use std::process::{Command, Output};

use clap::Parser;
use tempfile::TempDir;

use super::{Page, pages};
use crate::support::{Running, Setup, fixtures, service_key};

/// The commands of a page in their order, without what follows for people.
fn commands(page: &Page) -> impl Iterator<Item = &str> {
    let lines = page.blocks().filter(|(language, _)| *language == "sh").flat_map(|(_, block)| block.lines());
    lines.map(|line| line.split(" # ").next().unwrap().trim()).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A folder with a folder of photographs in it, as the pages have it.
fn work_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    std::fs::copy(fixtures().join("photos/coffee-cup.png"), photos.join("coffee-cup.png")).unwrap();
    folder
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

async fn run_curl(line: &str, server: &Running, folder: &Path) -> Output {
    let here = line.replace("127.0.0.1:8787", &server.address.to_string());
    let (folder, key) = (folder.to_owned(), service_key());
    let run =
        move || Command::new("sh").args(["-c", &here]).current_dir(folder).env("TINTYPE_SERVICE_KEY", key).output();
    tokio::task::spawn_blocking(run).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_page_succeed_one_after_the_other() {
    let mut count = 0;
    for page in pages() {
        let lines: Vec<&str> = commands(&page).filter(|line| line.starts_with("curl -f ")).collect();
        if lines.is_empty() {
            continue;
        }
        let (server, folder) = (Setup::new().photos().start().await, work_folder());
        for line in lines {
            let output = run_curl(line, &server, folder.path()).await;
            assert!(output.status.success(), "{}: {line}: {}", page.name(), told(&output));
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_fail_lead_to_the_section_that_shows_them() {
    let (server, folder) = (Setup::new().photos().start().await, work_folder());
    let page = pages().into_iter().find(|page| page.name() == "troubleshooting").unwrap();
    let mut count = 0;
    for section in page.text.split("\n## ").skip(1) {
        let (anchor, text) = section.split_once('\n').unwrap();
        for line in text.lines().filter(|line| line.starts_with("curl -i ")) {
            let answer = told(&run_curl(line, &server, folder.path()).await);
            let link = format!("link: </docs/troubleshooting#{anchor}>; rel=\"help\"");
            assert!(answer.contains(&link), "{line}: {answer}");
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn every_command_is_of_a_kind_that_is_tried() {
    let root = fixtures().parent().unwrap().to_owned();
    for page in pages() {
        for line in commands(&page) {
            let program = line.split(' ').next().unwrap();
            match program {
                "curl" => assert!(line.starts_with("curl -f ") || line.starts_with("curl -i "), "{line}"),
                "tintype" => {
                    if let Err(error) = tintype::cli::Cli::try_parse_from(line.split_whitespace()) {
                        panic!("{}: {line}: {error}", page.name());
                    }
                }
                "cargo" => assert_eq!(line, "cargo build --release"),
                script => assert!(root.join(script).is_file(), "{}: {line} runs nothing that is known", page.name()),
            }
        }
    }
}

/// Commands that need no more than a folder, or a server here. Others have tests of their own, or ask the Internet.
fn is_run(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let alone = matches!(words[1], "config" | "doctor" | "keys" | "purge");
    let cleanup = words[1] == "cleanup" && words[2..] != ["--adopt"] && !words.contains(&"--restore");
    let warm = words[1] == "warm" && line.contains("--server http://127.0.0.1:8787");
    (alone || cleanup || warm) && !line.contains("example.com") && !line.contains("your-project")
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_need_no_other_machine_succeed() {
    let server = Setup::new().photos().start().await;
    let mut count = 0;
    for page in pages() {
        for line in commands(&page).filter(|line| line.starts_with("tintype ") && is_run(line)) {
            let folder = work_folder();
            let here = line.replace("127.0.0.1:8787", &server.address.to_string());
            let mut command = crate::process::command();
            command.args(here.split_whitespace().skip(1)).current_dir(folder.path());
            command.env("TINTYPE_SERVICE_KEY", service_key());
            if line.starts_with("tintype purge ") {
                command.args(["--server", &server.url("")]);
            }
            if line.starts_with("tintype cleanup ") {
                command.env("TINTYPE_DATA", server.data());
            }
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
            assert!(output.status.success(), "{}: {line}: {}", page.name(), told(&output));
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}

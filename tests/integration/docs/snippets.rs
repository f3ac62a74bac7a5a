//! Snippets of configuration and code are read by whoever would read them, where that program is here; else their form is.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::{blocks, pages};
use crate::support::Setup;

/// The languages of the blocks, each of which a test of this folder or of `readme` reads.
const LANGUAGES: [&str; 9] = ["sh", "toml", "js", "jsx", "json", "html", "yaml", "nginx", "text"];

#[test]
fn every_block_is_of_a_language_that_is_read() {
    let pages = pages();
    let found: BTreeSet<&str> = pages.iter().flat_map(super::Page::blocks).map(|(language, _)| language).collect();
    let unread: Vec<_> = found.iter().filter(|language| !LANGUAGES.contains(language)).collect();
    assert!(unread.is_empty(), "{unread:?}");
    // Text is what the program writes itself.
    for page in pages.iter().filter(|page| page.name() != "commands") {
        assert!(page.blocks().all(|(language, _)| language != "text"), "{}", page.name());
    }
}

fn node(file: &Path, check: &str) {
    let output = Command::new("node").arg(check).arg(file).output().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn javascript_is_read_by_node() {
    let folder = tempfile::tempdir().unwrap();
    let scripts = blocks("js");
    assert!(scripts.len() > 10);
    for script in scripts {
        let file = folder.path().join("script.mjs");
        std::fs::write(&file, script).unwrap();
        node(&file, "--check");
    }
}

#[test]
fn a_next_config_names_what_next_knows() {
    let folder = tempfile::tempdir().unwrap();
    let configs: Vec<String> =
        blocks("js").into_iter().filter(|block| block.starts_with("// next.config.js")).collect();
    assert!(configs.len() >= 3);
    for config in configs {
        std::fs::write(folder.path().join("next.config.js"), config).unwrap();
        let file = folder.path().join("load.cjs");
        let known = "['path', 'loader', 'loaderFile']";
        let check = "const { images } = require('./next.config.js');\n\
                     if (!images || !Object.keys(images).every((key) => KNOWN.includes(key))) throw new Error(JSON.stringify(images));";
        std::fs::write(&file, check.replace("KNOWN", known)).unwrap();
        node(&file, "--trace-uncaught");
    }
}

#[test]
fn json_is_json() {
    for block in blocks("json") {
        serde_json::from_str::<serde_json::Value>(&block).unwrap_or_else(|error| panic!("{error}: {block}"));
    }
}

/// Whether brackets close what they open.
fn is_balanced(text: &str) -> bool {
    let mut open = Vec::new();
    for letter in text.chars() {
        match letter {
            '(' | '[' | '{' => open.push(letter),
            ')' | ']' | '}' => {
                let pair = open.pop().map(|opened| [opened, letter]);
                if !matches!(pair, Some(['(', ')'] | ['[', ']'] | ['{', '}'])) {
                    return false;
                }
            }
            _ => {}
        }
    }
    open.is_empty()
}

#[test]
fn components_are_whole() {
    let components = blocks("jsx");
    assert!(!components.is_empty());
    for block in components {
        assert!(is_balanced(&block) && block.matches('<').count() == block.matches("/>").count(), "{block}");
    }
}

#[test]
fn nginx_understands_its_file() {
    let files = blocks("nginx");
    assert!(!files.is_empty());
    for file in files {
        assert!(is_balanced(&file), "{file}");
        for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            assert!(line.ends_with([';', '{', '}']), "{line}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nginx.conf");
        let here = folder.path().display();
        let whole =
            format!("pid {here}/pid;\nerror_log {here}/log;\nevents {{}}\nhttp {{\naccess_log off;\n{file}}}\n");
        std::fs::write(&path, whole.replace("listen 80;", "listen 127.0.0.1:18080;")).unwrap();
        // Where there is no nginx, its form has to do.
        if let Ok(output) = Command::new("nginx").arg("-t").arg("-c").arg(&path).arg("-p").arg(folder.path()).output() {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn yaml_has_the_form_of_yaml() {
    let files = blocks("yaml");
    assert!(!files.is_empty());
    for file in files {
        let mut before = 0;
        for line in file.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty()) {
            let depth = line.len() - line.trim_start().len();
            assert!(depth % 2 == 0 && depth <= before + 2 && !line.contains('\t'), "{line:?} in\n{file}");
            let item = line.trim_start().strip_prefix("- ").unwrap_or(line.trim_start());
            assert!(item.contains(": ") || item.ends_with(':'), "{line:?} in\n{file}");
            before = if line.trim_start().starts_with("- ") { depth + 2 } else { depth };
        }
        for command in file.lines().filter_map(|line| line.trim_start().strip_prefix("- run: ")) {
            use clap::Parser;
            tintype::cli::Cli::try_parse_from(command.split_whitespace()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_pages_are_served() {
    let server = Setup::new().photos().start().await;
    let mut count = 0;
    for block in blocks("html") {
        let values = block.split('"').skip(1).step_by(2).flat_map(|value| value.split(", "));
        for path in values.filter_map(|value| value.split(' ').next()).filter(|value| value.starts_with('/')) {
            server.get(path).await.expect(200);
            count += 1;
        }
    }
    assert!(count >= 3, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_is_signed_as_shown_is_answered() {
    let signed = Setup::new().photos().with("BUCKETS__PHOTOS__TRANSFORMS", "signed");
    let server = signed.with("SIGNING__KEYS__K1", "a-long-secret-for-signing-of-32-bytes").start().await;
    let script = blocks("js").into_iter().find(|block| block.starts_with("// sign.js")).unwrap();
    let run = move || Command::new("node").args(["--input-type=module", "-e", &script]).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let url = String::from_utf8(output.stdout).unwrap();
    server.get(url.trim()).await.expect(200);
    server.get(&url.trim().replace("w=640", "w=641")).await.expect(403);
}

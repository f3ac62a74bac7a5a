//! What the pages name is there: other pages and their sections, routes, keys of the configuration, files.

use std::collections::BTreeSet;

use super::{Page, pages};
use crate::support::{Running, Setup};

/// The values of `href` in a page of ours, which always quotes them.
fn targets(html: &str) -> Vec<String> {
    let values = html.split(" href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    values.map(|value| value.replace("&amp;", "&").replace("&#39;", "'")).collect()
}

async fn html(server: &Running, path: &str) -> String {
    let answer = server.get(path).await.expect(200);
    assert!(answer.header("content-type").starts_with("text/html"), "{path}");
    answer.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_every_page_leads_somewhere() {
    let server = Setup::new().photos().start().await;
    let mut waiting = vec!["/docs".to_owned()];
    let mut seen = BTreeSet::from(["/docs".to_owned()]);
    while let Some(path) = waiting.pop() {
        let page = html(&server, &path).await;
        for target in targets(&page) {
            let (there, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let there = if there.is_empty() { path.as_str() } else { there };
            if target.starts_with("https://") || target.starts_with("data:") {
                continue;
            }
            assert!(there.starts_with('/'), "{path} links to {target}");
            if !anchor.is_empty() {
                let id = format!(" id=\"{anchor}\"");
                assert!(
                    html(&server, there).await.contains(&id),
                    "{path} links to {target}, which has no such section"
                );
            } else if there.starts_with("/docs") && seen.insert(there.to_owned()) {
                waiting.push(there.to_owned());
            } else {
                server.get(there).await.expect(200);
            }
        }
    }
    let written = pages().len() - 1;
    assert_eq!(seen.len(), written + 1, "pages that nothing links to, beside the API's: {seen:?}");
}

#[test]
fn links_between_files_lead_to_files() {
    for page in pages() {
        for link in page.prose().flat_map(|text| text.split("](").skip(1)).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") || link.starts_with('/') || link.starts_with('#') {
                continue;
            }
            let file = page.file.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(file.exists(), "{}: {link}", page.file.display());
        }
    }
}

/// Paths that are spoken of and are not ours, or are the beginning of many.
const ELSEWHERE: [&str; 15] = [
    "/_vercel/image",
    "/auth/v1",
    "/functions/v1",
    "/graphql/v1",
    "/media",
    "/media/ada.png",
    "/next.svg",
    "/object/{bucket}/{path}",
    "/photos/a.jpg",
    "/photos/cat.jpg",
    "/plain/",
    "/rest/v1",
    "/storage/v1",
    "/storage/v1/object/authenticated/*",
    "/vercel.svg",
];

/// Whether the path is that of a route, or the beginning of one.
fn is_routed(path: &str, routes: &[String]) -> bool {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    routes.iter().any(|route| {
        let known: Vec<&str> = route.split('/').collect();
        let fits = |(part, known): (&&str, &&str)| known.starts_with('{') || part == known || part.ends_with('*');
        parts.iter().zip(&known).all(fits) && (parts.len() <= known.len() || known.last() == Some(&"{object}"))
    })
}

#[test]
fn paths_that_are_named_are_routed() {
    let routes: Vec<String> = tintype::http::routes().into_iter().map(|(_, path)| path).collect();
    let mut checked = 0;
    for page in pages() {
        for code in page.code().filter(|code| code.starts_with('/') && !code.contains(' ')) {
            let path = code.split('?').next().unwrap();
            assert!(ELSEWHERE.contains(&path) || is_routed(path, &routes), "{}: no route {code}", page.name());
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

/// Words that look like keys of the configuration.
const NO_KEYS: [&str; 4] = ["storage.objects", "next.config.js", "next.config.ts", "realtime.messages"];

#[test]
fn keys_that_are_named_are_keys() {
    let table = tintype::config::markdown_table();
    let known: BTreeSet<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let tables: BTreeSet<&str> = known.iter().filter_map(|key| key.split_once('.')).map(|(table, _)| table).collect();
    let is_key = |text: &str| {
        let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        text.split('.').all(|part| !part.is_empty() && letters(part))
    };
    let mut checked = 0;
    for page in pages() {
        for code in page.code().filter(|code| is_key(code) && !NO_KEYS.contains(code)) {
            let Some((table, _)) = code.split_once('.').filter(|(table, _)| tables.contains(table)) else { continue };
            let is_section = known.iter().any(|key| key.starts_with(&format!("{code}.")));
            assert!(known.contains(code) || is_section || table == "buckets", "{}: no key {code}", page.name());
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn the_readme_leads_to_the_pages() {
    let readme = &pages()[0];
    for page in ["index", "start", "urls", "configuration", "troubleshooting", "comparison"] {
        assert!(readme.text.contains(&format!("(deploy/docs/{page}.md)")), "{page}");
    }
    assert!(readme.text.lines().count() < 200, "what is long belongs into deploy/docs");
}

#[test]
fn code_blocks_end() {
    for page in pages() {
        assert_eq!(page.text.matches("\n```").count() % 2, 0, "{}", page.name());
        assert!(page.blocks().all(|(language, _)| !language.is_empty()), "{}: a block says no language", page.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_under_a_policy_that_runs_nothing_inline() {
    let server = Setup::new().photos().start().await;
    for path in ["/docs", "/docs/urls", "/docs/api", "/docs/none"] {
        let answer = server.get(path).await;
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        let text = answer.text();
        assert!(!text.contains("<script>") && !text.contains("<style"), "{path}");
    }
    server.get("/docs/none").await.expect(404);
    server.get("/docs/index").await.expect(404);
    let found = server.get("/docs/search.json").await.expect(200).json();
    let sections = found.as_array().unwrap();
    assert!(sections.len() > 100 && sections.iter().any(|section| section["url"] == "/docs/troubleshooting#missing"));
}

/// Where a page and its name belong together.
#[test]
fn names_of_pages_are_paths() {
    for name in pages().iter().skip(1).map(Page::name) {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{name}");
    }
}

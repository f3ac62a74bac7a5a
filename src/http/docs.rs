//! The documentation at `/docs`: the Markdown of `deploy/docs` as pages, a search over them, and the API's description.

mod book;
mod markdown;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::pages::{escaped, filled, page};
use book::{Page, book, search_index};

const SHELL: &str = include_str!("docs/page.html");
const API: &str = include_str!("docs/api.html");

/// Anchors of a page, for those who lead to them.
#[cfg(test)]
pub(super) fn anchors(name: &str) -> Vec<&'static str> {
    let page = book().iter().find(|page| page.name == name);
    page.into_iter().flat_map(|page| &page.rendered.sections).map(|section| section.anchor.as_str()).collect()
}

pub(super) async fn index() -> Response {
    show("index")
}

pub(super) async fn named(Path(name): Path<String>) -> Response {
    // It has one address.
    if name == "index" { StatusCode::NOT_FOUND.into_response() } else { show(&name) }
}

pub(super) async fn api() -> Response {
    let shown = Shown { title: "API", path: "/docs/api", body: API, contents: "", around: "" };
    page(shown.html("<script type=\"module\" src=\"/assets/api.js\"></script>"))
}

pub(super) async fn search() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, search_index()).into_response()
}

fn show(name: &str) -> Response {
    let Some(at) = book().iter().position(|page| page.name == name) else {
        let body = "<h1>No such page</h1>\n<p>Everything there is stands in the navigation.</p>";
        let shown = Shown { title: "No such page", path: "", body, contents: "", around: "" };
        return (StatusCode::NOT_FOUND, page(shown.html(""))).into_response();
    };
    let found = &book()[at];
    let shown = Shown {
        title: &found.rendered.title,
        path: &found.path(),
        body: &found.rendered.html,
        contents: &contents(found),
        around: &around(at),
    };
    page(shown.html(""))
}

/// What is put into the shell.
struct Shown<'page> {
    title: &'page str,
    path: &'page str,
    body: &'page str,
    contents: &'page str,
    around: &'page str,
}

impl Shown<'_> {
    fn html(&self, scripts: &str) -> String {
        let title = escaped(self.title);
        let values = [
            ("title", title.as_str()),
            ("navigation", &navigation(self.path)),
            ("body", self.body),
            ("contents", self.contents),
            ("around", self.around),
            ("scripts", scripts),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        filled(SHELL, &values)
    }
}

fn link(path: &str, title: &str, here: &str) -> String {
    let current = if path == here { " aria-current=\"page\"" } else { "" };
    format!("<a href=\"{path}\"{current}>{}</a>", escaped(title))
}

/// The chapters with their pages.
fn navigation(here: &str) -> String {
    let chapters = book().chunk_by(|one, next| one.chapter == next.chapter).map(|pages| {
        let chapter = pages[0].chapter;
        let mut links: Vec<String> = pages.iter().map(|page| link(&page.path(), &page.rendered.title, here)).collect();
        if chapter == "Reference" {
            links.push(link("/docs/api", "API", here));
        }
        format!("<h2>{chapter}</h2><ul><li>{}</li></ul>", links.join("</li><li>"))
    });
    chapters.collect()
}

/// What is on this page, where that is more than can be seen at once.
fn contents(page: &Page) -> String {
    let sections = page.rendered.sections.iter().filter(|section| matches!(section.level, 2 | 3));
    let items: Vec<String> = sections
        .map(|section| {
            let (level, heading) = (section.level, escaped(&section.heading));
            format!("<li class=\"level-{level}\"><a href=\"#{}\">{heading}</a></li>", escaped(&section.anchor))
        })
        .collect();
    if items.len() < 3 {
        return String::new();
    }
    format!(
        "<nav class=\"contents\" aria-label=\"On this page\"><h2>On this page</h2><ul>{}</ul></nav>",
        items.concat()
    )
}

/// The page before and the one after.
fn around(at: usize) -> String {
    let side = |class: &str, page: Option<&Page>| {
        page.map_or_else(String::new, |page| {
            format!("<p class=\"{class}\">{}</p>", link(&page.path(), &page.rendered.title, ""))
        })
    };
    let before = at.checked_sub(1).and_then(|at| book().get(at));
    format!("{}{}", side("before", before), side("after", book().get(at + 1)))
}

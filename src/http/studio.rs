//! The management page at `/studio`, for whoever has a key or a token.
//!
//! The page has no power of its own: everything it does is a request to the routes that everybody has, with what its
//! reader signed in with. So it is served to anyone, and asks nothing of this server that is not described.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::Api;
use super::pages::{escaped, filled, page};

const PAGE: &str = include_str!("pages/studio/studio.html");

/// As for the other pages, and `blob:` for pictures that were fetched with a key.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
);

/// One file of the page, by its name.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("pages/studio/", $name)))),*]
    };
}

/// Style and modules. Those beyond the first view are asked for when they are needed.
const FILES: [(&str, &str); 31] = files![
    "studio.css",
    "main.js",
    "session.js",
    "tokens.js",
    "api.js",
    "dom.js",
    "notices.js",
    "dialogs.js",
    "routes.js",
    "storage.js",
    "buckets.js",
    "objects.js",
    "listing.js",
    "filters.js",
    "virtual.js",
    "selection.js",
    "cells.js",
    "thumbnails.js",
    "changes.js",
    "preview.js",
    "addresses.js",
    "uploads.js",
    "dropped.js",
    "tus.js",
    "avatars.js",
    "jobs.js",
    "painting.js",
    "watch.js",
    "usage.js",
    "chart.js",
    "audit.js",
];

pub(super) async fn studio(State(api): State<Arc<Api>>) -> Response {
    // In front of a Supabase deletions are that one's, which gives nothing back.
    let own = api.backend.own();
    let undo = own.map_or(0, |storage| storage.buckets.undo_time().as_secs());
    let mut response = page(filled(
        PAGE,
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("public_url", &escaped(api.public_url.as_deref().unwrap_or(""))),
            ("undo", &undo.to_string()),
            ("store", if own.is_some() { "own" } else { "upstream" }),
        ],
    ));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    // A page that opened this one, or that it opens, has no hold of its memory.
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_style = name.strip_suffix(".css").is_some();
    let kind = if is_style { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], *text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the browser takes before anything is to be seen: the page, both styles, and the modules that `main.js` names.
    #[test]
    fn first_view_is_under_100_kilobytes() {
        let text = |name: &str| FILES.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
        let mut names = vec!["main.js"];
        let mut at = 0;
        while let Some(name) = names.get(at) {
            for line in text(name).lines().filter(|line| line.starts_with("import ") || line.starts_with("} from ")) {
                let imported = line.split("'./").nth(1).and_then(|rest| rest.strip_suffix("';"));
                if let Some(imported) = imported.filter(|imported| !names.contains(imported)) {
                    assert!(FILES.iter().any(|(known, _)| *known == imported), "{imported} is served");
                    names.push(imported);
                }
            }
            at += 1;
        }
        let shared = include_str!("pages/gallery.css").len() + include_str!("pages/figures.js").len();
        let bytes: usize = names.iter().map(|name| text(name).len()).sum();
        assert!(PAGE.len() + text("studio.css").len() + shared + bytes < 100_000, "{bytes} of modules: {names:?}");
    }

    #[test]
    fn no_module_makes_markup_of_text_or_keeps_anything_in_the_browser() {
        let never = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"];
        let kept = ["localStorage", "sessionStorage", "indexedDB", "document.cookie"];
        for (name, text) in &FILES {
            assert!(never.iter().chain(&kept).all(|word| !text.contains(word)), "{name}");
        }
        assert!(!PAGE.contains("style=") && !PAGE.contains("onclick"));
    }
}

//! The documentation's pages in their order: the files of `deploy/docs`, in the binary.

use std::sync::LazyLock;

use rust_embed::RustEmbed;
use serde_json::json;

use super::markdown::{Rendered, Section, render};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/deploy/docs"]
struct Files;

/// The navigation: chapters with the names of their pages. A page that is not there is left out.
const CHAPTERS: [(&str, &[&str]); 5] = [
    ("Begin", &["index", "start", "newcomer"]),
    (
        "Recipes",
        &[
            "next-default-loader",
            "next-custom-loader",
            "supabase-cloud",
            "supabase-self-hosted",
            "s3",
            "cdn",
            "warming",
            "from-supabase-transforms",
            "from-vercel",
            "from-imgproxy",
        ],
    ),
    ("What it does", &["urls", "buckets", "studio", "command-line", "avatars", "realtime", "events", "cleanup"]),
    ("Running it", &["health", "security", "troubleshooting", "comparison"]),
    ("Reference", &["configuration", "commands", "metrics"]),
];

/// One page.
#[derive(Clone, Debug)]
pub struct Page {
    pub chapter: &'static str,
    pub name: &'static str,
    pub rendered: Rendered,
}

impl Page {
    /// Where it is served.
    pub fn path(&self) -> String {
        if self.name == "index" { "/docs".to_owned() } else { format!("/docs/{}", self.name) }
    }
}

/// Rendered when the first page is asked for: they change with the binary alone.
static BOOK: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let names = CHAPTERS.iter().flat_map(|(chapter, names)| names.iter().map(|name| (*chapter, *name)));
    names.filter_map(|(chapter, name)| Some(Page { chapter, name, rendered: render(&source(name)?) })).collect()
});

/// Every page in its order.
pub fn book() -> &'static [Page] {
    &BOOK
}

fn source(name: &str) -> Option<String> {
    let file = Files::get(&format!("{name}.md"))?;
    String::from_utf8(file.data.into_owned()).ok()
}

static INDEX: LazyLock<String> = LazyLock::new(index);

/// What the search looks through: every section with its page.
pub fn search_index() -> &'static str {
    &INDEX
}

fn index() -> String {
    let entry = |page: &Page, section: &Section| {
        let words = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let url = if section.level == 1 { page.path() } else { format!("{}#{}", page.path(), section.anchor) };
        json!({"url": url, "page": page.rendered.title, "heading": section.heading, "text": words})
    };
    let entries = book().iter().flat_map(|page| page.rendered.sections.iter().map(move |section| entry(page, section)));
    entries.collect::<serde_json::Value>().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_place_in_the_navigation() {
        for file in Files::iter() {
            let name = file.strip_suffix(".md").unwrap();
            assert!(book().iter().any(|page| page.name == name), "{file} is in no chapter");
        }
    }

    #[test]
    fn every_page_begins_with_its_only_title() {
        for page in book() {
            let levels: Vec<u8> = page.rendered.sections.iter().map(|section| section.level).collect();
            assert_eq!(levels.first(), Some(&1), "{}", page.name);
            assert!(!levels[1..].contains(&1), "{}", page.name);
            assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{}: a level is left out", page.name);
        }
    }
}

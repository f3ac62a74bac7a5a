//! The documentation holds: what the program tells of itself is there word for word, links lead somewhere, commands, URLs
//! and snippets work.

mod links;
mod mappings;
mod shell;
mod snippets;

use std::path::PathBuf;

use crate::support::fixtures;

/// A page for people: the README, or a file of `deploy/docs`.
pub struct Page {
    pub file: PathBuf,
    pub text: String,
}

impl Page {
    /// `urls` of `deploy/docs/urls.md`.
    pub fn name(&self) -> &str {
        self.file.file_stem().unwrap().to_str().unwrap()
    }

    /// Every code block with its language, in their order.
    pub fn blocks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'))
    }

    /// The text beside the code blocks.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        self.text.split("\n```").step_by(2)
    }

    /// What stands between single backticks.
    pub fn code(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|text| text.split('`').skip(1).step_by(2))
    }
}

/// The README, then every page of `deploy/docs` by name.
pub fn pages() -> Vec<Page> {
    let root = fixtures().parent().unwrap().to_owned();
    let listed = std::fs::read_dir(root.join("deploy/docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = listed.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    files.sort();
    files.insert(0, root.join("README.md"));
    files.into_iter().map(|file| Page { text: std::fs::read_to_string(&file).unwrap(), file }).collect()
}

/// Every block of this language, on whatever page.
pub fn blocks(language: &str) -> Vec<String> {
    let pages = pages();
    let all = pages.iter().flat_map(Page::blocks).filter(|(known, _)| *known == language);
    all.map(|(_, block)| format!("{block}\n")).collect()
}

/// What stands between `<!-- generated: {name} -->` and `<!-- end -->`.
fn generated(name: &str) -> Option<String> {
    match name {
        "configuration" => Some(tintype::config::markdown_table()),
        "commands" => Some(tintype::cli::markdown()),
        "metrics" => Some(tintype::telemetry::markdown_table()),
        // The table of a whole run of benches/compare, once there is one.
        "results" => std::fs::read_to_string(fixtures().with_file_name("benches/results.md")).ok().map(|text| {
            let below = text.split_once('\n').filter(|(title, _)| title.starts_with("# ")).map(|(_, below)| below);
            let below = below.unwrap_or(&text).lines().map(|line| match line.strip_prefix("## ") {
                Some(heading) => format!("### {heading}\n"),
                // A picture of the chart is beside the results alone.
                None if line.starts_with("![") => String::new(),
                None => format!("{line}\n"),
            });
            format!("\n{}\n", below.collect::<String>().trim())
        }),
        // The one of its tables that is for the README.
        "rates" => std::fs::read_to_string(fixtures().with_file_name("benches/results.md")).ok().map(|text| {
            let short = text.split("\n## ").find_map(|section| section.strip_prefix("In short\n"));
            format!("{}\n", short.expect("the results in short").trim())
        }),
        other => panic!("nobody generates {other}"),
    }
}

#[test]
fn what_is_generated_is_what_the_program_tells() {
    let mut names = Vec::new();
    for Page { file, text } in pages() {
        let mut parts = text.split("<!-- generated: ");
        let mut now = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once(" -->\n").unwrap();
            let (held, rest) = rest.split_once("<!-- end -->").unwrap();
            names.push(name.to_owned());
            let told = generated(name).unwrap_or_else(|| held.to_owned());
            now = format!("{now}<!-- generated: {name} -->\n{told}<!-- end -->{rest}");
        }
        if now != text && std::env::var_os("TINTYPE_WRITE_DOCS").is_some() {
            std::fs::write(&file, &now).unwrap();
        } else {
            assert!(now == text, "{}: run this test with TINTYPE_WRITE_DOCS=1 to have it written anew", file.display());
        }
    }
    names.sort();
    assert_eq!(names, ["commands", "configuration", "metrics", "rates", "results"]);
}

//! What commands print: lines for people, JSON for programs; colours on terminals alone, and never with `NO_COLOR`.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

use super::Failure;

/// Folders and buckets among objects.
pub(super) const FOLDER: Style = AnsiColor::Blue.on_default().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Whether what is written there may have colours.
pub(super) fn is_coloured(stream: &impl IsTerminal) -> bool {
    // https://no-color.org: set, and not empty.
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Text in a style, where it is wanted.
pub(super) fn painted(text: impl fmt::Display, style: Style, coloured: bool) -> String {
    if coloured { format!("{style}{text}{style:#}") } else { text.to_string() }
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub json: bool,
    coloured: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json, coloured: is_coloured(&std::io::stdout()) }
    }

    pub fn painted(self, text: impl fmt::Display, style: Style) -> String {
        painted(text, style, self.coloured)
    }

    /// A line for people.
    #[expect(clippy::unused_self, reason = "only who may write has an output")]
    pub fn line(self, text: impl fmt::Display) -> Result<(), Failure> {
        written(writeln!(std::io::stdout(), "{text}"))
    }

    /// A document on a line of its own.
    pub fn document(self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(document).map_err(|error| Failure::Other(error.to_string()))?;
        self.line(text)
    }
}

impl Output {
    /// A document for programs, else a line for people.
    pub fn either<T: fmt::Display>(self, document: &impl Serialize, line: impl FnOnce() -> T) -> Result<(), Failure> {
        if self.json { self.document(document) } else { self.line(line()) }
    }

    /// A line that programs are not shown.
    pub fn line_for_people(self, text: impl fmt::Display) -> Result<(), Failure> {
        if self.json { Ok(()) } else { self.line(text) }
    }

    /// A document that people are not shown.
    pub fn document_for_programs(self, document: &impl Serialize) -> Result<(), Failure> {
        if self.json { self.document(document) } else { Ok(()) }
    }
}

/// Who reads us may have seen enough: `tintype ls photos | head`.
pub(super) fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::Other(format!("standard output cannot be written: {error}")),
    })
}

/// A name from a server for a terminal: what would steer it is spelt out.
pub(super) fn shown(name: &str) -> String {
    let is_safe =
        |letter: char| !letter.is_control() && !matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().all(is_safe) {
        return name.to_owned();
    }
    let spelt = |letter: char| if is_safe(letter) { letter.to_string() } else { letter.escape_default().to_string() };
    name.chars().map(spelt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(shown("ann/Füße 1.png"), "ann/Füße 1.png");
        assert_eq!(shown("a\u{1b}[2Jb\n\u{202e}c"), "a\\u{1b}[2Jb\\n\\u{202e}c");
    }

    #[test]
    fn what_is_no_terminal_has_no_colours() {
        assert!(!is_coloured(&std::fs::File::open("/dev/null").unwrap()));
        assert_eq!(painted("a", BAD, false), "a");
        assert!(painted("a", BAD, true).starts_with("\u{1b}["));
    }
}

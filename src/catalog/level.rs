//! Which names a listing may show, as ranges of an index. Pure.
//!
//! Names are ordered by their bytes, which is the order of their characters. No name holds control characters, so that
//! [`AFTER`] behind a name is past it and before everything else.

use crate::auth::Reach;
use crate::object::MAX_KEY_BYTES;

use super::select::Select;

/// Smaller than every character of a name.
pub(super) const AFTER: char = '\u{1}';

/// The first text past all that begin with this prefix.
pub(super) fn end_of(prefix: &str) -> String {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The step over the surrogates, which are no characters.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            characters.push(next);
            return characters.into_iter().collect();
        }
    }
    // Longer than the longest name, and of nothing but the last character.
    char::MAX.to_string().repeat(MAX_KEY_BYTES / char::MAX.len_utf8() + 1)
}

/// The folder's part of a name or prefix, with its slash; empty at the top.
fn folder_of(name: &str) -> &str {
    name.rfind('/').map_or("", |slash| &name[..=slash])
}

/// From the first one on, up to the second one and without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: String,
    pub(super) to: String,
}

impl Span {
    pub(super) fn raise(&mut self, from: String) {
        if from > self.from {
            self.from = from;
        }
    }

    pub(super) fn lower(&mut self, to: String) {
        if to < self.to {
            self.to = to;
        }
    }
}

/// A folder, what the names in it begin with, and what of it the caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Level {
    bucket: String,
    /// With its slash; empty at the top.
    pub(super) folder: String,
    /// Of whole names.
    pub(super) names: Span,
    /// Of the folders below this one that names in `names` lie in.
    pub(super) folders: Span,
    /// Lower case; where the range alone does not say it.
    search: Option<String>,
    /// The prefixes that may be seen, where they are several; none: all.
    seen: Vec<String>,
    /// Whether every object of the folder fits.
    whole: bool,
}

impl Level {
    /// `search` is what the names begin with: exactly, or in any case. `None`: the caller can see nothing there.
    pub(super) fn new(bucket: &str, folder: &str, search: &str, any_case: bool, reach: &Reach) -> Option<Self> {
        // Postgres knows no such text, and no name holds it.
        if [folder, search].iter().any(|text| text.contains('\0')) {
            return None;
        }
        let (lower, upper) = (search.to_ascii_lowercase(), search.to_ascii_uppercase());
        let by_case = any_case && lower != upper;
        let (first, last) = if by_case { (upper, lower.clone()) } else { (search.to_owned(), search.to_owned()) };
        let (first, last) = (format!("{folder}{first}"), format!("{folder}{last}"));
        let seen = seen_below(folder, reach)?;
        let mut names = Span { from: first, to: end_of(&last) };
        let mut folders = Span { from: format!("{folder}{AFTER}"), to: names.to.clone() };
        folders.raise(folder_of(&names.from).to_owned());
        if let (Some(lowest), Some(highest)) = (seen.first(), seen.last()) {
            names.raise(lowest.clone());
            names.lower(end_of(highest));
            folders.raise(seen.iter().map(|prefix| folder_of(prefix)).min().unwrap_or_default().to_owned());
            folders.lower(names.to.clone());
        }
        let whole = search.is_empty() && seen.is_empty();
        let search = by_case.then_some(lower);
        Some(Self { bucket: bucket.to_owned(), folder: folder.to_owned(), names, folders, search, seen, whole })
    }

    /// Leaves out what does not come after this name or folder.
    pub(super) fn after(&mut self, name: &str, ascending: bool) {
        self.whole = false;
        if ascending {
            // Nothing lies between a folder and the first name past it but what is in the folder.
            let next = if name.ends_with('/') { end_of(name) } else { format!("{name}{AFTER}") };
            self.names.raise(next.clone());
            self.folders.raise(next);
        } else {
            self.names.lower(name.to_owned());
            self.folders.lower(name.to_owned());
        }
    }

    /// `bucket_id = …` of a condition.
    pub(super) fn push_bucket(&self, select: &mut Select) {
        select.push("bucket_id = ").text(&self.bucket);
    }

    /// The condition for the objects in the folder itself.
    pub(super) fn push_objects(&self, select: &mut Select) {
        self.push_bucket(select);
        select.push(" AND parent = ").text(&self.folder);
        // Left out where it says nothing, lest it draws the planner away from the index of the order.
        if !self.whole {
            self.push_names(select);
        }
    }

    /// The condition for the objects of all levels.
    pub(super) fn push_all(&self, select: &mut Select) {
        self.push_bucket(select);
        // As above: without it the index of the order is the obvious one.
        if !self.whole {
            self.push_names(select);
        }
    }

    /// ` AND …`: the condition on whole names.
    pub(super) fn push_names(&self, select: &mut Select) {
        select.push(" AND name >= ").text(&self.names.from).push(" AND name < ").text(&self.names.to);
        if let Some(search) = &self.search {
            select.push(" AND lower(substr(name, length(").text(&self.folder).push(") + 1, length(").text(search);
            select.push("))) = ").text(search);
        }
        for (index, prefix) in self.seen.iter().enumerate().filter(|_| self.seen.len() > 1) {
            select.push(if index == 0 { " AND (" } else { " OR " });
            select.push("name >= ").text(prefix).push(" AND name < ").text(&end_of(prefix));
            select.push(if index + 1 == self.seen.len() { ")" } else { "" });
        }
    }
}

/// The prefixes below the folder that may be seen; empty: all of it; `None`: nothing.
fn seen_below(folder: &str, reach: &Reach) -> Option<Vec<String>> {
    let Reach::Prefixes(prefixes) = reach else { return Some(Vec::new()) };
    if prefixes.iter().any(|prefix| folder.starts_with(prefix)) {
        return Some(Vec::new());
    }
    let below: Vec<String> = prefixes.iter().filter(|prefix| prefix.starts_with(folder)).cloned().collect();
    (!below.is_empty()).then_some(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_is_past_all_that_begin_so_and_nothing_else() {
        assert_eq!(end_of("a/"), "a0");
        assert_eq!(end_of("a\u{10FFFF}"), "b");
        assert_eq!(end_of("\u{D7FF}"), "\u{E000}");
        assert!(end_of("") > "\u{10FFFF}".repeat(MAX_KEY_BYTES / 4));
    }

    #[test]
    fn own_folder_narrows_the_top_to_one_folder() {
        let own = Reach::Prefixes(vec!["ann/".to_owned()]);
        let level = Level::new("b", "", "", true, &own).unwrap();
        let ann = Span { from: "ann/".to_owned(), to: "ann0".to_owned() };
        assert_eq!((&level.names, &level.folders), (&ann, &ann));
        assert_eq!(Level::new("b", "bob/", "", true, &own), None);
        assert!(Level::new("b", "ann/deep/", "", true, &own).unwrap().whole);
        assert_eq!(Level::new("b", "", "a\0", true, &Reach::All), None);
    }

    #[test]
    fn folders_of_partial_prefixes_are_in_the_range() {
        let reach = Reach::Prefixes(vec!["a/x".to_owned(), "b".to_owned()]);
        let level = Level::new("b", "", "", false, &reach).unwrap();
        assert_eq!(level.folders, Span { from: AFTER.to_string(), to: "c".to_owned() });
        let level = Level::new("b", "", "", false, &Reach::Prefixes(vec!["a/x".to_owned()])).unwrap();
        assert_eq!(level.folders, Span { from: "a/".to_owned(), to: "a/y".to_owned() });
    }
}

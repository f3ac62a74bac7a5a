//! What the listings say, by the simplest means: from all objects at once, in memory.

use crate::catalog::{Direction, Entry, ListQuery, Object, PageQuery, SortBy};

/// A folder or an object by its whole name; folders end in a slash.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub object: Option<Object>,
}

/// The rows in `folder` whose names in it begin with `search`.
fn rows(objects: &[Object], folder: &str, search: &str, any_case: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for object in objects {
        let name = object.id.key.as_str();
        let Some(below) = name.strip_prefix(folder) else { continue };
        let fits = if any_case {
            below.to_ascii_lowercase().starts_with(&search.to_ascii_lowercase())
        } else {
            below.starts_with(search)
        };
        match below.split_once('/') {
            _ if !fits => {}
            None => rows.push(Row { name: name.to_owned(), object: Some(object.clone()) }),
            Some((first, _)) => rows.push(Row { name: format!("{folder}{first}/"), object: None }),
        }
    }
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    rows.dedup();
    rows
}

fn sorted(mut rows: Vec<Row>, sort_by: SortBy, direction: Direction) -> Vec<Row> {
    let time = |row: &Row| {
        row.object.as_ref().map(|object| match sort_by {
            SortBy::Name => unreachable!("names are sorted already"),
            SortBy::CreatedAt => object.created_at,
            SortBy::UpdatedAt => object.updated_at,
            SortBy::LastAccessedAt => object.last_accessed_at,
        })
    };
    if sort_by != SortBy::Name {
        rows.sort_by_key(time);
    }
    if direction == Direction::Descending {
        rows.reverse();
        if sort_by != SortBy::Name {
            // Folders first all the same.
            rows.sort_by_key(|row| row.object.is_some());
        }
    }
    rows
}

pub fn list(objects: &[Object], query: &ListQuery) -> Vec<Entry> {
    let folder = if query.folder.is_empty() { String::new() } else { format!("{}/", query.folder) };
    let rows = sorted(rows(objects, &folder, &query.search, true), query.sort_by, query.direction);
    let entry = |row: Row| {
        let name = row.name[folder.len()..].to_owned();
        match row.object {
            Some(object) => Entry::Object { name, object: Box::new(object) },
            None => Entry::Folder(name.trim_end_matches('/').to_owned()),
        }
    };
    rows.into_iter().skip(query.offset as usize).take(query.limit as usize).map(entry).collect()
}

/// Every page's rows, one after the other.
pub fn pages(objects: &[Object], query: &PageQuery) -> Vec<Row> {
    if !query.delimited {
        let fitting = objects.iter().filter(|object| object.id.key.as_str().starts_with(&query.prefix));
        let row = |object: &Object| Row { name: object.id.key.as_str().to_owned(), object: Some(object.clone()) };
        let mut rows: Vec<Row> = fitting.map(row).collect();
        rows.sort_by(|left, right| left.name.cmp(&right.name));
        return sorted(rows, query.sort_by, query.direction);
    }
    let folder = query.prefix.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, search) = query.prefix.split_at(folder);
    sorted(rows(objects, folder, search, false), query.sort_by, query.direction)
}

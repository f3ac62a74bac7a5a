//! The two listings, over either database.
//!
//! Nothing is read that is not shown, or skipped by an offset: objects of a folder are a range of an index, and the
//! folders below it are found by leaping from one to the next.

use crate::auth::Reach;
use crate::object::BucketName;

use super::CatalogError;
use super::level::{Level, Span};
use super::select::{Found, Reader, Select};
use super::types::{Direction, Entry, ListQuery, Listing, Object, PageQuery, SortBy};

impl Direction {
    fn as_sql(self) -> &'static str {
        match self {
            Self::Ascending => "ASC",
            Self::Descending => "DESC",
        }
    }

    fn is_ascending(self) -> bool {
        self == Self::Ascending
    }
}

impl SortBy {
    /// The column of times; `None`: by name.
    fn time_column(self) -> Option<&'static str> {
        match self {
            Self::Name => None,
            Self::CreatedAt => Some("created_at"),
            // Nothing but a change of the row touches `last_accessed_at`: one index is enough for both.
            Self::UpdatedAt | Self::LastAccessedAt => Some("updated_at"),
        }
    }
}

/// Version 1: one level of folders. By name, a folder stands where its objects would; else folders come first.
pub(super) async fn list(
    reader: &mut Reader<'_>,
    bucket: &BucketName,
    reach: &Reach,
    query: &ListQuery,
) -> Result<Vec<Entry>, CatalogError> {
    let folder = query.folder.trim_matches('/');
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let Some(level) = Level::new(bucket.as_str(), &folder, &query.search, true, reach) else {
        return Ok(Vec::new());
    };
    let (offset, limit) = (u64::from(query.offset), u64::from(query.limit));
    let position = reader.position_function();
    let found = match query.sort_by.time_column() {
        None => reader.fetch(by_name(position, &level, query.direction, offset, limit)).await?,
        Some(column) => {
            let mut found = reader.fetch(folders(position, &level, query.direction, offset + limit)).await?;
            let offset_of_objects = offset.saturating_sub(found.len() as u64);
            found.drain(..found.len().min(query.offset as usize));
            let rest = limit - found.len() as u64;
            found.extend(reader.fetch(by_time(&level, column, query.direction, offset_of_objects, rest)).await?);
            found
        }
    };
    Ok(found.into_iter().map(|found| entry(found, &level.folder)).collect())
}

fn entry(found: Found, folder: &str) -> Entry {
    match found {
        Found::Folder(name) => {
            let name = name.strip_prefix(folder).unwrap_or(&name);
            Entry::Folder(name.trim_end_matches('/').to_owned())
        }
        Found::Object(object) => {
            let name = Object::name_below(&object.id.key, folder).to_owned();
            Entry::Object { name, object }
        }
    }
}

/// Version 2: by a prefix of text, each page beginning where the one before ended.
pub(super) async fn list_pages(
    reader: &mut Reader<'_>,
    bucket: &BucketName,
    reach: &Reach,
    query: &PageQuery,
) -> Result<Listing, CatalogError> {
    // Where it is not one level but all of them, the prefix alone is the range.
    let folder = query.prefix.rfind('/').filter(|_| query.delimited).map_or(0, |slash| slash + 1);
    let (folder, rest) = query.prefix.split_at(folder);
    let Some(level) = Level::new(bucket.as_str(), folder, rest, false, reach) else {
        return Ok(Listing::default());
    };
    let position = reader.position_function();
    // One more than asked for: whether there is a next page.
    let limit = u64::from(query.limit) + 1;
    let found = match (query.sort_by.time_column(), query.delimited) {
        (None, true) => {
            let level = after(level, query);
            reader.fetch(by_name(position, &level, query.direction, 0, limit)).await?
        }
        (None, false) => reader.fetch(all_by_name(&after(level, query), query.direction, limit)).await?,
        (Some(column), false) => reader.fetch(page_by_time(&level, column, query, limit)).await?,
        (Some(column), true) => {
            let mut found = Vec::new();
            if !matches!(query.after, Some((Some(_), _))) {
                found = reader.fetch(folders(position, &after(level.clone(), query), query.direction, limit)).await?;
            }
            let rest = limit - found.len() as u64;
            found.extend(reader.fetch(page_by_time(&level, column, query, rest)).await?);
            found
        }
    };
    Ok(listing(found, query))
}

fn after(mut level: Level, query: &PageQuery) -> Level {
    if let Some((_, name)) = &query.after {
        level.after(name, query.direction.is_ascending());
    }
    level
}

fn listing(mut found: Vec<Found>, query: &PageQuery) -> Listing {
    let mut listing = Listing::default();
    let more = found.len() > query.limit as usize;
    found.truncate(query.limit as usize);
    listing.next = found.last().filter(|_| more).map(|last| match last {
        Found::Folder(name) => (None, name.clone()),
        Found::Object(object) => {
            let time = match query.sort_by {
                SortBy::Name => None,
                SortBy::CreatedAt => Some(object.created_at),
                SortBy::UpdatedAt | SortBy::LastAccessedAt => Some(object.updated_at),
            };
            (time, object.id.key.as_str().to_owned())
        }
    });
    for found in found {
        match found {
            Found::Folder(name) => listing.folders.push(name),
            Found::Object(object) => listing.objects.push(*object),
        }
    }
    listing
}

/// `walk(child)`: every folder right below the level's, in order, each found by one search of the index.
fn push_walk(select: &mut Select, position: &str, level: &Level, direction: Direction, limit: u64) {
    select.push("WITH RECURSIVE walk(child) AS (SELECT (");
    push_step(select, position, level, direction, None);
    select.push(") UNION ALL SELECT (");
    // Past a folder comes what is past its slash; before it, what is smaller than it.
    let next = match direction {
        Direction::Ascending => "substr(walk.child, 1, length(walk.child) - 1) || '0'",
        Direction::Descending => "walk.child",
    };
    push_step(select, position, level, direction, Some(next));
    select.push(") FROM walk WHERE walk.child IS NOT NULL), folders(name) AS (");
    select.push("SELECT child FROM walk WHERE child IS NOT NULL LIMIT ").number(limit).push(") ");
}

/// The first folder of the level, or the first one from `next` on.
fn push_step(select: &mut Select, position: &str, level: &Level, direction: Direction, next: Option<&str>) {
    let Span { from, to } = &level.folders;
    select.push("SELECT substr(parent, 1, length(").text(&level.folder).push(") + ").push(position);
    select.push("(substr(parent, length(").text(&level.folder).push(") + 1), '/')) FROM objects WHERE ");
    level.push_bucket(select);
    let (first, last) = if direction.is_ascending() { (next, None) } else { (None, next) };
    select.push(" AND parent >= ").push_or_text(first, from);
    select.push(" AND parent < ").push_or_text(last, to);
    level.push_names(select);
    let order = direction.as_sql();
    select.push(&format!(" ORDER BY parent {order}, name {order} LIMIT 1"));
}

/// The folders right below the level's.
fn folders(position: &str, level: &Level, direction: Direction, limit: u64) -> Select {
    let mut select = Select::default();
    push_walk(&mut select, position, level, direction, limit);
    select.push("SELECT name AS entry, CAST(NULL AS uuid) AS id FROM folders");
    select
}

/// Folders and objects of one level, mixed.
fn by_name(position: &str, level: &Level, direction: Direction, offset: u64, limit: u64) -> Select {
    let mut select = Select::default();
    push_walk(&mut select, position, level, direction, offset + limit);
    let order = direction.as_sql();
    select.push("SELECT page.name AS entry, o.* FROM (SELECT name, 0 AS folder FROM (SELECT name FROM objects WHERE ");
    level.push_objects(&mut select);
    // Sorted already, so that the two are merged: else Postgres would read all of the folder and sort that.
    select.push(" ORDER BY name ").push(order).push(") AS here");
    select.push(" UNION ALL SELECT name, 1 FROM folders ORDER BY name ").push(order);
    select.push(" LIMIT ").number(limit).push(" OFFSET ").number(offset);
    select.push(") AS page LEFT JOIN objects AS o ON page.folder = 0 AND o.name = page.name AND o.");
    level.push_bucket(&mut select);
    select.push(" ORDER BY page.name ").push(order);
    select
}

/// The objects of one level by a time.
fn by_time(level: &Level, column: &str, direction: Direction, offset: u64, limit: u64) -> Select {
    let order = direction.as_sql();
    let mut select = Select::new("SELECT o.name AS entry, o.* FROM (SELECT name FROM objects WHERE ");
    level.push_objects(&mut select);
    select.push(&format!(" ORDER BY {column} {order}, name {order} LIMIT ")).number(limit);
    select.push(" OFFSET ").number(offset);
    push_rows(&mut select, level, column, order);
    select
}

/// The objects of all levels by name.
fn all_by_name(level: &Level, direction: Direction, limit: u64) -> Select {
    let mut select = Select::new("SELECT name AS entry, objects.* FROM objects WHERE ");
    level.push_bucket(&mut select);
    level.push_names(&mut select);
    select.push(" ORDER BY name ").push(direction.as_sql()).push(" LIMIT ").number(limit);
    select
}

/// The objects of one level or of all by a time, from where the page before ended.
fn page_by_time(level: &Level, column: &str, query: &PageQuery, limit: u64) -> Select {
    let order = query.direction.as_sql();
    let mut select = Select::new("SELECT o.name AS entry, o.* FROM (SELECT name FROM objects WHERE ");
    if query.delimited {
        level.push_objects(&mut select);
    } else {
        level.push_all(&mut select);
    }
    if let Some((Some(time), name)) = &query.after {
        let past = if query.direction.is_ascending() { ">" } else { "<" };
        select.push(&format!(" AND ({column}, name) {past} (")).time(*time).push(", ").text(name).push(")");
    }
    select.push(&format!(" ORDER BY {column} {order}, name {order} LIMIT ")).number(limit);
    push_rows(&mut select, level, column, order);
    select
}

/// The rows of the names that the query has found so far, and their order.
fn push_rows(select: &mut Select, level: &Level, column: &str, order: &str) {
    select.push(") AS page JOIN objects AS o ON o.name = page.name AND o.");
    level.push_bucket(select);
    select.push(&format!(" ORDER BY o.{column} {order}, o.name {order}"));
}

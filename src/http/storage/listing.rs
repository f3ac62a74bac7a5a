//! Listing objects, in both versions.

use axum::Json;
use axum::extract::Request;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::body::{self, Fields};
use super::{Answer, Fault, Storage, bucket_name, json as rows};
use crate::catalog::{Direction, Entry, ListQuery, PageQuery, SortBy};

const DEFAULT_LIMIT: u64 = 100;
/// Most entries of a page of version 1.
const MOST_ENTRIES: u64 = 1500;
/// Most entries of a page of version 2.
const MOST_OF_PAGE: u64 = 1000;

impl Storage {
    pub(super) async fn list(&self, bucket: &str, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let (sort_by, direction) = sorting(&fields)?;
        let query = ListQuery {
            folder: fields.required_text("prefix")?.trim_matches('/').to_owned(),
            search: fields.text("search")?.unwrap_or_default(),
            limit: fields.number("limit", 1)?.unwrap_or(DEFAULT_LIMIT).min(MOST_ENTRIES) as u32,
            offset: fields.number("offset", 0)?.unwrap_or_default().min(u64::from(u32::MAX)) as u32,
            sort_by,
            direction,
        };
        let entries = self.buckets.catalog.list(&caller, &bucket_name(bucket)?, &query).await?;
        let rows = entries.iter().map(|entry| match entry {
            Entry::Folder(name) => rows::folder(name),
            Entry::Object { name, object } => rows::entry(name, object),
        });
        Ok(Json(rows.collect::<Vec<_>>()).into_response())
    }

    pub(super) async fn list_pages(&self, bucket: &str, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let (sort_by, direction) = sorting(&fields)?;
        let query = PageQuery {
            prefix: fields.text("prefix")?.unwrap_or_default(),
            delimited: fields.flag("with_delimiter")?.unwrap_or_default(),
            limit: fields.number("limit", 1)?.unwrap_or(MOST_OF_PAGE).min(MOST_OF_PAGE) as u32,
            after: fields.text("cursor")?.map(|cursor| Cursor::read(&cursor)).transpose()?,
            sort_by,
            direction,
        };
        let page = self.buckets.catalog.list_pages(&caller, &bucket_name(bucket)?, &query).await?;
        let folders = page.folders.iter().map(|folder| json!({"name": folder, "key": folder}));
        let objects = page.objects.iter().map(|object| {
            let mut row = rows::entry(object.id.key.as_str(), object);
            row["key"] = json!(object.id.key.as_str());
            row
        });
        let mut answer = json!({
            "hasNext": page.next.is_some(),
            "folders": folders.collect::<Vec<Value>>(),
            "objects": objects.collect::<Vec<Value>>(),
        });
        if let Some((time, name)) = page.next {
            answer["nextCursor"] = json!(Cursor { time: time.map(OffsetDateTime::unix_timestamp_nanos), name }.write());
        }
        Ok(Json(answer).into_response())
    }
}

fn sorting(fields: &Fields) -> Result<(SortBy, Direction), Fault> {
    let Some(sorting) = fields.object("sortBy")? else { return Ok((SortBy::default(), Direction::default())) };
    let not_allowed =
        |name: &str| Fault::schema(format!("body/sortBy/{name} must be equal to one of the allowed values"));
    let column = match sorting.text("column")?.as_deref() {
        None | Some("name") => SortBy::Name,
        Some("updated_at") => SortBy::UpdatedAt,
        Some("created_at") => SortBy::CreatedAt,
        Some("last_accessed_at") => SortBy::LastAccessedAt,
        Some(_) => return Err(not_allowed("column")),
    };
    let direction = match sorting.text("order")?.as_deref() {
        None | Some("asc") => Direction::Ascending,
        Some("desc") => Direction::Descending,
        Some(_) => return Err(not_allowed("order")),
    };
    Ok((column, direction))
}

/// Where a page ended. Opaque to clients.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// Nanoseconds since 1970 of the column sorted by, where that is a time.
    time: Option<i128>,
    name: String,
}

impl Cursor {
    fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn read(text: &str) -> Result<(Option<OffsetDateTime>, String), Fault> {
        let wrong = || Fault::schema("body/cursor is none that this server made");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let time = cursor.time.map(OffsetDateTime::from_unix_timestamp_nanos).transpose().map_err(|_| wrong())?;
        Ok((time, cursor.name))
    }
}

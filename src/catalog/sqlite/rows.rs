//! Rows of SQLite to types and back.

use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::catalog::select::{Bind, Found, Select};
use crate::catalog::types::{Bucket, Event, EventKind, Object, Upload};
use crate::catalog::{CatalogError, bucket_name, object_key};
use crate::object::ObjectId;

/// Microseconds since the epoch, as times are stored.
pub(super) fn micros(time: OffsetDateTime) -> i64 {
    (time.unix_timestamp_nanos() / 1000) as i64
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<OffsetDateTime, CatalogError> {
    of_micros(row.try_get(column)?, column)
}

pub(super) fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<OffsetDateTime>, CatalogError> {
    row.try_get::<Option<i64>, _>(column)?.map(|micros| of_micros(micros, column)).transpose()
}

fn of_micros(micros: i64, column: &str) -> Result<OffsetDateTime, CatalogError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|error| CatalogError::Broken(format!("{column}: {error}")))
}

pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u64, CatalogError> {
    Ok(row.try_get::<i64, _>(column)? as u64)
}

fn json_map(row: &SqliteRow, column: &str) -> Result<Option<Map<String, Value>>, CatalogError> {
    Ok(row.try_get::<Option<Json<_>>, _>(column)?.map(|Json(map)| map))
}

pub(super) fn object_id(row: &SqliteRow) -> Result<ObjectId, CatalogError> {
    Ok(ObjectId::new(bucket_name(row.try_get("bucket_id")?)?, object_key(row.try_get("name")?)?))
}

pub(super) fn object(row: &SqliteRow) -> Result<Object, CatalogError> {
    Ok(Object {
        row: row.try_get("id")?,
        id: object_id(row)?,
        owner: row.try_get("owner_id")?,
        version: row.try_get("version")?,
        size: count(row, "size")?,
        etag: row.try_get("etag")?,
        mime_type: row.try_get("mime_type")?,
        cache_control: row.try_get("cache_control")?,
        user_metadata: json_map(row, "user_metadata")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        last_accessed_at: time(row, "last_accessed_at")?,
    })
}

pub(super) fn bucket(row: &SqliteRow) -> Result<Bucket, CatalogError> {
    let Json(settings) = row.try_get("settings")?;
    Ok(Bucket {
        id: bucket_name(row.try_get("id")?)?,
        owner: row.try_get("owner_id")?,
        public: row.try_get("public")?,
        file_size_limit: row.try_get::<Option<i64>, _>("file_size_limit")?.map(|bytes| bytes as u64),
        allowed_mime_types: row.try_get::<Option<Json<_>>, _>("allowed_mime_types")?.map(|Json(types)| types),
        settings,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

pub(super) fn event(row: &SqliteRow) -> Result<Event, CatalogError> {
    Ok(Event {
        id: row.try_get("id")?,
        kind: EventKind::parse(row.try_get("kind")?)?,
        object: object_id(row)?,
        version: row.try_get("version")?,
        size: count(row, "size")?,
        mime_type: row.try_get("mime_type")?,
        owner: row.try_get("owner_id")?,
        at: time(row, "at")?,
    })
}

pub(super) fn upload(row: &SqliteRow) -> Result<Upload, CatalogError> {
    Ok(Upload {
        version: row.try_get("id")?,
        object: object_id(row)?,
        claims: json_map(row, "claims")?.unwrap_or_default(),
        length: count(row, "length")?,
        offset: count(row, "received")?,
        mime_type: row.try_get("mime_type")?,
        cache_control: row.try_get("cache_control")?,
        user_metadata: json_map(row, "user_metadata")?,
        upsert: row.try_get("upsert")?,
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
    })
}

/// Runs a listing's query.
pub(in crate::catalog) async fn found(
    connection: &mut SqliteConnection,
    select: Select,
) -> Result<Vec<Found>, CatalogError> {
    let mut arguments = SqliteArguments::default();
    for bind in select.binds {
        let added = match bind {
            Bind::Text(text) => arguments.add(text),
            Bind::Number(number) => arguments.add(number),
            Bind::Time(time) => arguments.add(micros(time)),
        };
        added.map_err(|error| CatalogError::Broken(error.to_string()))?;
    }
    let rows = sqlx::query_with(AssertSqlSafe(select.sql), arguments).fetch_all(connection).await?;
    rows.iter().map(found_row).collect()
}

fn found_row(row: &SqliteRow) -> Result<Found, CatalogError> {
    match row.try_get::<Option<Uuid>, _>("id")? {
        None => Ok(Found::Folder(row.try_get("entry")?)),
        Some(_) => Ok(Found::Object(Box::new(object(row)?))),
    }
}

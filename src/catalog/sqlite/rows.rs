//! Rows of SQLite to types and back.

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Row};
use uuid::Uuid;

use crate::catalog::columns::{Columns, micros, object, object_id};
use crate::catalog::select::{Bind, Found, Select};
use crate::catalog::types::{Bucket, Event, EventKind, Upload};
use crate::catalog::{CatalogError, bucket_name};

pub(super) fn bucket(row: &SqliteRow) -> Result<Bucket, CatalogError> {
    let Json(settings) = row.try_get("settings")?;
    Ok(Bucket {
        id: bucket_name(row.try_get("id")?)?,
        owner: row.try_get("owner_id")?,
        public: row.try_get("public")?,
        file_size_limit: row.try_get::<Option<i64>, _>("file_size_limit")?.map(|bytes| bytes as u64),
        allowed_mime_types: row.try_get::<Option<Json<_>>, _>("allowed_mime_types")?.map(|Json(types)| types),
        settings,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

pub(super) fn event(row: &SqliteRow) -> Result<Event, CatalogError> {
    Ok(Event {
        id: row.try_get("id")?,
        kind: EventKind::parse(row.try_get("kind")?)?,
        object: object_id(row)?,
        version: row.try_get("version")?,
        size: row.count("size")?,
        mime_type: row.try_get("mime_type")?,
        owner: row.try_get("owner_id")?,
        at: row.time("at")?,
    })
}

pub(super) fn upload(row: &SqliteRow) -> Result<Upload, CatalogError> {
    Ok(Upload {
        version: row.try_get("id")?,
        object: object_id(row)?,
        claims: row.optional_json("claims")?.unwrap_or_default(),
        length: row.count("length")?,
        offset: row.count("received")?,
        mime_type: row.try_get("mime_type")?,
        cache_control: row.try_get("cache_control")?,
        user_metadata: row.optional_json("user_metadata")?,
        upsert: row.try_get("upsert")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
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

//! Rows of Postgres to types and back.

use serde_json::{Map, Value, json};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Row};
use time::format_description::well_known::Iso8601;
use uuid::Uuid;

use crate::catalog::select::{Bind, Found, Select};
use crate::catalog::types::{Bucket, Event, EventKind, Object, Upload};
use crate::catalog::{CatalogError, bucket_name, object_key};
use crate::object::ObjectId;

pub(super) fn count(row: &PgRow, column: &str) -> Result<u64, CatalogError> {
    Ok(row.try_get::<i64, _>(column)? as u64)
}

fn json_map(row: &PgRow, column: &str) -> Result<Option<Map<String, Value>>, CatalogError> {
    Ok(row.try_get::<Option<Json<_>>, _>(column)?.map(|Json(map)| map))
}

fn object_id(row: &PgRow) -> Result<ObjectId, CatalogError> {
    Ok(ObjectId::new(bucket_name(row.try_get("bucket_id")?)?, object_key(row.try_get("name")?)?))
}

/// The column `metadata`, as Supabase's clients know it.
pub(super) fn metadata(object: &Object) -> Json<Value> {
    Json(json!({
        "eTag": object.etag,
        "size": object.size,
        "mimetype": object.mime_type,
        "cacheControl": object.cache_control,
        "lastModified": object.updated_at.format(&Iso8601::DEFAULT).unwrap_or_default(),
        "contentLength": object.size,
        "httpStatusCode": 200,
    }))
}

pub(super) fn object(row: &PgRow) -> Result<Object, CatalogError> {
    let Json(metadata): Json<Value> = row.try_get("metadata")?;
    let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
    Ok(Object {
        row: row.try_get("id")?,
        id: object_id(row)?,
        owner: row.try_get("owner_id")?,
        version: row.try_get("version")?,
        size: metadata["size"].as_u64().unwrap_or_default(),
        etag: text("eTag"),
        mime_type: text("mimetype"),
        cache_control: text("cacheControl"),
        user_metadata: json_map(row, "user_metadata")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        last_accessed_at: row.try_get("last_accessed_at")?,
    })
}

pub(super) fn bucket(row: &PgRow) -> Result<Bucket, CatalogError> {
    let Json(settings) = row.try_get("settings")?;
    Ok(Bucket {
        id: bucket_name(row.try_get("id")?)?,
        owner: row.try_get("owner_id")?,
        public: row.try_get("public")?,
        file_size_limit: row.try_get::<Option<i64>, _>("file_size_limit")?.map(|bytes| bytes as u64),
        allowed_mime_types: row.try_get("allowed_mime_types")?,
        settings,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

pub(super) fn event(row: &PgRow) -> Result<Event, CatalogError> {
    Ok(Event {
        id: row.try_get("id")?,
        kind: EventKind::parse(row.try_get("kind")?)?,
        object: object_id(row)?,
        version: row.try_get("version")?,
        size: count(row, "size")?,
        mime_type: row.try_get("mime_type")?,
        owner: row.try_get("owner_id")?,
        at: row.try_get("at")?,
    })
}

pub(super) fn upload(row: &PgRow) -> Result<Upload, CatalogError> {
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
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

/// Runs a listing's query.
pub(in crate::catalog) async fn found(
    connection: &mut PgConnection,
    select: Select,
) -> Result<Vec<Found>, CatalogError> {
    let mut arguments = PgArguments::default();
    for bind in select.binds {
        let added = match bind {
            Bind::Text(text) => arguments.add(text),
            Bind::Number(number) => arguments.add(number),
            Bind::Time(time) => arguments.add(time),
        };
        added.map_err(|error| CatalogError::Broken(error.to_string()))?;
    }
    let rows = sqlx::query_with(AssertSqlSafe(select.sql), arguments).fetch_all(connection).await?;
    rows.iter().map(found_row).collect()
}

fn found_row(row: &PgRow) -> Result<Found, CatalogError> {
    match row.try_get::<Option<Uuid>, _>("id")? {
        None => Ok(Found::Folder(row.try_get("entry")?)),
        Some(_) => Ok(Found::Object(Box::new(object(row)?))),
    }
}

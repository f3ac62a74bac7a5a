//! Columns that both databases keep in the same way: counts as `BIGINT`, times as microseconds in one, JSON as text.
//!
//! SQLite keeps all its tables so, Postgres those that no client of Supabase knows.

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::types::Object;
use super::{CatalogError, bucket_name, object_key};
use crate::object::ObjectId;

/// Microseconds since the epoch, as times are stored.
pub(super) fn micros(time: OffsetDateTime) -> i64 {
    (time.unix_timestamp_nanos() / 1000) as i64
}

fn of_micros(micros: i64, column: &str) -> Result<OffsetDateTime, CatalogError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|error| CatalogError::Broken(format!("{column}: {error}")))
}

/// A row of either database.
pub(super) trait Columns {
    fn id(&self, column: &str) -> Result<Uuid, CatalogError>;
    fn optional_id(&self, column: &str) -> Result<Option<Uuid>, CatalogError>;
    fn flag(&self, column: &str) -> Result<bool, CatalogError>;
    fn number(&self, column: &str) -> Result<i64, CatalogError>;
    fn optional_number(&self, column: &str) -> Result<Option<i64>, CatalogError>;
    fn text(&self, column: &str) -> Result<String, CatalogError>;
    fn optional_text(&self, column: &str) -> Result<Option<String>, CatalogError>;

    fn count(&self, column: &str) -> Result<u64, CatalogError> {
        Ok(self.number(column)? as u64)
    }

    fn optional_count(&self, column: &str) -> Result<Option<u64>, CatalogError> {
        Ok(self.optional_number(column)?.map(|count| count as u64))
    }

    fn time(&self, column: &str) -> Result<OffsetDateTime, CatalogError> {
        of_micros(self.number(column)?, column)
    }

    fn optional_time(&self, column: &str) -> Result<Option<OffsetDateTime>, CatalogError> {
        self.optional_number(column)?.map(|micros| of_micros(micros, column)).transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, CatalogError> {
        of_json(&self.text(column)?, column)
    }

    fn optional_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, CatalogError> {
        self.optional_text(column)?.map(|text| of_json(&text, column)).transpose()
    }
}

fn of_json<T: DeserializeOwned>(text: &str, column: &str) -> Result<T, CatalogError> {
    serde_json::from_str(text).map_err(|error| CatalogError::Broken(format!("{column}: {error}")))
}

macro_rules! columns {
    ($row:ty: $($name:ident -> $value:ty,)*) => {
        impl Columns for $row {
            $(fn $name(&self, column: &str) -> Result<$value, CatalogError> {
                Ok(self.try_get(column)?)
            })*
        }
    };
    ($($row:ty),*) => {
        $(columns!(
            $row:
            id -> Uuid,
            optional_id -> Option<Uuid>,
            flag -> bool,
            number -> i64,
            optional_number -> Option<i64>,
            text -> String,
            optional_text -> Option<String>,
        );)*
    };
}

columns!(SqliteRow, PgRow);

pub(super) fn object_id(row: &impl Columns) -> Result<ObjectId, CatalogError> {
    Ok(ObjectId::new(bucket_name(&row.text("bucket_id")?)?, object_key(&row.text("name")?)?))
}

/// A row of SQLite's `objects`, or of either's `removed_objects`.
pub(super) fn object(row: &impl Columns) -> Result<Object, CatalogError> {
    Ok(Object {
        row: row.id("id")?,
        id: object_id(row)?,
        owner: row.optional_text("owner_id")?,
        version: row.id("version")?,
        size: row.count("size")?,
        etag: row.text("etag")?,
        mime_type: row.text("mime_type")?,
        cache_control: row.text("cache_control")?,
        user_metadata: row.optional_json("user_metadata")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        last_accessed_at: row.time("last_accessed_at")?,
    })
}

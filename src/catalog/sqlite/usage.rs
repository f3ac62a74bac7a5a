//! What is stored.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Sqlite;
use crate::catalog::columns::{Columns, object};
use crate::catalog::types::{Amount, Folder, Object, Usage};
use crate::catalog::{CatalogError, bucket_name};
use crate::object::BucketName;

impl Sqlite {
    pub(in crate::catalog) async fn usage(&self) -> Result<Usage, CatalogError> {
        let query = "SELECT b.id AS bucket_id, o.owner_id, count(o.id) AS objects, coalesce(sum(o.size), 0) AS bytes \
            FROM buckets AS b LEFT JOIN objects AS o ON o.bucket_id = b.id \
            GROUP BY b.id, o.owner_id ORDER BY b.id, o.owner_id";
        let row = |row: &SqliteRow| {
            let (objects, bytes): (i64, i64) = (row.try_get("objects")?, row.try_get("bytes")?);
            let amount = Amount { objects: objects as u64, bytes: bytes as u64 };
            Ok((bucket_name(row.try_get("bucket_id")?)?, row.try_get("owner_id")?, amount))
        };
        let rows: Result<_, CatalogError> =
            sqlx::query(query).fetch_all(&self.readers).await?.iter().map(row).collect();
        Ok(Usage::of(rows?))
    }

    pub(in crate::catalog) async fn folder(&self, bucket: &BucketName, folder: &str) -> Result<Folder, CatalogError> {
        // `0` is what follows the slash.
        let select = "SELECT count(*) AS objects, coalesce(sum(size), 0) AS bytes, min(created_at) AS oldest, \
            max(created_at) AS newest FROM objects WHERE bucket_id = $1 AND name > $2 || '/' AND name < $2 || '0'";
        let row = sqlx::query(select).bind(bucket.as_str()).bind(folder).fetch_one(&self.readers).await?;
        let amount = Amount { objects: row.count("objects")?, bytes: row.count("bytes")? };
        let time = |column| row.optional_time(column);
        Ok(Folder { amount, oldest: time("oldest")?, newest: time("newest")? })
    }

    pub(in crate::catalog) async fn largest(
        &self,
        bucket: &BucketName,
        limit: u32,
    ) -> Result<Vec<Object>, CatalogError> {
        let query = sqlx::query("SELECT * FROM objects WHERE bucket_id = $1 ORDER BY size DESC, name LIMIT $2");
        let rows = query.bind(bucket.as_str()).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(object).collect()
    }
}

//! What is stored.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Postgres, rows};
use crate::catalog::types::{Amount, Folder, Object, Usage};
use crate::catalog::{CatalogError, bucket_name};
use crate::object::BucketName;

impl Postgres {
    pub(in crate::catalog) async fn usage(&self) -> Result<Usage, CatalogError> {
        let query = "SELECT b.id AS bucket_id, o.owner_id, count(o.id) AS objects, \
            coalesce(sum((o.metadata->>'size')::bigint), 0)::bigint AS bytes \
            FROM buckets AS b LEFT JOIN objects AS o ON o.bucket_id = b.id \
            GROUP BY b.id, o.owner_id ORDER BY b.id, o.owner_id NULLS FIRST";
        let row = |row: &PgRow| {
            let (objects, bytes): (i64, i64) = (row.try_get("objects")?, row.try_get("bytes")?);
            let amount = Amount { objects: objects as u64, bytes: bytes as u64 };
            Ok((bucket_name(row.try_get("bucket_id")?)?, row.try_get("owner_id")?, amount))
        };
        let mut tx = self.begin().await?;
        let rows: Result<_, CatalogError> = sqlx::query(query).fetch_all(&mut *tx).await?.iter().map(row).collect();
        Ok(Usage::of(rows?))
    }

    pub(in crate::catalog) async fn folder(&self, bucket: &BucketName, folder: &str) -> Result<Folder, CatalogError> {
        // `0` is what follows the slash.
        let select = "SELECT count(*) AS objects, coalesce(sum((metadata->>'size')::bigint), 0)::bigint AS bytes, \
            min(created_at) AS oldest, max(created_at) AS newest FROM objects \
            WHERE bucket_id = $1 AND name > $2 || '/' AND name < $2 || '0'";
        let mut tx = self.begin().await?;
        let row = sqlx::query(select).bind(bucket.as_str()).bind(folder).fetch_one(&mut *tx).await?;
        let amount = Amount { objects: rows::count(&row, "objects")?, bytes: rows::count(&row, "bytes")? };
        Ok(Folder { amount, oldest: row.try_get("oldest")?, newest: row.try_get("newest")? })
    }

    pub(in crate::catalog) async fn largest(
        &self,
        bucket: &BucketName,
        limit: u32,
    ) -> Result<Vec<Object>, CatalogError> {
        let select = "SELECT * FROM objects WHERE bucket_id = $1 \
            ORDER BY (metadata->>'size')::bigint DESC, name LIMIT $2";
        let mut tx = self.begin().await?;
        let query = sqlx::query(select).bind(bucket.as_str()).bind(i64::from(limit));
        query.fetch_all(&mut *tx).await?.iter().map(rows::object).collect()
    }
}

//! Resumable uploads.

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::outbox::note_stale_version;
use super::{Sqlite, rows};
use crate::auth::Caller;
use crate::catalog::columns::micros;
use crate::catalog::types::{NewUpload, Upload};
use crate::catalog::{CatalogError, now};

impl Sqlite {
    pub(in crate::catalog) async fn begin_upload(
        &self,
        caller: &Caller,
        new: NewUpload,
    ) -> Result<Upload, CatalogError> {
        let upload = new.into_row(caller);
        let insert = "INSERT INTO uploads (id, bucket_id, name, claims, length, mime_type, cache_control, \
            user_metadata, upsert, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        sqlx::query(insert)
            .bind(upload.version)
            .bind(upload.object.bucket.as_str())
            .bind(upload.object.key.as_str())
            .bind(Json(&upload.claims))
            .bind(upload.length as i64)
            .bind(&upload.mime_type)
            .bind(&upload.cache_control)
            .bind(upload.user_metadata.as_ref().map(Json))
            .bind(upload.upsert)
            .bind(micros(upload.created_at))
            .bind(micros(upload.expires_at))
            .execute(&self.writer)
            .await?;
        Ok(upload)
    }

    pub(in crate::catalog) async fn upload(&self, version: Uuid) -> Result<Option<Upload>, CatalogError> {
        let query = sqlx::query("SELECT * FROM uploads WHERE id = $1").bind(version);
        query.fetch_optional(&self.readers).await?.as_ref().map(rows::upload).transpose()
    }

    pub(in crate::catalog) async fn advance_upload(
        &self,
        version: Uuid,
        expected: u64,
        reached: u64,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query("UPDATE uploads SET received = $3 WHERE id = $1 AND received = $2");
        let query = query.bind(version).bind(expected as i64).bind(reached as i64);
        Ok(query.execute(&self.writer).await?.rows_affected() == 1)
    }

    pub(in crate::catalog) async fn forget_upload(&self, version: Uuid) -> Result<bool, CatalogError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("DELETE FROM uploads WHERE id = $1 RETURNING *").bind(version);
        let Some(row) = query.fetch_optional(&mut *tx).await? else { return Ok(false) };
        note_stale_version(&mut tx, &rows::upload(&row)?.object.bucket, version, now()).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::catalog) async fn expired_uploads(
        &self,
        at: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<Upload>, CatalogError> {
        let query = sqlx::query("SELECT * FROM uploads WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2");
        let rows = query.bind(micros(at)).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(rows::upload).collect()
    }
}

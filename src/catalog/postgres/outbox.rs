//! What happened, and which bytes nobody needs any more.

use std::collections::HashSet;

use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Postgres, rows};
use crate::catalog::types::{Event, Object, StaleBlob};
use crate::catalog::{CatalogError, bucket_name, now};
use crate::object::BucketName;

/// What a row names again, after a catalogue was put back from a copy, stays.
const STALE: &str = "SELECT * FROM stale_blobs AS s WHERE since < $1 AND NOT EXISTS (SELECT 1 FROM objects AS o \
    WHERE o.bucket_id = s.bucket_id AND o.version = s.version) ORDER BY since, version LIMIT $2 OFFSET $3";

impl Postgres {
    pub(in crate::catalog) async fn events(&self, limit: u32) -> Result<Vec<Event>, CatalogError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("SELECT * FROM outbox ORDER BY ordinal LIMIT $1").bind(i64::from(limit));
        query.fetch_all(&mut *tx).await?.iter().map(rows::event).collect()
    }

    pub(in crate::catalog) async fn finish_event(&self, id: Uuid) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::catalog) async fn stale_blobs(
        &self,
        before: OffsetDateTime,
        skipped: u64,
        limit: u32,
    ) -> Result<Vec<StaleBlob>, CatalogError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query(STALE);
        let rows = query.bind(before).bind(i64::from(limit)).bind(skipped as i64).fetch_all(&mut *tx).await?;
        let blob = |row: &sqlx::postgres::PgRow| {
            Ok(StaleBlob { bucket: bucket_name(row.try_get("bucket_id")?)?, version: row.try_get("version")? })
        };
        rows.iter().map(blob).collect()
    }

    pub(in crate::catalog) async fn known_versions(
        &self,
        bucket: &BucketName,
        versions: &[Uuid],
    ) -> Result<HashSet<Uuid>, CatalogError> {
        let mut tx = self.begin().await?;
        // One statement sees one state: a version that moves from one table to another is not missed.
        let select = "SELECT version FROM objects WHERE bucket_id = $1 AND version = ANY ($2) \
            UNION SELECT version FROM stale_blobs WHERE bucket_id = $1 AND version = ANY ($2) \
            UNION SELECT version FROM removed_objects WHERE bucket_id = $1 AND version = ANY ($2) \
            UNION SELECT id FROM uploads WHERE bucket_id = $1 AND id = ANY ($2)";
        let known = sqlx::query_scalar(select).bind(bucket.as_str()).bind(versions).fetch_all(&mut *tx).await?;
        Ok(known.into_iter().collect())
    }
}

pub(super) async fn note_events(connection: &mut PgConnection, events: &[Event]) -> Result<(), CatalogError> {
    let insert = "INSERT INTO outbox (id, kind, bucket_id, name, version, size, mime_type, owner_id, at) \
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[], \
        $8::text[], $9::timestamptz[])";
    sqlx::query(insert)
        .bind(events.iter().map(|event| event.id).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.object.bucket.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.object.key.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.version).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.size as i64).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.mime_type.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.owner.as_deref()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes the bytes of rows that are gone or have new ones.
pub(super) async fn note_stale(connection: &mut PgConnection, objects: &[Object]) -> Result<(), CatalogError> {
    let buckets: Vec<&str> = objects.iter().map(|object| object.id.bucket.as_str()).collect();
    let versions: Vec<Uuid> = objects.iter().map(|object| object.version).collect();
    note_stale_versions(connection, &buckets, &versions).await
}

pub(super) async fn note_stale_versions(
    connection: &mut PgConnection,
    buckets: &[&str],
    versions: &[Uuid],
) -> Result<(), CatalogError> {
    note_stale_versions_since(connection, buckets, versions, now()).await
}

pub(super) async fn note_stale_versions_since(
    connection: &mut PgConnection,
    buckets: &[&str],
    versions: &[Uuid],
    since: OffsetDateTime,
) -> Result<(), CatalogError> {
    let insert = "INSERT INTO stale_blobs (bucket_id, version, since) \
        SELECT bucket_id, version, $3 FROM unnest($1::text[], $2::uuid[]) AS gone(bucket_id, version) \
        ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(buckets).bind(versions).bind(since).execute(connection).await?;
    Ok(())
}

/// The version is a row's now: neither an unfinished upload nor stale.
pub(super) async fn adopt(
    connection: &mut PgConnection,
    bucket: &BucketName,
    version: Uuid,
) -> Result<(), CatalogError> {
    let delete = "WITH finished AS (DELETE FROM uploads WHERE id = $2) \
        DELETE FROM stale_blobs WHERE bucket_id = $1 AND version = $2";
    sqlx::query(delete).bind(bucket.as_str()).bind(version).execute(connection).await?;
    Ok(())
}

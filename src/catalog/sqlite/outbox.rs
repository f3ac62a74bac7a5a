//! What happened, and which bytes nobody needs any more.

use std::collections::HashSet;

use sqlx::{QueryBuilder, Row, SqliteConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, Sqlite, rows};
use crate::catalog::columns::micros;
use crate::catalog::types::{Event, EventKind, Object, StaleBlob};
use crate::catalog::{CatalogError, bucket_name};
use crate::object::BucketName;

/// Where versions are known, and by which column.
const TABLES: [(&str, &str); 4] =
    [("objects", "version"), ("stale_blobs", "version"), ("removed_objects", "version"), ("uploads", "id")];

/// Versions asked for at once: below the number of values that SQLite binds.
const VERSIONS: usize = 10_000;

/// What a row names again, after a catalogue was put back from a copy, stays.
const STALE: &str = "SELECT * FROM stale_blobs AS s WHERE since < $1 AND NOT EXISTS (SELECT 1 FROM objects AS o \
    WHERE o.bucket_id = s.bucket_id AND o.version = s.version) ORDER BY since, version LIMIT $2 OFFSET $3";

impl Sqlite {
    pub(in crate::catalog) async fn events(&self, limit: u32) -> Result<Vec<Event>, CatalogError> {
        let query = sqlx::query("SELECT * FROM outbox ORDER BY ordinal LIMIT $1").bind(limit);
        query.fetch_all(&self.readers).await?.iter().map(rows::event).collect()
    }

    pub(in crate::catalog) async fn finish_event(&self, id: Uuid) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(&self.writer).await?;
        Ok(())
    }

    pub(in crate::catalog) async fn stale_blobs(
        &self,
        before: OffsetDateTime,
        skipped: u64,
        limit: u32,
    ) -> Result<Vec<StaleBlob>, CatalogError> {
        let query = sqlx::query(STALE);
        let rows = query.bind(micros(before)).bind(limit).bind(skipped as i64).fetch_all(&self.readers).await?;
        let blob = |row: &sqlx::sqlite::SqliteRow| {
            Ok(StaleBlob { bucket: bucket_name(row.try_get("bucket_id")?)?, version: row.try_get("version")? })
        };
        rows.iter().map(blob).collect()
    }

    pub(in crate::catalog) async fn known_versions(
        &self,
        bucket: &BucketName,
        versions: &[Uuid],
    ) -> Result<HashSet<Uuid>, CatalogError> {
        // One view of the tables: a version that moves from one to another is not missed.
        let mut tx = self.readers.begin().await?;
        let mut known = HashSet::new();
        for (table, column) in TABLES {
            for versions in versions.chunks(VERSIONS) {
                let select = format!("SELECT {column} FROM {table} WHERE {column} IN (");
                let mut query: QueryBuilder<Database> = QueryBuilder::new(select);
                let mut list = query.separated(", ");
                for version in versions {
                    list.push_bind(*version);
                }
                query.push(") AND bucket_id = ").push_bind(bucket.as_str());
                known.extend(query.build_query_scalar::<Uuid>().fetch_all(&mut *tx).await?);
            }
        }
        Ok(known)
    }
}

pub(super) async fn note_event(
    connection: &mut SqliteConnection,
    kind: EventKind,
    object: &Object,
) -> Result<(), CatalogError> {
    let event = Event::of(kind, object);
    let insert = "INSERT INTO outbox (id, kind, bucket_id, name, version, size, mime_type, owner_id, at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(insert)
        .bind(event.id)
        .bind(event.kind.as_str())
        .bind(event.object.bucket.as_str())
        .bind(event.object.key.as_str())
        .bind(event.version)
        .bind(event.size as i64)
        .bind(event.mime_type)
        .bind(event.owner)
        .bind(micros(event.at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes the bytes of a row that is gone or has new ones.
pub(super) async fn note_stale(
    connection: &mut SqliteConnection,
    object: &Object,
    since: OffsetDateTime,
) -> Result<(), CatalogError> {
    note_stale_version(connection, &object.id.bucket, object.version, since).await
}

pub(super) async fn note_stale_version(
    connection: &mut SqliteConnection,
    bucket: &BucketName,
    version: Uuid,
    since: OffsetDateTime,
) -> Result<(), CatalogError> {
    let insert = "INSERT INTO stale_blobs (bucket_id, version, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let query = sqlx::query(insert).bind(bucket.as_str()).bind(version).bind(micros(since));
    query.execute(connection).await?;
    Ok(())
}

/// The version is a row's now: neither an unfinished upload nor stale.
pub(super) async fn adopt(
    connection: &mut SqliteConnection,
    bucket: &BucketName,
    version: Uuid,
) -> Result<(), CatalogError> {
    sqlx::query("DELETE FROM uploads WHERE id = $1").bind(version).execute(&mut *connection).await?;
    forget(connection, bucket, version).await.map(drop)
}

/// `false`: it was not noted, or is forgotten already.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    bucket: &BucketName,
    version: Uuid,
) -> Result<bool, CatalogError> {
    let delete = "DELETE FROM stale_blobs WHERE bucket_id = $1 AND version = $2";
    let delete = sqlx::query(delete).bind(bucket.as_str()).bind(version);
    Ok(delete.execute(connection).await?.rows_affected() == 1)
}

//! Retention, as the owner of the tables.

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};

use super::objects::{INSERT, insert, lock};
use super::outbox::{note_events, note_stale_versions_since};
use crate::catalog::types::{Event, EventKind};

crate::catalog::cleanup::cleanup_store!(Postgres, PgConnection, PgRow);

/// Removes the row, if it is still this version, and notes its event.
async fn take(connection: &mut PgConnection, id: &ObjectId, version: Uuid) -> Result<Option<Object>, CatalogError> {
    let Some(object) = lock(connection, id).await?.filter(|object| object.version == version) else { return Ok(None) };
    sqlx::query("DELETE FROM objects WHERE id = $1").bind(object.row).execute(&mut *connection).await?;
    note_events(connection, &[Event::of(EventKind::Deleted, &object)]).await?;
    Ok(Some(object))
}

/// Puts a row back where nothing else is: `ObjectExists`, `NoBucket`.
async fn give_back(connection: &mut PgConnection, object: &Object) -> Result<(), CatalogError> {
    insert(connection, INSERT, object.row, object).await?;
    note_events(connection, &[Event::of(EventKind::Created, object)]).await
}

async fn stale(
    connection: &mut PgConnection,
    bucket: &BucketName,
    version: Uuid,
    since: OffsetDateTime,
) -> Result<(), CatalogError> {
    note_stale_versions_since(connection, &[bucket.as_str()], &[version], since).await
}

/// Forgets bytes that are gone; those that somebody else has not forgotten before.
async fn forgotten(connection: &mut PgConnection, blobs: &[StaleBlob]) -> Result<Vec<StaleBlob>, CatalogError> {
    let delete = "DELETE FROM stale_blobs WHERE (bucket_id, version) IN (SELECT * FROM unnest($1::text[], $2::uuid[])) \
        RETURNING bucket_id, version";
    let buckets: Vec<&str> = blobs.iter().map(|blob| blob.bucket.as_str()).collect();
    let versions: Vec<Uuid> = blobs.iter().map(|blob| blob.version).collect();
    let rows = sqlx::query(delete).bind(buckets).bind(versions).fetch_all(connection).await?;
    let blob = |row: &PgRow| {
        Ok(StaleBlob { bucket: bucket_name(row.try_get("bucket_id")?)?, version: row.try_get("version")? })
    };
    rows.iter().map(blob).collect()
}

async fn happened(connection: &mut PgConnection, kind: EventKind, object: &Object) -> Result<(), CatalogError> {
    note_events(connection, &[Event::of(kind, object)]).await
}

/// No character's columns change before the transaction's end: what nothing points at stays so.
async fn settled_references(
    connection: &mut PgConnection,
    columns: &[ColumnName],
    pointed: &mut Pointed,
) -> Result<(), CatalogError> {
    sqlx::query("LOCK TABLE kinksters IN SHARE MODE").execute(&mut *connection).await?;
    references(connection, columns, pointed).await
}

async fn references(
    connection: &mut PgConnection,
    columns: &[ColumnName],
    pointed: &mut Pointed,
) -> Result<(), CatalogError> {
    let own = "SELECT avatar_url FROM kinksters WHERE avatar_url IS NOT NULL UNION ALL \
        SELECT storage_path FROM jobs WHERE storage_path IS NOT NULL AND state IN ('queued', 'running')";
    read(connection, own, pointed).await?;
    // Policies that would hide rows from us make it an error instead.
    sqlx::query("SET LOCAL row_security = off").execute(&mut *connection).await?;
    for column in columns {
        let (table, name) = (column.table(), column.column());
        let select = format!("SELECT CAST({name} AS text) FROM {table} WHERE {name} IS NOT NULL");
        let unread = |error| CatalogError::Broken(format!("retention.columns: {column} cannot be read: {error}"));
        read(connection, &select, pointed).await.map_err(unread)?;
    }
    sqlx::query("SET LOCAL row_security = on").execute(&mut *connection).await?;
    Ok(())
}

async fn read(connection: &mut PgConnection, select: &str, pointed: &mut Pointed) -> Result<(), sqlx::Error> {
    let mut texts = sqlx::query_scalar::<_, String>(AssertSqlSafe(select.to_owned())).fetch(connection);
    while let Some(text) = texts.try_next().await? {
        pointed.note(&text);
    }
    Ok(())
}

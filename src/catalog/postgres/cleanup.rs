//! Retention, as the owner of the tables.

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::objects::{INSERT, insert, lock};
use super::outbox::{note_events, note_stale_versions_since};
use super::rows::object;
use super::{Postgres, become_caller};
use crate::auth::Caller;
use crate::catalog::cleanup::{Actor, AuditAction, DELETED, Removed, Seen, Undo};
use crate::catalog::columns::micros;
use crate::catalog::types::{Event, EventKind, Object, StaleBlob};
use crate::catalog::{CatalogError, bucket_name, now};
use crate::config::ColumnName;
use crate::object::{BucketName, ObjectId};
use crate::transform::Pointed;

crate::catalog::cleanup::store::cleanup_store!(Postgres);

use removals::{KEEP, KEPT_ALREADY};

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

impl Postgres {
    /// Whether the caller may remove an object that is there: tried and undone, for only the policies know.
    async fn may_remove(
        &self,
        connection: &mut PgConnection,
        caller: &Caller,
        object: &Object,
    ) -> Result<bool, CatalogError> {
        let mut savepoint = connection.begin().await?;
        become_caller(&mut savepoint, caller, "storage.object.delete_many").await?;
        let delete = sqlx::query("DELETE FROM objects WHERE id = $1").bind(object.row).execute(&mut *savepoint).await;
        savepoint.rollback().await?;
        match delete.map_err(CatalogError::from) {
            Ok(deleted) => Ok(deleted.rows_affected() == 1),
            Err(CatalogError::Denied) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Keeps what a caller removed, with its lines in the log: at once, however many they are. As the owner of the tables.
pub(super) async fn keep_removed(
    connection: &mut PgConnection,
    caller: &Caller,
    undo: Undo,
    objects: &[Object],
) -> Result<(), CatalogError> {
    let removed: Vec<Removed> = objects.iter().map(|object| Removed::by(caller, undo, object.clone())).collect();
    let rows = Json(removed.iter().map(removed_row).collect::<Vec<_>>());
    let keep = format!(
        "{KEEP} SELECT * FROM jsonb_to_recordset($1) AS r (bucket_id text, version uuid, run uuid, id uuid, name text, \
         owner_id text, size bigint, etag text, mime_type text, cache_control text, user_metadata text, \
         created_at bigint, updated_at bigint, last_accessed_at bigint, removed_at bigint, restorable_until bigint, \
         pending_since bigint, remover text) {KEPT_ALREADY}"
    );
    sqlx::query(AssertSqlSafe(keep)).bind(&rows).execute(&mut *connection).await?;
    let log = "INSERT INTO audit (at, actor, action, run, bucket_id, name, version, size, reason) \
        SELECT r.removed_at, $2, $3, r.run, r.bucket_id, r.name, r.version, r.size, $4 FROM jsonb_to_recordset($1) \
        AS r (bucket_id text, version uuid, run uuid, name text, size bigint, removed_at bigint)";
    let log = sqlx::query(log).bind(&rows).bind(Actor::of(caller).as_str()).bind(AuditAction::Removed.as_str());
    log.bind(DELETED).execute(connection).await?;
    Ok(())
}

/// A row of `removed_objects`.
fn removed_row(removed: &Removed) -> Value {
    let object = &removed.object;
    serde_json::json!({
        "bucket_id": object.id.bucket.as_str(),
        "version": object.version,
        "run": removed.run,
        "id": object.row,
        "name": object.id.key.as_str(),
        "owner_id": object.owner,
        "size": object.size,
        "etag": object.etag,
        "mime_type": object.mime_type,
        "cache_control": object.cache_control,
        "user_metadata": object.user_metadata.clone().map(|map| Value::Object(map).to_string()),
        "created_at": micros(object.created_at),
        "updated_at": micros(object.updated_at),
        "last_accessed_at": micros(object.last_accessed_at),
        "removed_at": micros(removed.removed_at),
        "restorable_until": micros(removed.restorable_until),
        "remover": removed.remover,
    })
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

/// No character of ours changes before the transaction's end: what nothing points at stays so.
async fn settle(connection: &mut PgConnection) -> Result<(), CatalogError> {
    sqlx::query("LOCK TABLE kinksters IN SHARE MODE").execute(connection).await?;
    Ok(())
}

async fn look(connection: &mut PgConnection) -> Result<Seen, CatalogError> {
    let at = now();
    let select = "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid) AS text)";
    Ok(Seen { transaction: Some(sqlx::query_scalar(select).fetch_one(connection).await?), ..Seen::at(at) })
}

/// Of the characters and of tables those rows that were written since, all of views.
async fn references(
    connection: &mut PgConnection,
    columns: &[ColumnName],
    seen: &Seen,
    pointed: &mut Pointed,
) -> Result<(), CatalogError> {
    let own = "SELECT avatar_url FROM kinksters WHERE updated_at >= $1 AND avatar_url IS NOT NULL UNION ALL \
        SELECT storage_path FROM jobs WHERE storage_path IS NOT NULL AND state IN ('queued', 'running')";
    note(sqlx::query_scalar(own).bind(micros(seen.rows_since())).fetch(&mut *connection), pointed).await?;
    // Policies that would hide rows from us make it an error instead.
    sqlx::query("SET LOCAL row_security = off").execute(&mut *connection).await?;
    for column in columns {
        let unread = |error| CatalogError::Broken(format!("retention.columns: {column} cannot be read: {error}"));
        read(connection, column, seen, pointed).await.map_err(unread)?;
    }
    if let Some(column) = app_column(connection).await?.filter(|column| !columns.contains(column)) {
        let unread = |error| CatalogError::Broken(format!("{column}, which shows pictures, cannot be read: {error}"));
        read(connection, &column, seen, pointed).await.map_err(unread)?;
    }
    sqlx::query("SET LOCAL row_security = on").execute(&mut *connection).await?;
    Ok(())
}

/// An app's own characters, in the schema that every project has: whoever moves here from one has them beside ours.
async fn app_column(connection: &mut PgConnection) -> Result<Option<ColumnName>, CatalogError> {
    let select = "SELECT 1 FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid \
        JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = 'kinksters' \
        AND a.attname = 'avatar_url' AND NOT a.attisdropped AND c.oid IS DISTINCT FROM to_regclass('kinksters')";
    let is_there = sqlx::query(select).fetch_optional(connection).await?.is_some();
    Ok(is_there.then(|| "public.kinksters.avatar_url".parse().ok()).flatten())
}

/// Tells `pointed` what a column holds, or only what was written into its table since.
async fn read(
    connection: &mut PgConnection,
    column: &ColumnName,
    seen: &Seen,
    pointed: &mut Pointed,
) -> Result<(), sqlx::Error> {
    let (table, name) = (column.table(), column.column());
    let all = format!("SELECT CAST({name} AS text) FROM {table} WHERE {name} IS NOT NULL");
    if let Some(transaction) = &seen.transaction {
        let kind = sqlx::query_scalar("SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass($1)");
        if kind.bind(&table).fetch_optional(&mut *connection).await? == Some(true) {
            // No column has to tell when a row was written: the row knows the transaction that wrote it.
            let since = format!("{all} AND age(xmin) <= age(CAST($1 AS xid))");
            let since = sqlx::query_scalar(AssertSqlSafe(since)).bind(transaction);
            return note(since.fetch(connection), pointed).await;
        }
    }
    note(sqlx::query_scalar(AssertSqlSafe(all)).fetch(connection), pointed).await
}

async fn note(mut texts: BoxStream<'_, Result<String, sqlx::Error>>, pointed: &mut Pointed) -> Result<(), sqlx::Error> {
    while let Some(text) = texts.try_next().await? {
        pointed.note(&text);
    }
    Ok(())
}

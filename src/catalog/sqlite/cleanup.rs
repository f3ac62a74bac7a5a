//! Retention. There is one writer: what it reads first nobody changes before it is done.

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::objects::{delete, find, insert};
use super::outbox::{forget, note_event, note_stale_version};
use super::{Sqlite, buckets};
use crate::auth::{Caller, Operation};
use crate::catalog::cleanup::{NewAudit, Removed, Seen, Undo};
use crate::catalog::columns::{micros, object};
use crate::catalog::types::{EventKind, Object, StaleBlob};
use crate::catalog::{CatalogError, now};
use crate::config::ColumnName;
use crate::object::{BucketName, ObjectId};
use crate::transform::Pointed;

crate::catalog::cleanup::store::cleanup_store!(Sqlite);

use audit::log;
use removals::keep_row;

/// Removes the row, if it is still this version, and notes its event.
async fn take(connection: &mut SqliteConnection, id: &ObjectId, version: Uuid) -> Result<Option<Object>, CatalogError> {
    let Some(object) = find(connection, id).await?.filter(|object| object.version == version) else { return Ok(None) };
    delete(connection, object.row).await?;
    note_event(connection, EventKind::Deleted, &object).await?;
    Ok(Some(object))
}

/// Puts a row back where nothing else is: `ObjectExists`, `NoBucket`.
async fn give_back(connection: &mut SqliteConnection, object: &Object) -> Result<(), CatalogError> {
    buckets::require(connection, &object.id.bucket).await?;
    if find(connection, &object.id).await?.is_some() {
        return Err(CatalogError::ObjectExists);
    }
    insert(connection, object).await?;
    note_event(connection, EventKind::Created, object).await
}

impl Sqlite {
    /// Whether the caller may remove an object that is there.
    #[expect(clippy::unused_async, reason = "Postgres has to be asked")]
    async fn may_remove(
        &self,
        _: &mut SqliteConnection,
        caller: &Caller,
        object: &Object,
    ) -> Result<bool, CatalogError> {
        let allows = |operation| self.allows(caller, operation, &object.id);
        Ok(allows(Operation::Delete) && allows(Operation::Select))
    }
}

/// Keeps what a caller removed, with its line in the log.
pub(super) async fn keep_removed(
    connection: &mut SqliteConnection,
    caller: &Caller,
    undo: Undo,
    object: &Object,
) -> Result<(), CatalogError> {
    let removed = Removed::by(caller, undo, object.clone());
    keep_row(connection, &removed, None).await?;
    log(connection, &NewAudit::of_removal(caller, &removed)).await
}

async fn stale(
    connection: &mut SqliteConnection,
    bucket: &BucketName,
    version: Uuid,
    since: OffsetDateTime,
) -> Result<(), CatalogError> {
    note_stale_version(connection, bucket, version, since).await
}

/// Forgets bytes that are gone; those that somebody else has not forgotten before.
async fn forgotten(connection: &mut SqliteConnection, blobs: &[StaleBlob]) -> Result<Vec<StaleBlob>, CatalogError> {
    let mut forgotten = Vec::new();
    for blob in blobs {
        if forget(connection, &blob.bucket, blob.version).await? {
            forgotten.push(blob.clone());
        }
    }
    Ok(forgotten)
}

async fn happened(connection: &mut SqliteConnection, kind: EventKind, object: &Object) -> Result<(), CatalogError> {
    note_event(connection, kind, object).await
}

/// Nobody else writes before the transaction's end: what nothing points at stays so.
async fn settle(_: &mut SqliteConnection) -> Result<(), CatalogError> {
    Ok(())
}

async fn look(_: &mut SqliteConnection) -> Result<Seen, CatalogError> {
    Ok(Seen::at(now()))
}

/// Of the characters those that were written since.
async fn references(
    connection: &mut SqliteConnection,
    _: &[ColumnName],
    seen: &Seen,
    pointed: &mut Pointed,
) -> Result<(), CatalogError> {
    let select = "SELECT avatar_url FROM kinksters WHERE updated_at >= $1 AND avatar_url IS NOT NULL UNION ALL \
        SELECT storage_path FROM jobs WHERE storage_path IS NOT NULL AND state IN ('queued', 'running')";
    let query = sqlx::query_scalar::<_, String>(select).bind(micros(seen.rows_since()));
    let mut texts = query.fetch(connection);
    while let Some(text) = texts.try_next().await? {
        pointed.note(&text);
    }
    Ok(())
}

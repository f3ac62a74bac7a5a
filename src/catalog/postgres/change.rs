//! Objects that go away or elsewhere.

use sqlx::{Connection, PgConnection};

use super::cleanup::keep_removed;
use super::objects::{lock, probe};
use super::outbox::{adopt, note_events, note_stale};
use super::{Postgres, become_caller, become_owner, buckets, rows, unless_unique};
use crate::auth::Caller;
use crate::catalog::types::{Copied, Event, EventKind, Object};
use crate::catalog::{CatalogError, Undo};
use crate::object::{BucketName, ObjectId, ObjectKey};

impl Postgres {
    pub(in crate::catalog) async fn remove(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        keys: &[ObjectKey],
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let mut tx = self.begin().await?;
        // In one order, whoever removes what: else two of them could wait for each other.
        let lock = "SELECT FROM objects WHERE bucket_id = $1 AND name = ANY ($2) ORDER BY name FOR UPDATE";
        sqlx::query(lock).bind(bucket.as_str()).bind(&names).execute(&mut *tx).await?;
        become_caller(&mut tx, caller, "storage.object.delete_many").await?;
        let removed = delete(&mut tx, bucket, &names).await?;
        note_removed(&mut tx, caller, &removed, undo).await?;
        tx.commit().await?;
        Ok(removed)
    }

    pub(in crate::catalog) async fn empty_bucket(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        limit: u32,
        undo: Option<Undo>,
    ) -> Result<Vec<Object>, CatalogError> {
        let mut tx = self.begin_as(caller, "storage.bucket.empty").await?;
        buckets::visible(&mut tx, bucket).await?;
        let mut after = String::new();
        loop {
            let select = "SELECT name FROM objects WHERE bucket_id = $1 AND name > $2 ORDER BY name LIMIT $3";
            let query = sqlx::query_scalar(select).bind(bucket.as_str()).bind(&after).bind(i64::from(limit));
            let names: Vec<String> = query.fetch_all(&mut *tx).await?;
            let Some(last) = names.last().cloned() else { return Ok(Vec::new()) };
            let removed = delete(&mut tx, bucket, &names).await?;
            if !removed.is_empty() {
                note_removed(&mut tx, caller, &removed, undo).await?;
                tx.commit().await?;
                return Ok(removed);
            }
            // Those may be seen and not be removed: perhaps the next ones may.
            after = last;
        }
    }

    pub(in crate::catalog) async fn rename(
        &self,
        caller: &Caller,
        from: &ObjectId,
        to: &ObjectId,
        moved: Option<Copied>,
    ) -> Result<Object, CatalogError> {
        let mut tx = self.begin().await?;
        let old = lock(&mut tx, from).await?.ok_or(CatalogError::NoObject)?;
        // Not told yet: a caller who cannot see the object hears of nothing else.
        let planned = buckets::visible(&mut tx, &to.bucket).await.and_then(|_| old.renamed(to, moved));
        become_caller(&mut tx, caller, "storage.object.move").await?;
        let object = check_rename(&mut tx, from, planned).await?;
        become_owner(&mut tx).await?;
        relocate(&mut tx, &object).await?;
        adopt(&mut tx, &object.id.bucket, object.version).await?;
        if old.version != object.version {
            note_stale(&mut tx, std::slice::from_ref(&old)).await?;
        }
        let events = [Event::of(EventKind::Deleted, &old), Event::of(EventKind::Created, &object)];
        note_events(&mut tx, &events).await?;
        tx.commit().await?;
        Ok(object)
    }
}

/// The planned row, if the caller may see and change the one and add the other.
async fn check_rename(
    connection: &mut PgConnection,
    from: &ObjectId,
    planned: Result<Object, CatalogError>,
) -> Result<Object, CatalogError> {
    let place = |query| sqlx::query(query).bind(from.bucket.as_str()).bind(from.key.as_str());
    let see = place("SELECT 1 FROM objects WHERE bucket_id = $1 AND name = $2");
    see.fetch_optional(&mut *connection).await?.ok_or(CatalogError::NoObject)?;
    let object = planned?;
    let change = place("UPDATE objects SET last_accessed_at = last_accessed_at WHERE bucket_id = $1 AND name = $2");
    if change.execute(&mut *connection).await?.rows_affected() == 0 {
        return Err(CatalogError::Denied);
    }
    let mut savepoint = connection.begin().await?;
    probe(&mut savepoint, &object).await?;
    savepoint.rollback().await?;
    Ok(object)
}

/// Gives the row its new place.
async fn relocate(connection: &mut PgConnection, object: &Object) -> Result<(), CatalogError> {
    let update = "UPDATE objects SET bucket_id = $2, name = $3, version = $4, metadata = $5, updated_at = $6, \
        last_accessed_at = $7 WHERE id = $1";
    let query = sqlx::query(update)
        .bind(object.row)
        .bind(object.id.bucket.as_str())
        .bind(object.id.key.as_str())
        .bind(object.version)
        .bind(rows::metadata(object))
        .bind(object.updated_at)
        .bind(object.last_accessed_at);
    let updated = query.execute(connection).await;
    updated.map(drop).map_err(|error| unless_unique(error, CatalogError::ObjectExists))
}

/// Deletes what the transaction's role may, sorted by name.
async fn delete(
    connection: &mut PgConnection,
    bucket: &BucketName,
    names: &[String],
) -> Result<Vec<Object>, CatalogError> {
    let query = sqlx::query("DELETE FROM objects WHERE bucket_id = $1 AND name = ANY ($2) RETURNING *");
    let rows = query.bind(bucket.as_str()).bind(names).fetch_all(connection).await?;
    let mut removed: Vec<Object> = rows.iter().map(rows::object).collect::<Result<_, _>>()?;
    removed.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(removed)
}

/// Bytes stale or kept for as long as it can be undone, events noted: as the owner of the tables.
async fn note_removed(
    connection: &mut PgConnection,
    caller: &Caller,
    removed: &[Object],
    undo: Option<Undo>,
) -> Result<(), CatalogError> {
    become_owner(connection).await?;
    match undo {
        Some(undo) => keep_removed(connection, caller, undo, removed).await?,
        None => note_stale(connection, removed).await?,
    }
    let events: Vec<Event> = removed.iter().map(|object| Event::of(EventKind::Deleted, object)).collect();
    note_events(connection, &events).await
}

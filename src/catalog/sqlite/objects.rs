//! One object: may it be written, write it, look at it.

use sqlx::SqliteConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::outbox::{adopt, note_event, note_stale};
use super::{Sqlite, buckets};
use crate::auth::{Caller, Operation};
use crate::catalog::columns::{micros, object};
use crate::catalog::types::{EventKind, NewObject, Object, Put};
use crate::catalog::{CatalogError, now};
use crate::object::ObjectId;

impl Sqlite {
    pub(super) fn allows(&self, caller: &Caller, operation: Operation, id: &ObjectId) -> bool {
        self.rules.of(&id.bucket).allows(caller, operation, Some(id.key.as_str()))
    }

    /// The order tells a caller who may not write there nothing of what is there.
    fn check_put(&self, caller: &Caller, id: &ObjectId, exists: bool, upsert: bool) -> Result<(), CatalogError> {
        let allows = |operation| self.allows(caller, operation, id);
        match (exists, upsert) {
            _ if !allows(Operation::Insert) => Err(CatalogError::Denied),
            (true, false) => Err(CatalogError::ObjectExists),
            (true, true) if !(allows(Operation::Select) && allows(Operation::Update)) => Err(CatalogError::Denied),
            _ => Ok(()),
        }
    }

    pub(in crate::catalog) async fn may_put(
        &self,
        caller: &Caller,
        id: &ObjectId,
        upsert: bool,
    ) -> Result<(), CatalogError> {
        let mut tx = self.readers.begin().await?;
        buckets::require(&mut tx, &id.bucket).await?;
        let exists = find(&mut tx, id).await?.is_some();
        self.check_put(caller, id, exists, upsert)
    }

    pub(in crate::catalog) async fn put(
        &self,
        caller: &Caller,
        new: NewObject,
        upsert: bool,
    ) -> Result<Put, CatalogError> {
        let mut tx = self.begin().await?;
        let put = self.write_object(&mut tx, caller, new, upsert).await?;
        tx.commit().await?;
        Ok(put)
    }

    /// [`Self::put`] within a transaction that is more than that.
    pub(super) async fn write_object(
        &self,
        tx: &mut SqliteConnection,
        caller: &Caller,
        new: NewObject,
        upsert: bool,
    ) -> Result<Put, CatalogError> {
        buckets::require(tx, &new.id.bucket).await?;
        let old = find(tx, &new.id).await?;
        self.check_put(caller, &new.id, old.is_some(), upsert)?;
        let object = new.into_row(caller, old.as_ref());
        match &old {
            Some(_) => replace(tx, &object).await?,
            None => insert(tx, &object).await?,
        }
        adopt(tx, &object.id.bucket, object.version).await?;
        if let Some(old) = old.as_ref().filter(|old| old.version != object.version) {
            note_stale(tx, old, now()).await?;
        }
        let kind = if old.is_some() { EventKind::Updated } else { EventKind::Created };
        note_event(tx, kind, &object).await?;
        Ok(Put { object, replaced: old.is_some() })
    }

    pub(in crate::catalog) async fn object(&self, caller: &Caller, id: &ObjectId) -> Result<Object, CatalogError> {
        if !self.allows(caller, Operation::Select, id) {
            return Err(CatalogError::NoObject);
        }
        self.find_object(id).await?.ok_or(CatalogError::NoObject)
    }

    pub(in crate::catalog) async fn find_object(&self, id: &ObjectId) -> Result<Option<Object>, CatalogError> {
        find(&mut *self.readers.acquire().await?, id).await
    }
}

pub(super) async fn find(connection: &mut SqliteConnection, id: &ObjectId) -> Result<Option<Object>, CatalogError> {
    let query = sqlx::query("SELECT * FROM objects WHERE bucket_id = $1 AND name = $2");
    let query = query.bind(id.bucket.as_str()).bind(id.key.as_str());
    query.fetch_optional(connection).await?.as_ref().map(object).transpose()
}

/// Adds the row.
pub(super) async fn insert(connection: &mut SqliteConnection, object: &Object) -> Result<(), CatalogError> {
    write(
        connection,
        "INSERT INTO objects (id, bucket_id, name, owner_id, version, size, etag, mime_type, cache_control, \
         user_metadata, created_at, updated_at, last_accessed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        object,
    )
    .await
}

/// Writes the row anew, wherever it is now.
pub(super) async fn replace(connection: &mut SqliteConnection, object: &Object) -> Result<(), CatalogError> {
    write(
        connection,
        "UPDATE objects SET bucket_id = $2, name = $3, owner_id = $4, version = $5, size = $6, etag = $7, \
         mime_type = $8, cache_control = $9, user_metadata = $10, created_at = $11, updated_at = $12, \
         last_accessed_at = $13 WHERE id = $1",
        object,
    )
    .await
}

async fn write(
    connection: &mut SqliteConnection,
    statement: &'static str,
    object: &Object,
) -> Result<(), CatalogError> {
    sqlx::query(statement)
        .bind(object.row)
        .bind(object.id.bucket.as_str())
        .bind(object.id.key.as_str())
        .bind(object.owner.as_deref())
        .bind(object.version)
        .bind(object.size as i64)
        .bind(&object.etag)
        .bind(&object.mime_type)
        .bind(&object.cache_control)
        .bind(object.user_metadata.as_ref().map(Json))
        .bind(micros(object.created_at))
        .bind(micros(object.updated_at))
        .bind(micros(object.last_accessed_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the row.
pub(super) async fn delete(connection: &mut SqliteConnection, row: Uuid) -> Result<(), CatalogError> {
    sqlx::query("DELETE FROM objects WHERE id = $1").bind(row).execute(connection).await?;
    Ok(())
}

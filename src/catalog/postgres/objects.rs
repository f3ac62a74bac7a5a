//! One object: may it be written, write it, look at it.

use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::outbox::{adopt, note_events, note_stale};
use super::{Postgres, become_caller, become_owner, buckets, rows, unless_unique};
use crate::auth::Caller;
use crate::catalog::CatalogError;
use crate::catalog::types::{Event, EventKind, NewObject, Object, Put};
use crate::object::ObjectId;

/// How often a put is begun anew because another one was faster.
const ATTEMPTS: u32 = 5;

pub(super) const INSERT: &str = "INSERT INTO objects (id, bucket_id, name, owner_id, version, metadata, user_metadata, \
    created_at, updated_at, last_accessed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const UPSERT: &str = " ON CONFLICT (bucket_id, name) DO UPDATE SET owner_id = excluded.owner_id, \
    version = excluded.version, metadata = excluded.metadata, user_metadata = excluded.user_metadata, \
    updated_at = excluded.updated_at, last_accessed_at = excluded.last_accessed_at";

impl Postgres {
    /// Tries it as the caller and undoes it: only the policies know.
    pub(in crate::catalog) async fn may_put(
        &self,
        caller: &Caller,
        id: &ObjectId,
        upsert: bool,
    ) -> Result<(), CatalogError> {
        let probe = NewObject {
            id: id.clone(),
            version: Uuid::nil(),
            size: 0,
            etag: String::new(),
            mime_type: String::new(),
            cache_control: String::new(),
            user_metadata: None,
        };
        let mut tx = self.begin().await?;
        match write_as(&mut tx, caller, probe, upsert).await {
            // Another put was faster, and both may.
            Err(CatalogError::ObjectExists) if upsert => Ok(()),
            result => result.map(drop),
        }
    }

    pub(in crate::catalog) async fn put(
        &self,
        caller: &Caller,
        new: NewObject,
        upsert: bool,
    ) -> Result<Put, CatalogError> {
        for _ in 1..ATTEMPTS {
            match self.try_put(caller, new.clone(), upsert).await {
                Err(CatalogError::ObjectExists) if upsert => {}
                result => return result,
            }
        }
        self.try_put(caller, new, upsert).await
    }

    async fn try_put(&self, caller: &Caller, new: NewObject, upsert: bool) -> Result<Put, CatalogError> {
        let mut tx = self.begin().await?;
        let put = self.write_object(&mut tx, caller, new, upsert).await?;
        tx.commit().await?;
        Ok(put)
    }

    /// A put within a transaction that is more than that, and the owner's afterwards.
    pub(super) async fn write_object(
        &self,
        tx: &mut PgConnection,
        caller: &Caller,
        new: NewObject,
        upsert: bool,
    ) -> Result<Put, CatalogError> {
        let (object, old) = write_as(tx, caller, new, upsert).await?;
        become_owner(tx).await?;
        adopt(tx, &object.id.bucket, object.version).await?;
        if let Some(old) = old.as_ref().filter(|old| old.version != object.version) {
            note_stale(tx, std::slice::from_ref(old)).await?;
        }
        let kind = if old.is_some() { EventKind::Updated } else { EventKind::Created };
        note_events(tx, &[Event::of(kind, &object)]).await?;
        Ok(Put { object, replaced: old.is_some() })
    }

    pub(in crate::catalog) async fn object(&self, caller: &Caller, id: &ObjectId) -> Result<Object, CatalogError> {
        let mut tx = self.begin_as(caller, "storage.object.info").await?;
        find(&mut tx, id).await?.ok_or(CatalogError::NoObject)
    }

    pub(in crate::catalog) async fn find_object(&self, id: &ObjectId) -> Result<Option<Object>, CatalogError> {
        let query = sqlx::query(AssertSqlSafe(self.find_object.as_str()));
        let query = query.bind(id.bucket.as_str()).bind(id.key.as_str());
        query.fetch_optional(&self.pool).await?.as_ref().map(rows::object).transpose()
    }
}

/// Writes the row as the caller, whom the transaction belongs to afterwards: the new row, and the one it replaced.
///
/// `ObjectExists` with `upsert`: it has appeared meanwhile.
async fn write_as(
    connection: &mut PgConnection,
    caller: &Caller,
    new: NewObject,
    upsert: bool,
) -> Result<(Object, Option<Object>), CatalogError> {
    buckets::visible(connection, &new.id.bucket).await?;
    let old = lock(connection, &new.id).await?;
    let object = new.into_row(caller, old.as_ref());
    become_caller(connection, caller, "storage.object.upload").await?;
    // A plain INSERT where nothing is replaced: with ON CONFLICT it would need the right to see and to replace.
    let statement = if old.is_some() && upsert { format!("{INSERT}{UPSERT}") } else { INSERT.to_owned() };
    insert(connection, &statement, object.row, &object).await?;
    Ok((object, old))
}

async fn find(connection: &mut PgConnection, id: &ObjectId) -> Result<Option<Object>, CatalogError> {
    let query = sqlx::query("SELECT * FROM objects WHERE bucket_id = $1 AND name = $2");
    let query = query.bind(id.bucket.as_str()).bind(id.key.as_str());
    query.fetch_optional(connection).await?.as_ref().map(rows::object).transpose()
}

/// The row, which nobody else changes before the transaction's end.
pub(super) async fn lock(connection: &mut PgConnection, id: &ObjectId) -> Result<Option<Object>, CatalogError> {
    let query = sqlx::query("SELECT * FROM objects WHERE bucket_id = $1 AND name = $2 FOR UPDATE");
    let query = query.bind(id.bucket.as_str()).bind(id.key.as_str());
    query.fetch_optional(connection).await?.as_ref().map(rows::object).transpose()
}

/// Adds a row that nothing is in the way of, to see whether the policies let it be.
pub(super) async fn probe(connection: &mut PgConnection, object: &Object) -> Result<(), CatalogError> {
    insert(connection, INSERT, Uuid::new_v4(), object).await
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    statement: &str,
    row: Uuid,
    object: &Object,
) -> Result<(), CatalogError> {
    let query = sqlx::query(AssertSqlSafe(statement))
        .bind(row)
        .bind(object.id.bucket.as_str())
        .bind(object.id.key.as_str())
        .bind(object.owner.as_deref())
        .bind(object.version)
        .bind(rows::metadata(object))
        .bind(object.user_metadata.as_ref().map(Json))
        .bind(object.created_at)
        .bind(object.updated_at)
        .bind(object.last_accessed_at);
    let inserted = query.execute(connection).await;
    inserted.map(drop).map_err(|error| match &error {
        // It was removed just now.
        sqlx::Error::Database(violated) if violated.is_foreign_key_violation() => CatalogError::NoBucket,
        _ => unless_unique(error, CatalogError::ObjectExists),
    })
}

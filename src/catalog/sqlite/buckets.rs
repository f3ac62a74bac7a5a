//! Buckets.

use sqlx::types::Json;
use sqlx::{QueryBuilder, SqliteConnection};

use super::{Database, Sqlite, rows};
use crate::auth::{Caller, Operation};
use crate::catalog::columns::micros;
use crate::catalog::types::{Bucket, BucketChange, BucketOrder, BucketQuery, Direction, NewBucket};
use crate::catalog::{CatalogError, now};
use crate::object::BucketName;

const INSERT: &str = "INSERT INTO buckets (id, name, owner_id, public, file_size_limit, allowed_mime_types, settings, \
    created_at, updated_at) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $7)";
const DECLARE: &str = " ON CONFLICT (id) DO UPDATE SET public = excluded.public, \
    file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types, \
    settings = excluded.settings, updated_at = excluded.updated_at \
    WHERE (public, file_size_limit, allowed_mime_types, settings) IS NOT \
    (excluded.public, excluded.file_size_limit, excluded.allowed_mime_types, excluded.settings)";

impl Sqlite {
    fn may_manage(&self, caller: &Caller, bucket: &BucketName) -> bool {
        self.rules.of(bucket).allows(caller, Operation::Buckets, None)
    }

    /// There are few buckets: they are filtered and sorted here, since the rules are not in the database.
    pub(in crate::catalog) async fn buckets(
        &self,
        caller: &Caller,
        query: &BucketQuery,
    ) -> Result<Vec<Bucket>, CatalogError> {
        let mut buckets = self.all_buckets().await?;
        let search = query.search.as_deref().unwrap_or_default().to_ascii_lowercase();
        buckets.retain(|bucket| {
            bucket.id.as_str().to_ascii_lowercase().contains(&search) && self.may_manage(caller, &bucket.id)
        });
        // Sorted by name already, and sorting is stable.
        match query.order {
            BucketOrder::Id | BucketOrder::Name => {}
            BucketOrder::CreatedAt => buckets.sort_by_key(|bucket| bucket.created_at),
            BucketOrder::UpdatedAt => buckets.sort_by_key(|bucket| bucket.updated_at),
        }
        if query.direction == Direction::Descending {
            buckets.reverse();
        }
        let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
        Ok(buckets.into_iter().skip(query.offset as usize).take(limit).collect())
    }

    pub(in crate::catalog) async fn bucket(&self, caller: &Caller, name: &BucketName) -> Result<Bucket, CatalogError> {
        if !self.may_manage(caller, name) {
            return Err(CatalogError::NoBucket);
        }
        self.find_bucket(name).await?.ok_or(CatalogError::NoBucket)
    }

    pub(in crate::catalog) async fn find_bucket(&self, name: &BucketName) -> Result<Option<Bucket>, CatalogError> {
        find(&mut *self.readers.acquire().await?, name).await
    }

    pub(in crate::catalog) async fn all_buckets(&self) -> Result<Vec<Bucket>, CatalogError> {
        let rows = sqlx::query("SELECT * FROM buckets ORDER BY id").fetch_all(&self.readers).await?;
        rows.iter().map(rows::bucket).collect()
    }

    pub(in crate::catalog) async fn create_bucket(
        &self,
        caller: &Caller,
        new: NewBucket,
    ) -> Result<Bucket, CatalogError> {
        if !self.may_manage(caller, &new.id) {
            return Err(CatalogError::Denied);
        }
        let mut tx = self.begin().await?;
        if find(&mut tx, &new.id).await?.is_some() {
            return Err(CatalogError::BucketExists);
        }
        insert(&mut tx, INSERT, caller, &new).await?;
        let bucket = find(&mut tx, &new.id).await?.ok_or(CatalogError::NoBucket)?;
        tx.commit().await?;
        Ok(bucket)
    }

    pub(in crate::catalog) async fn declare_bucket(&self, new: NewBucket) -> Result<(), CatalogError> {
        let mut tx = self.begin().await?;
        insert(&mut tx, &format!("{INSERT}{DECLARE}"), &Caller::service(), &new).await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::catalog) async fn update_bucket(
        &self,
        caller: &Caller,
        name: &BucketName,
        change: BucketChange,
    ) -> Result<Bucket, CatalogError> {
        if !self.may_manage(caller, name) {
            return Err(CatalogError::NoBucket);
        }
        let mut query: QueryBuilder<Database> = QueryBuilder::new("UPDATE buckets SET updated_at = ");
        query.push_bind(micros(now()));
        if let Some(public) = change.public {
            query.push(", public = ").push_bind(public);
        }
        if let Some(limit) = change.file_size_limit {
            query.push(", file_size_limit = ").push_bind(limit.map(|bytes| bytes as i64));
        }
        if let Some(types) = change.allowed_mime_types {
            query.push(", allowed_mime_types = ").push_bind(types.map(Json));
        }
        if let Some(settings) = change.settings {
            query.push(", settings = ").push_bind(Json(settings));
        }
        query.push(" WHERE id = ").push_bind(name.as_str()).push(" RETURNING *");
        let row = query.build().fetch_optional(&self.writer).await?;
        rows::bucket(&row.ok_or(CatalogError::NoBucket)?)
    }

    pub(in crate::catalog) async fn delete_bucket(
        &self,
        caller: &Caller,
        name: &BucketName,
    ) -> Result<(), CatalogError> {
        if !self.may_manage(caller, name) {
            return Err(CatalogError::NoBucket);
        }
        let mut tx = self.begin().await?;
        let object = "SELECT 1 FROM objects WHERE bucket_id = $1 LIMIT 1";
        if sqlx::query(object).bind(name.as_str()).fetch_optional(&mut *tx).await?.is_some() {
            return Err(CatalogError::NotEmpty);
        }
        let deleted = sqlx::query("DELETE FROM buckets WHERE id = $1").bind(name.as_str()).execute(&mut *tx).await?;
        if deleted.rows_affected() == 0 {
            return Err(CatalogError::NoBucket);
        }
        Ok(tx.commit().await?)
    }
}

async fn find(connection: &mut SqliteConnection, name: &BucketName) -> Result<Option<Bucket>, CatalogError> {
    let query = sqlx::query("SELECT * FROM buckets WHERE id = $1").bind(name.as_str());
    query.fetch_optional(connection).await?.as_ref().map(rows::bucket).transpose()
}

/// `NoBucket` where there is none.
pub(super) async fn require(connection: &mut SqliteConnection, name: &BucketName) -> Result<(), CatalogError> {
    let query = sqlx::query("SELECT 1 FROM buckets WHERE id = $1").bind(name.as_str());
    query.fetch_optional(connection).await?.map(drop).ok_or(CatalogError::NoBucket)
}

async fn insert(
    connection: &mut SqliteConnection,
    statement: &str,
    caller: &Caller,
    new: &NewBucket,
) -> Result<(), CatalogError> {
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(new.id.as_str())
        .bind(caller.subject.as_deref())
        .bind(new.public)
        .bind(new.file_size_limit.map(|bytes| bytes as i64))
        .bind(new.allowed_mime_types.as_ref().map(Json))
        .bind(Json(&new.settings))
        .bind(micros(now()))
        .execute(connection)
        .await?;
    Ok(())
}

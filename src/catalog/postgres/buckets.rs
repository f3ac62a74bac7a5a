//! Buckets.

use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, QueryBuilder};

use super::{Database, Postgres, rows, unless_unique};
use crate::auth::Caller;
use crate::catalog::types::{Bucket, BucketChange, BucketOrder, BucketQuery, Direction, NewBucket};
use crate::catalog::{CatalogError, now};
use crate::object::BucketName;

const INSERT: &str = "INSERT INTO buckets (id, name, owner_id, public, file_size_limit, allowed_mime_types, settings, \
    created_at, updated_at) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $7)";
const DECLARE: &str = " ON CONFLICT (id) DO UPDATE SET public = excluded.public, \
    file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types, \
    settings = excluded.settings, updated_at = excluded.updated_at \
    WHERE (buckets.public, buckets.file_size_limit, buckets.allowed_mime_types, buckets.settings) IS DISTINCT FROM \
    (excluded.public, excluded.file_size_limit, excluded.allowed_mime_types, excluded.settings)";

impl Postgres {
    pub(in crate::catalog) async fn buckets(
        &self,
        caller: &Caller,
        query: &BucketQuery,
    ) -> Result<Vec<Bucket>, CatalogError> {
        let mut tx = self.begin_as(caller, "storage.bucket.list").await?;
        let mut select: QueryBuilder<Database> = QueryBuilder::new("SELECT * FROM buckets WHERE strpos(lower(id), ");
        select.push_bind(query.search.as_deref().unwrap_or_default().to_ascii_lowercase()).push(") <> 0 ORDER BY ");
        let direction = match query.direction {
            Direction::Ascending => "",
            Direction::Descending => " DESC",
        };
        match query.order {
            BucketOrder::Id | BucketOrder::Name => {}
            BucketOrder::CreatedAt => drop(select.push("created_at").push(direction).push(", ")),
            BucketOrder::UpdatedAt => drop(select.push("updated_at").push(direction).push(", ")),
        }
        select.push("id").push(direction).push(" OFFSET ").push_bind(i64::from(query.offset));
        if let Some(limit) = query.limit {
            select.push(" LIMIT ").push_bind(i64::from(limit));
        }
        select.build().fetch_all(&mut *tx).await?.iter().map(rows::bucket).collect()
    }

    pub(in crate::catalog) async fn bucket(&self, caller: &Caller, name: &BucketName) -> Result<Bucket, CatalogError> {
        let mut tx = self.begin_as(caller, "storage.bucket.get").await?;
        visible(&mut tx, name).await
    }

    pub(in crate::catalog) async fn find_bucket(&self, name: &BucketName) -> Result<Option<Bucket>, CatalogError> {
        let query = sqlx::query(AssertSqlSafe(self.find_bucket.as_str())).bind(name.as_str());
        query.fetch_optional(&self.pool).await?.as_ref().map(rows::bucket).transpose()
    }

    pub(in crate::catalog) async fn all_buckets(&self) -> Result<Vec<Bucket>, CatalogError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query("SELECT * FROM buckets ORDER BY id").fetch_all(&mut *tx).await?;
        rows.iter().map(rows::bucket).collect()
    }

    pub(in crate::catalog) async fn create_bucket(
        &self,
        caller: &Caller,
        new: NewBucket,
    ) -> Result<Bucket, CatalogError> {
        let mut tx = self.begin_as(caller, "storage.bucket.create").await?;
        let inserted = insert(&mut tx, INSERT, caller, &new).await;
        inserted.map_err(|error| unless_unique(error, CatalogError::BucketExists))?;
        tx.commit().await?;
        self.find_bucket(&new.id).await?.ok_or(CatalogError::NoBucket)
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
        let mut tx = self.begin_as(caller, "storage.bucket.update").await?;
        visible(&mut tx, name).await?;
        let mut query: QueryBuilder<Database> = QueryBuilder::new("UPDATE buckets SET updated_at = ");
        query.push_bind(now());
        if let Some(public) = change.public {
            query.push(", public = ").push_bind(public);
        }
        if let Some(limit) = change.file_size_limit {
            query.push(", file_size_limit = ").push_bind(limit.map(|bytes| bytes as i64));
        }
        if let Some(types) = change.allowed_mime_types {
            query.push(", allowed_mime_types = ").push_bind(types);
        }
        if let Some(settings) = change.settings {
            query.push(", settings = ").push_bind(Json(settings));
        }
        query.push(" WHERE id = ").push_bind(name.as_str()).push(" RETURNING *");
        let row = query.build().fetch_optional(&mut *tx).await?.ok_or(CatalogError::Denied)?;
        tx.commit().await?;
        rows::bucket(&row)
    }

    pub(in crate::catalog) async fn delete_bucket(
        &self,
        caller: &Caller,
        name: &BucketName,
    ) -> Result<(), CatalogError> {
        let mut tx = self.begin_as(caller, "storage.bucket.delete").await?;
        visible(&mut tx, name).await?;
        let query = sqlx::query("DELETE FROM buckets WHERE id = $1").bind(name.as_str());
        let deleted = query.execute(&mut *tx).await.map_err(|error| {
            let objects = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation);
            if objects { CatalogError::NotEmpty } else { error.into() }
        })?;
        if deleted.rows_affected() == 0 {
            return Err(CatalogError::Denied);
        }
        Ok(tx.commit().await?)
    }
}

/// The bucket, as the transaction's role sees it.
pub(super) async fn visible(connection: &mut PgConnection, name: &BucketName) -> Result<Bucket, CatalogError> {
    let query = sqlx::query("SELECT * FROM buckets WHERE id = $1").bind(name.as_str());
    rows::bucket(&query.fetch_optional(connection).await?.ok_or(CatalogError::NoBucket)?)
}

async fn insert(
    connection: &mut PgConnection,
    statement: &str,
    caller: &Caller,
    new: &NewBucket,
) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement))
        .bind(new.id.as_str())
        .bind(caller.subject.as_deref())
        .bind(new.public)
        .bind(new.file_size_limit.map(|bytes| bytes as i64))
        .bind(&new.allowed_mime_types)
        .bind(Json(&new.settings))
        .bind(now())
        .execute(connection)
        .await?;
    Ok(())
}

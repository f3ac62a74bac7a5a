//! The catalogue in a Postgres that several nodes share.
//!
//! Row-level security decides: an operation for a caller runs as the caller's role, with the claims set as Supabase
//! sets them. What is ours alone (outbox, stale bytes) is written in the same transaction as the owner of the tables.

mod buckets;
mod change;
mod cleanup;
mod deliveries;
mod jobs;
mod notes;
mod objects;
mod outbox;
mod rows;
mod setup;
mod uploads;
mod usage;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{PgConnection, PgTransaction, Postgres as Database, Row};

pub use notes::Notes;
pub(super) use rows::found;

use super::select::Reader;
use super::types::{Entry, ListQuery, Listing, PageQuery};
use super::{CatalogError, listing};
use crate::auth::{Caller, Reach, Role, RuleBook};
use crate::config::Secret;
use crate::object::BucketName;

/// Connections of one node.
const CONNECTIONS: u32 = 16;
/// How long a request waits for one.
const PATIENCE: Duration = Duration::from_secs(5);

/// A Postgres that several nodes share.
#[derive(Debug)]
pub struct Postgres {
    pool: PgPool,
    /// Our schema, then `public`, for what policies call.
    search_path: String,
    /// The hot path: one query outside of a transaction, hence with the schema in its names.
    find_object: String,
    find_bucket: String,
    /// Where the nodes that share the schema leave notes.
    channel: String,
}

impl Postgres {
    /// Connects, brings the schema up to date and writes the rules into it, if any are given.
    pub async fn open(url: &Secret, schema: &str, rules: Option<&RuleBook>) -> Result<Self, CatalogError> {
        let (connected, schema) = Self::connect(url, schema).await?;
        setup::prepare(&connected.pool, &schema, &connected.search_path, rules).await?;
        Ok(connected)
    }

    /// Connects to a schema that servers have set up. Writes nothing.
    pub async fn join(url: &Secret, schema: &str) -> Result<Self, CatalogError> {
        let (connected, quoted) = Self::connect(url, schema).await?;
        setup::check(&connected.pool, schema, &quoted).await?;
        Ok(connected)
    }

    /// With the schema's name as SQL writes it.
    async fn connect(url: &Secret, schema: &str) -> Result<(Self, String), CatalogError> {
        let options = PgConnectOptions::from_str(url.reveal())
            // The text of the error may hold the URL, and the URL holds the password.
            .map_err(|_| CatalogError::Unavailable("the URL is not one of a Postgres database".to_owned()))?
            .application_name("tintype");
        let channel = notes::channel(schema);
        let schema = setup::quoted(schema)?;
        let search_path = format!("{schema}, public");
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        let pool = pool.connect_with(options).await?;
        let find_object = format!("SELECT * FROM {schema}.objects WHERE bucket_id = $1 AND name = $2");
        let find_bucket = format!("SELECT * FROM {schema}.buckets WHERE id = $1");
        Ok((Self { pool, search_path, find_object, find_bucket, channel }, schema))
    }

    /// A transaction as the owner of the tables.
    pub(super) async fn begin(&self) -> Result<PgTransaction<'static>, CatalogError> {
        let mut tx = self.pool.begin().await?;
        // Compiling a listing takes longer than running it.
        sqlx::query("SELECT set_config('search_path', $1, true), set_config('jit', 'off', true)")
            .bind(&self.search_path)
            .execute(&mut *tx)
            .await?;
        Ok(tx)
    }

    /// A transaction as the caller.
    async fn begin_as(&self, caller: &Caller, operation: &str) -> Result<PgTransaction<'static>, CatalogError> {
        let mut tx = self.begin().await?;
        become_caller(&mut tx, caller, operation).await?;
        Ok(tx)
    }

    /// For tests that fill tables by hand.
    #[cfg(test)]
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A transaction as the caller, in which indexes are read in their order instead of whole and then sorted: what the
    /// planner thinks dear because it believes in disks that turn. And what of the bucket the policies let the caller
    /// see, as far as that is known beforehand: they are asked again for every row that is found.
    async fn begin_listing(
        &self,
        caller: &Caller,
        operation: &str,
        bucket: &BucketName,
    ) -> Result<(PgTransaction<'static>, Reach), CatalogError> {
        let mut tx = self.begin_as(caller, operation).await?;
        let plan = "SELECT listing_reach($1), set_config('enable_bitmapscan', 'off', true), \
            set_config('random_page_cost', '1.1', true), set_config('max_parallel_workers_per_gather', '0', true)";
        let row = sqlx::query(plan).bind(bucket.as_str()).fetch_one(&mut *tx).await?;
        let prefixes: Option<Vec<String>> = row.try_get(0)?;
        Ok((tx, prefixes.map_or(Reach::All, Reach::of)))
    }

    pub(super) async fn list(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &ListQuery,
    ) -> Result<Vec<Entry>, CatalogError> {
        let (mut tx, reach) = self.begin_listing(caller, "storage.object.list", bucket).await?;
        listing::list(&mut Reader::Postgres(&mut tx), bucket, &reach, query).await
    }

    pub(super) async fn list_pages(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        query: &PageQuery,
    ) -> Result<Listing, CatalogError> {
        let (mut tx, reach) = self.begin_listing(caller, "storage.object.list_v2", bucket).await?;
        listing::list_pages(&mut Reader::Postgres(&mut tx), bucket, &reach, query).await
    }
}

/// From here on the transaction is the caller's.
async fn become_caller(connection: &mut PgConnection, caller: &Caller, operation: &str) -> Result<(), CatalogError> {
    if let Role::Custom(role) = &caller.role {
        refuse_powerful(connection, role).await?;
    }
    let claims = serde_json::to_string(&*caller.claims).map_err(|error| CatalogError::Broken(error.to_string()))?;
    sqlx::query(
        "SELECT set_config('request.jwt.claims', $1, true), set_config('request.jwt.claim.sub', $2, true), \
         set_config('request.jwt.claim.role', $3, true), set_config('storage.operation', $4, true), \
         set_config('role', $3, true)",
    )
    .bind(claims)
    .bind(caller.subject.as_deref().unwrap_or_default())
    .bind(caller.role.as_str())
    .bind(operation)
    .execute(connection)
    .await?;
    Ok(())
}

/// A role that no policy binds is none to be had by a token, however it was signed.
async fn refuse_powerful(connection: &mut PgConnection, role: &str) -> Result<(), CatalogError> {
    let query = "SELECT 1 FROM pg_roles AS r WHERE r.rolname = $1 AND r.rolname !~ '^pg_' AND NOT r.rolsuper AND NOT r.rolbypassrls \
        AND NOT pg_has_role(r.oid, (SELECT relowner FROM pg_class WHERE oid = 'objects'::regclass), 'MEMBER')";
    sqlx::query(query).bind(role).fetch_optional(connection).await?.map(drop).ok_or(CatalogError::Denied)
}

/// From here on the transaction is ours again.
async fn become_owner(connection: &mut PgConnection) -> Result<(), CatalogError> {
    sqlx::query("SET LOCAL ROLE NONE").execute(connection).await?;
    Ok(())
}

/// The error, or `exists` where a unique index was violated.
fn unless_unique(error: sqlx::Error, exists: CatalogError) -> CatalogError {
    let violated = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    if violated { exists } else { error.into() }
}

//! What is done once at start: schema, tables, roles, rules.

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection};

use crate::auth::{Rule, RuleBook};
use crate::catalog::CatalogError;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/catalog/postgres/migrations");

/// Held while a node sets up: nodes that start together wait for each other. Any number that nobody else uses.
const LOCK: i64 = 0x7469_6e74_7970_6501;

/// A schema's name as it is written in SQL.
pub(super) fn quoted(schema: &str) -> Result<String, CatalogError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=63).contains(&schema.len()) && schema.bytes().all(plain) {
        Ok(format!("\"{schema}\""))
    } else {
        Err(CatalogError::Broken(format!("{schema:?}: a schema is named by a-z, 0-9 and _")))
    }
}

/// Whether the schema is there with every table that this version knows. A newer version's are there too: servers are
/// exchanged one after another.
pub(super) async fn check(pool: &PgPool, name: &str, schema: &str) -> Result<(), CatalogError> {
    let ledger = format!("{schema}._sqlx_migrations");
    let lacks = |what: &str| CatalogError::NotSetUp(format!("the schema {name} {what}"));
    let known = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(&ledger);
    if !known.fetch_one(pool).await? {
        return Err(lacks("has no tables yet"));
    }
    let applied = format!("SELECT version FROM {ledger} WHERE success");
    let applied: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(applied)).fetch_all(pool).await?;
    if MIGRATIONS.iter().all(|one| applied.contains(&one.version)) {
        Ok(())
    } else {
        Err(lacks("is an older version's"))
    }
}

/// Brings the schema up to date and writes the rules into it, if any are given.
pub(super) async fn prepare(
    pool: &PgPool,
    schema: &str,
    search_path: &str,
    rules: Option<&RuleBook>,
) -> Result<(), CatalogError> {
    // Not the pool's any more: it keeps a search path, and closing it gives the lock back whatever happens.
    let mut connection = pool.acquire().await?.detach();
    let done = prepare_on(&mut connection, schema, search_path, rules).await;
    connection.close().await?;
    done.map_err(|error| match error {
        CatalogError::Denied => CatalogError::Broken(format!(
            "the database's user may not set up schema {schema}: it must own the schema, or be allowed to make it"
        )),
        other => other,
    })
}

async fn prepare_on(
    connection: &mut PgConnection,
    schema: &str,
    search_path: &str,
    rules: Option<&RuleBook>,
) -> Result<(), CatalogError> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *connection).await?;
    // Asked first: IF NOT EXISTS needs the right to make schemas even where nothing is to be made.
    let known = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = trim('\"' FROM $1)");
    if known.bind(schema).fetch_optional(&mut *connection).await?.is_none() {
        sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut *connection).await?;
    }
    let set = "SELECT set_config('search_path', $1, false)";
    sqlx::query(set).bind(search_path).execute(&mut *connection).await?;
    MIGRATIONS.run(&mut *connection).await?;
    if let Some(rules) = rules {
        write_rules(connection, rules).await?;
    }
    check_roles(connection).await
}

/// Every operation becomes one of these: better to hear of a missing grant now.
async fn check_roles(connection: &mut PgConnection) -> Result<(), CatalogError> {
    for role in ["anon", "authenticated", "service_role"] {
        let mut tx = connection.begin().await?;
        let become_role = sqlx::query("SELECT set_config('role', $1, true)").bind(role);
        become_role.execute(&mut *tx).await.map_err(|error| {
            CatalogError::Broken(format!("the database's user cannot become {role}; GRANT it that role: {error}"))
        })?;
        tx.rollback().await?;
    }
    Ok(())
}

async fn write_rules(connection: &mut PgConnection, book: &RuleBook) -> Result<(), CatalogError> {
    let mut tx = connection.begin().await?;
    sqlx::raw_sql("DELETE FROM rules; DELETE FROM ruled_buckets").execute(&mut *tx).await?;
    for rule in book.default.as_rules().iter() {
        write_rule(&mut tx, None, rule).await?;
    }
    for (bucket, set) in &book.buckets {
        let ruled = "INSERT INTO ruled_buckets (bucket_id) VALUES ($1)";
        sqlx::query(ruled).bind(bucket.as_str()).execute(&mut *tx).await?;
        for rule in set.as_rules().iter() {
            write_rule(&mut tx, Some(bucket.as_str()), rule).await?;
        }
    }
    Ok(tx.commit().await?)
}

async fn write_rule(connection: &mut PgConnection, bucket: Option<&str>, rule: &Rule) -> Result<(), CatalogError> {
    if !matches!(rule.role.as_str(), "*" | "anon" | "authenticated" | "service_role") {
        sqlx::query("SELECT admit_role($1)").bind(&rule.role).execute(&mut *connection).await?;
    }
    let insert = "INSERT INTO rules (bucket_id, role, operations, prefix) VALUES ($1, $2, $3, $4)";
    let operations: Vec<&str> = rule.operations.iter().map(|operation| operation.as_str()).collect();
    let query = sqlx::query(insert).bind(bucket).bind(&rule.role).bind(operations).bind(&rule.prefix);
    query.execute(connection).await?;
    Ok(())
}

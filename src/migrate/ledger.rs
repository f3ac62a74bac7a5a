//! What was applied: a table beside what it tells of.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use time::OffsetDateTime;

use super::{LOCK_PATIENCE, MIGRATIONS, MigrateError, Migration};

/// Held to the end of each transaction, so that a pooler in front of Postgres does no harm. Any number that nobody else uses.
const LOCK: i64 = 0x7469_6e74_7970_6503;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS tintype.supabase_migrations (number integer PRIMARY KEY, \
    name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()); \
    ALTER TABLE tintype.supabase_migrations ENABLE ROW LEVEL SECURITY";

#[derive(Debug)]
pub(super) struct Applied {
    pub number: i32,
    checksum: String,
    pub since: OffsetDateTime,
}

/// One runner at a time, and no endless wait for who uses the tables.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let set = "SELECT set_config('lock_timeout', $1, true), set_config('client_min_messages', 'warning', true)";
    sqlx::query(set).persistent(false).bind(LOCK_PATIENCE).execute(&mut *connection).await?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").persistent(false).bind(LOCK);
    lock.execute(connection).await?;
    Ok(())
}

/// Nothing where there is no ledger yet.
pub(super) async fn read(connection: &mut PgConnection) -> Result<Vec<Applied>, MigrateError> {
    let is_there =
        sqlx::query_scalar("SELECT to_regclass('tintype.supabase_migrations') IS NOT NULL").persistent(false);
    let is_there: bool = is_there.fetch_one(&mut *connection).await?;
    if !is_there {
        return Ok(Vec::new());
    }
    let select = "SELECT number, checksum, applied_at FROM tintype.supabase_migrations ORDER BY number";
    let rows = sqlx::query(select).persistent(false).fetch_all(connection).await?;
    let row = |row: &sqlx::postgres::PgRow| {
        Ok(Applied {
            number: row.try_get("number")?,
            checksum: row.try_get("checksum")?,
            since: row.try_get("applied_at")?,
        })
    };
    rows.iter().map(row).collect()
}

/// Refuses what this version does not know, and what another text made.
pub(super) fn check(applied: &[Applied]) -> Result<(), MigrateError> {
    check_known(applied)?;
    let is_changed =
        |one: &&Migration| applied.iter().any(|row| row.number == one.number && row.checksum != one.checksum());
    match MIGRATIONS.iter().find(is_changed) {
        Some(changed) => Err(MigrateError::Changed(*changed)),
        None => Ok(()),
    }
}

/// Refuses what this version does not know.
pub(super) fn check_known(applied: &[Applied]) -> Result<(), MigrateError> {
    let is_unknown = |row: &&Applied| !MIGRATIONS.iter().any(|one| one.number == row.number);
    applied.iter().find(is_unknown).map_or(Ok(()), |row| Err(MigrateError::Newer(row.number)))
}

pub(super) async fn note(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    sqlx::raw_sql(TABLE).execute(&mut *connection).await?;
    let insert = "INSERT INTO tintype.supabase_migrations (number, name, checksum) VALUES ($1, $2, $3) \
        ON CONFLICT (number) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, applied_at = now()";
    let insert = sqlx::query(insert).persistent(false);
    insert.bind(migration.number).bind(migration.name).bind(migration.checksum()).execute(connection).await?;
    Ok(())
}

/// With the last row the ledger goes too, and the notes beside it, so that the schema can.
pub(super) async fn forget(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    let delete = sqlx::query("DELETE FROM tintype.supabase_migrations WHERE number = $1").persistent(false);
    delete.bind(migration.number).execute(&mut *connection).await?;
    if read(connection).await?.is_empty() {
        let tables = "DROP TABLE tintype.supabase_migrations; DROP TABLE IF EXISTS tintype.installed";
        sqlx::raw_sql(tables).execute(connection).await?;
    }
    Ok(())
}

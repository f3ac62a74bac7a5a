//! What a Supabase's database has of what avatars need. Changes nothing.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::parts::{self, Part};
use super::{MIGRATIONS, MigrateError, Migration, ledger};

/// What is there and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Whether it has a Supabase's schemas; nothing else is looked at where it has not.
    pub is_supabase: bool,
    pub pending: Vec<Migration>,
    /// What migrations made and somebody removed: `function public.validate_avatar_url(text)`.
    pub missing: Vec<String>,
    /// Policies that migrations made and that say something else now.
    pub replaced: Vec<String>,
    /// Tables with policies and without row-level security: everybody may do everything.
    pub open: Vec<String>,
    /// Those of the app's buckets that are there.
    pub buckets: Vec<BucketRow>,
    /// Whether everybody with the public key may change every kinkster.
    pub kinksters_are_open: bool,
    /// Kinksters whose `avatar_url` is one of OpenAI's, which ends within hours.
    pub temporary_avatars: u64,
}

/// A row of `storage.buckets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketRow {
    pub id: String,
    pub public: bool,
    /// `None`: as large as the project allows.
    pub file_size_limit: Option<u64>,
    /// `None`: all.
    pub allowed_mime_types: Option<Vec<String>>,
}

/// Columns that are looked for.
const COLUMNS: &str = "SELECT 'column public.kinksters.' || c FROM unnest(ARRAY['id', 'user_id', 'name', 'avatar_url', \
    'avatar_prompt', 'avatar_generation_config', 'is_active', 'created_at', 'updated_at']) AS c WHERE NOT EXISTS (\
    SELECT FROM pg_attribute AS a \
    WHERE a.attrelid = to_regclass('public.kinksters') AND a.attname = c AND NOT a.attisdropped)";

/// Tables whose policies say nothing while this is switched off.
const OPEN: &str = "SELECT t FROM unnest(ARRAY['storage.objects', 'realtime.messages']) AS t \
    WHERE EXISTS (SELECT FROM pg_class WHERE oid = to_regclass(t) AND NOT relrowsecurity)";

pub(super) async fn take(connection: &mut PgConnection) -> Result<Survey, MigrateError> {
    let supabase = "SELECT to_regclass('storage.buckets') IS NOT NULL AND to_regclass('storage.objects') IS NOT NULL";
    if !ask(connection, supabase).await? {
        return Ok(Survey::default());
    }
    let applied = ledger::read(connection).await?;
    ledger::check(&applied)?;
    let is_pending = |one: &&Migration| !applied.iter().any(|row| row.number == one.number);
    let pending: Vec<Migration> = MIGRATIONS.iter().filter(is_pending).copied().collect();
    // Of what is pending all is missing: that is said once.
    let (missing, replaced) = if pending.is_empty() { changed(connection).await? } else { Default::default() };
    let kinksters_are_open =
        "SELECT coalesce((SELECT NOT relrowsecurity FROM pg_class WHERE oid = to_regclass('public.kinksters')), false)";
    Ok(Survey {
        is_supabase: true,
        buckets: buckets(connection).await?,
        kinksters_are_open: ask(connection, kinksters_are_open).await?,
        open: if pending.is_empty() { names(connection, OPEN).await? } else { Vec::new() },
        temporary_avatars: if pending.is_empty() && missing.is_empty() { temporary(connection).await? } else { 0 },
        pending,
        missing,
        replaced,
    })
}

async fn ask(connection: &mut PgConnection, query: &'static str) -> Result<bool, MigrateError> {
    Ok(sqlx::query_scalar(query).persistent(false).fetch_one(connection).await?)
}

/// What is missing, and what policies were replaced.
async fn changed(connection: &mut PgConnection) -> Result<(Vec<String>, Vec<String>), MigrateError> {
    let parts = parts::read(connection).await?;
    let labels = |which: fn(&Part) -> bool| parts.iter().filter(move |part| which(part)).map(|part| part.label.clone());
    let missing = labels(Part::is_missing).chain(names(connection, COLUMNS).await?).collect();
    Ok((missing, labels(Part::is_other_policy).collect()))
}

async fn names(connection: &mut PgConnection, query: &'static str) -> Result<Vec<String>, MigrateError> {
    Ok(sqlx::query_scalar(query).persistent(false).fetch_all(connection).await?)
}

async fn buckets(connection: &mut PgConnection) -> Result<Vec<BucketRow>, MigrateError> {
    let select = "SELECT id, coalesce(public, false) AS public, file_size_limit, allowed_mime_types FROM storage.buckets \
        WHERE id IN ('kinkster-avatars', 'task-proofs') ORDER BY id";
    let rows = sqlx::query(select).persistent(false).fetch_all(connection).await?;
    let row = |row: &sqlx::postgres::PgRow| {
        Ok(BucketRow {
            id: row.try_get("id")?,
            public: row.try_get("public")?,
            file_size_limit: row.try_get::<Option<i64>, _>("file_size_limit")?.map(|limit| limit as u64),
            allowed_mime_types: row.try_get("allowed_mime_types")?,
        })
    };
    rows.iter().map(row).collect()
}

async fn temporary(connection: &mut PgConnection) -> Result<u64, MigrateError> {
    let count = "SELECT count(*) FROM public.kinksters WHERE tintype.avatar_url_kind(avatar_url) = 'temporary'";
    let count: i64 = sqlx::query_scalar(count).persistent(false).fetch_one(connection).await?;
    Ok(count as u64)
}

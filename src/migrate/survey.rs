//! What a Supabase's database has of what avatars need. Changes nothing.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::{MIGRATIONS, MigrateError, Migration, ledger};

/// What is there and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Whether it has a Supabase's schemas; nothing else is looked at where it has not.
    pub is_supabase: bool,
    pub pending: Vec<Migration>,
    /// What migrations made and somebody removed: `function public.validate_avatar_url(text)`.
    pub missing: Vec<String>,
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

/// What is looked for, as `kind name` and whether it is there.
const PARTS: &str = r#"
    SELECT 'function ' || f AS part, to_regprocedure(f) IS NOT NULL AS is_there FROM unnest(ARRAY[
        'public.validate_avatar_url(text)', 'public.get_user_avatar_stats(uuid)',
        'public.get_avatar_generation_status(uuid)', 'public.mark_temporary_avatars_for_cleanup()'
    ]) AS f
    UNION ALL
    SELECT format('policy "%s" of %s', p, t), EXISTS (
        SELECT FROM pg_policies AS known
        WHERE known.schemaname || '.' || known.tablename = t AND known.policyname = p
    ) FROM (VALUES
        ('storage.objects', 'tintype: everyone reads avatars'),
        ('storage.objects', 'tintype: own folder'),
        ('storage.objects', 'tintype: nobody else''s folder'),
        ('realtime.messages', 'tintype: hear of own avatars'),
        ('realtime.messages', 'tintype: nobody hears of others'' avatars'),
        ('realtime.messages', 'tintype: only the service tells of avatars')
    ) AS wanted (t, p)
    UNION ALL
    SELECT 'column public.kinksters.' || c, EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass('public.kinksters') AND a.attname = c AND NOT a.attisdropped
    ) FROM unnest(ARRAY['id', 'user_id', 'name', 'avatar_url', 'avatar_prompt', 'avatar_generation_config',
        'is_active', 'created_at', 'updated_at']) AS c
"#;

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
    let missing = if pending.is_empty() { missing(connection).await? } else { Vec::new() };
    let open =
        "SELECT coalesce((SELECT NOT relrowsecurity FROM pg_class WHERE oid = to_regclass('public.kinksters')), false)";
    Ok(Survey {
        is_supabase: true,
        buckets: buckets(connection).await?,
        kinksters_are_open: ask(connection, open).await?,
        temporary_avatars: if pending.is_empty() && missing.is_empty() { temporary(connection).await? } else { 0 },
        pending,
        missing,
    })
}

async fn ask(connection: &mut PgConnection, query: &'static str) -> Result<bool, MigrateError> {
    Ok(sqlx::query_scalar(query).persistent(false).fetch_one(connection).await?)
}

async fn missing(connection: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    let rows = sqlx::query(PARTS).persistent(false).fetch_all(connection).await?;
    let mut missing = Vec::new();
    for row in rows {
        if !row.try_get::<bool, _>("is_there")? {
            missing.push(row.try_get("part")?);
        }
    }
    Ok(missing)
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

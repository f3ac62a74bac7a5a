//! What the migrations make and somebody else could change, with a note of how it was made.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::{Edits, MigrateError, Migration};

/// A migration's number and a function that it makes.
const FUNCTIONS: [(i32, &str); 10] = [
    (1, "tintype.is_service()"),
    (3, "tintype.reads_one_object()"),
    (4, "tintype.note_update()"),
    (5, "tintype.is_avatar_topic(text)"),
    (5, "tintype.hears_avatar_topic(text)"),
    (6, "tintype.avatar_url_kind(text)"),
    (6, "public.validate_avatar_url(text)"),
    (6, "public.get_user_avatar_stats(uuid)"),
    (6, "public.get_avatar_generation_status(uuid)"),
    (6, "public.mark_temporary_avatars_for_cleanup()"),
];

/// A migration's number, the table and the name of a policy that it makes.
const POLICIES: [(i32, &str, &str); 9] = [
    (3, "storage.objects", "tintype: everyone reads avatars"),
    (3, "storage.objects", "tintype: own folder"),
    (3, "storage.objects", "tintype: nobody else's folder"),
    (3, "storage.objects", "tintype: service"),
    (4, OWN_TABLE, "tintype: own kinksters"),
    (4, OWN_TABLE, "tintype: service"),
    (5, "realtime.messages", "tintype: hear of own avatars"),
    (5, "realtime.messages", "tintype: nobody hears of others' avatars"),
    (5, "realtime.messages", "tintype: only the service tells of avatars"),
];

/// Has our policies only where we made it: they are looked for where they were noted.
const OWN_TABLE: &str = "public.kinksters";

/// Text that Postgres keeps as it was given, and the rest from its catalogue.
const LOOK: &str = r#"
    SELECT n AS number, 'function' AS kind, f AS place, 'function ' || f AS label, (
        SELECT md5(concat_ws(' ', p.prosrc, p.prosecdef, p.provolatile, p.proisstrict, p.proconfig))
        FROM pg_proc AS p WHERE p.oid = to_regprocedure(f)
    ) AS hash FROM unnest($1::int[], $2::text[]) AS wanted (n, f)
    UNION ALL
    SELECT n, 'policy', t, format('policy "%s" of %s', p, t), (
        SELECT md5(concat_ws(' ', polcmd, polpermissive,
            (SELECT string_agg(role::text, ',' ORDER BY role::text) FROM unnest(polroles::regrole[]) AS role),
            coalesce(pg_get_expr(polqual, polrelid), '-'), coalesce(pg_get_expr(polwithcheck, polrelid), '-')))
        FROM pg_policy WHERE polrelid = to_regclass(t) AND polname = p
    ) FROM unnest($3::int[], $4::text[], $5::text[]) AS wanted (n, t, p)
"#;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS tintype.installed (part text PRIMARY KEY, hash text NOT NULL); \
    ALTER TABLE tintype.installed ENABLE ROW LEVEL SECURITY";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Function,
    Policy,
}

/// A part as it is and as it was made.
#[derive(Debug)]
pub(super) struct Part {
    number: i32,
    kind: Kind,
    place: String,
    /// `function public.validate_avatar_url(text)`.
    pub label: String,
    now: Option<String>,
    noted: Option<String>,
}

impl Part {
    /// Whether somebody removed it.
    pub fn is_missing(&self) -> bool {
        self.now.is_none() && (self.noted.is_some() || self.place != OWN_TABLE)
    }

    /// Whether it is there in other words than we made it. Of what nobody noted nobody knows.
    fn is_other(&self) -> bool {
        self.noted.is_some() && self.now.is_some() && self.now != self.noted
    }

    pub fn is_other_policy(&self) -> bool {
        self.kind == Kind::Policy && self.is_other()
    }
}

pub(super) async fn read(connection: &mut PgConnection) -> Result<Vec<Part>, MigrateError> {
    let mut noted = noted(connection).await?;
    let (numbers, functions): (Vec<i32>, Vec<&str>) = FUNCTIONS.into_iter().unzip();
    let of_policies: Vec<i32> = POLICIES.iter().map(|(number, ..)| *number).collect();
    let tables: Vec<&str> = POLICIES.iter().map(|(_, table, _)| *table).collect();
    let names: Vec<&str> = POLICIES.iter().map(|(.., name)| *name).collect();
    let query = sqlx::query(LOOK).persistent(false).bind(numbers).bind(functions);
    let rows = query.bind(of_policies).bind(tables).bind(names).fetch_all(connection).await?;
    let part = |row: &sqlx::postgres::PgRow| {
        let label: String = row.try_get("label")?;
        let kind = if row.try_get::<&str, _>("kind")? == "function" { Kind::Function } else { Kind::Policy };
        let (number, place, now) = (row.try_get("number")?, row.try_get("place")?, row.try_get("hash")?);
        Ok(Part { number, kind, place, noted: noted.remove(&label), label, now })
    };
    rows.iter().map(part).collect()
}

/// Nothing where another version, or psql, made the parts.
async fn noted(connection: &mut PgConnection) -> Result<HashMap<String, String>, MigrateError> {
    let is_there = sqlx::query_scalar("SELECT to_regclass('tintype.installed') IS NOT NULL").persistent(false);
    if !is_there.fetch_one(&mut *connection).await? {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT part, hash FROM tintype.installed").persistent(false).fetch_all(connection).await?;
    Ok(rows.into_iter().collect())
}

/// Refuses to drop or overwrite what somebody has edited.
pub(super) async fn guard(
    connection: &mut PgConnection,
    migration: &Migration,
    edits: Edits,
) -> Result<(), MigrateError> {
    if edits == Edits::Overwrite {
        return Ok(());
    }
    let parts = read(connection).await?.into_iter();
    // Policies of ours have names that say so; functions have those that the app calls.
    let is_edited = |part: &Part| part.number == migration.number && part.kind == Kind::Function && part.is_other();
    let edited: Vec<String> = parts.filter(is_edited).map(|part| part.label).collect();
    if edited.is_empty() {
        Ok(())
    } else {
        Err(MigrateError::Edited { migration: *migration, parts: edited.join(", ") })
    }
}

/// Notes how the migration has made its parts.
pub(super) async fn note(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    sqlx::raw_sql(TABLE).execute(&mut *connection).await?;
    let insert = "INSERT INTO tintype.installed (part, hash) VALUES ($1, $2) \
        ON CONFLICT (part) DO UPDATE SET hash = excluded.hash";
    for part in read(connection).await?.into_iter().filter(|part| part.number == migration.number) {
        let Some(now) = part.now else { continue };
        sqlx::query(insert).persistent(false).bind(part.label).bind(now).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The migration's parts are taken back.
pub(super) async fn forget(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    let parts = read(connection).await?.into_iter();
    let parts = parts.filter(|part| part.number == migration.number && part.noted.is_some());
    let labels: Vec<String> = parts.map(|part| part.label).collect();
    if labels.is_empty() {
        return Ok(());
    }
    let delete = sqlx::query("DELETE FROM tintype.installed WHERE part = ANY ($1)").persistent(false);
    delete.bind(labels).execute(connection).await?;
    Ok(())
}

//! Applying, trying, taking back; databases that are others'; what a person is told.

use std::process::Output;

use sqlx::{AssertSqlSafe, Connection};
use tintype::migrate::{Edits, MIGRATIONS, MigrateError};

use super::{ANN, BOB, Supabase, Who};
use crate::process::command;
use crate::support::postgres::Database;

/// Everything that could be ours: tables, columns, functions, policies, grants.
async fn inventory(supabase: &mut Supabase) -> Vec<String> {
    supabase
        .ask(
            "SELECT 'column ' || c.table_schema || '.' || c.table_name || '.' || c.column_name FROM information_schema.columns AS c \
             WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema') \
             UNION ALL SELECT 'function ' || p.oid::regprocedure || md5(pg_get_functiondef(p.oid)) || \
             coalesce((SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.proacl) AS a), '') \
             FROM pg_proc AS p WHERE p.pronamespace::regnamespace::text IN ('public', 'storage', 'auth', 'realtime', 'tintype') \
             UNION ALL SELECT 'policy ' || p.tablename || '.' || p.policyname || coalesce(p.qual, '') FROM pg_policies AS p \
             UNION ALL SELECT 'schema ' || n.nspname FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' \
             UNION ALL SELECT 'trigger ' || t.tgname FROM pg_trigger AS t WHERE NOT t.tgisinternal ORDER BY 1",
        )
        .await
}

#[tokio::test]
async fn up_twice_down_and_up_again() {
    let mut supabase = Supabase::new().await;
    let before = inventory(&mut supabase).await;
    assert_eq!(supabase.up().await, MIGRATIONS.len());
    let after = inventory(&mut supabase).await;
    assert_ne!(before, after);
    assert_eq!(supabase.up().await, 0);
    assert_eq!(inventory(&mut supabase).await, after);
    // The files do no harm a second time even where the ledger was lost.
    supabase.run("DROP TABLE tintype.supabase_migrations").await;
    assert_eq!(supabase.up().await, MIGRATIONS.len());
    assert_eq!(inventory(&mut supabase).await, after);
    for count in [1, 2, MIGRATIONS.len()] {
        supabase.down(count).await;
    }
    assert_eq!(inventory(&mut supabase).await, before);
    assert_eq!(supabase.down(1).await, 0);
    assert_eq!(supabase.up().await, MIGRATIONS.len());
    assert_eq!(inventory(&mut supabase).await, after);
}

#[tokio::test]
async fn what_is_somebody_elses_stays() {
    let mut supabase = Supabase::new().await;
    supabase
        .run(&format!(
            "CREATE TABLE public.kinksters (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid, name text, age int); \
             INSERT INTO public.kinksters (user_id, name, age) VALUES ('{ANN}', 'Old', 300); \
             ALTER TABLE public.kinksters ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY theirs ON public.kinksters USING (user_id = auth.uid()); \
             CREATE POLICY theirs ON storage.objects USING (bucket_id = 'theirs'); \
             INSERT INTO storage.buckets (id, name, public) VALUES ('kinkster-avatars', 'kinkster-avatars', false); \
             INSERT INTO storage.objects (bucket_id, name) VALUES ('kinkster-avatars', 'old.png'); \
             CREATE FUNCTION public.get_user_avatar_stats(p_user_id uuid) RETURNS bigint LANGUAGE sql AS 'SELECT 7::bigint'; \
             CREATE FUNCTION public.validate_avatar_url(p_url text) RETURNS boolean LANGUAGE sql AS 'SELECT true'; \
             ALTER TABLE public.kinksters ADD CHECK (public.validate_avatar_url(name));"
        ))
        .await;
    let before = inventory(&mut supabase).await;
    supabase.up().await;
    let stats = format!("SELECT total_avatars::text FROM public.get_user_avatar_stats('{ANN}')");
    assert_eq!(Who::User(ANN).ask(&mut supabase, &stats).await, ["0"], "ours stands in its place");
    let row = "SELECT concat_ws(' ', name, age, is_active, avatar_url) FROM public.kinksters";
    assert_eq!(Who::User(ANN).ask(&mut supabase, row).await, ["Old 300 t"]);
    assert!(Who::User(BOB).ask(&mut supabase, row).await.is_empty());
    supabase.run("UPDATE public.kinksters SET avatar_url = 'kept', name = NULL").await;
    supabase.down(100).await;
    let after = inventory(&mut supabase).await;
    let missing: Vec<_> = before.iter().filter(|one| !after.contains(one)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let left: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
    let column = |name: &str| format!("column public.kinksters.{name}");
    let used = ["avatar_url", "created_at", "is_active", "updated_at"].map(column);
    assert_eq!(left, used.iter().collect::<Vec<_>>(), "columns with something in them");
    assert_eq!(supabase.ask("SELECT concat_ws(' ', age, avatar_url) FROM public.kinksters").await, ["300 kept"]);
    assert_eq!(supabase.ask(&format!("SELECT public.get_user_avatar_stats('{ANN}')::text")).await, ["7"]);
    assert_eq!(supabase.ask("SELECT public::text FROM storage.buckets WHERE id = 'kinkster-avatars'").await, ["false"]);
}

#[tokio::test]
async fn a_table_of_ours_with_rows_stays_and_stays_guarded() {
    let mut supabase = Supabase::migrated().await;
    supabase.down(100).await;
    let names = "SELECT name FROM public.kinksters";
    assert_eq!(Who::User(ANN).ask(&mut supabase, names).await, ["Rook"]);
    assert!(Who::User(BOB).ask(&mut supabase, names).await.is_empty());
    assert_eq!(Who::Anon.refused(&mut supabase, names).await, "42501");
    supabase.up().await;
    assert_eq!(Who::User(ANN).ask(&mut supabase, names).await, ["Rook"]);
}

#[tokio::test]
async fn runners_at_once_apply_each_once() {
    let mut supabase = Supabase::new().await;
    let (first, second, third) = tokio::join!(supabase.up(), supabase.up(), supabase.up());
    assert_eq!(first + second + third, MIGRATIONS.len());
    let rows = supabase.ask("SELECT count(*)::text FROM tintype.supabase_migrations").await;
    assert_eq!(rows, [MIGRATIONS.len().to_string()]);
}

#[tokio::test]
async fn other_files_and_newer_versions_are_told() {
    let mut supabase = Supabase::migrated().await;
    supabase.run("UPDATE tintype.supabase_migrations SET checksum = 'x' WHERE number = 2").await;
    let mut runner = supabase.runner().await;
    for error in [runner.up(|_| {}).await, runner.try_up(|_| {}).await, runner.status().await.map(drop)] {
        assert!(matches!(error, Err(MigrateError::Changed(one)) if one.number == 2), "{error:?}");
    }
    // The remedy that is told.
    let (output, text) = migrate(&supabase.url(), &[]);
    assert!(!output.status.success() && text.contains("migrate --again"), "{text}");
    let (output, text) = migrate(&supabase.url(), &["--again"]);
    assert!(output.status.success(), "{text}");
    let noted = supabase.ask("SELECT checksum FROM tintype.supabase_migrations WHERE number = 2").await;
    assert_eq!(noted, [MIGRATIONS[1].checksum()]);
    assert_eq!(supabase.up().await, 0);
    // Or back, which asks nothing of who applied it.
    supabase.run("UPDATE tintype.supabase_migrations SET checksum = 'x'").await;
    assert_eq!(supabase.down(100).await, MIGRATIONS.len());
    assert_eq!(supabase.up().await, MIGRATIONS.len());
    supabase.run("INSERT INTO tintype.supabase_migrations (number, name, checksum) VALUES (99, 'x', 'x')").await;
    let told = |_: &_| {};
    for error in [
        runner.up(told).await,
        runner.down(1, Edits::Overwrite, told).await,
        runner.again(Edits::Overwrite, told).await,
    ] {
        assert!(matches!(error, Err(MigrateError::Newer(99))), "{error:?}");
    }
}

#[tokio::test]
async fn what_somebody_has_edited_is_neither_dropped_nor_overwritten_unless_forced() {
    let mut supabase = Supabase::migrated().await;
    let edit = "CREATE OR REPLACE FUNCTION public.validate_avatar_url(p_url text) RETURNS boolean LANGUAGE sql \
        STABLE STRICT SET search_path = '' AS 'SELECT p_url LIKE ''https://ours.example/%'''";
    let ours = "SELECT public.validate_avatar_url('https://ours.example/a.png')::text";
    supabase.run(edit).await;
    for arguments in [["--down", "6"], ["--down", "1"], ["--again", "--own"]] {
        let (output, text) = migrate(&supabase.url(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for part in ["somebody has edited function public.validate_avatar_url(text)", "--force"] {
            assert!(text.contains(part), "{arguments:?}: {part} is missing from {text}");
        }
        assert_eq!(supabase.ask(ours).await, ["true"], "{arguments:?}");
    }
    let (output, text) = migrate(&supabase.url(), &["--again", "--force"]);
    assert!(output.status.success(), "{text}");
    assert_eq!(supabase.ask(ours).await, ["false"]);
    supabase.run(edit).await;
    let (output, text) = migrate(&supabase.url(), &["--down", "1", "--force"]);
    assert!(output.status.success(), "{text}");
    assert!(
        supabase
            .ask("SELECT 'there' WHERE to_regprocedure('public.validate_avatar_url(text)') IS NOT NULL")
            .await
            .is_empty()
    );
    // One of theirs in its place is no edit of ours.
    supabase.run(&edit.replace("OR REPLACE ", "")).await;
    assert_eq!(supabase.up().await, 1);
    assert_eq!(supabase.down(1).await, 1);
    assert_eq!(supabase.ask(ours).await, ["true"]);
}

/// Runs `tintype migrate` with the database in its variable.
fn migrate(url: &str, arguments: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command();
    command.arg("migrate").args(arguments).env("SUPABASE_DB_URL", url).current_dir(folder.path());
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_what_it_does() {
    let mut supabase = Supabase::new().await;
    let url = supabase.url();
    let (output, text) = migrate(&url, &["--dry-run"]);
    assert!(output.status.success() && text.contains("0006 functions: would be applied"), "{text}");
    assert!(supabase.ask("SELECT nspname::text FROM pg_namespace WHERE nspname = 'tintype'").await.is_empty());
    let (output, text) = migrate(&url, &["--public-url", "https://images.example.com", "--own"]);
    assert!(output.status.success(), "{text}");
    for line in ["0001 own_schema: applied", "shown from https://images.example.com", "schema tintype: up to date"] {
        assert!(text.contains(line), "{line} is missing from {text}");
    }
    let ours = "SELECT public.validate_avatar_url('https://images.example.com/storage/v1/object/public/kinkster-avatars/a')::text";
    assert_eq!(supabase.ask(ours).await, ["true"]);
    assert_eq!(supabase.ask("SELECT count(*)::text FROM tintype.jobs").await, ["0"]);
    assert!(migrate(&url, &[]).1.contains("nothing to do"));
    let (_, text) = migrate(&url, &["--down"]);
    assert!(text.contains("0006 functions: taken back") && !text.contains("0005"), "{text}");
    let (_, text) = migrate(&url, &["--status"]);
    assert!(text.contains("0005 topic_policies: applied at 2") && text.contains("0006 functions: pending"), "{text}");
    let (output, text) = migrate(&url, &["--down", "9"]);
    assert!(output.status.success() && text.contains("bucket kinkster-avatars stays"), "{text}");
    assert_eq!(supabase.ask("SELECT count(*)::text FROM tintype.jobs").await, ["0"], "the server's own tables stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_its_remedy_and_without_the_password() {
    let told = |url: &str, expected: &[&str]| {
        let (output, text) = migrate(url, &[]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for part in expected {
            assert!(text.contains(part), "{part} is missing from {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    };
    told("", &["no database is named", "SUPABASE_DB_URL"]);
    told("nonsense:hunter2", &["postgres://user:password@"]);
    told("postgres://someone:hunter2@127.0.0.1:1/none", &["127.0.0.1:1/none cannot be reached", "check host"]);
    let plain = Database::create().await;
    told(
        &plain.url(),
        &["not the database of a whole Supabase", "storage.objects", "name the database of the Supabase"],
    );
    let mut supabase = Supabase::new().await;
    let weak = format!("tintype_weak_{}", uuid::Uuid::new_v4().simple());
    supabase.run(&format!("CREATE ROLE {weak} LOGIN PASSWORD 'hunter2'")).await;
    let mut url = url::Url::parse(&supabase.url()).unwrap();
    url.set_username(&weak).unwrap();
    url.set_password(Some("hunter2")).unwrap();
    told(url.as_str(), &["0001 own_schema", &weak, "permission denied", "as `postgres`"]);
    let drop = AssertSqlSafe(format!("DROP ROLE {weak}"));
    let mut connection = sqlx::PgConnection::connect(&supabase.url()).await.unwrap();
    sqlx::query(drop).execute(&mut connection).await.unwrap();
    supabase.run("CREATE TABLE public.kinksters (id bigint PRIMARY KEY, user_id uuid)").await;
    told(&supabase.url(), &["0004 kinksters", "id and user_id of type uuid", "rename the table"]);
    let applied =
        supabase.runner().await.status().await.unwrap().iter().filter(|step| step.applied_at.is_some()).count();
    assert_eq!(applied, 3, "what came before is done, what failed left nothing");
}

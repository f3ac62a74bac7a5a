//! The four functions, as anon, as two users and as the service.

use tintype::sidecar::avatar_url::AvatarUrl;

use super::{ANN, BOB, ROOK, Supabase, Who};
use crate::avatar_urls::{ORIGINS, cases};

const TEMPORARY: &str = "https://oaidalleapiprodscus.blob.core.windows.net/private/x.png?sig=a";
const STORED: &str = "https://abc.supabase.co/storage/v1/object/public/kinkster-avatars/a/b.png";

#[tokio::test]
async fn the_database_takes_urls_apart_as_the_server_does() {
    let mut supabase = Supabase::migrated().await;
    supabase.runner().await.add_origins(&ORIGINS.map(str::to_owned)).await.unwrap();
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    for (url, expected) in cases() {
        let query = format!("SELECT tintype.avatar_url_kind({})", quoted(&url));
        let kind = Who::Anon.ask(&mut supabase, &query).await;
        assert_eq!(kind, [expected.map_or("", AvatarUrl::as_str)], "{url}");
        let query = format!("SELECT public.validate_avatar_url({})::text", quoted(&url));
        assert_eq!(Who::Anon.ask(&mut supabase, &query).await, [expected.is_some().to_string()], "{url}");
    }
    assert_eq!(supabase.ask("SELECT public.validate_avatar_url(NULL)::text").await, [""]);
}

#[tokio::test]
async fn stats_are_true_bytes_and_only_ones_own() {
    let mut supabase = Supabase::migrated().await;
    let stats = |user: &str| {
        format!(
            "SELECT concat_ws(' ', total_avatars, total_storage_size_bytes, oldest_avatar_created_at = '2026-01-01 UTC', \
            newest_avatar_created_at = '2026-01-02 UTC') FROM public.get_user_avatar_stats('{user}')"
        )
    };
    assert_eq!(Who::User(ANN).ask(&mut supabase, &stats(ANN)).await, ["0 0"]);
    supabase
        .run(&format!(
            "INSERT INTO storage.objects (bucket_id, name, metadata, created_at) VALUES \
             ('kinkster-avatars', '{ANN}/kinksters/avatar_1.png', '{{\"size\": 1000}}', '2026-01-01 UTC'), \
             ('kinkster-avatars', '{ANN}/kinksters/avatar_2.png', '{{\"size\": 234}}', '2026-01-02 UTC'), \
             ('kinkster-avatars', '{BOB}/kinksters/avatar_3.png', '{{\"size\": 5}}', now()), \
             ('task-proofs', '{ANN}/proof.png', '{{\"size\": 7}}', now())"
        ))
        .await;
    for who in [Who::User(ANN), Who::Service, Who::Owner] {
        assert_eq!(who.ask(&mut supabase, &stats(ANN)).await, ["2 1234 t t"], "{who:?}");
    }
    for who in [Who::User(BOB), Who::Anon] {
        assert_eq!(who.refused(&mut supabase, &stats(ANN)).await, "42501", "{who:?}");
    }
}

#[tokio::test]
async fn status_tells_the_owner_alone_how_avatar_and_job_are() {
    let mut supabase = Supabase::migrated().await;
    let status = format!(
        "SELECT concat_ws(' ', kinkster_id = '{ROOK}', avatar_url, has_storage_url, is_temporary, created_at <= updated_at, \
         coalesce(job_status, 'no job'), job_error) FROM public.get_avatar_generation_status('{ROOK}')"
    );
    assert_eq!(Who::User(ANN).ask(&mut supabase, &status).await, ["t f f t no job"]);
    for (url, expected) in [(TEMPORARY, "f t"), (STORED, "t f"), ("https://evil.example/x", "f f")] {
        supabase.run(&format!("UPDATE public.kinksters SET avatar_url = '{url}'")).await;
        assert_eq!(Who::User(ANN).ask(&mut supabase, &status).await, [format!("t {url} {expected} t no job")]);
    }
    supabase.run("UPDATE public.kinksters SET avatar_url = NULL").await;
    // The tables that a server makes itself, here in the same database.
    let url = tintype::config::Secret::new(supabase.url());
    let rules = tintype::auth::RuleBook::default();
    tintype::catalog::Catalog::open_postgres(&url, "tintype", &rules).await.unwrap();
    let job_of = |user: &str, number: u32, state: &str, step: &str, error: &str| {
        format!(
            "INSERT INTO tintype.jobs (id, user_id, kinkster_id, fingerprint, request, priority, state, step, seq, attempts, \
             admitted_at, due_at, deadline_at, estimate, paints, spent, error, created_at, updated_at) VALUES \
             ('00000000-0000-7000-8000-00000000000{number}', '{user}', '{ROOK}', '', '{{}}', 0, '{state}', '{step}', 0, 0, \
             0, 0, 0, 0, 0, 0, {error}, 0, 0)"
        )
    };
    for (number, (state, step, error, expected)) in [
        ("error", "generating", "'No key'", "error No key"),
        ("running", "uploading", "'last try failed'", "uploading"),
        ("completed", "uploading", "NULL", "completed"),
        ("cancelled", "generating", "'Cancelled'", "error Cancelled"),
    ]
    .into_iter()
    .enumerate()
    {
        supabase.run(&job_of(ANN, number as u32, state, step, error)).await;
        for who in [Who::User(ANN), Who::Service] {
            assert_eq!(who.ask(&mut supabase, &status).await, [format!("t f f t {expected}")], "{who:?}");
        }
    }
    // A job that somebody else had with the same id is theirs.
    supabase.run(&job_of(BOB, 9, "error", "generating", "'Theirs'")).await;
    assert_eq!(Who::User(ANN).ask(&mut supabase, &status).await, ["t f f t error Cancelled"]);
    assert!(Who::User(BOB).ask(&mut supabase, &status).await.is_empty());
    assert_eq!(Who::Anon.refused(&mut supabase, &status).await, "42501");
    assert_eq!(Who::User(ANN).refused(&mut supabase, "SELECT id::text FROM tintype.jobs").await, "42501");
}

#[tokio::test]
async fn temporary_avatars_are_listed_for_the_service_alone() {
    let mut supabase = Supabase::migrated().await;
    supabase
        .run(&format!(
            "INSERT INTO public.kinksters (user_id, avatar_url) VALUES ('{BOB}', '{TEMPORARY}'), ('{BOB}', '{STORED}'), \
             ('{BOB}', 'https://evil.example/{TEMPORARY}')"
        ))
        .await;
    let list = "SELECT concat_ws(' ', user_id, avatar_url, created_at <= now(), kinkster_id IS NOT NULL) \
        FROM public.mark_temporary_avatars_for_cleanup()";
    assert_eq!(Who::Service.ask(&mut supabase, list).await, [format!("{BOB} {TEMPORARY} t t")]);
    for who in [Who::Anon, Who::User(ANN), Who::User(BOB)] {
        assert_eq!(who.refused(&mut supabase, list).await, "42501", "{who:?}");
    }
    // Within the function too, should somebody grant it.
    supabase.run("GRANT EXECUTE ON FUNCTION public.mark_temporary_avatars_for_cleanup() TO authenticated").await;
    assert_eq!(Who::User(ANN).refused(&mut supabase, list).await, "42501");
}

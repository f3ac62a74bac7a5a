//! What never goes, whatever the rules say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tintype::catalog::KinksterChange;
use tintype::retention::Outcome;
use uuid::Uuid;

use super::world::{ANN, BUCKET, World};
use crate::avatars::token;
use crate::support::{Running, Setup};

async fn shown(server: &Running, url: &str) {
    let change = KinksterChange { avatar_url: Some(Some(url.to_owned())), ..KinksterChange::default() };
    server.app.buckets.catalog.put_kinkster(Uuid::new_v4(), ANN, &change).await.unwrap();
}

fn greedy(world: World) -> World {
    world.with("RETENTION__KEEP__KINKSTER-AVATARS", "1").with("RETENTION__MOST_PERCENT", "100")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_points_at_stays_in_every_spelling() {
    for world in World::both().await {
        let world = greedy(world);
        let server = world.setup.start().await;
        let mut names = Vec::new();
        for number in 1..=12 {
            names.push(world.picture(&server, ANN, None, number).await);
        }
        world.age(48).await;
        // Listed while nothing points at anything.
        assert_eq!(server.app.retention.run(false).await.unwrap().buckets[0].goes.len(), 11);
        let encoded = |text: &str| -> String { text.bytes().map(percent_encoding::percent_encode_byte).collect() };
        let public = server.url(&format!("/storage/v1/object/public/{BUCKET}"));
        for url in [
            format!("{public}/{}", names[0]),
            format!("{public}/{}?width=64#x", names[1]),
            format!("https://img.example.com/cdn/storage/v1/object/public/{BUCKET}/{}", names[2]),
            format!("https://p.supabase.co/storage/v1/render/image/public/{BUCKET}/{}?width=64&quality=75", names[3]),
            format!("{public}/{}", encoded(&names[4])),
            format!("/image/{}/{}?w=64", encoded(BUCKET), names[5]),
            format!("/_next/image?w=64&q=75&url={}", encoded(&format!("/image/{BUCKET}/{}", names[6]))),
            format!("https://p.supabase.co/storage/v1/object/sign/{BUCKET}/{}?token=x", names[7]),
            format!("{BUCKET}/{}", names[8]),
            // Those point at something else.
            format!("{public}/{}.bak", names[9]),
            format!("https://p.supabase.co/storage/v1/object/public/task-proofs/{}", names[10]),
        ] {
            shown(&server, &url).await;
        }
        let report = server.app.retention.run(false).await.unwrap();
        let gone: Vec<String> = report.buckets[0].goes.iter().map(|goes| goes.name.to_string()).collect();
        assert_eq!(gone, names[9..11], "oldest first");
        assert_eq!(report.buckets[0].pointed_at, 9);
        assert_eq!(world.names(&server).await.len(), 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_configured_column_points_at_stays_and_an_unreadable_one_stops_the_run() {
    let world = greedy(World::shared().await).with("RETENTION__COLUMNS", "public.characters.photo, posts.pictures");
    world.run_sql("CREATE TABLE public.characters (photo text); CREATE TABLE public.posts (pictures jsonb)").await;
    let server = world.setup.start().await;
    let mut names = world.four_pictures(&server, ANN).await;
    world.age(48).await;
    server.app.retention.run(false).await.unwrap();
    let (one, other) = (&names[0], &names[1]);
    world
        .run_sql(&format!(
            "INSERT INTO public.characters VALUES (NULL), ('https://a.example/storage/v1/object/public/{BUCKET}/{one}'); \
             INSERT INTO public.posts VALUES ('[\"x\", {{\"src\": \"https://b.example/image/{BUCKET}/{other}?w=9\"}}]'); \
             ALTER TABLE public.posts RENAME TO hidden"
        ))
        .await;
    let failure = server.app.retention.run(false).await.unwrap_err().to_string();
    assert!(failure.contains("posts.pictures cannot be read"), "{failure}");
    assert_eq!(world.names(&server).await.len(), 4);
    world.run_sql("ALTER TABLE public.hidden RENAME TO posts").await;
    let report = server.app.retention.run(false).await.unwrap();
    assert_eq!((report.buckets[0].outcome, report.buckets[0].pointed_at), (Outcome::Removed, 2));
    names.remove(2);
    assert_eq!(world.names(&server).await, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_apps_own_characters_show_stays_even_if_they_show_it_while_it_is_removed() {
    let world = greedy(World::shared().await);
    world.run_sql("CREATE TABLE public.kinksters (avatar_url text)").await;
    let server = world.setup.start().await;
    let mut names = world.four_pictures(&server, ANN).await;
    world.age(48).await;
    server.app.retention.run(false).await.unwrap();
    world
        .run_sql(&format!(
            "INSERT INTO public.kinksters VALUES ('https://a.example/storage/v1/object/public/{BUCKET}/{}'); \
             CREATE FUNCTION public.show() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN INSERT INTO public.kinksters VALUES ('/image/{BUCKET}/' || OLD.name); RETURN OLD; END $$; \
             CREATE TRIGGER show AFTER DELETE ON objects FOR EACH ROW WHEN (OLD.name LIKE '%avatar_2.png') \
             EXECUTE FUNCTION public.show()",
            names[0]
        ))
        .await;
    let report = server.app.retention.run(false).await.unwrap();
    let gone: Vec<String> = report.buckets[0].goes.iter().map(|goes| goes.name.to_string()).collect();
    assert_eq!((gone, report.buckets[0].pointed_at), (vec![names[2].clone()], 1));
    names.remove(2);
    assert_eq!(world.names(&server).await, names);
    // Of a table without the column nothing is asked.
    world
        .run_sql("DROP TRIGGER show ON objects; ALTER TABLE public.kinksters RENAME COLUMN avatar_url TO picture")
        .await;
    assert_eq!(server.app.retention.run(false).await.unwrap().buckets[0].goes.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_policies_hide_from_us_stop_the_run() {
    let world = greedy(World::shared().await).with("RETENTION__COLUMNS", "public.characters.photo");
    let url = world.database.as_ref().unwrap().url();
    let plain = format!("plain_{}", Uuid::new_v4().simple());
    world
        .run_sql(&format!(
            "CREATE TABLE public.characters (photo text); ALTER TABLE public.characters ENABLE ROW LEVEL SECURITY; \
             CREATE ROLE {plain} LOGIN NOSUPERUSER CREATEROLE PASSWORD 'plain'; GRANT anon, authenticated, service_role TO {plain}; \
             GRANT SELECT ON public.characters TO {plain}; \
             DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {plain}', current_database()); END $$"
        ))
        .await;
    let mut url = url::Url::parse(&url).unwrap();
    url.set_username(&plain).unwrap();
    url.set_password(Some("plain")).unwrap();
    let world = world.with("STORAGE__DATABASE", url.as_str()).with("STORAGE__SCHEMA", "plainly");
    let server = world.setup.start().await;
    for number in 1..=2 {
        world.picture(&server, ANN, None, number).await;
    }
    world.run_sql("UPDATE plainly.objects SET created_at = created_at - interval '48 hours', updated_at = updated_at - interval '48 hours'").await;
    let failure = server.app.retention.run(false).await.unwrap_err().to_string();
    assert!(failure.contains("characters.photo cannot be read"), "{failure}");
    assert_eq!(world.names(&server).await.len(), 2);
    world.run_sql(&format!("CREATE POLICY all_of_it ON public.characters FOR SELECT TO {plain} USING (true); ALTER ROLE {plain} BYPASSRLS")).await;
    assert_eq!(server.app.retention.run(false).await.unwrap().buckets[0].outcome, Outcome::Listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_no_character_stays_for_a_day_and_so_does_what_was_replaced_since() {
    for world in World::both().await {
        let world = greedy(world);
        let server = world.setup.start().await;
        let names = world.four_pictures(&server, ANN).await;
        world.age(23).await;
        server.app.retention.run(true).await.unwrap();
        let report = server.app.retention.run(true).await.unwrap();
        assert_eq!((report.buckets[0].goes.len(), report.buckets[0].young), (0, 3));
        world.age(2).await;
        world.picture(&server, ANN, None, 1).await;
        let report = server.app.retention.run(true).await.unwrap();
        assert_eq!((report.buckets[0].goes.len(), report.buckets[0].young), (2, 1));
        assert_eq!(world.names(&server).await, [names[0].clone(), names[3].clone()]);
    }
}

async fn generate(server: &Running) -> String {
    let authorization = format!("Bearer {}", token(ANN));
    let body = json!({"characterData": {"name": "Rook"}}).to_string();
    let headers = [("authorization", authorization.as_str())];
    let answer = server.send(reqwest::Method::POST, "/api/kinksters/avatar/generate", &headers, Some(&body)).await;
    answer.expect(200).json()["storage_path"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_are_painted_while_runs_go_on_are_all_there() {
    for world in World::both().await {
        let world = greedy(world).with("AVATARS__PROVIDER", "painter").with("AVATARS__RUNNING_PER_USER", "4");
        let world = world.with("AVATARS__PER_USER_PER_MINUTE", "1000");
        let server = Arc::new(world.setup.start().await);
        for number in 1..=9 {
            world.picture(&server, ANN, None, number).await;
        }
        world.age(48).await;
        server.app.retention.run(true).await.unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let running = tokio::spawn({
            let (server, is_over) = (Arc::clone(&server), Arc::clone(&is_over));
            async move {
                let mut removed = 0;
                while !is_over.load(Ordering::Relaxed) {
                    removed += server.app.retention.run(true).await.unwrap().buckets[0].goes.len();
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                removed
            }
        });
        let mut paths = Vec::new();
        for _ in 0..3 {
            let three = tokio::join!(generate(&server), generate(&server), generate(&server));
            paths.extend([three.0, three.1, three.2]);
        }
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(running.await.unwrap(), 9, "the newest of those that were there is not the newest any more");
        for path in paths {
            server.get(&format!("/storage/v1/object/public/{BUCKET}/{path}")).await.expect(200);
        }
    }
}

#[test]
fn no_configuration_makes_a_day_shorter() {
    let setup = Setup::new();
    let data = setup.data.path().join("data");
    let mut command = crate::process::command();
    command.args(["cleanup", "--data", data.to_str().unwrap()]).env("TINTYPE_RETENTION__YOUNG_HOURS", "1");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("retention.young_hours"));
}

//! Bytes of which it is not sure whose they are stay; those that are left over go late, and can be saved until then.

use std::time::Duration;

use tintype::app::{Opening, Store, retention_beside};
use tintype::bucket::adopt;
use tintype::retention::{Kept, Report};

use super::world::{ANN, BUCKET, World};
use super::{names, told};
use crate::support::files_below;
use crate::support::postgres::Database;

const OBJECTS: usize = 4;

/// Puts rows back that were kept aside.
async fn put_back(world: &World) {
    // SQLite's table has a column that is computed.
    let columns = if world.database.is_some() {
        "id, bucket_id, name, owner_id, version, metadata, user_metadata, created_at, updated_at, last_accessed_at"
    } else {
        "id, bucket_id, name, owner_id, version, size, etag, mime_type, cache_control, created_at, updated_at, \
         last_accessed_at"
    };
    let insert = format!("INSERT INTO objects ({columns}) SELECT {columns} FROM kept; DROP TABLE kept");
    world.run_sql(&insert).await;
}

/// Uploads some objects; a server has started and stopped.
async fn filled(world: &World) {
    let server = world.setup.start().await;
    for number in 0..OBJECTS {
        world.put(&server, ANN, &format!("{ANN}/other-{number}.png")).await;
    }
    server.stop().await;
    assert_eq!(run(world, false).await.freed.kept, None);
}

/// Where bytes lie, sorted.
async fn bytes(world: &World) -> Vec<String> {
    let mut found: Vec<String> = match &world.bucket {
        Some(bucket) => bucket.paths().await,
        None => files_below(&world.storage()).iter().map(|path| path.display().to_string()).collect(),
    };
    found.retain(|path| path.contains(BUCKET));
    found.sort();
    found
}

async fn store(world: &World) -> Store {
    Store::open(&world.setup.config(), Opening::Beside).await.unwrap()
}

/// A run beside servers, for which nothing is too young.
async fn run(world: &World, force: bool) -> Report {
    let store = store(world).await;
    retention_beside(&world.setup.config(), &store, Duration::ZERO).unwrap().run(force).await.unwrap()
}

/// The world with a catalogue that knows nothing.
async fn without_catalogue(world: World) -> World {
    if world.database.is_some() {
        let database = Database::create().await;
        let world = world.with("STORAGE__DATABASE", &database.url());
        return World { database: Some(database), ..world };
    }
    for file in files_below(&world.setup.data.path().join("data")) {
        if file.file_name().unwrap().to_string_lossy().starts_with("catalog.sqlite") {
            // SQLite itself removes its log when the last connection closes, which may be just now.
            let removed = std::fs::remove_file(file);
            assert!(removed.is_ok() || removed.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound));
        }
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_was_lost_takes_no_bytes_for_left_over_until_somebody_says_so() {
    for world in World::both().await {
        filled(&world).await;
        let before = bytes(&world).await;
        let world = without_catalogue(world.with("STORAGE__GRACE_SECONDS", "0")).await;
        // A new server makes its catalogue and goes on.
        let server = world.setup.start().await;
        world.put(&server, ANN, &format!("{ANN}/new.png")).await;
        server.stop().await;
        let report = run(&world, true).await;
        assert_eq!((report.freed.kept, report.freed.files), (Some(Kept::Foreign), 0));
        let after = bytes(&world).await;
        assert!(after.len() == OBJECTS + 1 && before.iter().all(|path| after.contains(path)));
        let store = store(&world).await;
        adopt(&store.catalog, &store.blobs).await.unwrap();
        let report = run(&world, false).await;
        assert_eq!(report.freed.kept, Some(Kept::TooMany { files: OBJECTS as u64 }), "more than a part of it");
        let report = run(&world, true).await;
        assert_eq!((report.freed.kept, report.freed.files), (None, OBJECTS as u64));
        assert_eq!(run(&world, true).await.freed.files, 0, "noted once");
        assert_eq!(bytes(&world).await.len(), OBJECTS + 1, "for as long as a removed object could be brought back");
        world.run_sql(&format!("UPDATE stale_blobs SET since = {}", world.long_ago())).await;
        assert_eq!(run(&world, true).await.freed.versions, OBJECTS as u64);
        assert_eq!(bytes(&world).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_that_is_put_back_has_lost_nothing() {
    for world in World::both().await {
        filled(&world).await;
        world.run_sql("CREATE TABLE kept AS SELECT * FROM objects; DELETE FROM objects").await;
        let report = run(&world, true).await;
        assert_eq!((report.freed.kept, report.freed.files), (None, OBJECTS as u64));
        put_back(&world).await;
        world.run_sql(&format!("UPDATE stale_blobs SET since = {}", world.long_ago())).await;
        assert_eq!(run(&world, true).await.freed.versions, 0);
        assert_eq!(bytes(&world).await.len(), OBJECTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_from_before_there_were_marks_is_claimed_by_whoever_knows_most_of_it() {
    for world in World::both().await {
        filled(&world).await;
        world.unmark().await;
        world
            .run_sql("CREATE TABLE kept AS SELECT * FROM objects; DELETE FROM objects WHERE name LIKE '%other-0.png'")
            .await;
        let store = store(&world).await;
        let looked = retention_beside(&world.setup.config(), &store, Duration::ZERO).unwrap().look().await.unwrap();
        assert_eq!((looked.freed.kept, store.blobs.mark().await.unwrap()), (Some(Kept::TooMany { files: 1 }), None));
        world.run_sql("DELETE FROM objects WHERE name LIKE '%other-1.png' OR name LIKE '%other-2.png'").await;
        assert_eq!(run(&world, true).await.freed.kept, Some(Kept::Foreign));
        assert_eq!(store.blobs.mark().await.unwrap(), None);
        world.run_sql("DELETE FROM objects").await;
        put_back(&world).await;
        assert_eq!(run(&world, false).await.freed.kept, None);
        assert!(store.blobs.mark().await.unwrap().is_some());
        assert_eq!(store.blobs.mark().await.unwrap(), store.catalog.blob_store().await.unwrap());
        assert_eq!(bytes(&world).await.len(), OBJECTS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_its_remedy() {
    let world = World::on_disk();
    filled(&world).await;
    let world = without_catalogue(world).await;
    let cleanup = |argument: &str| {
        let data = world.setup.data.path().join("data");
        let mut command = crate::process::command();
        command.envs(world.setup.variables()).args(["cleanup", argument, "--data", data.to_str().unwrap()]);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = cleanup("--older-than=0");
    assert!(code == Some(1) && text.contains("tintype cleanup --adopt"), "{text}");
    assert_eq!(cleanup("--adopt").0, Some(0));
    let (code, text) = cleanup("--older-than=0");
    assert!(code == Some(1) && text.contains("--force"), "{text}");
    let server = world.setup.start().await;
    let log = told(&server, "/admin/audit").await;
    assert_eq!(log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "refused").count(), 2);
    assert_eq!((names(&log, "removed").len(), bytes(&world).await.len()), (0, OBJECTS));
}

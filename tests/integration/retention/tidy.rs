//! What goes beside old pictures: one file that cannot be removed keeps nothing else, and every one that went is told.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tintype::bucket::{By, remove_stale};
use uuid::Uuid;

use super::told;
use super::world::{ANN, BUCKET, World};

/// No file can be removed here, whoever we are.
fn folder_at(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
}

fn stale(version: Uuid, since: u32) -> String {
    format!("('{BUCKET}', x'{}', {since})", version.simple())
}

fn reasons<'a>(log: &'a Value, action: &str) -> Vec<&'a str> {
    let entries = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action);
    entries.map(|entry| entry["reason"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_removed_is_told_of_and_keeps_nothing_else() {
    let world = World::on_disk();
    let server = world.setup.start().await;
    world.picture(&server, ANN, None, 1).await;
    let folder = world.storage().join(BUCKET);
    // More than are removed at once, and older than what can be removed.
    let stuck: Vec<Uuid> = (0..501).map(|_| Uuid::new_v4()).collect();
    for version in &stuck {
        folder_at(&folder.join(version.to_string()));
    }
    let free: Vec<Uuid> = (0..3).map(|_| Uuid::new_v4()).collect();
    for version in &free {
        std::fs::write(folder.join(version.to_string()), "replaced").unwrap();
    }
    let rows = stuck.iter().map(|version| stale(*version, 1)).chain(free.iter().map(|version| stale(*version, 2)));
    let rows = rows.collect::<Vec<_>>().join(", ");
    world.run_sql(&format!("INSERT INTO stale_blobs (bucket_id, version, since) VALUES {rows}")).await;
    let uploads = server.data().join("storage/uploads");
    let (stray, stuck_stray) = (uploads.join(Uuid::new_v4().to_string()), uploads.join(Uuid::new_v4().to_string()));
    std::fs::write(&stray, "half").unwrap();
    folder_at(&stuck_stray);

    let report = server.app.retention.run(false).await.unwrap();
    assert_eq!((report.freed.versions, report.freed.uploads, report.freed.failed), (3, 1, 502));
    assert!(free.iter().all(|version| !folder.join(version.to_string()).exists()) && !stray.exists());
    let log = told(&server, &format!("/admin/audit?run={}", report.run.unwrap())).await;
    assert_eq!(reasons(&log, "refused"), ["502 files could not be removed; they are tried again"]);
    let expired = reasons(&log, "expired");
    assert!(expired.len() == 1 && free.iter().all(|version| expired[0].contains(&version.to_string())), "{log}");
    assert!(reasons(&log, "removed")[0].contains(stray.file_name().unwrap().to_str().unwrap()), "{log}");

    for version in stuck.iter().map(|version| folder.join(version.to_string())).chain([stuck_stray]) {
        std::fs::remove_dir(version).unwrap();
    }
    let report = server.app.retention.run(false).await.unwrap();
    assert_eq!((report.freed.versions, report.freed.failed), (501, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_bytes_that_go_between_runs_are_in_the_log_many_to_a_line() {
    for world in World::both().await {
        let server = world.setup.start().await;
        for _ in 0..121 {
            world.picture(&server, ANN, None, 1).await;
        }
        let buckets = &server.app.buckets;
        let removed = remove_stale(&buckets.catalog, &buckets.blobs, Duration::ZERO, By::SERVER).await.unwrap();
        assert_eq!((removed.removed, removed.failed), (120, 0));
        let again = remove_stale(&buckets.catalog, &buckets.blobs, Duration::ZERO, By::SERVER).await.unwrap();
        assert_eq!(again.removed, 0);
        let log = told(&server, &format!("/admin/audit?bucket={BUCKET}")).await;
        let lines = reasons(&log, "expired");
        let told: usize =
            lines.iter().map(|line| line.split(' ').filter(|word| Uuid::parse_str(word).is_ok()).count()).sum();
        assert_eq!((lines.len(), told), (2, 120), "{log}");
        assert_eq!((&log["entries"][0]["actor"], &log["entries"][0]["run"]), (&"schedule".into(), &Value::Null));
    }
}

//! Killed in the middle of a run: every row has its bytes, the next run goes on, and everything can be brought back.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::world::{ANN, BUCKET, World};
use crate::process::command;
use crate::support::files_below;

const PICTURES: usize = 600;

/// Rows and files as if they had been uploaded one by one.
async fn fill(world: &World, data: &Path) {
    let folder = data.join("storage/objects").join(BUCKET);
    std::fs::create_dir_all(&folder).unwrap();
    let mut rows = Vec::new();
    for number in 0..PICTURES {
        let (row, version) = (Uuid::new_v4(), Uuid::new_v4());
        std::fs::write(folder.join(version.to_string()), format!("picture {number:4}")).unwrap();
        rows.push(format!(
            "(x'{}', '{BUCKET}', '{ANN}/kinksters/avatar_{number}.png', '{ANN}', x'{}', 12, '\"e\"', 'image/png', \
             'max-age=60', 1, 1, 1)",
            row.simple(),
            version.simple()
        ));
    }
    let insert = "INSERT INTO objects (id, bucket_id, name, owner_id, version, size, etag, mime_type, cache_control, \
        created_at, updated_at, last_accessed_at) VALUES ";
    world.run_sql(&format!("{insert}{}", rows.join(", "))).await;
}

/// Starts `tintype cleanup` with these arguments; killed after a while, or awaited.
fn cleanup(world: &World, data: &Path, arguments: &[&str], killed_after: Option<Duration>) -> (i32, String) {
    let mut command = command();
    command.envs(world.setup.variables()).arg("cleanup").args(arguments).args(["--data", data.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    if let Some(pause) = killed_after {
        std::thread::sleep(pause);
        child.kill().ok();
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn runs(world: &World, data: &Path) -> Vec<Value> {
    let (_, text) = cleanup(world, data, &["--runs", "--json"], None);
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_run_nothing_is_lost_and_the_next_one_goes_on() {
    let world = World::on_disk().with("RETENTION__KEEP__KINKSTER-AVATARS", "1").with("RETENTION__MOST_PERCENT", "100");
    let world = world.with("RETENTION__LEASE_SECONDS", "1").with("STORAGE__GRACE_SECONDS", "0");
    let server = world.setup.start().await;
    let data = server.data();
    server.stop().await;
    fill(&world, &data).await;
    assert_eq!(cleanup(&world, &data, &["--older-than", "0"], None).0, 0, "the dry run");
    let mut was_in_the_middle = false;
    // How long a start takes is not known: the kills come later and later, until one is too late.
    for step in 1..200_u64 {
        cleanup(&world, &data, &["--older-than", "0"], Some(Duration::from_millis(step * 7)));
        let removed: u64 = runs(&world, &data).iter().map(|run| run["removed"].as_u64().unwrap()).sum();
        assert_eq!(
            files_below(&data.join("storage/objects")).len(),
            PICTURES,
            "bytes are kept, of rows and of removed ones"
        );
        was_in_the_middle |= removed > 0 && removed < PICTURES as u64 - 1;
        if removed == PICTURES as u64 - 1 {
            break;
        }
        // Until the turn of the dead is over.
        std::thread::sleep(Duration::from_millis(if removed > 0 { 1050 } else { 0 }));
    }
    assert!(was_in_the_middle, "no kill came between two batches");
    std::thread::sleep(Duration::from_millis(1050));
    let (code, text) = cleanup(&world, &data, &["--older-than", "0"], None);
    assert_eq!(code, 0, "{text}");
    let runs = runs(&world, &data);
    let removed: u64 = runs.iter().map(|run| run["removed"].as_u64().unwrap()).sum();
    assert_eq!(removed, PICTURES as u64 - 1);
    assert!(runs.iter().any(|run| run["state"] == "failed") && runs[0]["state"] == "ended", "{runs:?}");
    let server = world.setup.start().await;
    assert_eq!(world.names(&server).await.len(), 1);
    for run in runs.iter().filter(|run| run["removed"].as_u64() > Some(0)) {
        server.app.retention.restore(run["run"].as_str().unwrap().parse().unwrap()).await.unwrap();
    }
    let names = world.names(&server).await;
    assert_eq!(names.len(), PICTURES);
    for name in names {
        let number: usize = name.rsplit('_').next().unwrap().trim_end_matches(".png").parse().unwrap();
        let answer = server.get(&format!("/storage/v1/object/public/{BUCKET}/{name}")).await.expect(200);
        assert_eq!(answer.text(), format!("picture {number:4}"));
    }
}

//! Killed in the middle of a run: every row has its bytes, the next run goes on, and everything can be brought back.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::world::{ANN, BUCKET, World};
use crate::process::command;
use crate::support::files_below;

const PICTURES: usize = 1500;

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

fn start(world: &World, data: &Path, arguments: &[&str]) -> Child {
    let mut command = command();
    command.envs(world.setup.variables()).arg("cleanup").args(arguments).args(["--data", data.to_str().unwrap()]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Runs `tintype cleanup` with these arguments.
fn cleanup(world: &World, data: &Path, arguments: &[&str]) -> (i32, String) {
    let output = start(world, data, arguments).wait_with_output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs it until so many objects are removed, and then kills it; how many are removed by then.
async fn killed_after(world: &World, data: &Path, removed: u64) -> u64 {
    let mut database = world.sqlite().await;
    let mut child = start(world, data, &["--older-than", "0"]);
    let mut count = async || -> u64 {
        let sum = "SELECT CAST(coalesce(sum(removed), 0) AS INTEGER) FROM cleanup_runs";
        sqlx::query_scalar::<_, i64>(sum).fetch_one(&mut database).await.unwrap().cast_unsigned()
    };
    while child.try_wait().unwrap().is_none() {
        if count().await >= removed {
            break;
        }
    }
    child.kill().ok();
    child.wait().unwrap();
    count().await
}

fn runs(world: &World, data: &Path) -> Vec<Value> {
    let (_, text) = cleanup(world, data, &["--runs", "--json"]);
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
    assert_eq!(cleanup(&world, &data, &["--older-than", "0"]).0, 0, "the dry run");
    let mut was_in_the_middle = false;
    for removed in [1, 300, 800] {
        let removed = killed_after(&world, &data, removed).await;
        was_in_the_middle |= removed > 0 && removed < PICTURES as u64 - 1;
        let files = files_below(&data.join("storage/objects")).len();
        assert_eq!(files, PICTURES, "bytes are kept, of rows and of removed ones");
        // Until the turn of the dead is over.
        tokio::time::sleep(Duration::from_millis(1050)).await;
    }
    assert!(was_in_the_middle, "no kill came between two batches");
    let (code, text) = cleanup(&world, &data, &["--older-than", "0"]);
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

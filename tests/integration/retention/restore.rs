//! What a run removed comes back as it was, as long as it can.

use tintype::retention::RetentionError;
use uuid::Uuid;

use super::told;
use super::world::{ANN, BUCKET, World};
use crate::support::{Running, service_key};

fn greedy(world: World) -> World {
    let world = world.with("RETENTION__KEEP__KINKSTER-AVATARS", "1").with("RETENTION__MOST_PERCENT", "100");
    world.with("STORAGE__GRACE_SECONDS", "0")
}

/// What the operator is told of an object, and its bytes.
async fn state(server: &Running, name: &str) -> (serde_json::Value, bytes::Bytes) {
    let authorization = format!("Bearer {}", service_key());
    let info = format!("/storage/v1/object/info/{BUCKET}/{name}");
    let info = server.get_with(&info, &[("authorization", &authorization)]).await.expect(200).json();
    let row = told(server, &format!("/admin/objects/{BUCKET}/{name}")).await["original"].clone();
    let bytes = server.get(&format!("/storage/v1/object/public/{BUCKET}/{name}")).await.expect(200).body;
    (serde_json::json!([info, row]), bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_objects_come_back_as_they_were_and_no_rule_takes_them_again() {
    for world in World::both().await {
        let world = greedy(world);
        let server = world.setup.start().await;
        let mut names = Vec::new();
        for number in 1..=4 {
            names.push(world.picture(&server, ANN, Some(Uuid::from_u128(7)), number).await);
        }
        world.age(48).await;
        let mut before = Vec::new();
        for name in &names {
            before.push(state(&server, name).await);
        }
        server.app.retention.run(false).await.unwrap();
        let run = server.app.retention.run(false).await.unwrap().run.unwrap();
        assert_eq!(world.names(&server).await, names[3..]);
        // Their bytes are nobody's prey.
        server.app.retention.run(true).await.unwrap();
        let report = server.app.retention.restore(run).await.unwrap();
        assert_eq!((report.restored.len(), report.refused.len()), (3, 0));
        for (name, before) in names.iter().zip(&before) {
            assert_eq!(&state(&server, name).await, before, "{name}");
        }
        let log = told(&server, &format!("/admin/audit?run={run}")).await;
        assert_eq!(super::names(&log, "restored").len(), 3);
        let metrics = server.get("/metrics").await.expect(200).text();
        assert!(metrics.contains("tintype_retention_restored_objects_total 3"), "{metrics}");
        assert!(matches!(server.app.retention.restore(run).await, Err(RetentionError::NothingToRestore)));
        assert!(matches!(server.app.retention.restore(Uuid::new_v4()).await, Err(RetentionError::NothingToRestore)));
        let again = server.app.retention.run(true).await.unwrap();
        assert_eq!((again.buckets[0].goes.len(), again.buckets[0].restored), (0, 3));
        assert_eq!(world.names(&server).await, names);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_newer_under_the_name_is_not_overwritten() {
    for world in World::both().await {
        let world = greedy(world);
        let server = world.setup.start().await;
        let mut names = Vec::new();
        for number in 1..=3 {
            names.push(world.picture(&server, ANN, None, number).await);
        }
        world.age(48).await;
        server.app.retention.run(false).await.unwrap();
        let run = server.app.retention.run(false).await.unwrap().run.unwrap();
        world.picture(&server, ANN, None, 1).await;
        let newer = state(&server, &names[0]).await;
        let report = server.app.retention.restore(run).await.unwrap();
        assert_eq!(report.restored[0].name.as_str(), names[1]);
        assert_eq!(
            (report.refused[0].name.as_str(), report.refused[0].reason),
            (names[0].as_str(), "there is a newer object of this name")
        );
        assert_eq!(state(&server, &names[0]).await, newer);
        // Once the name is free again, so is the way back.
        let key = tintype::object::ObjectKey::parse(&names[0]).unwrap();
        let bucket = tintype::object::BucketName::parse(BUCKET).unwrap();
        server.app.buckets.remove(&tintype::auth::Caller::service(), &bucket, &[key]).await.unwrap();
        assert_eq!(server.app.retention.restore(run).await.unwrap().restored.len(), 1);
        state(&server, &names[0]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_their_time_bytes_go_and_nothing_comes_back() {
    for world in World::both().await {
        let world = greedy(world);
        let server = world.setup.start().await;
        let old = world.picture(&server, ANN, None, 1).await;
        world.picture(&server, ANN, None, 2).await;
        world.age(48).await;
        server.app.retention.run(false).await.unwrap();
        let run = server.app.retention.run(false).await.unwrap().run.unwrap();
        let files = async || match &world.bucket {
            Some(bucket) => bucket.paths().await.iter().filter(|path| path.contains(BUCKET)).count(),
            None => crate::support::files_below(&server.data().join("storage/objects")).len(),
        };
        assert_eq!(files().await, 2);
        world.run_sql("UPDATE removed_objects SET restorable_until = 1").await;
        assert!(matches!(server.app.retention.restore(run).await, Err(RetentionError::NothingToRestore)));
        server.app.retention.run(false).await.unwrap();
        assert_eq!(files().await, 1);
        let log = told(&server, &format!("/admin/audit?run={run}")).await;
        assert_eq!(super::names(&log, "expired"), [old]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_bytes_are_gone_does_not_come_back() {
    let world = greedy(World::on_disk());
    let server = world.setup.start().await;
    world.picture(&server, ANN, None, 1).await;
    world.picture(&server, ANN, None, 2).await;
    world.age(48).await;
    server.app.retention.run(false).await.unwrap();
    let run = server.app.retention.run(false).await.unwrap().run.unwrap();
    let stays = world.names(&server).await;
    for file in crate::support::files_below(&server.data().join("storage/objects")) {
        std::fs::remove_file(file).unwrap();
    }
    let report = server.app.retention.restore(run).await.unwrap();
    assert_eq!((report.restored.len(), report.refused[0].reason), (0, "its bytes are not there any more"));
    assert_eq!(world.names(&server).await, stays);
}

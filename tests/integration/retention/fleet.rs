//! Several servers: one run at a time, each object once.

use std::collections::HashSet;

use tintype::catalog::{AuditAction, AuditQuery};
use tintype::retention::RetentionError;

use super::world::{ANN, BUCKET, World};
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn servers_take_turns_by_themselves_and_remove_each_object_once() {
    for world in World::both().await {
        let is_shared = world.database.is_some();
        let world = world.with("RETENTION__KEEP__KINKSTER-AVATARS", "1").with("RETENTION__MOST_PERCENT", "100");
        let world = world.with("RETENTION__HOURS", "0.0001").with("RETENTION__LEASE_SECONDS", "30");
        let server = world.setup.start().await;
        let mut names = Vec::new();
        for number in 10..=30 {
            names.push(world.picture(&server, ANN, None, number).await);
        }
        let another = if is_shared { Some(world.another_node().start().await) } else { None };
        world.age(48).await;
        names.pop();
        let kept = async || world.names(&server).await.len() == 1;
        eventually("the schedule has removed what is old", kept).await;
        let catalog = &server.app.buckets.catalog;
        let entries = catalog.audit(&AuditQuery { limit: 10_000, ..AuditQuery::default() }).await.unwrap();
        let removed = entries.iter().filter(|entry| entry.entry.action == AuditAction::Removed);
        let removed: Vec<String> = removed.map(|entry| entry.entry.name.as_ref().unwrap().to_string()).collect();
        assert_eq!((removed.len(), removed.iter().collect::<HashSet<_>>()), (20, names.iter().collect::<HashSet<_>>()));
        let mut runs = catalog.cleanup_runs(10_000).await.unwrap();
        runs.reverse();
        for pair in runs.windows(2) {
            assert!(pair[0].ended_at.unwrap() <= pair[1].started_at, "{pair:?}");
        }
        for server in [Some(&server), another.as_ref()].into_iter().flatten() {
            eventually("no node shows it", async || {
                server.get(&format!("/storage/v1/object/public/{BUCKET}/{}", names[0])).await.status == 400
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_is_refused_while_the_first_is_under_way_and_taken_over_when_it_died() {
    for world in World::both().await {
        let world = world.with("RETENTION__LEASE_SECONDS", "600");
        let server = world.setup.start().await;
        server.app.retention.run(false).await.unwrap();
        let until = time::OffsetDateTime::now_utc() + time::Duration::hours(1);
        let micros = until.unix_timestamp_nanos() / 1000;
        let run = if world.database.is_some() { "gen_random_uuid()" } else { "randomblob(16)" };
        world.run_sql(&format!("UPDATE cleanup_turn SET run = {run}, lease_until = {micros}")).await;
        assert!(matches!(server.app.retention.run(false).await, Err(RetentionError::Busy)));
        world.run_sql("UPDATE cleanup_turn SET lease_until = 1").await;
        server.app.retention.run(false).await.unwrap();
    }
}

//! Several nodes over one Postgres, and one after another over one data folder: who hears of jobs that another one paints.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::client::{Socket, V1, V2, anon, statuses};
use crate::avatars::{ANN, fox, paints, picture, provider, token, variables};
use crate::support::origin::{Answer, Origin};
use crate::support::postgres::Database;
use crate::support::{Running, Setup, eventually};

const STATUSES: [&str; 4] = ["generating", "downloading", "uploading", "completed"];

fn setup(provider: &Origin) -> Setup {
    Setup::new().with_all(&variables(provider))
}

/// A node of a fleet, whose bytes lie in a folder of its own: nobody looks at them here.
fn node(provider: &Origin, database: &Database) -> Setup {
    setup(provider).with("STORAGE__DATABASE", &database.url())
}

/// One that takes no job.
async fn idle_node(provider: &Origin, database: &Database) -> Running {
    let node = node(provider, database).start().await;
    node.app.jobs.stop();
    node
}

async fn generate(server: &Running, kinkster: Option<Uuid>) -> String {
    let mut body = json!({"user_id": ANN, "character_data": {"name": "Rook"}});
    if let Some(kinkster) = kinkster {
        body["kinkster_id"] = json!(kinkster);
    }
    let bearer = format!("Bearer {}", token(ANN));
    let path = "/functions/v1/generate-kinkster-avatar";
    let answer = server.send(Method::POST, path, &[("authorization", &bearer)], Some(&body.to_string())).await;
    answer.expect(202).json()["job_id"].as_str().unwrap().to_owned()
}

fn topic_of(kinkster: Option<Uuid>) -> String {
    kinkster.map_or_else(|| format!("user:{ANN}:avatar"), |id| format!("kinkster:{id}:avatar"))
}

async fn listening(server: &Running, version: &'static str, topic: &str) -> Socket {
    let mut socket = Socket::connect(server, version, &anon()).await;
    socket.join_private(topic, &token(ANN)).await;
    socket
}

/// What is told of a job until it has ended.
async fn told(socket: &mut Socket, job: &str) -> Vec<Value> {
    let all = socket.generation().await;
    assert!(all.iter().all(|progress| progress["job_id"] == job), "{job}: {all:?}");
    all
}

/// Waits until the provider, which does not answer, is asked; answers how far the job is, from which it gets no further.
async fn until_painting(server: &Running, provider: &Origin, job: &str) -> Value {
    while paints(provider) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let bearer = format!("Bearer {}", token(ANN));
    let path = format!("/api/avatars/jobs/{job}");
    server.get_with(&path, &[("authorization", &bearer)]).await.expect(200).json()
}

/// Does something to the database behind the nodes' backs; answers how many rows it concerned.
async fn change(database: &Database, statement: &'static str) -> u64 {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap().rows_affected()
}

/// Waits until so many nodes listen to each other.
async fn until_heard(database: &Database, nodes: u64) {
    let listening = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %' \
        AND state = 'idle'";
    for _ in 0..400 {
        if change(database, listening).await == nodes {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nodes do not listen to each other");
}

/// Breaks the connections on which they do.
async fn deafen(database: &Database) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
        AND query LIKE 'LISTEN %'";
    assert_eq!(change(database, end).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_on_one_node_hears_every_state_of_a_job_that_another_one_paints() {
    let (provider, database) = (provider(picture(&fox())), Database::create().await);
    let painter = node(&provider, &database).start().await;
    let other = idle_node(&provider, &database).await;
    until_heard(&database, 2).await;
    for (version, kinkster) in [(V1, None), (V2, Some(Uuid::new_v4())), (V1, Some(Uuid::new_v4()))] {
        let topic = topic_of(kinkster);
        let mut here = listening(&painter, version, &topic).await;
        let mut there = listening(&other, version, &topic).await;
        let job = generate(&painter, kinkster).await;
        let (told_here, told_there) = (told(&mut here, &job).await, told(&mut there, &job).await);
        assert_eq!(statuses(&told_there), STATUSES);
        assert_eq!(told_there, told_here, "whole, in order, and once");
        assert!(there.is_quiet().await && here.is_quiet().await);
        // Who comes late, there too.
        let mut late = listening(&other, version, &topic).await;
        assert_eq!(late.broadcast().await, *told_here.last().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_heard_on_one_node_is_not_told_to_who_joins_on_another() {
    let (provider, database) = (provider(picture(&fox())), Database::create().await);
    let painter = node(&provider, &database).start().await;
    let other = idle_node(&provider, &database).await;
    until_heard(&database, 2).await;
    let topic = topic_of(None);
    let mut page = listening(&other, V2, &topic).await;
    let job = generate(&painter, None).await;
    let end = told(&mut page, &job).await.pop().unwrap();
    assert_eq!(listening(&painter, V2, &topic).await.broadcast().await, end);
    page.push("phoenix", "heartbeat", None, json!({})).await;
    assert_eq!(page.heard().await.event, "phx_reply");
    assert!(listening(&other, V1, &topic).await.is_quiet().await);
    eventually("it is known there, too", async || listening(&painter, V1, &topic).await.is_quiet().await).await;
    let job = generate(&painter, None).await;
    assert_eq!(statuses(&told(&mut page, &job).await), STATUSES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_between_nodes_is_mended_and_what_was_missed_is_told() {
    let (provider, database) = (provider(Answer::Hang), Database::create().await);
    let painter = node(&provider, &database).start().await;
    let other = idle_node(&provider, &database).await;
    until_heard(&database, 2).await;
    let topic = topic_of(None);
    let mut there = listening(&other, V2, &topic).await;
    let job = generate(&painter, None).await;
    let painting = until_painting(&painter, &provider, &job).await;
    while there.broadcast().await["seq"] != painting["seq"] {}
    let seq = painting["seq"].as_u64().unwrap();
    // Nobody says so.
    let fail = "UPDATE tintype.jobs SET state = 'error', worker = NULL, code = 'lost', error = 'Lost', seq = seq + 5, \
        finished_at = (extract(epoch FROM now()) * 1000000)::bigint";
    assert_eq!(change(&database, fail).await, 1);
    assert!(there.is_quiet().await);
    deafen(&database).await;
    let progress = there.broadcast().await;
    assert_eq!((&progress["status"], &progress["error"]), (&json!("error"), &json!("Lost")));
    assert_eq!(progress["seq"], seq + 5);
    // And from then on as before.
    until_heard(&database, 2).await;
    provider.serve("/v1/images/generations", picture(&fox()));
    let job = generate(&painter, None).await;
    assert_eq!(statuses(&told(&mut there, &job).await), STATUSES);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_on_a_node_that_was_not_there_hears_how_far_the_job_is() {
    let (provider, database) = (provider(Answer::Hang), Database::create().await);
    let painter = node(&provider, &database).start().await;
    let kinkster = Some(Uuid::new_v4());
    let job = generate(&painter, kinkster).await;
    let last = until_painting(&painter, &provider, &job).await;
    // However long ago it was told.
    let age = "UPDATE tintype.jobs SET created_at = 0, updated_at = 0";
    change(&database, age).await;
    let other = idle_node(&provider, &database).await;
    for version in [V1, V2] {
        let mut late = listening(&other, version, &topic_of(kinkster)).await;
        let heard = late.heard().await.payload;
        assert_eq!((&heard["payload"]["job_id"], &heard["payload"]["seq"]), (&json!(job), &last["seq"]));
        assert_eq!((&heard["payload"]["status"], &heard["meta"]["replayed"]), (&json!("generating"), &json!(true)));
        assert!(late.is_quiet().await);
    }
    // It has a topic of its own.
    assert!(listening(&other, V2, &topic_of(None)).await.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_after_a_restart_hears_the_end_of_a_job_for_a_minute() {
    let (provider, database) = (provider(picture(&fox())), Database::create().await);
    let (alone, shared) = (setup(&provider), node(&provider, &database));
    for (setup, topic) in [(&alone, topic_of(None)), (&shared, topic_of(None))] {
        let server = setup.start().await;
        let mut page = listening(&server, V2, &topic).await;
        let job = generate(&server, None).await;
        let told = told(&mut page, &job).await;
        drop(page);
        server.stop().await;
        let server = setup.start().await;
        assert_eq!(listening(&server, V1, &topic).await.broadcast().await, *told.last().unwrap());
        assert_eq!(listening(&server, V2, &topic).await.broadcast().await, *told.last().unwrap());
        server.stop().await;
    }
    change(&database, "UPDATE tintype.jobs SET finished_at = finished_at - 61000000").await;
    let server = shared.start().await;
    assert!(listening(&server, V2, &topic_of(None)).await.is_quiet().await);
}

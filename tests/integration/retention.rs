//! Retention: what goes, what never does, what comes back. On disk with SQLite, and in S3 with Postgres.

mod crash;
mod fleet;
mod foreign;
mod never;
mod restore;
mod tidy;
mod upstream;
pub(crate) mod world;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tintype::retention::Outcome;
use uuid::Uuid;

use crate::process::command;
use crate::support::{eventually, service_key};
use world::{ANN, BOB, BUCKET, World};

/// What `path` answers the operator.
async fn told(server: &crate::support::Running, path: &str) -> Value {
    let authorization = format!("Bearer {}", service_key());
    server.get_with(path, &[("authorization", &authorization)]).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_of_a_rule_lists_what_the_second_removes() {
    for world in World::both().await {
        let world = world.with("RETENTION__KEEP__KINKSTER-AVATARS", "2").with("RETENTION__MOST_PERCENT", "100");
        let server = world.setup.start().await;
        let (rook, wren) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut stays = Vec::new();
        let mut goes = Vec::new();
        for (user, kinkster) in [(ANN, Some(rook)), (ANN, Some(wren)), (ANN, None), (BOB, None)] {
            for number in [5, 40, 3, 2000] {
                let name = world.picture(&server, user, kinkster, number).await;
                if number >= 40 { stays.push(name) } else { goes.push(name) }
            }
        }
        for other in ["notes.png", "kinkster/avatar_1.png", "deep/kinksters/avatar_1.png", "kinksters/avatar_1_x.png"] {
            stays.push(world.put(&server, ANN, &format!("{ANN}/{other}")).await);
        }
        world.age(48).await;
        stays.sort();
        goes.sort();
        let gone = format!("/image/{BUCKET}/{}?w=16&f=webp", goes[0]);
        server.get(&gone).await.expect(200);
        assert!(server.get(&gone).await.expect(200).is_hit());

        let before = world.names(&server).await;
        let looked = server.app.retention.look().await.unwrap();
        assert_eq!((looked.run, looked.buckets[0].outcome), (None, Outcome::WouldList));
        let listed = server.app.retention.run(true).await.unwrap();
        assert_eq!(listed.buckets[0].outcome, Outcome::Listed, "force does not spare the dry run");
        assert_eq!(world.names(&server).await, before);
        let log = told(&server, &format!("/admin/audit?run={}", listed.run.unwrap())).await;
        let mut in_log: Vec<String> = names(&log, "listed");
        in_log.sort();
        assert_eq!(in_log, goes);

        let removed = server.app.retention.run(false).await.unwrap();
        let bucket = &removed.buckets[0];
        assert_eq!((bucket.outcome, bucket.goes.len(), bucket.objects), (Outcome::Removed, 8, 20));
        assert_eq!(world.names(&server).await, stays);
        server.get(&gone).await.expect(404);
        server.get(&format!("/storage/v1/object/public/{BUCKET}/{}", goes[0])).await.expect(400);
        let log = told(&server, &format!("/admin/audit?run={}&bucket={BUCKET}", removed.run.unwrap())).await;
        let mut in_log: Vec<String> = names(&log, "removed");
        in_log.sort();
        assert_eq!(in_log, goes);
        assert_eq!(log["next"], Value::Null);
        let runs = told(&server, "/admin/cleanup/runs").await;
        assert_eq!(
            (&runs[0]["removed"], &runs[0]["bytes"], &runs[0]["state"]),
            (&json!(8), &json!(bucket.bytes), &json!("ended"))
        );
        assert_eq!((&runs[1]["listed"], &runs[1]["removed"]), (&json!(8), &json!(0)));
        let metrics = server.get("/metrics").await.expect(200).text();
        for line in [
            "tintype_retention_removed_objects_total 8".to_owned(),
            format!("tintype_retention_removed_bytes_total {}", bucket.bytes),
        ] {
            assert!(metrics.contains(&line), "{line} is missing from\n{metrics}");
        }
        let again = server.app.retention.run(false).await.unwrap();
        assert_eq!(again.buckets[0].outcome, Outcome::Nothing);
    }
}

/// The names of the entries with this action.
fn names(log: &Value, action: &str) -> Vec<String> {
    let entries = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action);
    entries.filter_map(|entry| Some(entry["name"].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_rule_has_a_dry_run_of_its_own() {
    let world = World::on_disk().with("RETENTION__MOST_PERCENT", "100").with("RETENTION__KEEP__KINKSTER-AVATARS", "3");
    let server = world.setup.start().await;
    for number in 1..=4 {
        world.picture(&server, ANN, None, number).await;
    }
    world.age(48).await;
    server.app.retention.run(false).await.unwrap();
    server.stop().await;
    let world = world.with("RETENTION__KEEP__KINKSTER-AVATARS", "1");
    let server = world.setup.start().await;
    assert_eq!(server.app.retention.run(false).await.unwrap().buckets[0].outcome, Outcome::Listed);
    assert_eq!(world.names(&server).await.len(), 4);
    assert_eq!(server.app.retention.run(false).await.unwrap().buckets[0].goes.len(), 3);
    assert_eq!(world.names(&server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_a_part_goes_at_once_unless_forced() {
    for world in World::both().await {
        let server = world.setup.start().await;
        for number in 1..=13 {
            world.picture(&server, ANN, None, number).await;
        }
        for number in 0..28 {
            world.put(&server, ANN, &format!("{ANN}/other-{number}.png")).await;
        }
        world.age(48).await;
        assert_eq!(server.app.retention.run(false).await.unwrap().buckets[0].goes.len(), 3, "listed");
        // 2 of 41 are not 5 % yet, and 3 are more.
        let looked = server.app.retention.look().await.unwrap();
        assert_eq!((looked.buckets[0].goes.len(), looked.buckets[0].left), (2, 1));
        let limited = server.app.retention.run(false).await.unwrap();
        assert_eq!((limited.buckets[0].outcome, limited.buckets[0].left), (Outcome::Removed, 1));
        assert_eq!(world.names(&server).await.len(), 39);
        let log = told(&server, &format!("/admin/audit?run={}", limited.run.unwrap())).await;
        let told: Vec<_> = log["entries"].as_array().unwrap().iter().filter(|one| one["action"] == "refused").collect();
        assert_eq!((told.len(), &told[0]["name"]), (1, &Value::Null), "{log}");
        let metrics = server.get("/metrics").await.expect(200).text();
        assert!(metrics.contains("tintype_retention_refused_runs_total 1"), "{metrics}");
        // What was left is the next run's.
        assert_eq!(server.app.retention.run(false).await.unwrap().buckets[0].goes.len(), 1);
        for number in 14..=17 {
            world.picture(&server, ANN, None, number).await;
        }
        world.age(48).await;
        assert_eq!(server.app.retention.run(true).await.unwrap().buckets[0].goes.len(), 4);
        assert_eq!(world.names(&server).await.len(), 38);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_small_bucket_nothing_goes_unless_forced() {
    let world = World::on_disk();
    let server = world.setup.start().await;
    for number in 1..=12 {
        world.picture(&server, ANN, None, number).await;
    }
    world.age(48).await;
    server.app.retention.run(false).await.unwrap();
    assert_eq!(server.app.retention.look().await.unwrap().buckets[0].outcome, Outcome::WouldRefuse);
    let refused = server.app.retention.run(false).await.unwrap();
    assert_eq!((refused.buckets[0].outcome, world.names(&server).await.len()), (Outcome::Refused, 12));
    assert_eq!(server.app.retention.run(true).await.unwrap().buckets[0].goes.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_read_page_by_page_with_a_service_key_alone() {
    let world = World::on_disk().with("RETENTION__KEEP__KINKSTER-AVATARS", "1");
    let server = world.setup.start().await;
    for number in 1..=4 {
        world.picture(&server, ANN, None, number).await;
    }
    world.age(48).await;
    server.app.retention.run(false).await.unwrap();
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = told(&server, &format!("/admin/audit?limit=1{next}")).await;
        seen.extend(names(&page, "listed"));
        let Some(before) = page["next"].as_i64() else { break };
        next = format!("&before={before}");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    let ann = format!("Bearer {}", crate::avatars::token(ANN));
    for path in ["/admin/audit", "/admin/cleanup/runs"] {
        server.get(path).await.expect(403);
        server.get_with(path, &[("authorization", &ann)]).await.expect(403);
    }
    let authorization = format!("Bearer {}", service_key());
    for wrong in ["run=x", "limit=0", "limit=1001", "before=x", "bucket=a%2Fb", "colour=red"] {
        server.get_with(&format!("/admin/audit?{wrong}"), &[("authorization", &authorization)]).await.expect(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_beside_a_server_is_followed_by_it() {
    let world = World::on_disk().with("RETENTION__KEEP__KINKSTER-AVATARS", "1").with("RETENTION__MOST_PERCENT", "100");
    let server = world.setup.start().await;
    let old = world.picture(&server, ANN, None, 1).await;
    world.picture(&server, ANN, None, 2).await;
    world.age(48).await;
    let path = format!("/image/{BUCKET}/{old}?w=16&f=webp");
    server.get(&path).await.expect(200);
    let cleanup = |arguments: &[&str]| {
        let data = server.data();
        let mut command = command();
        command.envs(world.setup.variables()).arg("cleanup").args(arguments).args(["--data", data.to_str().unwrap()]);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        (
            output.status.code().unwrap(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    let (code, text) = cleanup(&["--dry-run"]);
    assert!(code == 0 && text.contains("would be listed") && text.contains(&old), "{text}");
    let (code, text) = cleanup(&[]);
    assert!(code == 0 && text.contains("1 of 2") && text.contains("listed in the audit log"), "{text}");
    let (_, text) = cleanup(&["--dry-run"]);
    assert!(
        text.contains("1 of 2") && text.contains("would be removed") && text.contains("picture 2 of its character"),
        "{text}"
    );
    let (code, text) = cleanup(&["--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &report["buckets"][0]["outcome"], &report["buckets"][0]["goes"][0]["name"]),
        (0, &json!("removed"), &json!(old))
    );
    // The server hears of it by the outbox.
    for _ in 0..3 {
        // It looks into the outbox every 10 s.
        if server.get(&path).await.status != 404 {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    }
    eventually("the server purged", async || server.get(&path).await.status == 404).await;
    let (code, text) = cleanup(&["--runs"]);
    let run = report["run"].as_str().unwrap();
    assert!(code == 0 && text.lines().count() == 2 && text.contains(run), "{text}");
    let (code, text) = cleanup(&["--restore", run]);
    assert!(code == 0 && text.contains("brought back: 1 objects"), "{text}");
    eventually("it is back", async || server.get(&path).await.status == 200).await;
    let (code, text) = cleanup(&["--restore", run]);
    assert!(code == 1 && text.contains("nothing can be brought back"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_command_purges_what_was_made() {
    let world = World::on_disk().with("RETENTION__KEEP__KINKSTER-AVATARS", "1").with("RETENTION__MOST_PERCENT", "100");
    let server = world.setup.start().await;
    let old = world.picture(&server, ANN, None, 1).await;
    world.picture(&server, ANN, None, 2).await;
    world.age(48).await;
    server.get(&format!("/image/{BUCKET}/{old}?w=16&f=webp")).await.expect(200);
    server.app.retention.run(false).await.unwrap();
    let data = server.data();
    server.stop().await;
    let variants = || {
        let files = crate::support::files_below(&data.join("variants"));
        files.iter().filter(|path| path.extension().is_none_or(|extension| extension != "json")).count()
    };
    let before = variants();
    let mut command = command();
    command.envs(world.setup.variables()).args(["cleanup", "--data", data.to_str().unwrap()]);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(variants() < before, "{before}");
    let server = world.setup.start().await;
    server.get(&format!("/image/{BUCKET}/{old}?w=16&f=webp")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_and_bytes_without_a_row_go_with_a_line_in_the_log() {
    let world = World::on_disk();
    let server = world.setup.start().await;
    let stray = Uuid::new_v4();
    let folder = server.data().join("storage/objects").join(BUCKET);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(stray.to_string()), "left by a crash").unwrap();
    let headers = [
        ("authorization", format!("Bearer {}", service_key())),
        ("tus-resumable", "1.0.0".to_owned()),
        ("upload-length", "10".to_owned()),
        (
            "upload-metadata",
            "bucketName a2lua3N0ZXItYXZhdGFycw==,objectName YS5wbmc=,contentType aW1hZ2UvcG5n".to_owned(),
        ),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.send_bytes(Method::POST, "/storage/v1/upload/resumable", &headers, Vec::new()).await.expect(201);
    // Young bytes may belong to a write that is under way.
    let young = server.app.retention.run(false).await.unwrap();
    assert_eq!((young.freed.files, young.freed.uploads), (0, 0));
    let file = std::fs::File::options().append(true).open(folder.join(stray.to_string())).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7200)).unwrap();
    world.run_sql("UPDATE uploads SET expires_at = 1").await;
    // The only file is more than a part of all.
    let report = server.app.retention.run(true).await.unwrap();
    assert_eq!((report.freed.files, report.freed.uploads), (1, 1));
    let log = told(&server, &format!("/admin/audit?run={}", report.run.unwrap())).await;
    let entries = log["entries"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["version"] == json!(stray)), "{log}");
    assert_eq!(names(&log, "removed"), ["a.png"]);
}

//! In front of a Supabase: its objects go by its rows, through its API, and lie here until nobody may want them back.
//! Another tintype with buckets of its own is the stand-in.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tintype::catalog::KinksterChange;
use tintype::retention::{Outcome, RetentionError};
use tokio::sync::Notify;
use uuid::Uuid;

use super::world::{ANN, BOB, BUCKET, World};
use super::{names as names_of, told};
use crate::process::command;
use crate::support::{Running, SECRET, Setup, eventually, files_below, fixture, service_key};
use crate::upstream::gate::{Fate, Gate};

const ROWS: &str = "/rest/v1/kinksters";
const LIST: &str = "/storage/v1/object/list/";
const INFO: &str = "/storage/v1/object/info/";
const BYTES: &str = "/storage/v1/object/authenticated/";
/// What a removal is sent to.
const OBJECTS: &str = "/storage/v1/object/kinkster-avatars";

/// The stand-in, a gate before it, and how a tintype in front of both is set up.
struct Project {
    world: World,
    server: Running,
    gate: Gate,
}

impl Project {
    async fn start() -> Self {
        let world = World::on_disk();
        let server = world.setup.start().await;
        let gate = Gate::before(server.address).await;
        Self { world, server, gate }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("JWT_SECRET", SECRET.to_owned()),
            ("UPSTREAM__URL", self.gate.url.clone()),
            ("UPSTREAM__SERVICE_KEY", service_key()),
            ("RETENTION__MOST_PERCENT", "100".to_owned()),
            ("RETENTION__LEASE_SECONDS", "1".to_owned()),
            ("LIMITS__HOP_SECONDS", "2".to_owned()),
        ]
    }

    /// Without a rule.
    fn plain(&self) -> Setup {
        Setup::new().with_all(&self.variables())
    }

    /// One picture is kept of each character.
    async fn front(&self) -> Running {
        self.plain().with("RETENTION__KEEP__KINKSTER-AVATARS", "1").start().await
    }

    async fn picture(&self, milliseconds: u64) -> String {
        self.world.picture(&self.server, ANN, None, milliseconds).await
    }

    /// So many, two days old.
    async fn pictures(&self, count: u64) -> Vec<String> {
        let mut names = Vec::new();
        for number in 1..=count {
            names.push(self.picture(number).await);
        }
        self.world.age(48).await;
        names
    }

    async fn names(&self) -> Vec<String> {
        self.world.names(&self.server).await
    }

    async fn shown(&self, url: &str) {
        let change = KinksterChange { avatar_url: Some(Some(url.to_owned())), ..KinksterChange::default() };
        self.server.app.buckets.catalog.put_kinkster(Uuid::new_v4(), ANN, &change).await.unwrap();
    }

    async fn put(&self, name: &str, file: &str, metadata: &str) {
        let authorization = format!("Bearer {}", service_key());
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "image/png"),
            ("cache-control", "max-age=77"),
            ("x-metadata", metadata),
            ("x-upsert", "true"),
        ];
        let path = format!("/storage/v1/object/{BUCKET}/{name}");
        self.server.send_bytes(Method::POST, &path, &headers, fixture(file)).await.expect(200);
    }

    /// What the stand-in tells of an object, but for what a new row has anew, and its bytes.
    async fn state(&self, name: &str) -> (Value, Vec<u8>) {
        let authorization = format!("Bearer {}", service_key());
        let headers = [("authorization", authorization.as_str())];
        let info = self.server.get_with(&format!("{INFO}{BUCKET}/{name}"), &headers).await.expect(200).json();
        let told = ["name", "size", "content_type", "cache_control", "etag", "metadata"].map(|key| info[key].clone());
        let bytes = self.server.get(&format!("/storage/v1/object/public/{BUCKET}/{name}")).await.expect(200).body;
        (json!(told), bytes.to_vec())
    }
}

/// The dry run that every rule has first.
async fn listed(front: &Running) {
    assert_eq!(front.app.retention.run(false).await.unwrap().buckets[0].outcome, Outcome::Listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_upstream_nothing_goes_until_a_rule_says_so() {
    let project = Project::start().await;
    let pictures = project.pictures(12).await;
    let mut setups = vec![project.plain(), project.plain().with("RETENTION__KEEP__ALBUM", "0")];
    // Whose key we have not we cannot ask anything.
    setups.push(Setup::new().with("UPSTREAM__URL", &project.gate.url));
    for setup in setups {
        let front = setup.start().await;
        for _ in 0..2 {
            assert_eq!(front.app.retention.run(true).await.unwrap().buckets, []);
        }
        front.stop().await;
    }
    assert_eq!(project.names().await.len(), pictures.len());
    assert_eq!(project.gate.count(&Method::POST, LIST) + project.gate.count(&Method::DELETE, OBJECTS), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_old_pictures_go_and_come_back_as_they_were() {
    let project = Project::start().await;
    let (old, older) = (format!("{ANN}/kinksters/avatar_5.png"), format!("{ANN}/kinksters/avatar_4.png"));
    project.put(&older, "formats/palette.png", "eyJmcm9tIjoiYSJ9").await;
    project.put(&old, "photos/avatar-owl.png", "e30=").await;
    let new = project.picture(2000).await;
    let other = project.world.picture(&project.server, BOB, Some(Uuid::from_u128(7)), 1).await;
    let elsewhere = project.world.put(&project.server, ANN, &format!("{ANN}/deep/er/notes.png")).await;
    project.world.age(48).await;
    let before = [project.state(&older).await, project.state(&old).await];
    let front = project.front().await;
    let variant = format!("/image/{BUCKET}/{old}?w=16&f=webp");
    front.get(&variant).await.expect(200);
    assert!(front.get(&variant).await.expect(200).is_hit());
    let all = project.names().await;

    assert_eq!(front.app.retention.look().await.unwrap().buckets[0].outcome, Outcome::WouldList);
    listed(&front).await;
    assert_eq!(project.names().await, all);
    let removed = front.app.retention.run(false).await.unwrap();
    let run = removed.run.unwrap();
    assert_eq!((removed.buckets[0].objects, removed.buckets[0].outcome), (5, Outcome::Removed));
    let gone: Vec<&str> = removed.buckets[0].goes.iter().map(|goes| goes.name.as_str()).collect();
    assert_eq!(gone, [older.as_str(), old.as_str()]);
    let mut stays = vec![new, other, elsewhere];
    stays.sort();
    assert_eq!(project.names().await, stays);
    front.get(&variant).await.expect(404);
    assert_eq!(files_below(&front.data().join("storage/objects")).len(), 2);
    let log = told(&front, &format!("/admin/audit?run={run}")).await;
    let mut in_log = names_of(&log, "removed");
    in_log.sort();
    assert_eq!(in_log, [older.as_str(), old.as_str()]);
    assert_eq!(front.app.retention.run(false).await.unwrap().buckets[0].outcome, Outcome::Nothing);

    let report = front.app.retention.restore(run).await.unwrap();
    assert_eq!((report.restored.len(), report.refused.len()), (2, 0));
    assert_eq!([project.state(&older).await, project.state(&old).await], before);
    front.get(&variant).await.expect(200);
    assert!(matches!(front.app.retention.restore(run).await, Err(RetentionError::NothingToRestore)));
    let metrics = front.get("/metrics").await.expect(200).text();
    for line in ["tintype_retention_removed_objects_total 2", "tintype_retention_restored_objects_total 2"] {
        assert!(metrics.contains(line), "{line} is missing from\n{metrics}");
    }
    // What was brought back by hand no rule takes again.
    project.world.age(48).await;
    let again = front.app.retention.run(true).await.unwrap();
    assert_eq!((again.buckets[0].goes.len(), again.buckets[0].restored), (0, 2));
    let answers =
        [told(&front, "/admin/audit").await, told(&front, "/admin/cleanup/runs").await, json!(removed), json!(report)];
    assert!(answers.iter().all(|answer| !answer.to_string().contains(&service_key())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_row_of_the_upstream_points_at_stays_in_every_spelling() {
    let project = Project::start().await;
    let names = project.pictures(10).await;
    let front = project.front().await;
    listed(&front).await;
    let (theirs, ours) = (&project.gate.url, front.url(""));
    for url in [
        format!("{theirs}/storage/v1/object/public/{BUCKET}/{}", names[0]),
        format!("{ours}/storage/v1/object/public/{BUCKET}/{}", names[1]),
        format!("{theirs}/storage/v1/render/image/public/{BUCKET}/{}?width=64", names[2]),
        format!("{ours}/image/{BUCKET}/{}?w=64", names[3].replace('/', "%2F")),
        format!("{theirs}/storage/v1/object/sign/{BUCKET}/{}?token=x", names[4]),
        format!("/_next/image?w=64&q=75&url={}", format!("/image/{BUCKET}/{}", names[5]).replace('/', "%2F")),
        format!("{BUCKET}/{}", names[6]),
        // Those point at something else.
        format!("{theirs}/storage/v1/object/public/{BUCKET}/{}.bak", names[7]),
        format!("{theirs}/storage/v1/object/public/task-proofs/{}", names[8]),
    ] {
        project.shown(&url).await;
    }
    let report = front.app.retention.run(false).await.unwrap();
    let gone: Vec<String> = report.buckets[0].goes.iter().map(|goes| goes.name.to_string()).collect();
    assert_eq!((gone.as_slice(), report.buckets[0].pointed_at), (&names[7..9], 7));
    assert_eq!(project.names().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_young_at_the_upstream_stays_and_so_does_all_but_a_part() {
    let project = Project::start().await;
    project.pictures(13).await;
    for number in 0..28 {
        project.world.put(&project.server, ANN, &format!("{ANN}/other-{number}.png")).await;
    }
    project.world.age(48).await;
    project.picture(3).await;
    let setup = project.plain().with("RETENTION__KEEP__KINKSTER-AVATARS", "10");
    let front = setup.with("RETENTION__MOST_PERCENT", "5").start().await;
    let looked = front.app.retention.look().await.unwrap();
    assert_eq!((looked.buckets[0].objects, looked.buckets[0].goes.len(), looked.buckets[0].young), (41, 2, 1));
    listed(&front).await;
    project.world.age(48).await;
    // 2 of 41 are not 5 % yet, and 3 are more.
    let limited = front.app.retention.run(false).await.unwrap();
    assert_eq!((limited.buckets[0].goes.len(), limited.buckets[0].left), (2, 1));
    assert_eq!(project.names().await.len(), 39);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_upstream_cannot_be_read_in_full_nothing_is_removed() {
    let project = Project::start().await;
    let names = project.pictures(4).await;
    let front = project.front().await;
    listed(&front).await;
    for (method, path, status, body) in [
        (Method::GET, ROWS, 500, "{}"),
        (Method::GET, ROWS, 401, "{}"),
        (Method::GET, ROWS, 200, "{}"),
        (Method::GET, ROWS, 200, r#"[{"id":1,"avatar_url":"x"}]"#),
        (Method::GET, ROWS, 404, r#"{"code":"42P01","message":"x"}"#),
        (Method::POST, LIST, 503, "{}"),
        (Method::POST, LIST, 200, r#"[{"id":"x"}]"#),
        (Method::GET, INFO, 500, "{}"),
        (Method::GET, BYTES, 500, "{}"),
    ] {
        project.gate.rule(method, path, Fate::Refused(status, body), 1);
        let failure = front.app.retention.run(true).await.unwrap_err().to_string();
        assert!(failure.contains("cannot be read") || failure.contains("cannot be listed"), "{path}: {failure}");
        assert!(!failure.contains(&service_key()), "{failure}");
        project.gate.heal();
    }
    assert_eq!(project.names().await, names);
    assert_eq!(project.gate.count(&Method::DELETE, OBJECTS), 0);
    let setup = project.plain().with("RETENTION__KEEP__KINKSTER-AVATARS", "1");
    let other = setup.with("RETENTION__MOST_OBJECTS", "3").start().await;
    assert!(matches!(other.app.retention.run(true).await, Err(RetentionError::TooMany { .. })));
    assert_eq!(front.app.retention.run(true).await.unwrap().buckets[0].goes.len(), 3, "once it answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pointed_at_between_the_plan_and_the_removal_stays() {
    let project = Project::start().await;
    let names = project.pictures(3).await;
    let front = project.front().await;
    listed(&front).await;
    // The bytes are had after the plan is made.
    let go_on = Arc::new(Notify::new());
    project.gate.rule(Method::GET, BYTES, Fate::Waits(Arc::clone(&go_on)), 1);
    let retention = Arc::clone(&front.app.retention);
    let running = tokio::spawn(async move { retention.run(true).await.unwrap() });
    eventually("the plan is made", async || project.gate.count(&Method::GET, BYTES) == 1).await;
    project.shown(&format!("{}/storage/v1/object/public/{BUCKET}/{}", project.gate.url, names[0])).await;
    go_on.notify_one();
    let report = running.await.unwrap();
    assert_eq!((report.buckets[0].goes.len(), report.buckets[0].pointed_at), (1, 0));
    assert_eq!(project.names().await, [names[0].clone(), names[2].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pointed_at_while_it_is_removed_comes_back_at_once() {
    let project = Project::start().await;
    let names = project.pictures(3).await;
    let before = project.state(&names[0]).await;
    let front = project.front().await;
    listed(&front).await;
    let go_on = Arc::new(Notify::new());
    project.gate.rule(Method::DELETE, OBJECTS, Fate::Waits(Arc::clone(&go_on)), 1);
    let retention = Arc::clone(&front.app.retention);
    let running = tokio::spawn(async move { retention.run(true).await.unwrap() });
    eventually("it is sent", async || project.gate.count(&Method::DELETE, OBJECTS) == 1).await;
    project.shown(&format!("{}/storage/v1/object/public/{BUCKET}/{}", project.gate.url, names[0])).await;
    go_on.notify_one();
    let report = running.await.unwrap();
    assert_eq!(report.buckets[0].goes.len(), 1);
    assert_eq!(project.names().await, [names[0].clone(), names[2].clone()]);
    assert_eq!(project.state(&names[0]).await, before);
    let log = told(&front, &format!("/admin/audit?run={}", report.run.unwrap())).await;
    assert_eq!(names_of(&log, "restored"), names[..1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rows_show_after_a_removal_is_asked_until_it_is_known() {
    let project = Project::start().await;
    let names = project.pictures(3).await;
    let front = project.front().await;
    listed(&front).await;
    let go_on = Arc::new(Notify::new());
    project.gate.rule(Method::DELETE, OBJECTS, Fate::Waits(Arc::clone(&go_on)), 1);
    let retention = Arc::clone(&front.app.retention);
    let running = tokio::spawn(async move { retention.run(true).await });
    eventually("it is sent", async || project.gate.count(&Method::DELETE, OBJECTS) == 1).await;
    project.shown(&format!("{}/storage/v1/object/public/{BUCKET}/{}", project.gate.url, names[0])).await;
    project.gate.rule(Method::GET, ROWS, Fate::Refused(500, "{}"), 1);
    go_on.notify_one();
    let failure = running.await.unwrap().unwrap_err().to_string();
    assert!(failure.contains("cannot be read"), "{failure}");
    assert_eq!(project.names().await, names[2..]);
    front.app.retention.run(true).await.unwrap();
    assert_eq!(project.names().await, [names[0].clone(), names[2].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_of_a_fleet_in_front_removes_another_brings_back() {
    let project = Project::start().await;
    let names = project.pictures(4).await;
    let mut before = Vec::new();
    for name in &names {
        before.push(project.state(name).await);
    }
    let fleet = World::shared().await;
    let node = || {
        let setup =
            project.variables().iter().fold(fleet.another_node(), |setup, (name, value)| setup.with(name, value));
        setup.with("RETENTION__KEEP__KINKSTER-AVATARS", "1")
    };
    let (one, other) = (node().start().await, node().start().await);
    listed(&one).await;
    let run = other.app.retention.run(false).await.unwrap().run.unwrap();
    assert_eq!(project.names().await, names[3..]);
    assert_eq!(one.app.retention.restore(run).await.unwrap().restored.len(), 3);
    for (name, before) in names.iter().zip(&before) {
        assert_eq!(&project.state(name).await, before, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_front_does_it_by_itself() {
    let project = Project::start().await;
    let names = project.pictures(3).await;
    let setup = project.plain().with("RETENTION__KEEP__KINKSTER-AVATARS", "1").with("RETENTION__HOURS", "0.0002");
    let front = setup.start().await;
    eventually("old pictures are gone", async || project.names().await == names[2..]).await;
    // Noted after the project has removed them.
    eventually("both are noted", async || {
        let runs = told(&front, "/admin/cleanup/runs").await;
        runs.as_array().unwrap().iter().any(|run| run["removed"] == 2 && run["actor"] == "schedule")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_whose_answer_is_lost_is_looked_into() {
    let project = Project::start().await;
    let names = project.pictures(3).await;
    let front = project.front().await;
    listed(&front).await;
    // Never passed on: nothing is gone, and nothing is told to be.
    project.gate.rule(Method::DELETE, OBJECTS, Fate::Hangs, 1);
    let failure = front.app.retention.run(true).await.unwrap_err().to_string();
    assert!(failure.contains("cannot be removed"), "{failure}");
    assert_eq!(project.names().await, names);
    let runs = told(&front, "/admin/cleanup/runs").await;
    assert_eq!((&runs[0]["state"], &runs[0]["removed"]), (&json!("failed"), &json!(0)));
    let failed: Uuid = runs[0]["run"].as_str().or(runs[0]["id"].as_str()).unwrap().parse().unwrap();
    let report = front.app.retention.restore(failed).await.unwrap();
    assert_eq!((report.restored.len(), report.refused.len()), (0, 2), "it is not known whether they are gone");
    // Passed on, and the answer lost.
    project.gate.rule(Method::DELETE, OBJECTS, Fate::IsLost, 1);
    let removed = front.app.retention.run(true).await.unwrap();
    assert_eq!(removed.buckets[0].goes.len(), 2);
    assert_eq!(project.names().await, names[2..]);
    assert_eq!(front.app.retention.restore(removed.run.unwrap()).await.unwrap().restored.len(), 2);
    assert_eq!(project.names().await, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_newer_at_the_upstream_is_not_overwritten() {
    let project = Project::start().await;
    let names = project.pictures(4).await;
    let front = project.front().await;
    listed(&front).await;
    let run = front.app.retention.run(true).await.unwrap().run.unwrap();
    project.put(&names[0], "photos/avatar-fox.png", "e30=").await;
    let newer = project.state(&names[0]).await;
    // Even where it is not known what became of the upload.
    project.gate.rule(Method::POST, "/storage/v1/object/kinkster-avatars/", Fate::Refused(503, "{}"), 1);
    assert_eq!(front.app.retention.restore(run).await.unwrap().restored.len(), 2);
    project.gate.heal();
    assert_eq!(project.state(&names[0]).await, newer);
    let report = front.app.retention.restore(run).await.unwrap();
    assert_eq!((report.restored.len(), report.refused.len()), (0, 1));
    assert_eq!(report.refused[0].reason, "there is a newer object of this name");
    assert_eq!(project.names().await, names);
    let log = told(&front, &format!("/admin/audit?run={run}")).await;
    assert_eq!(names_of(&log, "refused"), [names[0].clone(), names[0].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_several_pages_is_read_to_its_end() {
    let project = Project::start().await;
    for count in [100_u64, 1000, 1101] {
        let row = |number: u64| {
            let (row, version) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
            format!(
                "(x'{row}', '{BUCKET}', '{count}/kinksters/avatar_{number}.png', x'{version}', 12, '\"e\"', 'image/png', \
                 'max-age=60', 1, 1, 1)"
            )
        };
        let rows: Vec<String> = (0..count).map(row).collect();
        let insert = "INSERT INTO objects (id, bucket_id, name, version, size, etag, mime_type, cache_control, \
            created_at, updated_at, last_accessed_at) VALUES ";
        project.world.run_sql(&format!("{insert}{}", rows.join(", "))).await;
    }
    let front = project.front().await;
    let looked = front.app.retention.look().await.unwrap();
    assert_eq!((looked.buckets[0].objects, looked.buckets[0].goes.len()), (2201, 2198));
}

/// The command in front of the project, with a data folder of its own.
struct Commands<'a> {
    project: &'a Project,
    data: PathBuf,
}

impl Commands<'_> {
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = command();
        for (name, value) in self.project.variables() {
            command.env(format!("TINTYPE_{name}"), value);
        }
        command.env("TINTYPE_RETENTION__KEEP__KINKSTER-AVATARS", "1").env("TINTYPE_LOG__LEVEL", "debug");
        command.arg("cleanup").args(arguments).args(["--data", self.data.to_str().unwrap()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> Value {
        let child = self.start(&[arguments, &["--json"]].concat());
        let output: Output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let (text, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}{log}");
        assert!(!text.contains(&service_key()) && !log.contains(&service_key()));
        serde_json::from_str(&text).unwrap()
    }

    /// Kills it once the removal is sent.
    async fn killed_over_the_removal(&self, fate: Fate) {
        let sent = self.project.gate.count(&Method::DELETE, OBJECTS);
        self.project.gate.rule(Method::DELETE, OBJECTS, fate, 1);
        let mut child = self.start(&["--force"]);
        eventually("it is sent", async || self.project.gate.count(&Method::DELETE, OBJECTS) > sent).await;
        // What is passed on arrives.
        tokio::time::sleep(Duration::from_millis(300)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        self.project.gate.heal();
        // Until the turn of the dead is over.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
}

async fn killed(data: &Path, fate: Fate, is_gone: bool) {
    let project = Project::start().await;
    let names = project.pictures(4).await;
    let mut before = Vec::new();
    for name in &names {
        before.push(project.state(name).await);
    }
    let commands = Commands { project: &project, data: data.to_owned() };
    assert_eq!(commands.run(&[]).await["buckets"][0]["outcome"], "listed");
    commands.killed_over_the_removal(fate).await;
    assert_eq!(project.names().await.len(), if is_gone { 1 } else { 4 });
    assert_eq!(files_below(&data.join("storage/objects")).len(), 3, "kept before anything was sent");

    commands.run(&["--force"]).await;
    assert_eq!(project.names().await, names[3..]);
    let runs = commands.run(&["--runs"]).await;
    let removed: Vec<&Value> =
        runs.as_array().unwrap().iter().filter(|run| run["removed"].as_u64() > Some(0)).collect();
    assert_eq!((removed.len(), &removed[0]["removed"]), (1, &json!(3)), "{runs}");
    assert_eq!(removed[0]["state"], if is_gone { "failed" } else { "ended" });
    let report = commands.run(&["--restore", removed[0]["run"].as_str().unwrap()]).await;
    assert_eq!(report["restored"].as_array().unwrap().len(), 3);
    for (name, before) in names.iter().zip(&before) {
        assert_eq!(&project.state(name).await, before, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_keeping_and_removing_everything_can_be_brought_back() {
    for (fate, is_gone) in [(Fate::Hangs, false), (Fate::IsLost, true)] {
        let folder = tempfile::tempdir().unwrap();
        killed(&folder.path().join("data"), fate, is_gone).await;
    }
}

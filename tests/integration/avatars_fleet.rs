//! Eight workers in two processes over one Postgres and one S3 bucket, killed at random: each job ends once.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::avatars::{paints, picture, provider, token, variables};
use crate::process::{Process, command, start};
use crate::support::object_server::{Bucket, options};
use crate::support::origin::{Answer, Origin};
use crate::support::postgres::Database;
use crate::support::{fixture, service_key};

/// Workers of one process.
const WORKERS: usize = 4;

struct Fleet<'a> {
    database: &'a Database,
    bucket: &'a Bucket,
    provider: &'a Origin,
    http: reqwest::Client,
}

impl Fleet<'_> {
    fn start(&self, data: &Path) -> Process {
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
        self.configure(&mut command);
        start(command)
    }

    fn configure(&self, command: &mut Command) {
        for (name, value) in variables(self.provider) {
            command.env(format!("TINTYPE_{name}"), value);
        }
        for (name, value) in options() {
            command.env(format!("TINTYPE_STORAGE__OPTIONS__{}", name.to_uppercase()), value);
        }
        command
            .env("TINTYPE_STORAGE__DATABASE", self.database.url())
            .env("TINTYPE_STORAGE__URL", self.bucket.url("objects"))
            .env("TINTYPE_AVATARS__WORKERS", WORKERS.to_string())
            .env("TINTYPE_AVATARS__RUNNING_PER_USER", "1000")
            .env("TINTYPE_AVATARS__LEASE_SECONDS", "2")
            .env("TINTYPE_AVATARS__ATTEMPTS", "20")
            .env("TINTYPE_AVATARS__PER_DAY", "100000")
            .env("TINTYPE_AVATARS__DOLLARS_PER_DAY", "100000")
            .env("TINTYPE_AVATARS__DEADLINE_SECONDS", "3600");
    }

    async fn begin(&self, server: &Process, user: &str) -> String {
        let body = json!({"user_id": user, "character_data": {"name": "Rook"}}).to_string();
        let request = self.http.post(format!("{}/functions/v1/generate-kinkster-avatar", server.url));
        let request = request.bearer_auth(token(user)).header("content-type", "application/json").body(body);
        let answer = json_of(request).await;
        answer["job_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// What every job has become, by its id.
    async fn jobs(&self, server: &Process, users: &[String]) -> HashMap<String, Value> {
        let mut jobs = HashMap::new();
        for user in users {
            let mut before = String::new();
            loop {
                let request = self.http.get(format!("{}/api/avatars/jobs?limit=100{before}", server.url));
                let page = json_of(request.bearer_auth(token(user))).await;
                let page = page["jobs"].as_array().unwrap_or_else(|| panic!("{page}")).clone();
                let Some(last) = page.last() else { break };
                before = format!("&before={}", last["id"].as_str().unwrap());
                jobs.extend(page.into_iter().map(|job| (job["id"].as_str().unwrap().to_owned(), job)));
            }
        }
        jobs
    }

    async fn stored(&self, server: &Process, user: &str) -> Vec<String> {
        let body = json!({"prefix": format!("{user}/kinksters"), "limit": 1000}).to_string();
        let request = self.http.post(format!("{}/storage/v1/object/list/kinkster-avatars", server.url));
        let request = request.bearer_auth(service_key()).header("content-type", "application/json").body(body);
        let listed = json_of(request).await;
        let names = listed.as_array().unwrap_or_else(|| panic!("{listed}")).iter();
        names.map(|entry| format!("{user}/kinksters/{}", entry["name"].as_str().unwrap())).collect()
    }
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_jobs_under_killed_workers_each_ends_once_and_none_is_lost() {
    let count = if std::env::var_os("TINTYPE_FULL").is_some() { 1000 } else { 100 };
    let (database, bucket) = (Database::create().await, Bucket::new());
    let slow = Answer::After(Duration::from_millis(50), Box::new(picture(&fixture("formats/palette.png")).into()));
    let provider = provider(slow);
    let fleet = Fleet { database: &database, bucket: &bucket, provider: &provider, http: reqwest::Client::new() };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut nodes = folders.each_ref().map(|folder| Some(fleet.start(folder.path())));
    let users: Vec<String> = (0..10).map(|_| Uuid::new_v4().to_string()).collect();
    let mut begun = Vec::new();
    for number in 0..count {
        begun.push(fleet.begin(nodes[number % 2].as_ref().unwrap(), &users[number % users.len()]).await);
    }
    let mut kills = 0;
    let jobs = loop {
        tokio::time::sleep(Duration::from_millis(150 + kills as u64 * 97 % 900)).await;
        let jobs = fleet.jobs(nodes[0].as_ref().unwrap(), &users).await;
        if jobs.values().all(|job| matches!(job["state"].as_str(), Some("completed" | "error" | "cancelled"))) {
            break jobs;
        }
        // In the end they are left alone.
        if kills < count / 10 {
            let node = kills % 2;
            // Dropped, it is killed; the other one goes on meanwhile.
            nodes[node] = None;
            nodes[node] = Some(fleet.start(folders[node].path()));
            kills += 1;
        }
    };
    assert!(kills >= 3, "killed {kills} times only");
    assert_eq!(jobs.len(), count);
    let mut paths = Vec::new();
    for id in &begun {
        assert_eq!(jobs[id]["state"], "completed", "{}", jobs[id]);
        paths.push(jobs[id]["storage_path"].as_str().unwrap().to_owned());
    }
    let mut stored = Vec::new();
    for user in &users {
        stored.extend(fleet.stored(nodes[1].as_ref().unwrap(), user).await);
    }
    paths.sort();
    stored.sort();
    assert_eq!(stored, paths, "stored twice, or not at all");
    // What was being painted when a worker was killed may be paid for again; what was answered is not.
    assert!(
        (count..=count + kills * WORKERS).contains(&paints(&provider)),
        "{} paid, {kills} killed",
        paints(&provider)
    );
    let answers = bucket.paths().await.into_iter().filter(|path| path.contains("~answers"));
    assert_eq!(answers.collect::<Vec<_>>(), Vec::<String>::new());
}

//! Killed at any moment, the storage API keeps its word: what was acknowledged is there, every row has its bytes.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Process, command, serve};
use crate::support::{files_below, service_key};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

const CLIENTS: u64 = 4;

/// The body of a client's n-th upload: its length and its bytes tell which one it is.
fn body(client: u64, number: u64) -> Vec<u8> {
    format!("{client}-{number};").repeat(500 + (number % 7) as usize * 900).into_bytes()
}

fn key_of(client: u64, number: u64) -> String {
    format!("c{client}/k{}", number % 5)
}

/// Uploads until the server is gone; the last acknowledged number of every key, and the one that was under way.
async fn upload_until_killed(url: String, client: u64, first: u64) -> (HashMap<String, u64>, u64) {
    let (http, mut acknowledged) = (reqwest::Client::new(), HashMap::new());
    for number in first.. {
        let key = key_of(client, number);
        let sent = http
            .post(format!("{url}/storage/v1/object/crash/{key}"))
            .bearer_auth(service_key())
            .header("x-upsert", "true")
            .header("content-type", "text/plain")
            .body(body(client, number))
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => acknowledged.insert(key, number),
            _ => return (acknowledged, number),
        };
    }
    unreachable!("the numbers do not end")
}

async fn post(server: &Process, path: &str, body: &Value) -> Value {
    let request = reqwest::Client::new().post(format!("{}/storage/v1{path}", server.url)).bearer_auth(service_key());
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// Every listed object can be read whole, and is what was acknowledged last or what was under way.
async fn check(server: &Process, last: &HashMap<String, u64>, under_way: &HashMap<u64, u64>) {
    for client in 0..CLIENTS {
        let listed = post(server, "/object/list/crash", &json!({"prefix": format!("c{client}")})).await;
        let names: Vec<String> =
            listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        for key in last.keys().filter(|key| key.starts_with(&format!("c{client}/"))) {
            assert!(names.contains(&key[3..].to_owned()), "{key} was acknowledged and is gone");
        }
        for name in names {
            let key = format!("c{client}/{name}");
            let answer = reqwest::get(format!("{}/storage/v1/object/public/crash/{key}", server.url)).await.unwrap();
            assert_eq!(answer.status(), 200, "{key} has a row and no bytes");
            let bytes = answer.bytes().await.unwrap();
            let candidates = [last.get(&key).copied(), Some(under_way[&client]).filter(|n| key_of(client, *n) == key)];
            let fits = candidates.into_iter().flatten().any(|number| bytes == body(client, number));
            assert!(
                fits,
                "{key} is neither the acknowledged nor the next version: {:?}",
                &bytes[..bytes.len().min(20)]
            );
        }
    }
}

fn clean_up(data: &Path) {
    let output = command()
        .args(["cleanup", "--older-than", "0", "--force", "--data", data.to_str().unwrap()])
        .env("TINTYPE_STORAGE__GRACE_SECONDS", "0")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_points_every_row_has_its_bytes_and_nothing_is_left_over() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 100 } else { 10 };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = serve(&data, &[]);
    post(&server, "/bucket", &json!({"id": "crash", "name": "crash", "public": true})).await;
    let (mut last, mut next): (HashMap<String, u64>, HashMap<u64, u64>) =
        (HashMap::new(), (0..CLIENTS).map(|client| (client, 0)).collect());
    for round in 0..rounds {
        let uploads: Vec<_> = (0..CLIENTS)
            .map(|client| tokio::spawn(upload_until_killed(server.url.clone(), client, next[&client])))
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + round * 37 % 130)).await;
        drop(server);
        let mut under_way = HashMap::new();
        for (client, upload) in (0..CLIENTS).zip(uploads) {
            let (acknowledged, number) = upload.await.unwrap();
            last.extend(acknowledged);
            under_way.insert(client, number);
            next.insert(client, number + 1);
        }
        server = serve(&data, &[]);
        check(&server, &last, &under_way).await;
        // What was under way may have been kept: the next round has to know it as current.
        for client in 0..CLIENTS {
            let number = under_way[&client];
            let key = key_of(client, number);
            let url = format!("{}/storage/v1/object/public/crash/{key}", server.url);
            if reqwest::get(url).await.unwrap().bytes().await.unwrap() == body(client, number) {
                last.insert(key, number);
            }
        }
    }
    assert!(!last.is_empty());
    drop(server);
    clean_up(&data);
    // What is left over waits for as long as removed objects do.
    let options = SqliteConnectOptions::new().filename(data.join("catalog.sqlite"));
    let mut catalog = options.connect().await.unwrap();
    sqlx::query("UPDATE stale_blobs SET since = 1").execute(&mut catalog).await.unwrap();
    catalog.close().await.unwrap();
    clean_up(&data);
    let mut files = files_below(&data.join("storage"));
    files.retain(|file| !file.ends_with(".catalogue"));
    assert_eq!(files.len(), last.len(), "bytes without a row, or rows without bytes: {files:?}");
}

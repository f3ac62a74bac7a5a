//! What is deleted through the storage API is gone at once, and comes back to whom deleted it, for a while.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::avatars::{ANN, BOB, token};
use crate::process::{command, serve};
use crate::retention::world::{BUCKET, World};
use crate::support::{Answer, Running, files_below, service_key};

async fn call(server: &Running, key: &str, method: Method, path: &str, body: Value) -> Answer {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    server.send_bytes(method, &format!("/storage/v1{path}"), &headers, body.to_string().into_bytes()).await
}

async fn delete(server: &Running, key: &str, names: &[&str]) -> Value {
    let body = json!({"prefixes": names});
    call(server, key, Method::DELETE, &format!("/object/{BUCKET}"), body).await.expect(200).json()
}

/// What became of each name.
async fn restore(server: &Running, key: &str, names: &[&str]) -> Vec<String> {
    let body = json!({"bucket": BUCKET, "names": names});
    let rows = call(server, key, Method::POST, "/object/restore", body).await.expect(200).json();
    let rows = rows.as_array().unwrap();
    assert!(rows.iter().zip(names).all(|(row, name)| row["name"] == *name), "{rows:?}");
    rows.iter().map(|row| row["result"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_deletes_is_gone_at_once_and_comes_back_to_them_alone() {
    for world in World::both().await {
        let server = world.setup.start().await;
        let (ann, bob, service) = (token(ANN), token(BOB), service_key());
        let name = world.picture(&server, ANN, None, 1).await;
        let public = format!("/storage/v1/object/public/{BUCKET}/{name}");
        let variant = format!("/image/{BUCKET}/{name}?w=16&f=webp");
        let info = format!("/object/info/{BUCKET}/{name}");
        let (bytes, made) = (server.get(&public).await.expect(200).body, server.get(&variant).await.expect(200).body);
        let before = call(&server, &ann, Method::GET, &info, json!({})).await.expect(200).json();

        assert_eq!(delete(&server, &ann, &[&name]).await[0]["name"], name.as_str());
        for path in [&public, &variant] {
            assert_ne!(server.get(path).await.status, 200, "{path}");
        }
        for key in [&ann, &service] {
            assert_eq!(call(&server, key, Method::GET, &info, json!({})).await.json()["statusCode"], "404");
            let listed = json!({"prefix": format!("{ANN}/kinksters")});
            let listed = call(&server, key, Method::POST, &format!("/object/list/{BUCKET}"), listed).await;
            assert_eq!(listed.expect(200).json(), json!([]));
            assert_eq!(delete(&server, key, &[&name]).await, json!([]));
        }
        assert_eq!(restore(&server, &bob, &[&name]).await, ["gone"]);
        assert_eq!(restore(&server, &ann, &["none", &name, "/no name"]).await, ["gone", "restored", "gone"]);
        assert_eq!(server.get(&public).await.expect(200).body, bytes);
        assert_eq!(server.get(&variant).await.expect(200).body, made);
        assert_eq!(call(&server, &ann, Method::GET, &info, json!({})).await.expect(200).json(), before);
        assert_eq!(restore(&server, &ann, &[&name]).await, ["gone"], "it is back already");

        delete(&server, &ann, &[&name]).await;
        world.put(&server, ANN, &name).await;
        assert_eq!(restore(&server, &ann, &[&name]).await, ["newer"]);
        // A user does not undo what the operator has taken away.
        delete(&server, &service, &[&name]).await;
        let older = restore(&server, &ann, &[&name]).await;
        assert_eq!(older, ["restored"], "their own deletion, of the older one");
        delete(&server, &service, &[&name]).await;
        assert_eq!(restore(&server, &ann, &[&name]).await, ["gone"]);
        assert_eq!(restore(&server, &service, &[&name]).await, ["restored"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_who_deleted_and_what_can_come_back() {
    let world = World::on_disk();
    let server = world.setup.start().await;
    let (ann, service) = (token(ANN), service_key());
    let name = world.picture(&server, ANN, None, 1).await;
    delete(&server, &ann, &[&name]).await;
    world.put(&server, ANN, &name).await;
    delete(&server, &service, &[&name]).await;
    let log = async || {
        let authorization = format!("Bearer {}", service_key());
        let log = server.get_with("/admin/audit", &[("authorization", &authorization)]).await.expect(200).json();
        log["entries"].as_array().unwrap().clone()
    };
    let lines = log().await;
    let told: Vec<_> = lines.iter().map(|line| [&line["actor"], &line["action"], &line["name"]]).collect();
    assert_eq!(
        told,
        [[&json!("service"), &json!("removed"), &json!(name)], [&json!("user"), &json!("removed"), &json!(name)]]
    );
    assert!(lines.iter().all(|line| line["restorable_until"].is_string()), "{lines:?}");
    let older = json!({"bucket": BUCKET, "names": [name], "version": lines[1]["version"]});
    let back = call(&server, &service, Method::POST, "/object/restore", older).await.expect(200).json();
    assert_eq!(back[0]["result"], "restored");
    let lines = log().await;
    let can: Vec<bool> = lines.iter().map(|line| line["restorable_until"].is_string()).collect();
    assert_eq!((lines[0]["actor"].as_str(), lines[0]["action"].as_str()), (Some("service"), Some("restored")));
    assert_eq!(can, [false, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_to_restore_is_refused() {
    let server = World::on_disk().setup.start().await;
    let (ann, names) = (token(ANN), json!(["a"]));
    for body in [
        json!({"bucket": BUCKET}),
        json!({"names": names}),
        json!({"bucket": BUCKET, "names": []}),
        json!({"bucket": BUCKET, "names": "a"}),
        json!({"bucket": BUCKET, "names": vec!["a"; 1001]}),
        json!({"bucket": BUCKET, "names": names, "version": "newest"}),
    ] {
        let answer = call(&server, &ann, Method::POST, "/object/restore", body.clone()).await.expect(400);
        assert_eq!(answer.json()["code"], "InvalidRequest", "{body}");
    }
    let nowhere = json!({"bucket": "nowhere", "names": names});
    let answer = call(&server, &ann, Method::POST, "/object/restore", nowhere).await.expect(200);
    assert_eq!(answer.json(), json!([{"name": "a", "result": "gone"}]));
    let answer = server.send(Method::POST, "/storage/v1/object/restore", &[], Some("{}")).await.expect(400);
    assert!(answer.text().contains("authorization"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_kept_no_longer_than_the_grace_time() {
    for world in World::both().await {
        let world = world.with("STORAGE__GRACE_SECONDS", "30").with("STORAGE__UNDO_SECONDS", "3600");
        let server = world.setup.start().await;
        let name = world.picture(&server, ANN, None, 1).await;
        delete(&server, &token(ANN), &[&name]).await;
        let files = async || match &world.bucket {
            Some(bucket) => bucket.paths().await.iter().filter(|path| path.contains(BUCKET)).count(),
            None => files_below(&server.data().join("storage/objects")).len(),
        };
        server.app.retention.run(true).await.unwrap();
        assert_eq!(files().await, 1);
        // Half a minute later.
        let later = "UPDATE removed_objects SET removed_at = removed_at - 31000000, \
            restorable_until = restorable_until - 31000000";
        world.run_sql(later).await;
        assert_eq!(restore(&server, &token(ANN), &[&name]).await, ["gone"]);
        server.app.retention.run(true).await.unwrap();
        assert_eq!(files().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_undo_nothing_is_kept_and_the_log_names_nothing() {
    for (key, value) in [("STORAGE__UNDO_SECONDS", "0"), ("STORAGE__GRACE_SECONDS", "0")] {
        let world = World::on_disk().with(key, value);
        let server = world.setup.start().await;
        let name = world.picture(&server, ANN, None, 1).await;
        delete(&server, &token(ANN), &[&name]).await;
        assert_eq!(restore(&server, &token(ANN), &[&name]).await, ["gone"]);
        let mut database = world.sqlite().await;
        let count =
            "SELECT (SELECT count(*) FROM removed_objects) + (SELECT count(*) FROM audit WHERE name IS NOT NULL)";
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut database).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_does_not_come_back_without_its_bytes() {
    let world = World::on_disk();
    let server = world.setup.start().await;
    let name = world.picture(&server, ANN, None, 1).await;
    delete(&server, &token(ANN), &[&name]).await;
    for file in files_below(&server.data().join("storage/objects")) {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(restore(&server, &token(ANN), &[&name]).await, ["gone"]);
    assert_eq!(world.names(&server).await, Vec::<String>::new());
}

/// What a client knows of its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    There,
    Deleted,
    /// The answer did not come.
    Either,
}

/// Uploads, deletes and brings back until the server is gone.
async fn work(url: String, client: usize, mut known: HashMap<String, Known>) -> HashMap<String, Known> {
    let http = reqwest::Client::new();
    let send = async |method: Method, path: String, body: String| {
        let request = http.request(method, format!("{url}/storage/v1/object{path}")).bearer_auth(service_key());
        let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
        let sent = request.header("content-type", kind).header("x-upsert", "true").body(body).send().await.ok()?;
        assert_eq!(sent.status(), 200);
        serde_json::from_slice::<Value>(&sent.bytes().await.ok()?).ok()
    };
    for number in 0_usize.. {
        let key = format!("c{client}/k{}", number % 3);
        let answer = match known.get(&key) {
            None | Some(Known::Either) => send(Method::POST, format!("/crash/{key}"), key.clone()).await,
            Some(Known::There) => {
                send(Method::DELETE, "/crash".to_owned(), json!({"prefixes": [key]}).to_string()).await
            }
            Some(Known::Deleted) => {
                let body = json!({"bucket": "crash", "names": [key]}).to_string();
                let answer = send(Method::POST, "/restore".to_owned(), body).await;
                answer.inspect(|answer| assert_eq!(answer[0]["result"], "restored", "{key}"))
            }
        };
        let next = match (answer, known.get(&key)) {
            (None, _) => Known::Either,
            (Some(_), Some(Known::There)) => Known::Deleted,
            (Some(_), _) => Known::There,
        };
        known.insert(key, next);
        if next == Known::Either {
            break;
        }
    }
    known
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_deletions_and_undos_nothing_is_lost_and_nothing_comes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = serve(&data, &[]);
    let bucket = reqwest::Client::new().post(format!("{}/storage/v1/bucket", server.url)).bearer_auth(service_key());
    let made = bucket.body(json!({"id": "crash", "name": "crash", "public": true}).to_string());
    assert_eq!(made.header("content-type", "application/json").send().await.unwrap().status(), 200);
    let mut known: Vec<HashMap<String, Known>> = vec![HashMap::new(); 3];
    for round in 0..8 {
        let clients = known.iter().cloned().enumerate();
        let working: Vec<_> =
            clients.map(|(client, known)| tokio::spawn(work(server.url.clone(), client, known))).collect();
        tokio::time::sleep(Duration::from_millis(30 + round * 41 % 130)).await;
        drop(server);
        for (known, working) in known.iter_mut().zip(working) {
            *known = working.await.unwrap();
        }
        // Beside no server, and in a hurry: what can be undone is not touched.
        let mut cleanup = command();
        cleanup.args(["cleanup", "--older-than", "0", "--force", "--data", data.to_str().unwrap()]);
        assert!(cleanup.env("TINTYPE_STORAGE__GRACE_SECONDS", "0").output().unwrap().status.success());
        server = serve(&data, &[]);
        for (key, state) in known.iter().flatten() {
            let read = reqwest::get(format!("{}/storage/v1/object/public/crash/{key}", server.url)).await.unwrap();
            let (status, text) = (read.status().as_u16(), read.text().await.unwrap());
            match state {
                Known::There => assert_eq!((status, text.as_str()), (200, key.as_str())),
                Known::Deleted => assert_ne!(status, 200, "{key}"),
                Known::Either => assert!(status != 200 || text == *key, "{key}: {text}"),
            }
        }
    }
    assert!(known.iter().flatten().any(|(_, state)| *state != Known::Either));
}

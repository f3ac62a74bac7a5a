//! What the operator is told: usage in true bytes, what is asked for, what the caches hold of one object.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::storage::user;
use crate::support::origin::{Origin, Reply};
use crate::support::{Answer, Running, Setup, eventually, files_below, fixture, service_key};

async fn ask(server: &Running, path: &str) -> Answer {
    let authorization = format!("Bearer {}", service_key());
    server.get_with(path, &[("authorization", &authorization)]).await
}

async fn told(server: &Running, path: &str) -> Value {
    ask(server, path).await.expect(200).json()
}

async fn upload(server: &Running, key: &str, path: &str, body: Vec<u8>) {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "image/png"), ("x-upsert", "true")];
    server.send_bytes(Method::POST, &format!("/storage/v1/object/{path}"), &headers, body).await.expect(200);
}

/// A bucket that leaves bytes as they come.
async fn bucket(server: &Running, name: &str) {
    let authorization = format!("Bearer {}", service_key());
    let body = json!({"name": name, "public": true}).to_string();
    server
        .send(Method::POST, "/storage/v1/bucket", &[("authorization", &authorization)], Some(&body))
        .await
        .expect(200);
}

fn bytes_below(folder: &Path) -> u64 {
    files_below(folder).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_told_in_true_bytes_by_bucket_and_owner() {
    let setup = Setup::new().photos();
    let server = setup.start().await;
    bucket(&server, "pictures").await;
    let (small, large) = (fixture("formats/palette.png"), fixture("formats/truecolour.png"));
    upload(&server, &user("ann"), "pictures/ann/a.png", small.clone()).await;
    upload(&server, &user("ann"), "pictures/ann/b.png", large.clone()).await;
    upload(&server, &user("bob"), "pictures/bob/a.png", small.clone()).await;
    upload(&server, &service_key(), "pictures/shared.png", small.clone()).await;
    // What is replaced counts no more.
    upload(&server, &user("bob"), "pictures/bob/a.png", large.clone()).await;
    server.get_webp("/image/pictures/ann/b.png?w=16").await.expect(200);
    server.get_webp("/image/photos/avatar-fox.png?w=64").await.expect(200);
    let (small, large) = (small.len() as u64, large.len() as u64);
    // Variants and version records are written while nobody waits for them.
    let is_written = async || {
        let total = told(&server, "/admin/usage").await["total"]["stored"]["files"].clone();
        total == 4
    };
    eventually("two variants and their version records are written", is_written).await;
    let row = told(&server, "/admin/usage/pictures").await;
    assert_eq!((&row["objects"], &row["bytes"]), (&json!(4), &json!(2 * small + 2 * large)));
    assert_eq!(
        row["owners"],
        json!([
            {"owner": "ann", "objects": 2, "bytes": small + large},
            {"owner": "bob", "objects": 1, "bytes": large},
            {"owner": null, "objects": 1, "bytes": small},
        ])
    );
    let on_disk = |bucket: &str| bytes_below(&setup.data.path().join("data/variants").join(bucket));
    assert_eq!(row["stored"]["bytes"], on_disk("pictures"));
    assert_eq!(row["stored"]["files"], 2, "a variant and the version record");
    assert!(row["memory"]["variants"] == 1 && row["memory"]["bytes"].as_u64() > Some(0), "{row}");
    let whole = told(&server, "/admin/usage").await;
    let rows = whole["buckets"].as_array().unwrap();
    let of = |name: &str| rows.iter().find(|row| row["bucket"] == name).unwrap();
    assert_eq!(of("pictures"), &row);
    assert_eq!((&of("task-proofs")["objects"], &of("task-proofs")["bytes"]), (&json!(0), &json!(0)));
    assert!(of("photos")["objects"].is_null(), "what lies elsewhere is not ours to count");
    assert_eq!(of("photos")["stored"]["bytes"], on_disk("photos"));
    assert_eq!(whole["total"]["bytes"], row["bytes"]);
    assert_eq!(whole["total"]["stored"]["bytes"], on_disk("pictures") + on_disk("photos"));
    let first = told(&server, "/admin/usage/pictures?limit=1").await;
    assert_eq!((first["owners"].as_array().unwrap().len(), &first["owner_count"]), (1, &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_and_the_most_requested_come_first() {
    let server = Setup::new().photos().start().await;
    bucket(&server, "pictures").await;
    let names = ["palette", "truecolour", "gray"];
    for name in names {
        upload(&server, &service_key(), &format!("pictures/{name}.png"), fixture(&format!("formats/{name}.png"))).await;
    }
    let mut sizes = names.map(|name| (fixture(&format!("formats/{name}.png")).len() as u64, format!("{name}.png")));
    sizes.sort_by(|one, other| other.cmp(one));
    let largest = told(&server, "/admin/objects/pictures/largest?limit=2").await;
    let found: Vec<_> = largest
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["size"].as_u64().unwrap(), row["name"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(found, sizes[..2]);
    for (name, times) in [("gray", 3), ("palette", 1), ("none", 2)] {
        for _ in 0..times {
            server.get_webp(&format!("/image/pictures/{name}.png?w=16")).await;
        }
    }
    // Another dialect, another size, and a browser that has it already: the same object.
    let original = server.get("/storage/v1/object/public/pictures/gray.png").await.expect(200);
    let etag = original.header("etag").to_owned();
    server.get_with("/storage/v1/object/public/pictures/gray.png", &[("if-none-match", &etag)]).await.expect(304);
    let requested = told(&server, "/admin/objects/pictures/requested").await;
    assert_eq!(
        requested,
        json!([
            {"name": "gray.png", "requests": 5, "hits": 3, "misses": 2},
            {"name": "palette.png", "requests": 1, "hits": 0, "misses": 1},
        ])
    );
    server.get_webp("/image/photos/avatar-fox.png?w=64").await.expect(200);
    assert_eq!(told(&server, "/admin/objects/photos/requested").await[0]["name"], "avatar-fox.png");
    ask(&server, "/admin/objects/photos/largest").await.expect(404);
    for limit in ["0", "1001", "-1", "many"] {
        ask(&server, &format!("/admin/objects/pictures/largest?limit={limit}")).await.expect(400);
        ask(&server, &format!("/admin/usage?limit={limit}")).await.expect(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caches_state_of_an_object_is_told_with_all_its_variants() {
    let setup = Setup::new();
    let server = setup.start().await;
    bucket(&server, "pictures").await;
    let picture = fixture("formats/truecolour.png");
    upload(&server, &service_key(), "pictures/a/b c.png", picture.clone()).await;
    let path = "/admin/objects/pictures/a/b%20c.png";
    let before = told(&server, path).await;
    assert_eq!(
        (&before["state"], &before["variants"], &before["requests"]),
        (&json!("unknown"), &json!([]), &Value::Null)
    );
    assert_eq!(
        (&before["original"]["name"], &before["original"]["size"]),
        (&json!("a/b c.png"), &json!(picture.len()))
    );
    let on_ladder = server.get_webp("/image/pictures/a/b%20c.png?w=16&f=webp").await.expect(200);
    let off_ladder = server.get_webp("/image/pictures/a/b%20c.png?w=17&f=png").await.expect(200);
    eventually("one of them is stored", async || {
        let state = told(&server, path).await;
        state["variants"].as_array().unwrap().iter().any(|variant| variant["is_stored"] == true)
    })
    .await;
    let after = told(&server, path).await;
    assert_eq!(after["state"], "fresh");
    assert_eq!(after["version"]["version"].as_str(), Some(on_ladder.header("x-tintype-version")));
    let natural = crate::support::pixels(&picture);
    assert_eq!(after["version"]["picture"]["content_type"], "image/png");
    assert_eq!(after["version"]["picture"]["width"], natural.size().width);
    assert_eq!(after["requests"], json!({"hits": 0, "misses": 2}));
    let variants = after["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 2, "{after}");
    for (answer, content_type, is_stored) in [(on_ladder, "image/webp", true), (off_ladder, "image/png", false)] {
        let variant = variants.iter().find(|variant| variant["content_type"] == content_type).unwrap();
        assert_eq!(variant["bytes"], answer.body.len());
        assert_eq!((&variant["is_stored"], &variant["is_in_memory"]), (&json!(is_stored), &json!(true)));
        assert_eq!((&variant["is_current"], &variant["hits"]), (&json!(true), &json!(0)));
    }
    for _ in 0..2 {
        server.get_webp("/image/pictures/a/b%20c.png?w=16&f=webp").await.expect(200);
    }
    let again = told(&server, path).await;
    let hits = |content_type: &str| {
        let variants = again["variants"].as_array().unwrap();
        variants.iter().find(|variant| variant["content_type"] == content_type).map(|variant| variant["hits"].clone())
    };
    assert_eq!((hits("image/webp"), hits("image/png")), (Some(json!(2)), Some(json!(0))));
    server.stop().await;
    let server = setup.start().await;
    let restarted = told(&server, path).await;
    let variants = restarted["variants"].as_array().unwrap();
    assert_eq!(
        (variants.len(), &variants[0]["is_stored"], &variants[0]["is_in_memory"]),
        (1, &json!(true), &json!(false))
    );
    upload(&server, &service_key(), "pictures/a/b c.png".replace(' ', "%20").as_str(), fixture("formats/gray.png"))
        .await;
    let replaced = told(&server, path).await;
    assert_eq!((&replaced["state"], &replaced["variants"]), (&json!("unknown"), &json!([])));
    server.get("/image/pictures/a/b%20c.png?w=16").await.expect(200);
    server.purge(r#"{"bucket":"pictures","object":"a/b c.png"}"#).await.expect(200);
    eventually("nothing is left, even of what was being written", async || {
        told(&server, path).await["variants"] == json!([])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_remote_objects_have_a_state_too() {
    let origin = Origin::start();
    let picture = Reply::ok("image/png", fixture("formats/truecolour.png")).header("cache-control", "max-age=1");
    origin.serve("/a.png", picture);
    let port = origin.address().port();
    let server = Setup::new()
        .bucket("web", origin.url("/"))
        .with("NEXT__REMOTE_PATTERNS", &format!("[{{ hostname = '127.0.0.1', port = '{port}' }}]"))
        .with("NEXT__INTERNAL_HOSTS", &origin.address().to_string())
        .start()
        .await;
    // Our bucket's origin, so that it is one object in either spelling.
    let url: String = url::form_urlencoded::byte_serialize(origin.url("/a.png").as_bytes()).collect();
    server.get(&format!("/_next/image?url={url}&w=64&q=75")).await.expect(200);
    let state = told(&server, "/admin/objects/web/a.png").await;
    assert_eq!((&state["original"], &state["version"]["cache_control"]), (&Value::Null, &json!("max-age=1")));
    let stale = async || told(&server, "/admin/objects/web/a.png").await["state"] == "stale";
    eventually("it is past its time", stale).await;
    assert_eq!(origin.hits("/a.png"), 1, "looking asks no origin");

    let server = Setup::new()
        .with("NEXT__REMOTE_PATTERNS", &format!("[{{ hostname = '127.0.0.1', port = '{port}' }}]"))
        .with("NEXT__INTERNAL_HOSTS", &origin.address().to_string())
        .start()
        .await;
    server.get(&format!("/_next/image?url={url}&w=64&q=75")).await.expect(200);
    let state = told(&server, &format!("/admin/objects/~remote/{url}")).await;
    assert_eq!(state["name"].as_str(), Some(origin.url("/a.png").as_str()));
    assert_eq!(state["variants"].as_array().unwrap().len(), 1);
    let usage = told(&server, "/admin/usage").await;
    let remote = usage["buckets"].as_array().unwrap().iter().find(|row| row["bucket"] == "~remote").unwrap();
    assert_eq!(remote["memory"]["variants"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_service_keys_are_told_and_what_is_unknown_is_404() {
    let server = Setup::new().photos().start().await;
    bucket(&server, "pictures").await;
    upload(&server, &service_key(), "pictures/largest", fixture("formats/gray.png")).await;
    let paths = [
        "/admin/usage",
        "/admin/usage/pictures",
        "/admin/objects/pictures/largest",
        "/admin/objects/pictures/requested",
        "/admin/objects/pictures/a.png",
    ];
    for path in paths {
        server.get(path).await.expect(403);
        let authorization = format!("Bearer {}", user("ann"));
        server.get_with(path, &[("authorization", &authorization)]).await.expect(403);
    }
    for path in [
        "/admin/usage/nowhere",
        "/admin/objects/nowhere/largest",
        "/admin/objects/nowhere/requested",
        "/admin/objects/nowhere/a.png",
        "/admin/objects/pictures/none.png",
        "/admin/objects/photos/none.png",
        "/admin/usage/a%2Fb",
    ] {
        let answer = ask(&server, path).await.expect(404);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    for path in ["/admin/objects/pictures/a/..%2Fb", "/admin/objects/pictures/%ff", "/admin/objects/~remote/nonsense"] {
        ask(&server, path).await.expect(400);
    }
    // An object that is named like a list is reached by another spelling of its name.
    assert_eq!(told(&server, "/admin/objects/pictures/%6Cargest").await["name"], "largest");
}

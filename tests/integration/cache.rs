//! Single flight, freshness, purges, restarts.

use std::time::Duration;

use crate::support::origin::{Answer, Origin, Reply};
use crate::support::{Setup, eventually, files_below, fixture};

fn png() -> Vec<u8> {
    fixture("formats/truecolour.png")
}

fn jpeg() -> Vec<u8> {
    fixture("formats/baseline.jpg")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_on_one_cold_key_are_one_upstream_get() {
    let origin = Origin::start();
    let answer = Answer::After(Duration::from_millis(300), Box::new(Reply::ok("image/png", png()).into()));
    origin.serve("/a.png", answer);
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let asking = (0..1000).map(|_| server.get("/image/web/a.png?w=32&f=webp"));
    let answers = futures_util::future::join_all(asking).await;
    let first = &answers[0];
    let mut leaders = 0;
    for answer in &answers {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, first.body);
        leaders += usize::from(answer.header("cache-status").contains("stored"));
    }
    assert_eq!(leaders, 1);
    assert_eq!(origin.hits("/a.png"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_widths_of_one_cold_picture_are_one_upstream_get() {
    let origin = Origin::start();
    let answer = Answer::After(Duration::from_millis(100), Box::new(Reply::ok("image/png", png()).into()));
    origin.serve("/a.png", answer);
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let widths = [16, 32, 48, 64, 96, 128, 160, 200];
    let paths: Vec<String> = widths.iter().map(|width| format!("/image/web/a.png?w={width}")).collect();
    let answers = futures_util::future::join_all(paths.iter().map(|path| server.get(path))).await;
    for (answer, width) in answers.into_iter().zip(widths) {
        assert_eq!(answer.expect(200).size().0, width);
    }
    assert_eq!(origin.hits("/a.png"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_does_not_cancel_the_fill() {
    let origin = Origin::start();
    let answer = Answer::After(Duration::from_millis(300), Box::new(Reply::ok("image/png", png()).into()));
    origin.serve("/a.png", answer);
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let gone = tokio::time::timeout(Duration::from_millis(100), server.get("/image/web/a.png?w=32&f=webp")).await;
    assert!(gone.is_err(), "the answer came before the client could leave");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let later = server.get("/image/web/a.png?w=32&f=webp").await.expect(200);
    assert!(later.is_hit(), "{}", later.header("cache-status"));
    assert_eq!(origin.hits("/a.png"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_variant_is_served_while_one_conditional_request_confirms_it() {
    let origin = Origin::start();
    origin.serve_conditionally(
        "/a.png",
        Reply::ok("image/png", png()).header("etag", "\"one\"").header("cache-control", "max-age=1"),
    );
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let first = server.get("/image/web/a.png?w=32").await.expect(200);
    assert_eq!(first.header("cache-control"), "max-age=1", "the object's own value goes outward");
    tokio::time::sleep(Duration::from_millis(1300)).await;
    let stale = server.get("/image/web/a.png?w=32").await.expect(200);
    assert!(stale.header("cache-status").starts_with("tintype; hit; ttl=-"), "{}", stale.header("cache-status"));
    eventually("the source is asked again", async || origin.hits("/a.png") == 2).await;
    assert_eq!(origin.seen()[1].header("if-none-match"), Some("\"one\""));
    let confirmed = async || server.get("/image/web/a.png?w=32").await.header("cache-status") == "tintype; hit";
    eventually("the record is fresh again", confirmed).await;
    assert_eq!(stale.body, first.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_original_is_a_new_variant_after_its_time() {
    let origin = Origin::start();
    let reply = |body: Vec<u8>, tag: &str| {
        Reply::ok("image/png", body).header("etag", tag).header("cache-control", "max-age=1")
    };
    origin.serve_conditionally("/a", reply(png(), "\"one\""));
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let first = server.get("/image/web/a?w=32&f=png").await.expect(200);
    origin.serve_conditionally("/a", reply(jpeg(), "\"two\""));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    server.get("/image/web/a?w=32&f=png").await.expect(200);
    eventually("the new picture is served", async || server.get("/image/web/a?w=32&f=png").await.body != first.body)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_is_stood_in_for_and_then_left_alone_for_a_while() {
    let origin = Origin::start();
    origin
        .serve("/a.png", Reply::ok("image/png", png()).header("etag", "\"one\"").header("cache-control", "max-age=1"));
    let server = Setup::new().bucket("web", origin.url("/")).with("CACHE__STALE_SECONDS", "0").start().await;
    server.get("/image/web/a.png?w=32").await.expect(200);
    origin.serve("/a.png", Reply::new(500, "down"));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    for _ in 0..20 {
        let answer = server.get("/image/web/a.png?w=32").await.expect(200);
        assert!(answer.header("cache-status").contains("ttl=-"), "{}", answer.header("cache-status"));
    }
    assert_eq!(origin.hits("/a.png"), 2, "a failing source was asked again without a pause");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_remembered_briefly_and_forgotten_by_a_purge() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::new(404, "no"));
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    for _ in 0..10 {
        server.get("/image/web/a.png?w=32").await.expect(404);
    }
    assert_eq!(origin.hits("/a.png"), 1);
    origin.serve("/a.png", Reply::ok("image/png", png()));
    server.purge(r#"{"bucket":"web","object":"a.png"}"#).await.expect(200);
    server.get("/image/web/a.png?w=32").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_file_is_noticed_without_a_restart_and_a_deleted_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), png()).unwrap();
    let server = Setup::new()
        .bucket("here", folder.path().to_str().unwrap())
        .with("CACHE__FOLDER_SECONDS", "1")
        .with("CACHE__MISSING_SECONDS", "1")
        .start()
        .await;
    let first = server.get("/image/here/a?w=32&f=png").await.expect(200);
    std::fs::write(folder.path().join("a"), jpeg()).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let second = server.get("/image/here/a?w=32&f=png").await.expect(200);
    assert_ne!(first.body, second.body, "the very next request after the inward clock has the new picture");
    std::fs::remove_file(folder.path().join("a")).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    server.get("/image/here/a?w=32&f=png").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_variants_are_hits_after_a_restart_and_stand_in_for_a_source_that_is_gone() {
    let setup = {
        let origin = Origin::start();
        origin.serve(
            "/a.png",
            Reply::ok("image/png", png()).header("etag", "\"1\"").header("cache-control", "max-age=1"),
        );
        let setup = Setup::new().bucket("web", origin.url("/")).with("CACHE__STALE_SECONDS", "0");
        let server = setup.start().await;
        server.get("/image/web/a.png?w=32").await.expect(200);
        server.stop().await;
        setup
    };
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let server = setup.start().await;
    let answer = server.get("/image/web/a.png?w=32").await.expect(200);
    assert!(answer.header("cache-status").starts_with("tintype; hit; ttl=-"), "{}", answer.header("cache-status"));
}

#[tokio::test(flavor = "multi_thread")]
async fn purging_removes_bytes_from_memory_and_disk_by_object_prefix_bucket_and_all() {
    let origin = Origin::start();
    for name in ["/a/1.png", "/a/2.png", "/b/3.png"] {
        origin.serve(name, Reply::ok("image/png", png()));
    }
    let setup = Setup::new().bucket("web", origin.url("/"));
    let server = setup.start().await;
    let variants = setup.data.path().join("data/variants");
    let fill = async || {
        for name in ["a/1.png", "a/2.png", "b/3.png"] {
            server.get(&format!("/image/web/{name}?w=32")).await.expect(200);
        }
        eventually("a variant and a record each are written", async || files_below(&variants).len() == 6).await;
    };
    for (body, left) in [
        (r#"{"bucket":"web","object":"a/1.png"}"#, 4),
        (r#"{"bucket":"web","prefix":"a/"}"#, 2),
        (r#"{"bucket":"web"}"#, 0),
        (r#"{"all":true}"#, 0),
    ] {
        fill().await;
        server.purge(body).await.expect(200);
        assert_eq!(files_below(&variants).len(), left, "{body}");
        let again = server.get("/image/web/a/1.png?w=32").await.expect(200);
        assert!(!again.is_hit(), "{body} left something in memory");
        server.purge(r#"{"all":true}"#).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn supabase_clients_purge_by_their_own_route() {
    let origin = Origin::start();
    origin.serve("/a/1.png", Reply::ok("image/png", png()));
    let server = Setup::new().bucket("web", origin.url("/")).start().await;
    let key = format!("Bearer {}", crate::support::service_key());
    for path in ["/storage/v1/cdn/web/a/1.png", "/storage/v1/cdn/web", "/storage/v1/cdn/", "/storage/v1/cdn"] {
        server.get("/image/web/a/1.png?w=32").await.expect(200);
        server.send(reqwest::Method::DELETE, path, &[], None).await.expect(403);
        assert!(server.get("/image/web/a/1.png?w=32").await.is_hit());
        let answer = server.send(reqwest::Method::DELETE, path, &[("authorization", &key)], None).await.expect(200);
        assert_eq!(answer.json(), serde_json::json!({"message": "success", "statusCode": "200"}));
        assert!(!server.get("/image/web/a/1.png?w=32").await.is_hit(), "{path}");
    }
    for (path, error, message) in [
        ("web/a%2F..%2Fb", "InvalidKey", "Invalid key: a/../b"),
        ("web/a%00", "InvalidKey", "Invalid key: a\0"),
        ("a%5Cb/c", "Invalid Input", "Bucket name invalid"),
        ("a%5Cb", "Invalid Input", "Bucket name invalid"),
    ] {
        let path = format!("/storage/v1/cdn/{path}");
        let answer = server.send(reqwest::Method::DELETE, &path, &[("authorization", &key)], None).await.expect(400);
        let envelope = answer.json();
        assert_eq!((&envelope["error"], &envelope["message"]), (&error.into(), &message.into()), "{envelope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_during_a_fill_is_not_undone_by_it() {
    let origin = Origin::start();
    let slow = |body: Vec<u8>| Answer::After(Duration::from_millis(400), Box::new(Reply::ok("image/png", body).into()));
    origin.serve("/a", slow(png()));
    let setup = Setup::new().bucket("web", origin.url("/"));
    let server = setup.start().await;
    let (old, new) = tokio::join!(server.get("/image/web/a?w=32&f=png"), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        origin.serve("/a", Reply::ok("image/png", jpeg()));
        server.purge(r#"{"bucket":"web","object":"a"}"#).await.expect(200);
        server.get("/image/web/a?w=32&f=png").await.expect(200)
    });
    let old = old.expect(200);
    assert_ne!(old.body, new.body, "who asked after the purge got the purged picture");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let later = server.get("/image/web/a?w=32&f=png").await.expect(200);
    assert_eq!(later.body, new.body, "the old fill brought the purged picture back");
    let variants = setup.data.path().join("data/variants");
    eventually("the new variant and its record are stored", async || files_below(&variants).len() == 2).await;
    server.stop().await;
    // Whatever was to be written has been.
    assert_eq!(files_below(&variants).len(), 2, "the old fill stored after the purge");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_off_the_ladder_reaches_the_disk_at_its_second_request() {
    let setup = Setup::new().photos();
    let server = setup.start().await;
    let variants = setup.data.path().join("data/variants");
    server.get("/image/photos/coffee-cup.png?w=77&f=webp").await.expect(200);
    eventually("the record alone is stored", async || files_below(&variants).len() == 1).await;
    server.get("/image/photos/coffee-cup.png?w=77&f=webp").await.expect(200);
    eventually("the variant is stored", async || files_below(&variants).len() == 2).await;
    server.get("/image/photos/coffee-cup.png?w=64&f=webp").await.expect(200);
    eventually("a width of the ladder is stored at its first", async || files_below(&variants).len() == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_answer_that_must_not_be_kept_is_not() {
    let origin = Origin::start();
    let server_of = async |header: (&str, &str)| {
        origin.serve("/a.png", Reply::ok("image/png", png()).header(header.0, header.1));
        let pattern = format!("[{{ hostname = '127.0.0.1', port = '{}' }}]", origin.address().port());
        let setup = Setup::new()
            .with("NEXT__REMOTE_PATTERNS", &pattern)
            .with("NEXT__INTERNAL_HOSTS", &origin.address().to_string());
        (setup.start().await, setup)
    };
    let path = format!("/_next/image?url={}&w=64&q=75", origin.url("/a.png"));
    for header in
        [("cache-control", "no-store"), ("cache-control", "private, max-age=60"), ("set-cookie", "a=b"), ("vary", "*")]
    {
        let (server, setup) = server_of(header).await;
        let before = origin.hits("/a.png");
        for _ in 0..2 {
            let answer = server.get(&path).await.expect(200);
            assert_eq!(answer.header("cache-control"), "no-store", "{header:?}");
            assert!(answer.headers.get("set-cookie").is_none());
        }
        assert_eq!(origin.hits("/a.png") - before, 2, "{header:?}");
        assert_eq!(files_below(&setup.data.path().join("data/variants")).len(), 0, "{header:?}");
    }
    let (server, _setup) = server_of(("cache-control", "max-age=60")).await;
    server.get(&path).await.expect(200);
    assert!(server.get(&path).await.expect(200).is_hit());
    server.purge(&format!(r#"{{"url":"{}"}}"#, origin.url("/a.png"))).await.expect(200);
    assert!(!server.get(&path).await.expect(200).is_hit(), "a remote picture is purged by its URL");
}

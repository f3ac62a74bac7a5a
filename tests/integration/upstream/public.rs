//! Public objects are the upstream's, kept and transformed here.

use crate::support::origin::{Answer, Reply};
use crate::support::{Setup, eventually, files_below, fixture};

use super::{FOX, OWL, Pair, in_front_of, in_front_of_script, public_urls, user};

const PLACE: &str = "kinkster-avatars/ann/a.png";

#[tokio::test(flavor = "multi_thread")]
async fn public_objects_are_served_in_every_dialect_and_kept() {
    let pair = Pair::start().await;
    pair.put_behind(PLACE, FOX).await;
    for url in public_urls(PLACE) {
        pair.front.get_webp(&url).await.expect(200);
        assert!(pair.front.get_webp(&url).await.expect(200).is_hit(), "{url}");
    }
    let absolute = format!("http://{}/storage/v1/object/public/{PLACE}", pair.upstream.address);
    let encoded = absolute.replace(':', "%3A").replace('/', "%2F");
    let next = pair.front.get_webp(&format!("/_next/image?url={encoded}&w=64&q=75")).await.expect(200);
    assert!(next.is_hit(), "the upstream's own URL is the same object");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_public_there_is_not_found_here() {
    let pair = Pair::start().await;
    pair.put_behind("task-proofs/ann/p.png", FOX).await;
    for place in ["task-proofs/ann/p.png", "kinkster-avatars/ann/none.png", "nowhere/a.png"] {
        let answers = [
            (public_urls(place)[0].clone(), 404),
            (public_urls(place)[1].clone(), 400),
            (public_urls(place)[2].clone(), 400),
            (public_urls(place)[3].clone(), 404),
        ];
        for (url, status) in answers {
            // A token does not make a public route private.
            super::get_as(&pair.front, &url, &user("ann")).await.expect(status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_object_is_kept_here_and_purges_reach_what_is_cached() {
    let upstream = Setup::new().start().await;
    let setup = in_front_of(&format!("http://{}", upstream.address)).with("JWT_SECRET", super::SECRET);
    let front = setup.start().await;
    let pair = Pair { upstream, front };
    pair.put_behind(PLACE, FOX).await;
    let url = format!("/image/{PLACE}?w=64");
    pair.front.get_webp(&url).await.expect(200);
    super::get_as(&pair.front, &format!("/storage/v1/object/{PLACE}"), &user("ann")).await.expect(200);
    let data = setup.data.path().join("data");
    let storage = data.join("storage");
    assert_eq!(files_below(&storage), [storage.join(".catalogue")], "nothing but whose the store is");
    let kept = || files_below(&data.join("variants"));
    eventually("what only some may see is stored apart", async || {
        kept().iter().any(|file| file.to_string_lossy().contains("%7Erestricted."))
    })
    .await;
    eventually("a variant, the original and a record each are written", async || kept().len() == 4).await;
    let key = format!("Bearer {}", crate::support::service_key());
    let purge = format!("/storage/v1/cdn/{PLACE}");
    let purged = pair.front.send(reqwest::Method::DELETE, &purge, &[("authorization", &key)], None).await;
    assert_eq!(purged.expect(200).json()["message"], "success");
    assert_eq!(kept(), Vec::<std::path::PathBuf>::new());
    assert!(!pair.front.get_webp(&url).await.expect(200).is_hit());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overwritten_behind_our_back_is_new_within_the_clock() {
    let (origin, front) = in_front_of_script(&[("CACHE__STALE_SECONDS", "0")]).await;
    let path = "/storage/v1/object/public/b/a.png";
    let reply = |file: &str, etag: &str| {
        Reply::ok("image/png", fixture(file)).header("etag", etag).header("cache-control", "max-age=1")
    };
    origin.serve_conditionally(path, reply(FOX, "\"1\""));
    let old = front.get_webp("/image/b/a.png?w=64").await.expect(200);
    origin.serve_conditionally(path, reply(OWL, "\"2\""));
    eventually("the new picture is served", async || {
        front.get_webp("/image/b/a.png?w=64").await.expect(200).body != old.body
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_upstream_refuses_to_strangers_is_gone_and_what_it_cannot_answer_is_not() {
    let (origin, front) = in_front_of_script(&[("CACHE__STALE_SECONDS", "0"), ("CACHE__MISSING_SECONDS", "0")]).await;
    let path = "/storage/v1/object/public/b/a.png";
    let shown = || Reply::ok("image/png", fixture(FOX)).header("etag", "\"1\"").header("cache-control", "max-age=0");
    for refusal in [400, 401, 403, 404] {
        origin.serve(path, shown());
        eventually("it is shown", async || front.get("/image/b/a.png?w=64").await.status == 200).await;
        origin.serve(path, Reply::new(503, ""));
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        front.get("/image/b/a.png?w=64").await.expect(200);
        origin.serve(path, Reply::new(refusal, "no"));
        eventually("it is gone", async || front.get("/image/b/a.png?w=64").await.status == 404).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn originals_too_large_to_keep_are_streamed_with_their_ranges() {
    let (origin, front) =
        in_front_of_script(&[("LIMITS__SOURCE_BYTES", "1kB"), ("UPSTREAM__ANSWER_BYTES", "4kB")]).await;
    let path = "/storage/v1/object/public/b/film.mp4";
    origin.route(path, |seen| match seen.header("range") {
        Some("bytes=0-1") => {
            Reply::new(206, *b"ab").header("content-range", "bytes 0-1/2000").header("content-type", "video/mp4").into()
        }
        _ => Reply::ok("video/mp4", vec![7; 2000]).header("access-control-allow-origin", "https://only.example").into(),
    });
    let whole = front.get(path).await.expect(200);
    assert_eq!((whole.body.len(), whole.header("content-type")), (2000, "video/mp4"));
    assert_eq!(whole.header("access-control-allow-origin"), "*");
    let part = front.get_with(path, &[("range", "bytes=0-1")]).await.expect(206);
    assert_eq!((part.text().as_str(), part.header("content-range")), ("ab", "bytes 0-1/2000"));
    origin.serve("/storage/v1/object/public/b/empty", Reply::ok("text/plain", ""));
    assert_eq!(front.get("/storage/v1/object/public/b/empty").await.expect(200).body.len(), 0);
    origin.serve("/storage/v1/object/public/b/long", Reply::ok("text/plain", vec![7; 5000]));
    front.get("/storage/v1/object/public/b/long").await.expect(502);
    front.get("/image/b/film.mp4?w=64").await.expect(413);
}

#[tokio::test(flavor = "multi_thread")]
async fn public_reads_carry_no_credentials_and_a_configured_bucket_stays_where_it_is() {
    let origin = crate::support::origin::Origin::start();
    let front = in_front_of(&format!("http://{}", origin.address()))
        .photos()
        .with("BUCKETS__HIDDEN__ACCESS", "private")
        .start()
        .await;
    origin.serve("/storage/v1/object/public/b/a%20b.png", Answer::Reply(Reply::ok("image/png", fixture(FOX))));
    let sent = [("authorization", "Bearer x"), ("apikey", "y"), ("cookie", "z=1"), ("x-forwarded-for", "1.2.3.4")];
    front.get_with("/image/b/a%20b.png?w=64", &sent).await.expect(200);
    let seen = origin.seen().remove(0);
    for absent in ["authorization", "apikey", "cookie", "x-forwarded-for"] {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
    assert!(seen.header("via").unwrap().starts_with("1.1 tintype-"));
    front.get("/image/photos/chelsea-the-cat.png?w=64").await.expect(200);
    front.get("/image/hidden/a.png?w=64").await.expect(404);
    assert_eq!(origin.seen().len(), 1, "only the upstream's bucket is asked of it");
}

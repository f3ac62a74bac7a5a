//! Reads that need permission are put to the upstream at every read; what it does not show, nobody sees here.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::json;

use crate::support::origin::{Answer as Scripted, Reply};
use crate::support::{Answer, fixture, service_key};

use super::{FOX, OWL, Pair, call_as, get_as, in_front_of_script, public_urls, put, signed, user, user_until};

const PLACE: &str = "task-proofs/ann/p.png";
const RENDER: &str = "/storage/v1/render/image/authenticated/task-proofs/ann/p.png?width=64";
const WAYS: [&str; 3] =
    ["/storage/v1/object/task-proofs/ann/p.png", "/storage/v1/object/authenticated/task-proofs/ann/p.png", RENDER];

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn signed_url(pair: &Pair, key: &str, body: &serde_json::Value) -> String {
    let path = format!("/storage/v1/object/sign/{PLACE}");
    let made = call_as(&pair.front, Method::POST, &path, key, body).await.expect(200).json();
    format!("/storage/v1{}", made["signedURL"].as_str().unwrap())
}

fn assert_shows_nothing(answer: &Answer, what: &str) {
    assert!(!answer.status.is_success() && answer.status != 304, "{what}: {}", answer.status);
    assert!(!answer.header("content-type").starts_with("image/"), "{what}");
    assert!(answer.body.len() < 500, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_variants_and_originals_from_the_cache_and_a_stranger_nothing() {
    let pair = Pair::start().await;
    put(&pair.front, PLACE, &user("ann"), fixture(FOX)).await.expect(200);
    for path in WAYS {
        let first = get_as(&pair.front, path, &user("ann")).await.expect(200);
        let again = get_as(&pair.front, path, &user("ann")).await.expect(200);
        assert!(again.is_hit(), "{path}");
        assert_eq!(again.body, first.body);
        assert!(again.header("cache-control").starts_with("private, max-age="), "{}", again.header("cache-control"));
        let etag = again.header("etag").to_owned();
        let authorization = format!("Bearer {}", user("ann"));
        let unchanged = [("authorization", authorization.as_str()), ("if-none-match", etag.as_str())];
        pair.front.get_with(path, &unchanged).await.expect(304);
        // The same conditions tell a stranger nothing.
        let authorization = format!("Bearer {}", user("bob"));
        let stranger = [("authorization", authorization.as_str()), ("if-none-match", etag.as_str())];
        assert_shows_nothing(&pair.front.get_with(path, &stranger).await, path);
    }
    assert_eq!(get_as(&pair.front, RENDER, &user("ann")).await.size().0, 64);
    let strangers = [
        ("another user", user("bob")),
        ("expired", user_until("ann", now() - 10)),
        (
            "signed by another",
            signed(&json!({"role": "service_role", "exp": 4_000_000_000_u64}), "x".repeat(40).as_str()),
        ),
        ("signed by us", signed(&json!({"role": "service_role", "exp": 4_000_000_000_u64}), super::FRONT_SECRET)),
        ("nonsense", "nonsense".to_owned()),
        ("unsigned", "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.".to_owned()),
    ];
    for (what, key) in strangers {
        for path in WAYS {
            let refused = get_as(&pair.front, path, &key).await;
            assert_shows_nothing(&refused, &format!("{what}: {path}"));
            let asked_itself = get_as(&pair.upstream, path, &key).await;
            assert_eq!((refused.status, refused.body), (asked_itself.status, asked_itself.body), "passed on as it is");
        }
    }
    for path in WAYS {
        assert_shows_nothing(&pair.front.get(path).await, path);
    }
    for url in public_urls(PLACE) {
        assert_ne!(pair.front.get_webp(&url).await.status, 200, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_urls_are_shown_with_the_transform_of_their_token_alone() {
    let pair = Pair::start().await;
    pair.put_behind(PLACE, FOX).await;
    let plain = signed_url(&pair, &service_key(), &json!({"expiresIn": 600})).await;
    let transform = json!({"expiresIn": 600, "transform": {"width": 48, "height": 48, "resize": "contain"}});
    let small = signed_url(&pair, &service_key(), &transform).await;
    let whole = pair.front.get(&plain).await.expect(200);
    assert_eq!(whole.body, fixture(FOX));
    assert!(!whole.header("expires").is_empty());
    assert_eq!(pair.front.get(&format!("{small}&width=9")).await.expect(200).size(), (48, 48));
    assert!(pair.front.get(&small).await.expect(200).is_hit());
    let named = pair.front.get(&format!("{small}&download=fox.png")).await.expect(200);
    assert_eq!(named.header("content-disposition"), "attachment; filename=fox.png; filename*=UTF-8''fox.png");
    for forged in [
        small.replace("token=", "token=x"),
        small.replace("p.png", "q.png"),
        small.split('?').next().unwrap().to_owned(),
        plain.replace("token=", "TOKEN="),
    ] {
        assert_shows_nothing(&pair.front.get(&forged).await, &forged);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_ends_with_its_token() {
    let pair = Pair::with(&[("UPSTREAM__PERMISSION_SECONDS", "30")]).await;
    pair.put_behind(PLACE, FOX).await;
    let url = signed_url(&pair, &service_key(), &json!({"expiresIn": 2})).await;
    let seen = pair.front.get(&url).await.expect(200);
    let seconds: u64 = seen.header("cache-control").strip_prefix("private, max-age=").unwrap().parse().unwrap();
    assert!(seconds <= 2, "{seconds}");
    crate::support::eventually("it has ended", async || pair.front.get(&url).await.status != 200).await;
    assert_shows_nothing(&pair.front.get(&url).await, "after its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overwritten_or_taken_away_behind_our_back_is_so_at_once() {
    let pair = Pair::start().await;
    pair.put_behind(PLACE, FOX).await;
    let fox = get_as(&pair.front, RENDER, &user("ann")).await.expect(200);
    pair.put_behind(PLACE, OWL).await;
    let owl = get_as(&pair.front, RENDER, &user("ann")).await.expect(200);
    assert_ne!(owl.body, fox.body);
    let path = format!("/storage/v1/object/{PLACE}");
    call_as(&pair.upstream, Method::DELETE, &path, &service_key(), &json!({})).await.expect(200);
    for path in WAYS {
        assert_shows_nothing(&get_as(&pair.front, path, &user("ann")).await, path);
    }
}

/// A scripted upstream with one object, which it shows to `Bearer good` alone.
async fn scripted(variables: &[(&str, &str)]) -> (crate::support::origin::Origin, crate::support::Running) {
    let (origin, front) = in_front_of_script(variables).await;
    for path in [SCRIPTED, "/storage/v1/object/sign/b/a.png"] {
        origin.route(path, |seen| -> Scripted {
            let may = seen.header("authorization").is_some_and(|key| key.starts_with("Bearer good"))
                || seen.target.contains('?');
            match seen.header("if-none-match") {
                _ if !may => Reply::new(400, "no").header("x-why", "policy").header("set-cookie", "a=b").into(),
                Some("\"1\"") => Reply::new(304, "").into(),
                _ => Reply::ok("image/png", fixture(FOX)).header("etag", "\"1\"").into(),
            }
        });
    }
    (origin, front)
}

const SCRIPTED: &str = "/storage/v1/object/authenticated/b/a.png";
const GOOD: [(&str, &str); 1] = [("authorization", "Bearer good")];
const BAD: [(&str, &str); 1] = [("authorization", "Bearer bad")];

#[tokio::test(flavor = "multi_thread")]
async fn every_read_is_put_to_the_upstream_as_a_conditional_get_with_what_the_caller_sent() {
    let (origin, front) = scripted(&[]).await;
    let sent = [
        ("authorization", "Bearer good"),
        ("apikey", "anon"),
        ("cookie", "session=1"),
        ("x-tenant", "t"),
        ("range", "bytes=0-9"),
        ("accept", "image/webp"),
        ("accept-encoding", "br"),
        ("if-none-match", "\"other\""),
    ];
    for _ in 0..3 {
        front.get_with(SCRIPTED, &sent).await.expect(206);
    }
    let seen = origin.seen();
    assert_eq!(seen.len(), 3);
    for (number, seen) in seen.iter().enumerate() {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", SCRIPTED));
        assert_eq!(seen.header("if-none-match"), (number > 0).then_some("\"1\""));
        assert_eq!(seen.header("authorization"), Some("Bearer good"));
        assert_eq!((seen.header("apikey"), seen.header("cookie")), (Some("anon"), Some("session=1")));
        assert_eq!((seen.header("x-tenant"), seen.header("range")), (Some("t"), None));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_answer_is_passed_on_with_nothing_of_ours() {
    let (origin, front) = scripted(&[]).await;
    front.get_with(SCRIPTED, &GOOD).await.expect(200);
    let refused = front.get_with(SCRIPTED, &BAD).await.expect(400);
    assert_eq!((refused.text().as_str(), refused.header("x-why")), ("no", "policy"));
    for name in ["etag", "x-tintype-version", "cache-status", "age", "last-modified"] {
        assert_eq!(refused.header(name), "", "{name}");
    }
    for status in [206, 301, 401, 403, 404, 416, 429, 500, 503] {
        origin.serve(SCRIPTED, Reply::new(status, "word").header("location", "/elsewhere"));
        let answer = front.get_with(SCRIPTED, &GOOD).await.expect(status);
        assert_eq!(answer.text(), "word");
    }
    // A 304 of another version than the one that was named says nothing about ours.
    origin.serve(SCRIPTED, Reply::new(304, "").header("etag", "\"2\""));
    assert_shows_nothing(&front.get_with(SCRIPTED, &GOOD).await, "another version");
    let address = origin.address();
    drop(origin);
    let _ = std::net::TcpStream::connect(address);
    assert_shows_nothing(&front.get_with(SCRIPTED, &GOOD).await, "the upstream is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_remembered_for_its_caller_as_long_as_is_set_and_a_no_never() {
    let (origin, front) = scripted(&[("UPSTREAM__PERMISSION_SECONDS", "2")]).await;
    let began = std::time::Instant::now();
    front.get_with(SCRIPTED, &GOOD).await.expect(200);
    front.get_with(SCRIPTED, &GOOD).await.expect(200);
    let quickly = began.elapsed().as_secs() < 2;
    assert!(!quickly || origin.hits(SCRIPTED) == 1, "{}", origin.hits(SCRIPTED));
    // The same key with another cookie is another caller.
    front.get_with(SCRIPTED, &[GOOD[0], ("cookie", "a=b")]).await.expect(200);
    for _ in 0..3 {
        let before = origin.hits(SCRIPTED);
        front.get_with(SCRIPTED, &BAD).await.expect(400);
        assert_eq!(origin.hits(SCRIPTED), before + 1, "a no was remembered");
    }
    let before = origin.hits(SCRIPTED);
    crate::support::eventually("it is asked again", async || {
        front.get_with(SCRIPTED, &GOOD).await.expect(200);
        origin.hits(SCRIPTED) > before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_never_remembered_past_the_token() {
    let (origin, front) = scripted(&[("UPSTREAM__PERMISSION_SECONDS", "30")]).await;
    // The scripted upstream takes any `?token=`; this one says that it has ended already.
    let ended = signed(&json!({"url": "b/a.png", "exp": now() - 1}), super::SECRET);
    let path = format!("/storage/v1/object/sign/b/a.png?token={ended}");
    for asked in 1..=3 {
        let answer = front.get(&path).await.expect(200);
        assert_eq!(answer.header("cache-control"), "private, max-age=0");
        assert_eq!(origin.hits("/storage/v1/object/sign/b/a.png"), asked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_whose_original_is_not_here_any_more_is_made_from_what_the_reader_is_sent() {
    let (origin, front) = scripted(&[("CACHE__MEMORY", "0"), ("CACHE__VARIANTS", "1")]).await;
    front.get_with(SCRIPTED, &GOOD).await.expect(200);
    for width in [40, 41, 42] {
        let path = SCRIPTED.replace("object/", "render/image/");
        let answer = front.get_with(&format!("{path}?width={width}"), &GOOD).await.expect(200);
        assert_eq!(answer.size().0, width);
        assert_shows_nothing(&front.get_with(&format!("{path}?width={width}"), &BAD).await, "a stranger");
    }
    assert!(origin.seen().iter().all(|seen| seen.header("authorization").is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tag_nothing_is_kept_and_large_originals_are_streamed() {
    let (origin, front) = in_front_of_script(&[("LIMITS__SOURCE_BYTES", "100kB")]).await;
    origin.serve(SCRIPTED, Reply::ok("text/plain", "small"));
    for asked in 1..=2 {
        let answer = front.get_with(SCRIPTED, &GOOD).await.expect(200);
        assert_eq!((answer.text().as_str(), answer.header("cache-control")), ("small", "no-store"));
        assert_eq!(origin.hits(SCRIPTED), asked);
        assert_eq!(origin.seen().last().unwrap().header("if-none-match"), None);
    }
    origin.serve(SCRIPTED, Reply::ok("video/mp4", vec![7; 200_000]).header("etag", "\"1\""));
    assert_eq!(front.get_with(SCRIPTED, &GOOD).await.expect(200).body.len(), 200_000);
    let render = SCRIPTED.replace("object/", "render/image/");
    assert_shows_nothing(&front.get_with(&render, &GOOD).await, "no picture of that size");
}

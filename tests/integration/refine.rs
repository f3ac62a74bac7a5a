//! Refining in idle time, and AVIF for those who take it.

use std::time::Duration;

use crate::support::origin::{Origin, Reply};
use crate::support::{Answer, Running, Setup, files_below, fixture, service_key};

const CAT: &str = "/image/photos/chelsea-the-cat.png?w=256";
/// What today's browsers send.
const BROWSER: [(&str, &str); 1] = [("accept", "image/avif,image/webp,image/*,*/*;q=0.8")];
const WEBP_ONLY: [(&str, &str); 1] = [("accept", "image/webp,*/*")];

fn refining() -> Setup {
    Setup::new().with("RENDER__REFINE", "true").with("RENDER__REFINE_PERCENT", "100")
}

fn is_small(answer: &Answer) -> bool {
    answer.header("cache-status").ends_with("; detail=small")
}

/// Asks until an answer is as wanted. Idle work on a busy machine takes its time.
async fn until(server: &Running, path: &str, headers: &[(&str, &str)], is_wanted: impl Fn(&Answer) -> bool) -> Answer {
    for _ in 0..1200 {
        let answer = server.get_with(path, headers).await.expect(200);
        if is_wanted(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} never became what is wanted");
}

/// A metric's value; 0 where it is not there.
async fn metric(server: &Running, name: &str) -> f64 {
    let text = server.get("/metrics").await.expect(200).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_that_is_asked_for_again_becomes_smaller_under_another_etag() {
    let server = refining().photos().start().await;
    let path = format!("{CAT}&f=webp");
    let first = server.get(&path).await.expect(200);
    assert_eq!(first.header("cache-status"), "tintype; fwd=miss; stored");
    let small = until(&server, &path, &[], is_small).await;
    assert!(small.body.len() < first.body.len() && small.size() == first.size(), "{} bytes", small.body.len());
    assert_ne!(small.header("etag"), first.header("etag"));
    let had = server.get_with(&path, &[("if-none-match", first.header("etag"))]).await.expect(200);
    assert_eq!(had.body, small.body, "the old file is another one");
    server.get_with(&path, &[("if-none-match", small.header("etag"))]).await.expect(304);
    assert!(metric(&server, "tintype_refined{outcome=\"smaller\"}").await >= 1.0);
    assert!(metric(&server, "tintype_served_total{effort=\"small\"}").await >= 2.0);
    assert!(metric(&server, "tintype_served_total{effort=\"fast\"}").await >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_again_in_haste_is_the_small_one_at_once_and_counted() {
    let server = refining().photos().start().await;
    let path = format!("{CAT}&f=webp");
    let (mut asked, mut small) = (0, 0);
    for _ in 0..1200 {
        // Told before the next answer is asked for, which may therefore not be remembered from before.
        let is_refined = metric(&server, "tintype_refined{outcome=\"smaller\"}").await >= 1.0;
        let answer = server.get(&path).await.expect(200);
        asked += 1;
        small += u32::from(is_small(&answer));
        assert!(is_small(&answer) || !is_refined, "{}", answer.header("cache-status"));
        if small >= 8 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(small >= 8, "never refined");
    let told = server.get("/metrics").await.expect(200).text();
    for (effort, count) in [("small", small), ("fast", asked - small)] {
        let line = format!("tintype_served_total{{effort=\"{effort}\"}} {count}\n");
        assert!(told.contains(&line), "{line} is missing from\n{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jpeg_and_png_become_smaller_too() {
    let server = refining().photos().start().await;
    for format in ["jpeg", "png"] {
        let path = format!("/image/photos/chelsea-the-cat.png?w=128&f={format}");
        let first = server.get(&path).await.expect(200);
        let small = until(&server, &path, &[], is_small).await;
        assert!(small.body.len() <= first.body.len(), "{format}: {} of {}", small.body.len(), first.body.len());
        assert_eq!(small.header("content-type"), format!("image/{format}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_avif_gets_webp_until_it_is_there_and_others_never_get_it() {
    let server = refining().photos().start().await;
    let first = server.get_with(CAT, &BROWSER).await.expect(200);
    assert_eq!((first.header("content-type"), first.header("vary")), ("image/webp", "Accept"));
    let avif = until(&server, CAT, &BROWSER, |answer| answer.header("content-type") == "image/avif").await;
    assert_eq!((avif.header("vary"), avif.size()), ("Accept", first.size()));
    let webp = server.get_with(CAT, &WEBP_ONLY).await.expect(200);
    assert_eq!((webp.header("content-type"), webp.header("vary")), ("image/webp", "Accept"));
    assert!(avif.body.len() < webp.body.len(), "{} beside {}", avif.body.len(), webp.body.len());
    let gladly = [("accept", "image/avif;q=0.5,image/webp")];
    assert_eq!(server.get_with(CAT, &gladly).await.header("content-type"), "image/webp");
    let plain = server.get(CAT).await.expect(200);
    assert_eq!((plain.header("content-type"), plain.header("vary")), ("image/jpeg", "Accept"));
    // Who named WebP has named it.
    let named = server.get_with(&format!("{CAT}&f=webp"), &BROWSER).await.expect(200);
    assert_eq!((named.header("content-type"), named.header("vary")), ("image/webp", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_avif_is_made_at_once_in_two_dialects() {
    let server = Setup::new().photos().start().await;
    for path in [
        "/image/photos/chelsea-the-cat.png?w=128&f=avif",
        "/storage/v1/render/image/public/photos/chelsea-the-cat.png?width=128&quality=75&format=avif",
    ] {
        let answer = server.get(path).await.expect(200);
        assert_eq!((answer.header("content-type"), answer.header("vary")), ("image/avif", ""), "{path}");
        assert_eq!(answer.size().0, 128);
    }
    assert!(server.get("/image/photos/chelsea-the-cat.png?w=128&f=avif").await.is_hit());
}

#[tokio::test(flavor = "multi_thread")]
async fn next_sends_avif_where_it_is_listed_and_supabase_where_it_is_said() {
    let next = "/_next/image?url=%2Fphotos%2Fchelsea-the-cat.png&w=256&q=75";
    let supabase = "/storage/v1/render/image/public/photos/chelsea-the-cat.png?width=256&quality=75";
    let avif = |answer: &Answer| answer.header("content-type") == "image/avif";
    let usual = refining().photos().start().await;
    until(&usual, CAT, &BROWSER, avif).await;
    for path in [next, supabase] {
        assert_eq!(usual.get_with(path, &BROWSER).await.expect(200).header("content-type"), "image/webp");
    }
    let formats = refining().with("NEXT__FORMATS", r#"["image/avif", "image/webp"]"#);
    let server = formats.with("RENDER__AVIF", "everywhere").photos().start().await;
    for path in [next, supabase] {
        let answer = until(&server, path, &BROWSER, avif).await;
        assert_eq!(answer.header("vary"), "Accept");
        assert_eq!(server.get_with(path, &WEBP_ONLY).await.header("content-type"), "image/webp");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refined_and_what_was_not_is_known_after_a_restart() {
    let setup = Setup::new().photos();
    let path = format!("{CAT}&f=webp");
    let server = setup.start().await;
    let fast = server.get(&path).await.expect(200);
    assert_eq!(server.get(&path).await.expect(200).body, fast.body);
    server.stop().await;
    // One that was not, is found by its next request.
    let setup = setup.with("RENDER__REFINE", "true").with("RENDER__REFINE_PERCENT", "100");
    let server = setup.start().await;
    let found = server.get(&path).await.expect(200);
    assert!(found.is_hit() && found.body == fast.body, "{}", found.header("cache-status"));
    let small = until(&server, &path, &[], is_small).await;
    let avif = until(&server, CAT, &BROWSER, |answer| answer.header("content-type") == "image/avif").await;
    server.stop().await;
    let server = setup.start().await;
    let again = server.get(&path).await.expect(200);
    assert_eq!((again.header("cache-status"), &again.body), ("tintype; hit; detail=small", &small.body));
    // Which files are there is known as soon as the folder was listed.
    let again = until(&server, CAT, &BROWSER, |answer| answer.header("content-type") == "image/avif").await;
    assert_eq!(again.body, avif.body);
    assert!(metric(&server, "tintype_refined{outcome=\"smaller\"}").await < 1.0, "nothing was done again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_wins_over_refining() {
    let server = refining().photos().start().await;
    for round in 0..4 {
        let path = format!("{CAT}&f=webp&q={}", 70 + round);
        server.get(&path).await.expect(200);
        server.get(&path).await.expect(200);
        server.purge(r#"{"bucket":"photos"}"#).await.expect(200);
        // Whichever was first, nothing is left once both are done.
        let done = async || metric(&server, "tintype_refine_queue").await;
        while done().await > 0.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = files_below(&server.data().join("variants"));
        assert!(left.is_empty(), "{left:?}");
        let after = server.get(&path).await.expect(200);
        assert!(!after.is_hit() && !is_small(&after), "{}", after.header("cache-status"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_elsewhere_is_not_fetched_again_for_it() {
    let origin = Origin::start();
    origin.serve("/cat.png", Reply::ok("image/png", fixture("photos/chelsea-the-cat.png")));
    let server = refining().bucket("web", origin.url("/")).start().await;
    let path = "/image/web/cat.png?w=128&f=webp";
    server.get(path).await.expect(200);
    until(&server, path, &[], is_small).await;
    assert_eq!(origin.hits("/cat.png"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_warmed_is_small_at_once_and_gets_its_avif() {
    let server = refining().photos().start().await;
    let list = r#"{"urls":["/image/photos/chelsea-the-cat.png?w=256"]}"#;
    let key = format!("Bearer {}", service_key());
    server.send(reqwest::Method::POST, "/admin/warm", &[("authorization", &key)], Some(list)).await.expect(200);
    let first = server.get_with(CAT, &WEBP_ONLY).await.expect(200);
    assert_eq!(first.header("cache-status"), "tintype; hit; detail=small");
    until(&server, CAT, &BROWSER, |answer| answer.header("content-type") == "image/avif").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn automatic_quality_is_guessed_first_and_searched_for_in_idle_time() {
    let server = refining().photos().start().await;
    let path = "/image/photos/chelsea-the-cat.png?w=128&f=webp&q=auto60";
    let first = server.get(path).await.expect(200);
    let small = until(&server, path, &[], is_small).await;
    assert!(small.body.len() <= first.body.len(), "{} of {}", small.body.len(), first.body.len());
    server.get("/image/photos/chelsea-the-cat.png?w=128&q=auto99").await.expect(400);
    server.get("/_next/image?url=%2Fphotos%2Fchelsea-the-cat.png&w=256&q=auto").await.expect(400);
}

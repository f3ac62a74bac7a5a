//! Redirects, each judged anew.

use super::*;

#[tokio::test]
async fn redirects_within_the_origin_are_followed_three_times() {
    let origin = Origin::start();
    origin.serve("/1.png", Reply::redirect("/2.png"));
    origin.serve("/2.png", Reply::redirect("3.png"));
    origin.serve("/3.png", Reply::redirect(&origin.url("/4.png")));
    origin.serve("/4.png", Reply::ok("image/png", PNG));
    origin.serve("/0.png", Reply::redirect("/1.png"));
    origin.serve("/loop.png", Reply::redirect("/loop.png"));
    let source = bucket(&origin, PATIENT);
    changed(open(&source, "1.png").await.unwrap());
    assert_eq!(open(&source, "0.png").await.unwrap_err(), SourceError::Redirects);
    assert_eq!(open(&source, "loop.png").await.unwrap_err(), SourceError::Redirects);
    assert_eq!(origin.hits("/loop.png"), 4);
    assert!(origin.seen().iter().all(|seen| seen.header("apikey") == Some("a secret")));
}

#[tokio::test]
async fn a_redirect_off_the_origin_is_judged_and_keeps_no_private_headers() {
    let (origin, other) = (Origin::start(), Origin::start());
    origin.serve("/a.png", Reply::redirect(&other.url("/b.png")));
    other.serve("/b.png", Reply::ok("image/png", PNG));
    let error = open(&bucket(&origin, PATIENT), "a.png").await.unwrap_err();
    assert!(matches!(error, SourceError::Refused(Refused::Address { .. })), "same host, other port: {error}");
    assert!(other.seen().is_empty());

    let allowed = fetcher(&[other.address().to_string()]);
    let prefix = Url::parse(&origin.url("")).unwrap();
    let source = Source::Http(HttpSource::new(&prefix, [("apikey", "a secret")], PATIENT, allowed).unwrap());
    assert_eq!(&*changed(open(&source, "a.png").await.unwrap()).bytes, PNG);
    assert_eq!(other.seen()[0].header("apikey"), None);
}

#[tokio::test]
async fn redirects_to_internal_literals_other_schemes_and_credentials_are_refused() {
    let origin = Origin::start();
    let source = bucket(&origin, PATIENT);
    let own_port = origin.address().port();
    let targets = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:7f00:1]/a.png".to_owned(),
        "//10.0.0.1/a.png".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1:6379/_FLUSHALL".to_owned(),
        format!("https://127.0.0.1:{own_port}/a.png"),
        "http://user:secret@example.com/a.png".to_owned(),
    ];
    for target in targets {
        origin.serve("/a.png", Reply::redirect(&target));
        let error = open(&source, "a.png").await.unwrap_err();
        assert!(matches!(error, SourceError::Refused(_)), "{target}: {error}");
        assert_eq!(error.code(), crate::error::Code::Forbidden);
    }
}

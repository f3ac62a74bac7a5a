//! What is asked, and what of it is understood.

use super::*;

#[tokio::test]
async fn an_object_arrives_with_all_that_its_origin_says() {
    let origin = Origin::start();
    let reply = Reply::ok("image/png", PNG)
        .header("etag", "\"one\"")
        .header("last-modified", "Thu, 01 Jan 1970 00:00:09 GMT")
        .header("cache-control", "public, max-age=120")
        .header("set-cookie", "ignored=yes");
    origin.serve("/a.png", reply);
    let original = changed(open(&bucket(&origin, PATIENT), "a.png").await.unwrap());
    assert_eq!(&*original.bytes, PNG);
    assert_eq!(original.content_type.as_deref(), Some("image/png"));
    assert_eq!(original.cache_control.as_deref(), Some("public, max-age=120"));
    assert_eq!(original.inward, Duration::from_mins(2));
    assert!(original.keep, "what the operator configured is kept whatever it says");
    let last_modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
    let size = Some(PNG.len() as u64);
    assert_eq!(original.validators, Validators { etag: Some("\"one\"".into()), last_modified, size });
}

#[tokio::test]
async fn requests_carry_our_own_headers_and_nothing_else() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    open(&bucket(&origin, PATIENT), "a.png").await.unwrap();
    let seen = origin.seen().remove(0);
    assert_eq!(seen.method, "GET");
    assert_eq!(seen.header("accept"), Some("image/*,*/*;q=0.8"));
    assert_eq!(seen.header("user-agent"), Some(concat!("tintype/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("via"), Some("1.1 tintype"));
    assert_eq!(seen.header("apikey"), Some("a secret"));
    for absent in ["cookie", "authorization", "referer", "if-none-match", "if-modified-since", "x-forwarded-for"] {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
}

#[test]
fn our_own_requests_are_recognised_by_their_via() {
    let via = |line: &'static str| [(http::header::VIA, http::HeaderValue::from_static(line))].into_iter().collect();
    assert!(is_own_request(&via("1.1 tintype"), &VIA));
    assert!(is_own_request(&via("1.1 varnish, 1.1 tintype"), &VIA));
    assert!(!is_own_request(&via("1.1 tintypes"), &VIA));
    assert!(!is_own_request(&http::HeaderMap::new(), &VIA));
    assert!(!is_own_request(&via("1.1 tintype"), &"1.1 tintype-front".parse().unwrap()));
    assert!(is_own_request(&via("a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a"), &VIA), "a loop through others");
}

#[tokio::test]
async fn keys_are_encoded_and_stay_below_the_prefix() {
    let origin = Origin::start();
    let prefix = Url::parse(&origin.url("/public/photos")).unwrap();
    let source = Source::Http(HttpSource::new(&prefix, [], PATIENT, fetcher(&[])).unwrap());
    let table = [
        ("a b.png", "/public/photos/a%20b.png"),
        ("what?.png", "/public/photos/what%3F.png"),
        ("100%.png", "/public/photos/100%25.png"),
        ("%2e%2e/%2e%2e/secret", "/public/photos/%252e%252e/%252e%252e/secret"),
        ("a#b;c=d&e+f", "/public/photos/a%23b%3Bc%3Dd%26e%2Bf"),
        ("@elsewhere:80", "/public/photos/%40elsewhere%3A80"),
        ("ünïcode/…", "/public/photos/%C3%BCn%C3%AFcode/%E2%80%A6"),
        (".../....", "/public/photos/.../...."),
    ];
    for (text, target) in table {
        origin.serve(target, Reply::ok("image/png", PNG));
        open(&source, text).await.unwrap();
        assert_eq!(origin.seen().pop().unwrap().target, target);
    }
}

#[test]
fn prefixes_with_credentials_queries_or_other_schemes_are_refused() {
    for text in ["http://a:b@example.com/", "https://example.com/?x=1", "https://example.com/#x", "ftp://example.com/"]
    {
        assert!(HttpSource::new(&Url::parse(text).unwrap(), [], PATIENT, fetcher(&[])).is_err(), "{text}");
    }
    let url = Url::parse("http://example.com").unwrap();
    assert!(HttpSource::new(&url, [("bad name", "x")], PATIENT, fetcher(&[])).is_err());
    assert!(HttpSource::new(&url, [("apikey", "line\nbreak")], PATIENT, fetcher(&[])).is_err());
}

#[tokio::test]
async fn unchanged_objects_cost_no_body() {
    let origin = Origin::start();
    let reply = Reply::ok("image/png", PNG).header("etag", "W/\"one\"").header("cache-control", "max-age=30");
    origin.serve_conditionally("/a.png", reply);
    let source = bucket(&origin, PATIENT);
    let known = changed(open(&source, "a.png").await.unwrap()).validators;
    match source.open(&object("a.png"), Some(&known), LIMIT).await.unwrap() {
        Opened::Unchanged { inward, cache_control, keep } => {
            assert_eq!((inward, cache_control.as_deref(), keep), (Duration::from_secs(30), Some("max-age=30"), true));
        }
        Opened::Changed(_) => panic!("changed"),
    }
    let stale = Validators { etag: Some("\"zero\"".into()), ..known };
    changed(source.open(&object("a.png"), Some(&stale), LIMIT).await.unwrap());
    assert_eq!(origin.connections(), 1, "connections are pooled");
}

#[tokio::test]
async fn without_a_tag_the_date_is_asked_with() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    let last_modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
    let known = Validators { last_modified, ..Validators::default() };
    bucket(&origin, PATIENT).open(&object("a.png"), Some(&known), LIMIT).await.unwrap();
    assert_eq!(origin.seen()[0].header("if-modified-since"), Some("Thu, 01 Jan 1970 00:00:09 GMT"));
}

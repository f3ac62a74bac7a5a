//! The fetcher and its two sources against a scripted origin on real sockets.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::scripted_origin::{Answer, Origin, Reply};
use super::*;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::transform::HostList;

const LIMIT: u64 = 1 << 20;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand the rest of it";
const QUICK: HopLimits = HopLimits { redirects: 3, hop_timeout: Duration::from_millis(400) };
const PATIENT: HopLimits = HopLimits { redirects: 3, hop_timeout: Duration::from_secs(7) };

/// Answers the n-th lookup with the n-th list, and every later one with the last.
#[derive(Debug)]
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    lookups: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), lookups: AtomicUsize::new(0) })
    }
}

impl Resolve for Scripted {
    fn resolve(&self, _: Name) -> Resolving {
        let turn = self.lookups.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let addresses: Vec<_> = self.answers[turn].iter().map(|address| SocketAddr::new(*address, 0)).collect();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

fn named(key: ObjectKey) -> ObjectId {
    ObjectId::new(BucketName::parse("b").unwrap(), key)
}

fn object(text: &str) -> ObjectId {
    named(ObjectKey::parse(text).unwrap())
}

fn fetcher(exceptions: &[String]) -> Fetcher {
    let exceptions = exceptions.iter().map(|text| HostPort::parse(text).unwrap()).collect();
    Fetcher::new(exceptions, Arc::new(SystemResolver), &VIA).unwrap()
}

/// A bucket at the origin's root, trusted as the operator's own.
fn bucket(origin: &Origin, hops: HopLimits) -> Source {
    let headers = [("apikey", "a secret")];
    Source::Http(HttpSource::new(&Url::parse(&origin.url("")).unwrap(), headers, hops, fetcher(&[])).unwrap())
}

async fn open(source: &Source, text: &str) -> Result<Opened, SourceError> {
    source.open(&object(text), None, LIMIT).await
}

fn changed(opened: Opened) -> Original {
    match opened {
        Opened::Changed(original) => original,
        Opened::Unchanged { .. } => panic!("unchanged"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

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

#[tokio::test]
async fn statuses_that_are_no_picture_are_told_apart() {
    let origin = Origin::start();
    let supabase = r#"{"statusCode":"404","error":"not_found","message":"Object not found"}"#;
    let huge = format!("{{\"statusCode\":\"404\",\"message\":\"{}\"}}", "x".repeat(5000));
    let table = [
        (Reply::new(404, ""), SourceError::Missing),
        (Reply::new(410, ""), SourceError::Missing),
        (Reply::new(400, supabase), SourceError::Missing),
        (Reply::new(400, supabase.replace("404", "403")), SourceError::Status(400)),
        (Reply::new(400, "no"), SourceError::Status(400)),
        (Reply::new(400, huge), SourceError::Status(400)),
        (Reply::new(403, ""), SourceError::Status(403)),
        (Reply::new(500, ""), SourceError::Status(500)),
        (Reply::new(204, ""), SourceError::Status(204)),
        (Reply::new(206, PNG).header("content-range", "bytes 0-9/99"), SourceError::Status(206)),
        (Reply::new(304, ""), SourceError::Status(304)),
        (Reply::new(302, ""), SourceError::Status(302)),
        (Reply::new(200, ""), SourceError::Empty),
    ];
    let source = bucket(&origin, PATIENT);
    for (reply, expected) in table {
        origin.serve("/a.png", reply.clone());
        assert_eq!(open(&source, "a.png").await.unwrap_err(), expected, "{reply:?}");
    }
}

#[tokio::test]
async fn a_page_with_status_200_is_left_to_the_prober() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("text/html", "<h1>Not found</h1>"));
    let original = changed(open(&bucket(&origin, PATIENT), "a.png").await.unwrap());
    assert_eq!(&*original.bytes, b"<h1>Not found</h1>");
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_end_with_the_hop() {
    let origin = Origin::start();
    origin.serve("/hang.png", Answer::Hang);
    origin.serve("/late.png", Answer::After(Duration::from_secs(2), Box::new(Reply::ok("image/png", PNG).into())));
    let reply = Reply::ok("image/png", PNG);
    origin.serve("/trickle.png", Answer::Trickle { reply, piece: 1, pause: Duration::from_millis(60) });
    let source = bucket(&origin, QUICK);
    for path in ["hang.png", "late.png", "trickle.png"] {
        let began = Instant::now();
        assert_eq!(open(&source, path).await.unwrap_err(), SourceError::Slow, "{path}");
        assert!(began.elapsed() < Duration::from_millis(1500), "{path}");
    }
}

#[tokio::test]
async fn bodies_that_break_off_are_incomplete() {
    let origin = Origin::start();
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n".to_vec();
    let mut zipped = gzip(&[7; 5000]);
    zipped.truncate(zipped.len() - 12);
    origin.serve("/short.png", Answer::Raw(short.clone()));
    origin.serve("/reset.png", Answer::RawThenReset(short));
    origin.serve("/chunked.png", Answer::Raw(chunked));
    origin.serve("/zipped.png", Reply::ok("image/png", zipped).header("content-encoding", "gzip"));
    origin.serve("/unzippable.png", Reply::ok("image/png", PNG).header("content-encoding", "gzip"));
    let source = bucket(&origin, PATIENT);
    for path in ["short.png", "reset.png", "chunked.png", "zipped.png", "unzippable.png"] {
        let error = open(&source, path).await.unwrap_err();
        assert!(matches!(error, SourceError::Incomplete(_)), "{path}: {error}");
    }
}

#[tokio::test]
async fn bytes_beyond_the_announced_length_are_not_read() {
    let origin = Origin::start();
    origin.serve("/a.png", Answer::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfourHTTP/1.1 200 OK".to_vec()));
    let source = bucket(&origin, PATIENT);
    assert_eq!(&*changed(open(&source, "a.png").await.unwrap()).bytes, b"four");
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    assert_eq!(&*changed(open(&source, "a.png").await.unwrap()).bytes, PNG, "the connection is not used again");
}

#[tokio::test]
async fn answers_that_are_not_http_are_unreachable() {
    let origin = Origin::start();
    origin.serve("/nonsense.png", Answer::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()));
    origin.serve("/reset.png", Answer::RawThenReset(Vec::new()));
    let source = bucket(&origin, PATIENT);
    for path in ["nonsense.png", "reset.png"] {
        let error = open(&source, path).await.unwrap_err();
        assert!(matches!(error, SourceError::Unreachable(_)), "{path}: {error}");
        assert!(!error.to_string().contains(path), "log lines do not repeat the URL: {error}");
    }
}

#[tokio::test]
async fn too_many_bytes_are_refused_by_length_by_count_and_after_decoding() {
    let origin = Origin::start();
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n".to_vec();
    let piece = vec![0; 64 << 10];
    let bomb = gzip(&vec![0; 20 << 20]);
    let one_too_many = gzip(&vec![0; LIMIT as usize + 1]);
    origin.serve("/announced.png", Answer::Raw(announced));
    origin.serve("/endless.png", Answer::Endless { head: String::new(), piece });
    origin.serve("/bomb.png", Reply::ok("image/png", bomb.clone()).header("content-encoding", "gzip"));
    origin.serve("/over.png", Reply::ok("image/png", one_too_many).header("content-encoding", "gzip"));
    let head = "content-encoding: gzip\r\n".to_owned();
    origin.serve("/endless-bomb.png", Answer::Endless { head, piece: bomb });
    let source = bucket(&origin, PATIENT);
    for path in ["announced.png", "endless.png", "bomb.png", "over.png", "endless-bomb.png"] {
        assert_eq!(open(&source, path).await.unwrap_err(), SourceError::TooManyBytes { limit: LIMIT }, "{path}");
    }
}

#[tokio::test]
async fn exactly_the_limit_is_accepted() {
    let origin = Origin::start();
    let full = vec![7; LIMIT as usize];
    origin.serve("/plain.png", Reply::ok("image/png", full.clone()));
    origin.serve("/zipped.png", Reply::ok("image/png", gzip(&full)).header("content-encoding", "gzip"));
    let source = bucket(&origin, PATIENT);
    for path in ["plain.png", "zipped.png"] {
        assert_eq!(changed(open(&source, path).await.unwrap()).bytes.len() as u64, LIMIT, "{path}");
    }
}

#[tokio::test]
async fn one_known_content_coding_is_decoded_and_others_are_refused() {
    let origin = Origin::start();
    let coded = |coding: &str| Reply::ok("image/png", gzip(PNG)).header("content-encoding", coding);
    origin.serve("/gzip.png", coded("gzip"));
    origin.serve("/identity.png", Reply::ok("image/png", PNG).header("content-encoding", "identity"));
    let source = bucket(&origin, PATIENT);
    for path in ["gzip.png", "identity.png"] {
        let original = changed(open(&source, path).await.unwrap());
        assert_eq!((&*original.bytes, original.validators.size), (PNG, Some(PNG.len() as u64)), "{path}");
    }
    for coding in ["gzip, gzip", "gzip, br, gzip, br, gzip, br", "zstd", "compress", "aes128gcm"] {
        origin.serve("/a.png", coded(coding));
        assert_eq!(open(&source, "a.png").await.unwrap_err(), SourceError::Coding(coding.into()), "{coding}");
    }
}

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

async fn open_remote(resolver: Arc<Scripted>, exceptions: &[String], url: &str) -> Result<Opened, SourceError> {
    let exceptions = exceptions.iter().map(|text| HostPort::parse(text).unwrap()).collect();
    let source = Source::Remote(RemoteSource::new(PATIENT, Fetcher::new(exceptions, resolver, &VIA).unwrap()));
    source.open(&named(ObjectKey::from_url(&Url::parse(url).unwrap())), None, LIMIT).await
}

#[tokio::test]
async fn names_with_any_internal_address_are_refused() {
    let answers: [&[&str]; 4] = [&["127.0.0.1"], &["1.1.1.1", "127.0.0.1"], &["::1"], &["64:ff9b::7f00:1"]];
    for answer in answers {
        let error = open_remote(Scripted::new(&[answer]), &[], "http://rebind.example/a.png").await.unwrap_err();
        assert!(
            matches!(&error, SourceError::Refused(Refused::Name { name, .. }) if name == "rebind.example"),
            "{error}"
        );
        assert!(!error.public_text().contains("127"), "strangers do not learn addresses");
    }
    let error = open_remote(Scripted::new(&[&[]]), &[], "http://nowhere.example/").await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_connection_is_made_to_the_answer_of_its_one_lookup() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    let authority = format!("rebind.example:{}", origin.address().port());
    // Nobody listens at the second answer: a lookup between judging and connecting would end there.
    let resolver = Scripted::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let asked = Arc::clone(&resolver);
    changed(
        open_remote(resolver, std::slice::from_ref(&authority), &format!("http://{authority}/a.png")).await.unwrap(),
    );
    assert_eq!(asked.lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn named_exceptions_reach_internal_hosts_on_their_port_only() {
    let (origin, other) = (Origin::start(), Origin::start());
    for origin in [&origin, &other] {
        origin.serve("/a.png", Reply::ok("image/png", PNG));
    }
    let (port, other_port) = (origin.address().port(), other.address().port());
    let exceptions = [format!("pictures.example:{port}")];
    let resolver = Scripted::new(&[&["127.0.0.1"]]);
    let url = format!("http://pictures.example:{port}/a.png");
    changed(open_remote(Arc::clone(&resolver), &exceptions, &url).await.unwrap());
    let url = format!("http://pictures.example:{other_port}/a.png");
    let error = open_remote(resolver, &exceptions, &url).await.unwrap_err();
    assert!(matches!(error, SourceError::Refused(_)), "{error}");
}

#[tokio::test]
async fn a_connection_opened_in_trust_is_never_lent_to_a_stranger() {
    let origin = Origin::start();
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    let fetcher = Fetcher::new(Vec::new(), Scripted::new(&[&["127.0.0.1"]]), &VIA).unwrap();
    let url = format!("http://inside.example:{}/", origin.address().port());
    let trusted = HttpSource::new(&Url::parse(&url).unwrap(), [], PATIENT, fetcher.clone()).unwrap();
    changed(Source::Http(trusted).open(&object("a.png"), None, LIMIT).await.unwrap());
    let remote = Source::Remote(RemoteSource::new(PATIENT, fetcher));
    let stranger = named(ObjectKey::from_url(&Url::parse(&url).unwrap().join("a.png").unwrap()));
    let error = remote.open(&stranger, None, LIMIT).await.unwrap_err();
    assert!(matches!(error, SourceError::Refused(_)), "{error}");
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn remote_answers_that_are_private_are_not_to_be_kept() {
    let origin = Origin::start();
    let exceptions = [origin.address().to_string()];
    let private = [("cache-control", "no-store"), ("cache-control", "private"), ("set-cookie", "a=b"), ("vary", "*")];
    for (name, value) in private {
        origin.serve("/a.png", Reply::ok("image/png", PNG).header(name, value));
        let opened = open_remote(Scripted::new(&[&[]]), &exceptions, &origin.url("/a.png")).await;
        assert!(!changed(opened.unwrap()).keep, "{name}: {value}");
    }
    origin.serve("/a.png", Reply::ok("image/png", PNG).header("vary", "accept"));
    assert!(changed(open_remote(Scripted::new(&[&[]]), &exceptions, &origin.url("/a.png?b")).await.unwrap()).keep);
}

#[tokio::test]
async fn origins_are_reachable_when_they_answer_at_all() {
    let origin = Origin::start();
    let source = bucket(&origin, QUICK);
    assert_eq!(source.check().await, Ok(()), "404 is an answer");
    origin.serve("/", Answer::Hang);
    assert_eq!(source.check().await, Err(SourceError::Slow));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = Url::parse(&format!("http://{closed}/")).unwrap();
    let error = Source::Http(HttpSource::new(&url, [], QUICK, fetcher(&[])).unwrap()).check().await.unwrap_err();
    assert_eq!(error.code(), crate::error::Code::OriginUnreachable);
}

async fn open_listed(fetcher: &Fetcher, hosts: &[&str], url: &str) -> Result<Fetched, SourceError> {
    let hosts = HostList::compile(hosts.iter().copied()).unwrap();
    let url = Url::parse(url).unwrap();
    let request = FetchRequest { url, trust: None, known: None, accept: PICTURES_FIRST, limit: LIMIT, hops: PATIENT };
    fetcher.get_from(&hosts, request).await
}

#[tokio::test]
async fn hosts_off_the_list_are_asked_neither_first_nor_on_a_redirects_word() {
    let (origin, other) = (Origin::start(), Origin::start());
    origin.serve("/a.png", Reply::ok("image/png", PNG));
    origin.serve("/off.png", Reply::redirect(&other.url("/a.png")));
    other.serve("/a.png", Reply::ok("image/png", PNG));
    // The guard would let both pass.
    let fetcher = fetcher(&[origin.address().to_string(), other.address().to_string()]);
    let listed = origin.url("");
    let hosts = [listed.as_str()];
    assert!(matches!(open_listed(&fetcher, &hosts, &origin.url("/a.png")).await, Ok(Fetched::Body { .. })));
    for url in [other.url("/a.png"), origin.url("/off.png"), "https://example.com/a.png".to_owned()] {
        let error = open_listed(&fetcher, &hosts, &url).await.unwrap_err();
        assert_eq!(error, SourceError::Refused(Refused::Host), "{url}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn listed_names_with_internal_addresses_are_refused() {
    for answer in [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::ffff:7f00:1"]] {
        let fetcher = Fetcher::new(Vec::new(), Scripted::new(&[&answer]), &VIA).unwrap();
        let error = open_listed(&fetcher, &["http://*.example"], "http://rebind.example/a.png").await.unwrap_err();
        assert!(matches!(&error, SourceError::Refused(Refused::Name { .. })), "{error}");
    }
}

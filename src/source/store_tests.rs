//! Object stores: the memory store for what a store says, a scripted origin for how S3 is spoken to.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Attribute, ObjectStore, ObjectStoreExt as _, PutOptions};
use url::Url;

use super::scripted_origin::{Answer, Origin, Reply};
use super::*;

const LIMIT: u64 = 1000;
const TIMEOUT: Duration = Duration::from_secs(7);

async fn filled(prefix: &str) -> Source {
    let store = InMemory::new();
    for path in ["p/a.png", "p/a/b.png", "p/ab/c.png", "p/sp ace%?~.png", "outside.png", "pq/near.png"] {
        let attributes = [(Attribute::CacheControl, "max-age=99"), (Attribute::ContentType, "image/png")];
        let options = PutOptions { attributes: attributes.into_iter().collect(), ..PutOptions::default() };
        store.put_opts(&Path::parse(path).unwrap(), path.as_bytes().to_vec().into(), options).await.unwrap();
    }
    store.put(&Path::parse("p/large.png").unwrap(), vec![0; LIMIT as usize + 1].into()).await.unwrap();
    Source::Store(StoreSource::new(Arc::new(store), Path::parse(prefix).unwrap(), TIMEOUT))
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

async fn read(source: &Source, text: &str) -> Result<Original, SourceError> {
    match source.open(&key(text), None, LIMIT).await? {
        Opened::Changed(original) => Ok(original),
        Opened::Unchanged { .. } => panic!("unchanged"),
    }
}

#[tokio::test]
async fn objects_come_with_their_attributes_from_below_the_prefix() {
    let source = filled("p").await;
    let original = read(&source, "sp ace%?~.png").await.unwrap();
    assert_eq!(&*original.bytes, b"p/sp ace%?~.png");
    assert_eq!(original.cache_control.as_deref(), Some("max-age=99"));
    assert_eq!(original.content_type.as_deref(), Some("image/png"));
    assert_eq!((original.inward, original.keep), (Duration::from_secs(99), true));
    assert_eq!(read(&source, "outside.png").await.unwrap_err(), SourceError::Missing);
    assert_eq!(&*read(&filled("").await, "outside.png").await.unwrap().bytes, b"outside.png");
    assert_eq!(source.check().await, Ok(()));
}

#[tokio::test]
async fn a_known_object_is_unchanged_and_a_large_one_is_refused_unread() {
    let source = filled("p").await;
    let known = read(&source, "a.png").await.unwrap().validators;
    let again = source.open(&key("a.png"), Some(&known), LIMIT).await.unwrap();
    assert!(matches!(again, Opened::Unchanged { cache_control: None, .. }));
    let other = Validators { etag: Some("\"other\"".into()), ..known };
    assert!(matches!(source.open(&key("a.png"), Some(&other), LIMIT).await, Ok(Opened::Changed(_))));
    assert_eq!(read(&source, "large.png").await.unwrap_err(), SourceError::TooManyBytes { limit: LIMIT });
}

#[tokio::test]
async fn coded_objects_are_refused() {
    let store = InMemory::new();
    let attributes = [(Attribute::ContentEncoding, "gzip")].into_iter().collect();
    let options = PutOptions { attributes, ..PutOptions::default() };
    store.put_opts(&Path::parse("a.png").unwrap(), b"x".to_vec().into(), options).await.unwrap();
    let source = Source::Store(StoreSource::new(Arc::new(store), Path::default(), TIMEOUT));
    assert_eq!(read(&source, "a.png").await.unwrap_err(), SourceError::Coding("gzip".into()));
}

#[tokio::test]
async fn keys_are_listed_by_prefix_of_text() {
    let table: [(&str, &[&str]); 4] = [
        ("", &["a.png", "a/b.png", "ab/c.png", "large.png", "sp ace%?~.png"]),
        ("a", &["a.png", "a/b.png", "ab/c.png"]),
        ("a/", &["a/b.png"]),
        ("ab/c", &["ab/c.png"]),
    ];
    let source = filled("p").await;
    for (prefix, expected) in table {
        let mut keys: Vec<_> = source.list(prefix).try_collect().await.unwrap();
        keys.sort();
        assert_eq!(keys.iter().map(ObjectKey::as_str).collect::<Vec<_>>(), expected, "{prefix:?}");
    }
    assert_eq!(filled("").await.list("outside").try_collect::<Vec<_>>().await.unwrap(), [key("outside.png")]);
}

fn s3(origin: &Origin, timeout: Duration) -> Source {
    let endpoint = origin.url("");
    let options = [("endpoint", endpoint.as_str()), ("allow_http", "true"), ("skip_signature", "true")];
    Source::Store(store_from_url(&Url::parse("s3://photos/album").unwrap(), options, timeout).unwrap())
}

const DATE: &str = "Thu, 01 Jan 1970 00:00:09 GMT";

#[tokio::test]
async fn s3_is_asked_conditionally_at_its_endpoint() {
    let origin = Origin::start();
    let reply = Reply::ok("image/png", "bytes").header("etag", "\"one\"").header("last-modified", DATE);
    origin.serve_conditionally("/photos/album/a%20b.png", reply.header("cache-control", "max-age=7"));
    let source = s3(&origin, TIMEOUT);
    let original = read(&source, "a b.png").await.unwrap();
    assert_eq!((&*original.bytes, original.inward), (&b"bytes"[..], Duration::from_secs(7)));
    let again = source.open(&key("a b.png"), Some(&original.validators), LIMIT).await.unwrap();
    assert!(matches!(again, Opened::Unchanged { .. }));
    assert_eq!(read(&source, "none.png").await.unwrap_err(), SourceError::Missing);
    assert_eq!(source.check().await, Ok(()));
}

type Expected = fn(&SourceError) -> bool;

#[tokio::test]
async fn s3_faults_are_told_apart() {
    let (origin, other) = (Origin::start(), Origin::start());
    other.serve("/photos/album/a.png", Reply::ok("image/png", "x").header("last-modified", DATE));
    let elsewhere = other.url("/photos/album/a.png");
    let faults: [(Answer, Expected); 6] = [
        (Reply::new(403, "").into(), |error| matches!(error, SourceError::Denied(_))),
        (
            Reply::new(403, "<Error><Code>InvalidAccessKeyId</Code><Message>No such key</Message></Error>").into(),
            |error| *error == SourceError::Denied("InvalidAccessKeyId: No such key".to_owned()),
        ),
        (Reply::new(503, "").into(), |error| matches!(error, SourceError::BadAnswer(_))),
        (Reply::redirect(&elsewhere).into(), |error| matches!(error, SourceError::BadAnswer(_))),
        (Answer::Raw(b"nonsense".to_vec()), |error| matches!(error, SourceError::Unreachable(_))),
        (Answer::Hang, |error| *error == SourceError::Slow),
    ];
    for (answer, expected) in faults {
        origin.serve("/photos/album/a.png", answer.clone());
        let error = read(&s3(&origin, Duration::from_millis(1500)), "a.png").await.unwrap_err();
        assert!(expected(&error), "{answer:?}: {error:?}");
    }
    assert!(other.seen().is_empty(), "redirects are not followed");
}

#[test]
fn unknown_options_and_urls_are_refused_by_name() {
    let set_up = |url: &str, name: &str| store_from_url(&Url::parse(url).unwrap(), [(name, "x")], TIMEOUT);
    for (url, name) in [("s3://a/", "endpont"), ("gs://a/", "secret_access_key"), ("s3://a/", "timeout")] {
        assert!(matches!(set_up(url, name), Err(SetupError::StoreOption { name: found }) if found == name), "{name}");
    }
    for url in ["ftp://a/", "memory:///", "file:///etc", "s3:///a", "https://a/"] {
        assert!(matches!(set_up(url, "region"), Err(SetupError::StoreUrl)), "{url}");
    }
    assert!(set_up("s3://a/b/c", "REGION").is_ok());
}

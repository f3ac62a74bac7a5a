//! Resumable uploads (TUS 1.0.0): whatever breaks in between, an object has exactly the bytes that its sender has, and an
//! upload that comes to nothing leaves nothing.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tintype::app::{App, Front};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::process::{command, serve};
use crate::support::{SECRET, Setup, eventually, files_below, fixture, service_key};

const TUS: &str = "/storage/v1/upload/resumable";
const PART: &str = "application/offset+octet-stream";

fn user(subject: &str) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let claims = json!({"role": "authenticated", "sub": subject, "exp": 4_000_000_000_u64});
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

/// Bytes that are no picture, and different everywhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect()
}

fn metadata(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect::<Vec<_>>().join(",")
}

/// One caller of one server.
#[derive(Clone)]
struct Tus {
    base: String,
    /// The header that says who asks.
    key: (&'static str, String),
    client: reqwest::Client,
}

impl Tus {
    fn new(base: impl Into<String>, token: &str) -> Self {
        Self { base: base.into(), key: ("authorization", format!("Bearer {token}")), client: reqwest::Client::new() }
    }

    fn signed(base: impl Into<String>, signature: &str) -> Self {
        Self { key: ("x-signature", signature.to_owned()), ..Self::new(base, "") }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).body(body);
        request = request.header("tus-resumable", "1.0.0").header(self.key.0, &self.key.1);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(header(&response, "tus-resumable"), "1.0.0");
        assert_eq!(header(&response, "cache-control"), "no-store");
        response
    }

    async fn create_at(&self, path: &str, length: usize, pairs: &[(&str, &str)]) -> Response {
        let (length, metadata) = (length.to_string(), metadata(pairs));
        self.send(Method::POST, path, &[("upload-length", &length), ("upload-metadata", &metadata)], "").await
    }

    /// Begins an upload and says where it is.
    async fn create(&self, object: &str, length: usize) -> String {
        let (bucket, name) = object.split_once('/').unwrap();
        let response = self.create_at(TUS, length, &[("bucketName", bucket), ("objectName", name)]).await;
        let place = header(&response, "location").to_owned();
        expect(response, 201).await;
        place
    }

    async fn patch(&self, place: &str, offset: usize, body: impl Into<reqwest::Body>) -> Response {
        self.patch_with(place, offset, &[], body).await
    }

    async fn patch_with(
        &self,
        place: &str,
        offset: usize,
        extra: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let offset = offset.to_string();
        let mut headers = vec![("content-type", PART), ("upload-offset", offset.as_str())];
        headers.extend_from_slice(extra);
        self.send(Method::PATCH, place, &headers, body).await
    }

    /// Offset and length, as anyone may ask them.
    async fn head(&self, place: &str) -> Result<(usize, usize), u16> {
        let request = self.client.head(format!("{}{place}", self.base)).header("tus-resumable", "1.0.0");
        let response = request.send().await.unwrap();
        if response.status() != 200 {
            return Err(response.status().as_u16());
        }
        let number = |name| header(&response, name).parse().unwrap();
        Ok((number("upload-offset"), number("upload-length")))
    }

    async fn delete(&self, place: &str) -> Response {
        self.send(Method::DELETE, place, &[], "").await
    }

    async fn api(&self, method: Method, path: &str, body: &Value) -> Response {
        let url = format!("{}/storage/v1{path}", self.base);
        let request = self.client.request(method, url).header(self.key.0, &self.key.1);
        request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap()
    }

    async fn make_bucket(&self, name: &str) {
        let made = self.api(Method::POST, "/bucket", &json!({"id": name, "name": name, "public": true})).await;
        assert_eq!(made.status(), 200);
    }

    async fn read(&self, object: &str) -> Response {
        let url = format!("{}/storage/v1/object/{object}", self.base);
        self.client.get(url).header(self.key.0, &self.key.1).send().await.unwrap()
    }

    async fn bytes(&self, object: &str) -> Bytes {
        let response = self.read(object).await;
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Asserts the status and returns the text.
#[track_caller]
fn expect(response: Response, status: u16) -> impl Future<Output = String> {
    let (found, from) = (response.status().as_u16(), std::panic::Location::caller());
    async move {
        let is_text = header(&response, "content-type").starts_with("text/plain");
        let text = response.text().await.unwrap();
        assert_eq!(found, status, "{text} ({from})");
        assert!(status < 400 || is_text, "{text} ({from})");
        text
    }
}

/// The files of unfinished uploads, and those that are still arriving.
fn unfinished(setup: &Setup) -> Vec<PathBuf> {
    let storage = setup.data.path().join("data/storage");
    ["uploads", "incoming"].iter().flat_map(|folder| files_below(&storage.join(folder))).collect()
}

fn blobs(setup: &Setup) -> usize {
    files_below(&setup.data.path().join("data/storage/objects")).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_parts_becomes_the_object_that_one_in_one_piece_would_be() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let body = noise(700_000);
    let pairs = [
        ("bucketName", "files"),
        ("objectName", "a/b c.bin"),
        ("contentType", "application/x-noise"),
        ("cacheControl", "77"),
        ("metadata", r#"{"a":1}"#),
        ("unknown", "let be"),
    ];
    let response = service.create_at(TUS, body.len(), &pairs).await;
    assert_eq!(response.status(), 201);
    assert!(header(&response, "upload-expires").ends_with(" GMT"), "{:?}", response.headers());
    let place = header(&response, "location").to_owned();
    let id = URL_SAFE_NO_PAD.decode(place.strip_prefix(&format!("{TUS}/")).unwrap()).unwrap();
    assert!(String::from_utf8(id).unwrap().starts_with("files/a/b c.bin/"));
    assert_eq!(service.head(&place).await, Ok((0, body.len())));
    let first = service.patch(&place, 0, body[..300_000].to_vec()).await;
    assert_eq!((first.status().as_u16(), header(&first, "upload-offset")), (204, "300000"));
    assert!(!header(&first, "upload-expires").is_empty());
    for wrong in [0, 299_999, 300_001, 700_000] {
        expect(service.patch(&place, wrong, body[wrong..].to_vec()).await, 409).await;
    }
    expect(service.patch(&place, 300_000, "").await, 204).await;
    assert_eq!(service.head(&place).await, Ok((300_000, body.len())));
    assert_eq!(service.read("files/a/b%20c.bin").await.status(), 400);
    let last = service.patch(&place, 300_000, body[300_000..].to_vec()).await;
    assert_eq!((last.status().as_u16(), header(&last, "upload-offset")), (204, "700000"));

    let read = service.read("files/a/b%20c.bin").await;
    assert_eq!((header(&read, "content-type"), read.status().as_u16()), ("application/x-noise", 200));
    let etag = header(&read, "etag").to_owned();
    assert_eq!(read.bytes().await.unwrap(), body);
    let info = json(service.read("info/files/a/b%20c.bin").await).await;
    assert_eq!((&info["cache_control"], &info["metadata"]), (&json!("max-age=77"), &json!({"a": 1})));
    let plain = service.client.post(server.url("/storage/v1/object/files/plain.bin"));
    let plain = plain.bearer_auth(service_key()).body(body.clone()).send().await.unwrap();
    assert_eq!(plain.status(), 200);
    assert_eq!(header(&service.read("files/plain.bin").await, "etag"), etag);

    // Whoever missed the last answer learns that it is finished.
    assert_eq!(service.head(&place).await, Ok((body.len(), body.len())));
    expect(service.patch(&place, 300_000, body[300_000..].to_vec()).await, 409).await;
    expect(service.delete(&place).await, 400).await;
    assert!(unfinished(&setup).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn creation_may_bring_the_bytes_or_some_of_them_or_none_be_needed() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let body = noise(100_000);
    let with = async |name: &str, length: usize, part: &[u8]| {
        let metadata = metadata(&[("bucketName", "files"), ("objectName", name)]);
        let length = length.to_string();
        let headers = [("upload-length", length.as_str()), ("upload-metadata", &metadata), ("content-type", PART)];
        service.send(Method::POST, TUS, &headers, part.to_vec()).await
    };
    let whole = with("whole", body.len(), &body).await;
    assert_eq!((whole.status().as_u16(), header(&whole, "upload-offset")), (201, "100000"));
    assert_eq!(service.bytes("files/whole").await, body);
    let some = with("some", body.len(), &body[..40_000]).await;
    assert_eq!((some.status().as_u16(), header(&some, "upload-offset")), (201, "40000"));
    let place = header(&some, "location").to_owned();
    assert_eq!(service.head(&place).await, Ok((40_000, body.len())));
    expect(service.patch(&place, 40_000, body[40_000..].to_vec()).await, 204).await;
    assert_eq!(service.bytes("files/some").await, body);
    let place = service.create("files/empty", 0).await;
    assert_eq!(service.head(&place).await, Ok((0, 0)));
    assert_eq!(service.bytes("files/empty").await, "");
    expect(with("lies", 10, &body).await, 413).await;
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(vec![7_u8; 11])]));
    let headers = [
        ("upload-length", "10"),
        ("upload-metadata", &metadata(&[("bucketName", "files"), ("objectName", "lies")])),
        ("content-type", PART),
    ];
    expect(service.send(Method::POST, TUS, &headers, stream).await, 413).await;
    assert!(unfinished(&setup).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_not_what_its_checksum_says_is_discarded() {
    let server = Setup::new().start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let place = service.create("files/a", 22).await;
    let sha1 = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";
    let sha256 = "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
    expect(service.patch_with(&place, 0, &[("upload-checksum", sha1)], "hello w0rld").await, 460).await;
    assert_eq!(service.head(&place).await, Ok((0, 22)));
    expect(service.patch_with(&place, 0, &[("upload-checksum", sha1)], "hello world").await, 204).await;
    expect(service.patch_with(&place, 11, &[("upload-checksum", sha256)], "hello worlds").await, 413).await;
    expect(service.patch_with(&place, 11, &[("upload-checksum", sha256)], "hello w0rld").await, 460).await;
    for unknown in ["md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha1", "sha1 !"] {
        expect(service.patch_with(&place, 11, &[("upload-checksum", unknown)], "hello world").await, 400).await;
    }
    assert_eq!(service.head(&place).await, Ok((11, 22)));
    expect(service.patch_with(&place, 11, &[("upload-checksum", sha256)], "hello world").await, 204).await;
    assert_eq!(service.bytes("files/a").await, "hello worldhello world");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parts_that_are_sent_at_once_one_is_taken_whole() {
    let server = Setup::new().start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let (rounds, size) = (8, 200_000);
    let place = service.create("files/a", rounds * size).await;
    for round in 0..rounds {
        let sending = (0..12_u8).map(|sender| {
            let (service, place) = (service.clone(), &place);
            async move { service.patch(place, round * size, vec![sender; size]).await.status().as_u16() }
        });
        let statuses = join_all(sending).await;
        assert_eq!(statuses.iter().filter(|&&status| status == 204).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [204, 409, 423].contains(status)), "{statuses:?}");
    }
    let body = service.bytes("files/a").await;
    assert!(body.chunks(size).all(|chunk| chunk.iter().all(|byte| *byte == chunk[0])), "interleaved");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_comes_in_than_was_declared_and_no_more_may_be_declared_than_fits() {
    let setup = Setup::new().with("STORAGE__UPLOAD_BYTES", "6MB");
    let server = setup.start().await;
    let (service, ann) = (Tus::new(server.url(""), &service_key()), Tus::new(server.url(""), &user("ann")));
    service.make_bucket("files").await;
    let declared = async |bucket: &str, length: usize| {
        let pairs = [("bucketName", bucket), ("objectName", "ann/a.png"), ("contentType", "image/png")];
        ann.create_at(TUS, length, &pairs).await
    };
    expect(declared("files", 6_000_001).await, 413).await;
    expect(declared("kinkster-avatars", (5 << 20) + 1).await, 413).await;
    expect(declared("files", usize::MAX).await, 413).await;
    let place = service.create("files/a", 10).await;
    expect(service.patch(&place, 0, "12345").await, 204).await;
    expect(service.patch(&place, 5, "123456").await, 413).await;
    let parts = [Ok::<_, std::io::Error>("123"), Ok("45"), Ok("6")];
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    expect(service.patch(&place, 5, stream).await, 413).await;
    assert_eq!(service.head(&place).await, Ok((5, 10)));
    expect(service.patch(&place, 5, "67890").await, 204).await;
    assert_eq!(service.bytes("files/a").await, "1234567890");
    assert!(unfinished(&setup).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_upload_leaves_nothing() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let place = service.create("files/a", 1000).await;
    expect(service.patch(&place, 0, noise(500)).await, 204).await;
    assert_eq!(unfinished(&setup).len(), 1);
    expect(service.delete(&place).await, 204).await;
    assert_eq!(service.head(&place).await, Err(404));
    expect(service.patch(&place, 500, noise(500)).await, 404).await;
    expect(service.delete(&place).await, 404).await;
    assert!(unfinished(&setup).is_empty() && blobs(&setup) == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_its_creators_alone() {
    let server = Setup::new().start().await;
    let [service, ann, bob, nobody] =
        [service_key(), user("ann"), user("bob"), "nonsense".to_owned()].map(|token| Tus::new(server.url(""), &token));
    service.make_bucket("files").await;
    for refused in [&bob, &nobody] {
        let pairs = [("bucketName", "files"), ("objectName", "ann/a")];
        expect(refused.create_at(TUS, 10, &pairs).await, 403).await;
    }
    let place = ann.create("files/ann/a", 10).await;
    for refused in [&bob, &nobody] {
        expect(refused.patch(&place, 0, "12345").await, 403).await;
        expect(refused.delete(&place).await, 403).await;
    }
    let client = reqwest::Client::new();
    let without_token = client.delete(server.url(&place)).header("tus-resumable", "1.0.0").send().await.unwrap();
    expect(without_token, 400).await;
    expect(ann.patch(&place, 0, "12345").await, 204).await;
    expect(service.patch(&place, 5, "67890").await, 204).await;
    assert_eq!(ann.bytes("files/ann/a").await, "1234567890");
    // The service role sent the last part, but the object is whose upload it was.
    let owned = service.api(Method::POST, "/object/list-v2/files", &json!({"prefix": "ann/"})).await;
    assert_eq!(json(owned).await["objects"].as_array().unwrap().len(), 1);
    let removed = ann.api(Method::DELETE, "/object/files", &json!({"prefixes": ["ann/a"]})).await;
    assert_eq!(json(removed).await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_takes_the_place_of_a_token_for_its_object() {
    let setup = Setup::new();
    let server = setup.start().await;
    let (service, ann) = (Tus::new(server.url(""), &service_key()), Tus::new(server.url(""), &user("ann")));
    service.make_bucket("files").await;
    let sign = async |object: &str| {
        let answer = ann.api(Method::POST, &format!("/object/upload/sign/{object}"), &json!({})).await;
        json(answer).await["token"].as_str().unwrap().to_owned()
    };
    let path = format!("{TUS}/sign");
    let pairs = [("bucketName", "files"), ("objectName", "ann/a")];
    let stranger = Tus::signed(server.url(""), &sign("files/ann/a").await);
    let other = Tus::signed(server.url(""), &sign("files/ann/other").await);
    expect(other.create_at(&path, 10, &pairs).await, 400).await;
    expect(ann.create_at(&path, 10, &pairs).await, 400).await;
    expect(Tus::signed(server.url(""), "nonsense").create_at(&path, 10, &pairs).await, 400).await;
    expect(Tus::signed(server.url(""), &user("ann")).create_at(&path, 10, &pairs).await, 400).await;
    let response = stranger.create_at(&path, 10, &pairs).await;
    let place = header(&response, "location").to_owned();
    expect(response, 201).await;
    assert!(place.starts_with(&path), "{place}");
    expect(other.patch(&place, 0, "12345").await, 400).await;
    expect(Tus::new(server.url(""), &user("bob")).patch(&place.replace("/sign/", "/"), 0, "12345").await, 403).await;
    expect(stranger.patch(&place, 0, "12345").await, 204).await;
    assert_eq!(stranger.head(&place).await, Ok((5, 10)));
    expect(stranger.patch(&place, 5, "67890").await, 204).await;
    assert_eq!(ann.bytes("files/ann/a").await, "1234567890");
    // The signature says nothing of replacing.
    expect(stranger.create_at(&path, 10, &pairs).await, 409).await;
    // Another's upload to the same object is not the signature's.
    let place = service.create("files/ann/b", 10).await;
    let stranger = Tus::signed(server.url(""), &sign("files/ann/b").await);
    expect(stranger.patch(&place.replace("/resumable/", "/resumable/sign/"), 0, "12345").await, 403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_at_the_end_leaves_neither_file_nor_row() {
    let setup = Setup::new();
    let server = setup.start().await;
    let (service, ann) = (Tus::new(server.url(""), &service_key()), Tus::new(server.url(""), &user("ann")));
    let fox = fixture("photos/avatar-fox.png");
    let picture =
        |name: &'static str| [("bucketName", "kinkster-avatars"), ("objectName", name), ("contentType", "image/png")];
    let page = b"<html><script>alert(1)</script>".to_vec();
    for (body, status) in [(page, 415), (fox[..fox.len() / 2].to_vec(), 400)] {
        let response = ann.create_at(TUS, body.len(), &picture("ann/a.png")).await;
        let place = header(&response, "location").to_owned();
        expect(ann.patch(&place, 0, body[..10].to_vec()).await, 204).await;
        expect(ann.patch(&place, 10, body[10..].to_vec()).await, status).await;
        assert_eq!(ann.head(&place).await, Err(404));
        assert!(unfinished(&setup).is_empty() && blobs(&setup) == 0);
    }
    expect(ann.create_at(TUS, 10, &[("bucketName", "kinkster-avatars"), ("objectName", "ann/a.png")]).await, 415).await;

    // Another came first, and nobody said that it may be replaced.
    let response = ann.create_at(TUS, fox.len(), &picture("ann/b.png")).await;
    let place = header(&response, "location").to_owned();
    let owl = fixture("photos/avatar-owl.png");
    let sent =
        ann.client.post(server.url("/storage/v1/object/kinkster-avatars/ann/b.png")).header(ann.key.0, &ann.key.1);
    assert_eq!(sent.header("content-type", "image/png").body(owl).send().await.unwrap().status(), 200);
    let kept = ann.bytes("kinkster-avatars/ann/b.png").await;
    expect(ann.patch(&place, 0, fox.clone()).await, 409).await;
    assert_eq!(ann.bytes("kinkster-avatars/ann/b.png").await, kept);
    expect(ann.create_at(TUS, fox.len(), &picture("ann/b.png")).await, 409).await;
    assert!(unfinished(&setup).is_empty() && blobs(&setup) == 1);
    let (length, metadata) = (fox.len().to_string(), metadata(&picture("ann/b.png")));
    let headers = [("upload-length", length.as_str()), ("upload-metadata", &metadata), ("x-upsert", "true")];
    let response = ann.send(Method::POST, TUS, &headers, "").await;
    let place = header(&response, "location").to_owned();
    expect(ann.patch(&place, 0, fox).await, 204).await;
    assert_ne!(ann.bytes("kinkster-avatars/ann/b.png").await, kept);

    // Its bucket is gone.
    service.make_bucket("short").await;
    let place = service.create("short/a", 10).await;
    assert_eq!(service.api(Method::DELETE, "/bucket/short", &json!({})).await.status(), 200);
    expect(service.patch(&place, 0, "1234567890").await, 404).await;
    assert_eq!(service.head(&place).await, Err(404));
    assert!(unfinished(&setup).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_an_upload_is_gone_with_its_bytes() {
    let setup = Setup::new().with("STORAGE__UPLOAD_SECONDS", "1");
    let place = {
        let server = setup.start().await;
        let service = Tus::new(server.url(""), &service_key());
        service.make_bucket("files").await;
        let place = service.create("files/a", 10).await;
        expect(service.patch(&place, 0, "12345").await, 204).await;
        eventually("the upload expires", async || service.head(&place).await == Err(410)).await;
        expect(service.patch(&place, 5, "67890").await, 410).await;
        expect(service.delete(&place).await, 410).await;
        server.stop().await;
        place
    };
    assert_eq!(unfinished(&setup).len(), 1);
    let app = App::build(&setup.config(), Front::Status).await.unwrap();
    assert_eq!(app.buckets.expire_uploads().await.unwrap(), 1);
    assert_eq!(app.buckets.expire_uploads().await.unwrap(), 0);
    drop(app);
    assert!(unfinished(&setup).is_empty());
    let server = setup.start().await;
    assert_eq!(Tus::new(server.url(""), &service_key()).head(&place).await, Err(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_uploads_that_nobody_knows_are_swept_at_the_start_and_by_cleanup() {
    let data = tempfile::tempdir().unwrap();
    let uploads = data.path().join("storage/uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    let stray = uploads.join("8a3f1a52-9b1e-4d8e-9a43-0d5b8c7f2e11");
    std::fs::write(&stray, "left by a crash").unwrap();
    let server = serve(data.path(), &[]);
    assert!(!stray.exists());
    let service = Tus::new(&server.url, &service_key());
    service.make_bucket("files").await;
    let place = service.create("files/a", 10).await;
    expect(service.patch(&place, 0, "12345").await, 204).await;
    std::fs::write(&stray, "left by a crash").unwrap();
    let cleanup = |extra: &[&str]| {
        let output = command().args(["cleanup", "--data", data.path().to_str().unwrap()]).args(extra).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(cleanup(&["--dry-run"]).contains("not finished in time: 1 would be removed"));
    assert!(stray.exists());
    assert!(cleanup(&[]).contains("not finished in time: 1 removed"));
    assert!(!stray.exists());
    assert_eq!(service.head(&place).await, Ok((5, 10)));
}

/// Opens a PATCH by hand and sends the beginning of its body.
async fn begun_patch(service: &Tus, place: &str, offset: usize, declared: usize, sent: &[u8]) -> TcpStream {
    let address = service.base.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PATCH {place} HTTP/1.1\r\nhost: {address}\r\n{}: {}\r\ntus-resumable: 1.0.0\r\ncontent-type: {PART}\r\n\
         upload-offset: {offset}\r\ncontent-length: {declared}\r\n\r\n",
        service.key.0, service.key.1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_breaks_off_keeps_what_arrived() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let body = noise(500_000);
    let place = service.create("files/a", body.len()).await;
    drop(begun_patch(&service, &place, 0, body.len(), &body[..123_456]).await);
    eventually("what arrived is kept", async || service.head(&place).await == Ok((123_456, body.len()))).await;
    // A connection that is dead without telling: its silence is cut short by the one who asks.
    let silent = begun_patch(&service, &place, 123_456, body.len() - 123_456, &body[123_456..200_000]).await;
    eventually("the silent sender makes room", async || service.head(&place).await == Ok((200_000, body.len()))).await;
    expect(service.patch(&place, 200_000, body[200_000..].to_vec()).await, 204).await;
    drop(silent);
    assert_eq!(service.bytes("files/a").await, body);
    assert!(unfinished(&setup).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_hangs_up_after_the_last_byte_has_uploaded_nevertheless() {
    let server = Setup::new().start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let body = noise(3_000_000);
    let place = service.create("files/a", body.len()).await;
    drop(begun_patch(&service, &place, 0, body.len(), &body).await);
    eventually("the upload is finished", async || service.head(&place).await == Ok((body.len(), body.len()))).await;
    assert_eq!(service.bytes("files/a").await, body);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_and_within_parts_an_upload_goes_on_to_the_exact_bytes() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 20 } else { 3 };
    let data = tempfile::tempdir().unwrap();
    let body = noise(12 << 20);
    {
        let server = serve(data.path(), &[]);
        Tus::new(&server.url, &service_key()).make_bucket("files").await;
    }
    for round in 0..rounds {
        let object = format!("files/{round}");
        let mut server = serve(data.path(), &[]);
        let mut service = Tus::new(&server.url, &service_key());
        let place = service.create(&object, body.len()).await;
        let first = 1_000_000 + 77_777 * round;
        expect(service.patch(&place, 0, body[..first].to_vec()).await, 204).await;
        // Killed between parts: what was answered is there.
        drop(server);
        server = serve(data.path(), &[]);
        service.base.clone_from(&server.url);
        assert_eq!(service.head(&place).await, Ok((first, body.len())));
        // Killed within one: what counts is a true beginning, and not all of it is lost.
        let sent = first + (9 << 20);
        let sending = begun_patch(&service, &place, first, body.len() - first, &body[first..sent]).await;
        let uploads = data.path().join("storage/uploads");
        let written = || files_below(&uploads).iter().map(|path| path.metadata().unwrap().len()).sum::<u64>();
        eventually("nine megabytes are written", async || written() > (first as u64) + (8 << 20)).await;
        drop(server);
        drop(sending);
        server = serve(data.path(), &[]);
        service.base.clone_from(&server.url);
        let (offset, length) = service.head(&place).await.unwrap();
        assert!(offset >= first + (4 << 20) && offset <= sent && length == body.len(), "{offset} of {sent}");
        expect(service.patch(&place, offset, body[offset..].to_vec()).await, 204).await;
        assert!(service.bytes(&object).await == body, "other bytes after round {round}");
        assert!(files_below(&uploads).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_its_end_an_upload_is_either_finished_or_goes_on() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 60 } else { 8 };
    let data = tempfile::tempdir().unwrap();
    let body = noise(600_000);
    let mut server = serve(data.path(), &[]);
    let mut service = Tus::new(&server.url, &service_key());
    service.make_bucket("files").await;
    for round in 0..rounds {
        let object = format!("files/{round}");
        let place = service.create(&object, body.len()).await;
        expect(service.patch(&place, 0, body[..300_000].to_vec()).await, 204).await;
        let last = begun_patch(&service, &place, 300_000, 300_000, &body[300_000..]).await;
        tokio::time::sleep(Duration::from_millis(2 * (round % 15))).await;
        drop(server);
        drop(last);
        server = serve(data.path(), &[]);
        service.base.clone_from(&server.url);
        let (offset, _) = service.head(&place).await.unwrap();
        if offset < body.len() {
            assert_eq!(offset, 300_000, "round {round}");
            expect(service.patch(&place, offset, body[offset..].to_vec()).await, 204).await;
        }
        assert!(service.bytes(&object).await == body, "other bytes after round {round}");
    }
    assert!(files_below(&data.path().join("storage/uploads")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_is_told_and_other_versions_and_methods_are_refused() {
    let server = Setup::new().with("STORAGE__UPLOAD_BYTES", "7MB").start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let client = reqwest::Client::new();
    for path in [TUS.to_owned(), format!("{TUS}/"), format!("{TUS}/sign"), format!("{TUS}/aWQ")] {
        let options = client.request(Method::OPTIONS, server.url(&path)).send().await.unwrap();
        assert_eq!((options.status().as_u16(), header(&options, "tus-version")), (204, "1.0.0"));
        let extensions = "creation,creation-with-upload,expiration,termination,checksum";
        assert_eq!((header(&options, "tus-extension"), header(&options, "tus-max-size")), (extensions, "7000000"));
        assert_eq!(header(&options, "tus-checksum-algorithm"), "sha1,sha256");
    }
    let place = service.create("files/a", 10).await;
    for version in [None, Some("0.2.2"), Some("1.0.1")] {
        for (method, path) in [(Method::POST, TUS), (Method::PATCH, &place), (Method::DELETE, &place)] {
            let mut request = client.request(method, server.url(path)).bearer_auth(service_key());
            request = version.into_iter().fold(request, |request, version| request.header("tus-resumable", version));
            let response = request.send().await.unwrap();
            assert_eq!(header(&response, "tus-version"), "1.0.0");
            expect(response, 412).await;
        }
    }
    expect(service.send(Method::PUT, &place, &[], "").await, 405).await;
    expect(service.send(Method::POST, &place, &[], "").await, 405).await;
    let headers = [("upload-offset", "0"), ("content-type", "application/octet-stream")];
    expect(service.send(Method::PATCH, &place, &headers, "12345").await, 415).await;
    let over = [("x-http-method-override", "PATCH"), ("upload-offset", "0"), ("content-type", PART)];
    let response = service.send(Method::POST, &place, &over, "12345").await;
    assert_eq!((response.status().as_u16(), header(&response, "upload-offset")), (204, "5"));
    let told = service.send(Method::HEAD, &place, &[], "").await;
    let told = header(&told, "upload-metadata").to_owned();
    assert!(told.starts_with(&metadata(&[("bucketName", "files"), ("objectName", "a")])), "{told}");
    expect(service.send(Method::POST, &place, &[("x-http-method-override", "DELETE")], "").await, 204).await;
    assert_eq!(service.head(&place).await, Err(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_below_a_configured_url_whatever_host_is_asked() {
    let urls = "https://images.example,http://other.example:8787/cdn/";
    let server = Setup::new().with("PUBLIC_URL", urls).start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    for (host, base) in [
        ("images.example", "https://images.example"),
        ("other.example:8787", "http://other.example:8787/cdn"),
        ("evil.example", "https://images.example"),
    ] {
        let metadata = metadata(&[("bucketName", "files"), ("objectName", "a")]);
        let headers = [
            ("host", host),
            ("upload-length", "5"),
            ("upload-metadata", &metadata),
            ("x-forwarded-host", "evil.example"),
        ];
        let response = service.send(Method::POST, TUS, &headers, "").await;
        let place = header(&response, "location");
        assert!(place.starts_with(&format!("{base}{TUS}/")), "{host}: {place}");
        assert_eq!(service.head(place.strip_prefix(base).unwrap()).await, Ok((0, 5)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_creations_are_refused_with_their_status_and_leave_nothing() {
    let setup = Setup::new();
    let server = setup.start().await;
    let ann = Tus::new(server.url(""), &user("ann"));
    let good =
        metadata(&[("bucketName", "kinkster-avatars"), ("objectName", "ann/a.png"), ("contentType", "image/png")]);
    let of = |name: &str| {
        metadata(&[("bucketName", "kinkster-avatars"), ("objectName", name), ("contentType", "image/png")])
    };
    let also = |key: &str, value: &str| format!("{good},{}", metadata(&[(key, value)]));
    let rows = [
        ("10", "bucketName !!!!,objectName YQ==".to_owned(), 400),
        ("10", "bucketName YQ".to_owned(), 400),
        ("10", format!("{good},bucketName YQ=="), 400),
        ("10", "objectName YQ==".to_owned(), 400),
        ("10", metadata(&[("bucketName", "kinkster-avatars")]), 400),
        ("10", String::new(), 400),
        ("10", "bucketName /w==,objectName YQ==".to_owned(), 400),
        ("10", also("metadata", "{not json"), 400),
        ("10", also("metadata", "[1]"), 400),
        ("10", metadata(&[("bucketName", "../etc"), ("objectName", "a")]), 404),
        ("10", metadata(&[("bucketName", "~remote"), ("objectName", "a")]), 404),
        ("10", metadata(&[("bucketName", "nowhere"), ("objectName", "a")]), 404),
        ("10", of("../../etc/passwd"), 400),
        ("10", of("ann/../bob/a.png"), 400),
        ("10", of("/ann/a.png"), 400),
        ("10", of("ann//a.png"), 400),
        ("10", of("ann\\..\\a.png"), 400),
        ("10", of("ann/\0.png"), 400),
        ("10", of("ann/ü.png"), 400),
        ("10", of(&"a/".repeat(600)), 400),
        (
            "10",
            metadata(&[
                ("bucketName", "kinkster-avatars"),
                ("objectName", "ann/a"),
                ("contentType", "image/png;\r\nx: y"),
            ]),
            415,
        ),
        (
            "10",
            metadata(&[("bucketName", "kinkster-avatars"), ("objectName", "ann/a"), ("contentType", "nonsense")]),
            415,
        ),
        (
            "10",
            metadata(&[("bucketName", "kinkster-avatars"), ("objectName", "ann/a"), ("contentType", "image/gif")]),
            415,
        ),
        ("10", of("bob/a.png"), 403),
        ("-1", good.clone(), 400),
        ("+1", good.clone(), 400),
        ("1.5", good.clone(), 400),
        ("", good.clone(), 400),
        ("0x10", good.clone(), 400),
        ("99999999999999999999999", good.clone(), 400),
        ("9223372036854775808", good.clone(), 413),
        ("5242881", good.clone(), 413),
    ];
    for (length, metadata, status) in rows {
        let headers = [("upload-length", length), ("upload-metadata", metadata.as_str())];
        let response = ann.send(Method::POST, TUS, &headers, "").await;
        assert_eq!(response.status().as_u16(), status, "{length} {metadata}");
        expect(response, status).await;
    }
    for extra in [("upload-defer-length", "1"), ("upload-concat", "partial"), ("upload-concat", "final;/a /b")] {
        let headers = [("upload-length", "10"), ("upload-metadata", good.as_str()), extra];
        expect(ann.send(Method::POST, TUS, &headers, "").await, 400).await;
    }
    expect(ann.send(Method::POST, TUS, &[("upload-metadata", good.as_str())], "").await, 400).await;
    assert!(unfinished(&setup).is_empty() && blobs(&setup) == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_not_ours_and_offsets_that_are_none_are_refused() {
    let setup = Setup::new();
    let server = setup.start().await;
    let ann = Tus::new(server.url(""), &user("ann"));
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let version = "8a3f1a52-9b1e-4d8e-9a43-0d5b8c7f2e11";
    let ids = [
        "x".to_owned(),
        "%00".to_owned(),
        "A".repeat(4000),
        encoded("kinkster-avatars/ann/a.png"),
        encoded(&format!("kinkster-avatars/ann/a.png/{version}")),
        encoded(&format!("kinkster-avatars/../../../etc/passwd/{version}")),
        encoded("kinkster-avatars/ann/a.png/../../objects/x"),
        encoded(&format!("~remote/a/{version}")),
    ];
    for id in ids {
        let place = format!("{TUS}/{id}");
        assert_eq!(ann.head(&place).await, Err(404), "{id}");
        expect(ann.patch(&place, 0, "12345").await, 404).await;
        expect(ann.delete(&place).await, 404).await;
    }
    // Another object's name on a version that is there.
    let pairs = [("bucketName", "kinkster-avatars"), ("objectName", "ann/a.png"), ("contentType", "image/png")];
    let place = header(&ann.create_at(TUS, 10, &pairs).await, "location").to_owned();
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(place.rsplit('/').next().unwrap()).unwrap()).unwrap();
    let other = format!("{TUS}/{}", encoded(&text.replace("ann/a.png", "ann/b.png")));
    assert_eq!(ann.head(&other).await, Err(404));
    for offset in ["-1", "+0", "", "1e1", "99999999999999999999999"] {
        let headers = [("content-type", PART), ("upload-offset", offset)];
        expect(ann.send(Method::PATCH, &place, &headers, "12345").await, 400).await;
    }
    expect(ann.send(Method::PATCH, &place, &[("content-type", PART)], "12345").await, 400).await;
    expect(ann.delete(&place).await, 204).await;
    assert!(unfinished(&setup).is_empty() && blobs(&setup) == 0);
}

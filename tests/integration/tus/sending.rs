//! Parts of uploads: in order, at once, too long, broken off.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::{PART, TUS, Tus, begun_patch, document, expect, header, metadata, noise, unfinished, user};
use crate::support::{Setup, eventually, service_key};

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
    let info = document(service.read("info/files/a/b%20c.bin").await).await;
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
async fn a_part_that_stops_coming_is_ended_in_time_and_keeps_what_arrived() {
    let server = Setup::new().with("LIMITS__BODY_SECONDS", "1").start().await;
    let service = Tus::new(server.url(""), &service_key());
    service.make_bucket("files").await;
    let place = service.create("files/a", 1000).await;
    let mut stream = begun_patch(&service, &place, 0, 1000, &noise(600)).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(service.head(&place).await, Ok((600, 1000)));
}

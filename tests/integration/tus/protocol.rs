//! The words of the protocol, and those who misuse them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;

use super::{PART, TUS, Tus, blobs, expect, header, metadata, unfinished, user};
use crate::support::{Setup, service_key};

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

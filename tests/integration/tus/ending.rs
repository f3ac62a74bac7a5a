//! Uploads that come to nothing leave nothing.

use reqwest::Method;
use serde_json::json;
use tintype::app::{App, Front};
use tintype::bucket::By;

use super::{TUS, Tus, blobs, expect, header, metadata, noise, unfinished, user};
use crate::process::{command, serve};
use crate::support::{Setup, eventually, fixture, service_key};

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
    assert_eq!(app.buckets.expire_uploads(By::SERVER).await.unwrap().removed, 1);
    assert_eq!(app.buckets.expire_uploads(By::SERVER).await.unwrap().removed, 0);
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

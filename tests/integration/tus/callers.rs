//! Whose an upload is.

use reqwest::Method;
use serde_json::json;

use super::{TUS, Tus, document, expect, header, user};
use crate::support::{Setup, service_key};

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
    assert_eq!(document(owned).await["objects"].as_array().unwrap().len(), 1);
    let removed = ann.api(Method::DELETE, "/object/files", &json!({"prefixes": ["ann/a"]})).await;
    assert_eq!(document(removed).await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_takes_the_place_of_a_token_for_its_object() {
    let setup = Setup::new();
    let server = setup.start().await;
    let (service, ann) = (Tus::new(server.url(""), &service_key()), Tus::new(server.url(""), &user("ann")));
    service.make_bucket("files").await;
    let sign = async |object: &str| {
        let answer = ann.api(Method::POST, &format!("/object/upload/sign/{object}"), &json!({})).await;
        document(answer).await["token"].as_str().unwrap().to_owned()
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

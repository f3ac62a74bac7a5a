//! Resumable uploads (TUS 1.0.0): whatever breaks in between, an object has exactly the bytes that its sender has, and an
//! upload that comes to nothing leaves nothing.

mod callers;
mod ending;
mod killed;
mod protocol;
mod sending;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{SECRET, Setup, files_below};

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

async fn document(response: Response) -> Value {
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

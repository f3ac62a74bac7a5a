//! The storage API on its embedded default: a whole life of a bucket, and what a refusal leaves behind.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Running, SECRET, Setup, eventually, files_below, fixture, service_key};

/// A token of this user, signed by the tests' secret.
pub fn token(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

pub fn user(subject: &str) -> String {
    token(&json!({"role": "authenticated", "sub": subject, "exp": 4_000_000_000_u64}))
}

/// One caller's requests.
struct Client<'a> {
    server: &'a Running,
    key: String,
}

impl<'a> Client<'a> {
    fn new(server: &'a Running, key: String) -> Self {
        Self { server, key }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        self.server.send_bytes(method, &format!("/storage/v1{path}"), &headers, body.to_string().into_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        self.server.get_with(&format!("/storage/v1{path}"), &[("authorization", &authorization)]).await
    }

    async fn upload(&self, path: &str, mime_type: &str, body: Vec<u8>) -> Answer {
        self.upload_with(path, &[("content-type", mime_type), ("cache-control", "max-age=3600")], body).await
    }

    async fn upload_with(&self, path: &str, extra: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend_from_slice(extra);
        self.server.send_bytes(Method::POST, &format!("/storage/v1/object/{path}"), &headers, body).await
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, status_code: &str, error: &str) {
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
    let envelope = answer.json();
    assert_eq!(
        (envelope["statusCode"].as_str(), envelope["error"].as_str()),
        (Some(status_code), Some(error)),
        "{envelope}"
    );
    assert!(envelope["message"].is_string() && envelope["code"].is_string(), "{envelope}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_is_uploaded_seen_in_every_dialect_replaced_and_removed() {
    let server = Setup::new().start().await;
    let ann = Client::new(&server, user("ann"));
    let (fox, owl) = (fixture("photos/avatar-fox.png"), fixture("photos/avatar-owl.png"));
    let made = ann.upload("kinkster-avatars/ann/a.png", "image/png", fox).await.expect(200).json();
    assert_eq!(made["Key"], "kinkster-avatars/ann/a.png");
    let urls = [
        "/image/kinkster-avatars/ann/a.png?w=128",
        "/storage/v1/render/image/public/kinkster-avatars/ann/a.png?width=128",
        "/_next/image?url=%2Fkinkster-avatars%2Fann%2Fa.png&w=128&q=75",
        "/storage/v1/object/public/kinkster-avatars/ann/a.png",
    ];
    let mut first = Vec::new();
    for url in urls {
        server.get_webp(url).await.expect(200);
        let again = server.get_webp(url).await.expect(200);
        assert!(again.is_hit(), "{url}");
        first.push(again.body);
    }
    assert_refused(&ann.upload("kinkster-avatars/ann/a.png", "image/png", owl.clone()).await, "409", "Duplicate");
    ann.upload_with("kinkster-avatars/ann/a.png", &[("content-type", "image/png"), ("x-upsert", "true")], owl)
        .await
        .expect(200);
    for (url, old) in urls.iter().zip(first) {
        let next = server.get_webp(url).await.expect(200);
        assert_ne!(next.body, old, "{url}");
    }
    let removed =
        ann.call(Method::DELETE, "/object/kinkster-avatars", &json!({"prefixes": ["ann/a.png", "ann/none"]})).await;
    assert_eq!(removed.expect(200).json().as_array().unwrap().len(), 1);
    for url in urls {
        assert_ne!(server.get_webp(url).await.status, 200, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_shape() {
    let server = Setup::new().start().await;
    let service = Client::new(&server, service_key());
    let made = service.call(Method::POST, "/bucket", &json!({"id": "docs", "name": "docs", "public": false})).await;
    assert_eq!(made.expect(200).json(), json!({"name": "docs"}));
    let again = service.call(Method::POST, "/bucket", &json!({"id": "docs", "name": "docs"})).await;
    assert_refused(&again, "409", "Duplicate");
    let metadata = "eyJhIjoxfQ==";
    let headers = [("content-type", "text/plain;charset=UTF-8"), ("x-metadata", metadata)];
    service.upload_with("docs/a/b c.txt".replace(' ', "%20").as_str(), &headers, b"hello".to_vec()).await.expect(200);
    let info = service.get("/object/info/docs/a/b%20c.txt").await.expect(200).json();
    assert_eq!((info["name"].as_str(), info["size"].as_u64()), (Some("a/b c.txt"), Some(5)));
    assert_eq!(info["metadata"], json!({"a": 1}));
    assert_eq!(info["content_type"], "text/plain;charset=UTF-8");
    let read = service.get("/object/docs/a/b%20c.txt").await.expect(200);
    assert_eq!((read.text().as_str(), read.header("content-type")), ("hello", "text/plain;charset=UTF-8"));
    assert_eq!(read.header("etag"), info["etag"]);
    assert!(read.header("cache-control").starts_with("private, max-age="), "{}", read.header("cache-control"));
    let listed = service.call(Method::POST, "/object/list/docs", &json!({"prefix": ""})).await.expect(200).json();
    assert_eq!((listed[0]["name"].as_str(), listed[0]["id"].is_null()), (Some("a"), true));
    let listed = service.call(Method::POST, "/object/list/docs", &json!({"prefix": "a"})).await.expect(200).json();
    assert_eq!(listed[0]["name"], "b c.txt");
    assert_eq!(listed[0]["metadata"]["mimetype"], "text/plain;charset=UTF-8");
    let moved = json!({"bucketId": "docs", "sourceKey": "a/b c.txt", "destinationKey": "d.txt"});
    assert_eq!(
        service.call(Method::POST, "/object/move", &moved).await.expect(200).json()["message"],
        "Successfully moved"
    );
    let copied = json!({"bucketId": "docs", "sourceKey": "d.txt", "destinationKey": "e.txt"});
    assert_eq!(service.call(Method::POST, "/object/copy", &copied).await.expect(200).json()["Key"], "docs/e.txt");
    assert_eq!(service.get("/object/docs/e.txt").await.expect(200).text(), "hello");
    assert_refused(&service.get("/object/docs/a/b%20c.txt").await, "404", "not_found");
    assert_refused(&service.call(Method::DELETE, "/bucket/docs", &json!({})).await, "409", "ResourceNotEmpty");
    service.call(Method::POST, "/bucket/docs/empty", &json!({})).await.expect(200);
    service.call(Method::DELETE, "/bucket/docs", &json!({})).await.expect(200);
    assert_refused(&service.get("/bucket/docs").await, "404", "Bucket not found");
    let unknown = service.get("/nothing").await.expect(404).json();
    assert_eq!(unknown["message"], "Route GET:/storage/v1/nothing not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_seen_by_their_owner_and_by_signed_links_alone() {
    let server = Setup::new().start().await;
    let (ann, bob) = (Client::new(&server, user("ann")), Client::new(&server, user("bob")));
    let fox = fixture("photos/avatar-fox.png");
    ann.upload("task-proofs/ann/p.png", "image/png", fox.clone()).await.expect(200);
    let path = "/object/sign/task-proofs/ann/p.png";
    assert_refused(&bob.call(Method::POST, path, &json!({"expiresIn": 60})).await, "404", "not_found");
    assert_refused(&bob.upload("task-proofs/ann/x.png", "image/png", fox).await, "403", "Unauthorized");
    assert_refused(&bob.get("/object/task-proofs/ann/p.png").await, "404", "not_found");
    let plain = ann.call(Method::POST, path, &json!({"expiresIn": 600})).await.expect(200).json();
    let same = ann.call(Method::POST, path, &json!({"expiresIn": 600})).await.expect(200).json();
    assert_eq!(plain, same);
    let transform = json!({"expiresIn": 600, "transform": {"width": 64, "height": 64, "resize": "contain"}});
    let small = ann.call(Method::POST, path, &transform).await.expect(200).json();
    let url = |signed: &Value| format!("/storage/v1{}", signed["signedURL"].as_str().unwrap());
    let whole = server.get(&url(&plain)).await.expect(200);
    assert_eq!(whole.size(), (1024, 1024));
    assert!(!whole.header("expires").is_empty() && whole.header("cache-control").starts_with("private"));
    let shown = server.get(&url(&small)).await.expect(200);
    assert_eq!(shown.size(), (64, 64));
    assert!(server.get(&url(&small)).await.is_hit());
    // The variant is warm; every public way to it still finds nothing.
    for public in [
        "/image/task-proofs/ann/p.png?w=64&h=64&fit=contain",
        "/storage/v1/render/image/public/task-proofs/ann/p.png?width=64&height=64&resize=contain",
        "/storage/v1/object/public/task-proofs/ann/p.png",
        "/_next/image?url=%2Ftask-proofs%2Fann%2Fp.png&w=64&q=75",
    ] {
        assert_ne!(server.get_webp(public).await.status, 200, "{public}");
    }
    let other = url(&plain).replace("p.png", "q.png");
    assert_refused(&server.get(&other).await, "400", "InvalidSignature");
    let forged = url(&plain).replace("token=", "token=x");
    assert_refused(&server.get(&forged).await, "400", "InvalidJWT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_that_its_client_encoded_again_opens_its_own_object_alone() {
    let server = Setup::new().start().await;
    let service = Client::new(&server, service_key());
    service.call(Method::POST, "/bucket", &json!({"id": "files", "name": "files"})).await.expect(200);
    for key in ["why%3F.png", "why"] {
        service.upload(&format!("files/{key}"), "image/png", fixture("formats/palette.png")).await.expect(200);
    }
    let body = json!({"expiresIn": 60, "transform": {"width": 8, "height": 8, "format": "origin"}});
    let signed = service.call(Method::POST, "/object/sign/files/why%3F.png", &body).await.expect(200).json();
    let url = format!("/storage/v1{}", signed["signedURL"].as_str().unwrap());
    let again = url.replace("%3F", "%253F");
    for url in [&url, &again] {
        let shown = server.get_webp(url).await.expect(200);
        assert_eq!((shown.size(), shown.header("content-type")), ((8, 8), "image/png"), "{url}");
    }
    for other in ["why", "why%25253F.png", "%25", "why%253F.pn%2567x"] {
        let answer = server.get(&url.replace("why%3F.png", other)).await;
        assert_eq!(answer.status, 400, "{other}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_leaves_neither_row_nor_byte() {
    let setup = Setup::new();
    let server = setup.start().await;
    let ann = Client::new(&server, user("ann"));
    let fox = fixture("photos/avatar-fox.png");
    let large = [fox.clone(), vec![0; (5 << 20) + 1 - fox.len()]].concat();
    // Just within the limit in bytes, and gigabytes in pixels.
    let bomb = fixture("hostile/422--bomb-50000x50000.png");
    let bomb = [bomb.clone(), vec![0; 4_900_000 - bomb.len()]].concat();
    let too_long = format!("kinkster-avatars/ann/{}.png", "a".repeat(1100));
    let before = files_below(&setup.data.path().join("data/storage")).len();
    let rows = [
        ("kinkster-avatars/ann/a.png", "image/gif", fox.clone(), "415", "invalid_mime_type"),
        ("kinkster-avatars/ann/a.png", "nonsense", fox.clone(), "415", "invalid_mime_type"),
        (
            "kinkster-avatars/ann/a.png",
            "image/png",
            b"<html><script>alert(1)</script>".to_vec(),
            "415",
            "invalid_mime_type",
        ),
        ("kinkster-avatars/ann/a.png", "image/png", Vec::new(), "415", "invalid_mime_type"),
        ("kinkster-avatars/ann/a.png", "image/png", large, "413", "Payload too large"),
        ("kinkster-avatars/ann/a.png", "image/png", fox[..fox.len() / 2].to_vec(), "400", "InvalidRequest"),
        ("kinkster-avatars/bob/a.png", "image/png", fox.clone(), "403", "Unauthorized"),
        ("kinkster-avatars/ann/..%2F..%2Fa.png", "image/png", fox.clone(), "400", "InvalidKey"),
        ("kinkster-avatars/ann/%00.png", "image/png", fox.clone(), "400", "InvalidKey"),
        ("kinkster-avatars/ann/%C3%BC.png", "image/png", fox.clone(), "400", "InvalidKey"),
        // A letter and its dots apart, a line break, and a key that is too long.
        ("kinkster-avatars/ann/u%CC%88.png", "image/png", fox.clone(), "400", "InvalidKey"),
        ("kinkster-avatars/ann/a%0D%0Ab.png", "image/png", fox.clone(), "400", "InvalidKey"),
        (&*too_long, "image/png", fox.clone(), "400", "InvalidKey"),
        ("kinkster-avatars/ann/a.png", "image/png", bomb, "400", "InvalidRequest"),
        ("nowhere/ann/a.png", "image/png", fox, "404", "Bucket not found"),
    ];
    for (path, mime_type, body, status_code, error) in rows {
        assert_refused(&ann.upload(path, mime_type, body).await, status_code, error);
    }
    let service = Client::new(&server, service_key());
    for bucket in ["kinkster-avatars", "task-proofs"] {
        let listed = service.call(Method::POST, &format!("/object/list/{bucket}"), &json!({"prefix": ""})).await;
        assert_eq!(listed.expect(200).json(), json!([]));
    }
    assert_eq!(files_below(&setup.data.path().join("data/storage")).len(), before);
}

/// Headers of each part of a form, then its content.
type Parts<'a> = [(&'a str, &'a [u8])];

async fn form(client: &Client<'_>, path: &str, parts: &Parts<'_>) -> Answer {
    let mut body = Vec::new();
    for (headers, content) in parts {
        body.extend_from_slice(format!("--edge\r\n{headers}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    client.upload_with(path, &[("content-type", "multipart/form-data; boundary=edge")], body).await
}

const FILE: &str = "content-disposition: form-data; name=\"\"; filename=\"a.png\"\r\ncontent-type: image/png";
const SECONDS: &str = "content-disposition: form-data; name=\"cacheControl\"";

#[tokio::test(flavor = "multi_thread")]
async fn forms_without_a_file_with_two_or_with_a_form_within_leave_nothing() {
    let setup = Setup::new();
    let server = setup.start().await;
    let ann = Client::new(&server, user("ann"));
    let fox = fixture("photos/avatar-fox.png");
    let before = files_below(&setup.data.path().join("data/storage")).len();
    let nested = FILE.replace("image/png", "multipart/mixed; boundary=inner");
    let refused: [(&Parts<'_>, &str, &str); 4] = [
        (&[(SECONDS, b"60")], "400", "Error"),
        (&[(FILE, &fox), (FILE, &fox)], "400", "Error"),
        (&[(&nested, b"--inner\r\n\r\nx\r\n--inner--")], "415", "invalid_mime_type"),
        (&[(SECONDS, &[0xff, 0xfe]), (FILE, &fox)], "400", "Error"),
    ];
    for (parts, status_code, error) in refused {
        assert_refused(&form(&ann, "kinkster-avatars/ann/a.png", parts).await, status_code, error);
    }
    let headers = [("content-type", "multipart/form-data; boundary=edge")];
    let open = [format!("--edge\r\n{FILE}\r\n\r\n").into_bytes(), fox].concat();
    assert_refused(&ann.upload_with("kinkster-avatars/ann/a.png", &headers, open).await, "400", "Error");
    let listed = ann.call(Method::POST, "/object/list/kinkster-avatars", &json!({"prefix": "ann"})).await;
    assert_eq!(listed.expect(200).json(), json!([]));
    assert_eq!(files_below(&setup.data.path().join("data/storage")).len(), before);
}

/// Sends a request as it stands and reads the answer; one who hangs up has ended the sending side before.
async fn sent(server: &Running, head: &str, body: &[u8], hangs_up: bool) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may have had enough before all is sent.
    let _ = stream.write_all(body).await;
    if hangs_up {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_stores_nothing() {
    let setup = Setup::new();
    let server = setup.start().await;
    let fox = fixture("photos/avatar-fox.png");
    let files = || files_below(&setup.data.path().join("data/storage")).len();
    let before = files();
    for length in [fox.len() / 2, fox.len() + 10, 6 << 20, usize::MAX] {
        let head = format!(
            "POST /storage/v1/object/kinkster-avatars/ann/a.png HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: image/png\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
            service_key(),
        );
        let answer = sent(&server, &head, &fox, true).await;
        assert!(!answer.contains("200 OK"), "{length}: {answer}");
    }
    // A length that nobody says is counted as it comes.
    let head = format!(
        "POST /storage/v1/object/kinkster-avatars/ann/a.png HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        service_key(),
    );
    let large = [fox.clone(), vec![0; (5 << 20) + 1 - fox.len()]].concat();
    let body = [format!("{:x}\r\n", large.len()).as_bytes(), &large, b"\r\n0\r\n\r\n"].concat();
    let answer = sent(&server, &head, &body, false).await;
    assert!(answer.contains("\"statusCode\":\"413\""), "{answer}");
    let service = Client::new(&server, service_key());
    let listed = service.call(Method::POST, "/object/list/kinkster-avatars", &json!({"prefix": ""})).await;
    assert_eq!(listed.expect(200).json(), json!([]));
    eventually("what arrived is removed", async || files() == before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_control_that_no_header_can_say_is_refused_wherever_it_is_taken() {
    let server = Setup::new().start().await;
    let (ann, service) = (Client::new(&server, user("ann")), Client::new(&server, service_key()));
    let fox = fixture("photos/avatar-fox.png");
    let path = "kinkster-avatars/ann/a.png";
    form(&ann, path, &[(SECONDS, b"60"), (FILE, &fox)]).await.expect(200);
    let info = ann.get(&format!("/object/info/{path}")).await.expect(200).json();
    assert_eq!(info["cache_control"], "max-age=60");
    for bad in ["60\r\nx-evil: 1", "60\r\n", "\n", "ü", "\0"] {
        let other = form(&ann, "kinkster-avatars/ann/b.png", &[(SECONDS, bad.as_bytes()), (FILE, &fox)]).await;
        assert_refused(&other, "400", "Error");
        let copy = json!({"bucketId": "kinkster-avatars", "sourceKey": "ann/a.png", "destinationKey": "ann/b.png",
            "metadata": {"cacheControl": bad}});
        assert_refused(&ann.call(Method::POST, "/object/copy", &copy).await, "400", "Error");
        let authorization = format!("Bearer {}", service.key);
        let store = json!({"bucketId": "kinkster-avatars", "objectName": "b.png", "url": "https://x.example/",
            "cacheControl": bad});
        let headers = [("authorization", authorization.as_str())];
        server.send(Method::POST, "/api/storage/store", &headers, Some(&store.to_string())).await.expect(400);
        let pairs = [("bucketName", "kinkster-avatars"), ("objectName", "ann/b.png"), ("contentType", "image/png")];
        let pairs = pairs.into_iter().chain([("cacheControl", bad)]);
        let metadata: Vec<String> = pairs.map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect();
        let metadata = metadata.join(",");
        let headers = [("tus-resumable", "1.0.0"), ("upload-length", "10"), ("upload-metadata", metadata.as_str())];
        let headers = [headers.as_slice(), &[("authorization", authorization.as_str())]].concat();
        server.send(Method::POST, "/storage/v1/upload/resumable", &headers, None).await.expect(400);
    }
    let listed = service.call(Method::POST, "/object/list-v2/kinkster-avatars", &json!({})).await.expect(200).json();
    assert_eq!(listed["objects"].as_array().unwrap().len(), 1, "{listed}");
    // A type is said by a header too.
    let kind = FILE.replace("; filename", "; x=1; filename");
    let parts: [(&str, &[u8]); 2] =
        [("content-disposition: form-data; name=\"contentType\"", b"image/png; a\r\nb: c"), (&kind, &fox)];
    assert_refused(&form(&ann, "kinkster-avatars/ann/b.png", &parts).await, "415", "invalid_mime_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_copied_or_moved_comes_through_the_door_of_uploads() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Client::new(&server, service_key());
    service.call(Method::POST, "/bucket", &json!({"id": "any", "name": "any"})).await.expect(200);
    let (fox, lying) = (fixture("photos/avatar-fox.png"), fixture("formats/orientation-6.jpg"));
    // Nobody looked at these.
    for (key, body) in [
        ("page", b"<html><script>alert(1)</script>".to_vec()),
        ("half", fox[..fox.len() / 2].to_vec()),
        ("lying", lying.clone()),
    ] {
        service.upload(&format!("any/{key}"), "image/png", body).await.expect(200);
    }
    let put = async |operation: &str, key: &str, name: &str| {
        let body = json!({"bucketId": "any", "sourceKey": key, "destinationBucket": "kinkster-avatars", "destinationKey": name});
        service.call(Method::POST, &format!("/object/{operation}"), &body).await
    };
    let before = files_below(&setup.data.path().join("data/storage")).len();
    for operation in ["copy", "move"] {
        assert_refused(&put(operation, "page", "a").await, "415", "invalid_mime_type");
        assert_refused(&put(operation, "half", "a").await, "400", "InvalidRequest");
    }
    let listed = service.call(Method::POST, "/object/list/kinkster-avatars", &json!({"prefix": ""})).await;
    assert_eq!(listed.expect(200).json(), json!([]));
    assert_eq!(files_below(&setup.data.path().join("data/storage")).len(), before);
    for operation in ["copy", "move"] {
        put(operation, "lying", operation).await.expect(200);
        let info = service.get(&format!("/object/info/kinkster-avatars/{operation}")).await.expect(200).json();
        let shown = server.get(&format!("/storage/v1/object/public/kinkster-avatars/{operation}")).await.expect(200);
        assert_eq!(info["content_type"], "image/jpeg", "what the bytes are, not what they were called");
        assert_eq!(info["size"].as_u64(), Some(shown.body.len() as u64));
        let probe = tintype::imaging::probe(&shown.body).unwrap();
        assert_eq!(probe.orientation, tintype::imaging::Orientation::Upright);
        assert_eq!(info["etag"], shown.header("etag"));
    }
    assert_refused(&service.get("/object/any/lying").await, "404", "not_found");
    // A PNG called JPEG, by the same rule.
    service.upload("kinkster-avatars/called", "image/jpeg", fox).await.expect(200);
    let info = service.get("/object/info/kinkster-avatars/called").await.expect(200).json();
    assert_eq!(info["content_type"], "image/png");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_removal_that_the_rules_refuse_is_said_to_be_and_of_many_it_is_just_absent() {
    let server = Setup::new().start().await;
    let (ann, bob) = (Client::new(&server, user("ann")), Client::new(&server, user("bob")));
    ann.upload("kinkster-avatars/ann/a.png", "image/png", fixture("photos/avatar-fox.png")).await.expect(200);
    let none = json!({});
    let remove = async |who: &Client<'_>, key: &str| {
        who.call(Method::DELETE, &format!("/object/kinkster-avatars/{key}"), &none).await
    };
    assert_refused(&remove(&bob, "ann/a.png").await, "403", "Unauthorized");
    assert_refused(&remove(&bob, "ann/none.png").await, "404", "not_found");
    let many = json!({"prefixes": ["ann/a.png", "ann/none.png"]});
    assert_eq!(bob.call(Method::DELETE, "/object/kinkster-avatars", &many).await.expect(200).json(), json!([]));
    assert_eq!(remove(&ann, "ann/a.png").await.expect(200).json()["message"], "Successfully deleted");
    assert_refused(&remove(&ann, "ann/a.png").await, "404", "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_reads_public_buckets_by_the_authenticated_routes_too() {
    let server = Setup::new().start().await;
    let (ann, bob) = (Client::new(&server, user("ann")), Client::new(&server, user("bob")));
    for bucket in ["kinkster-avatars", "task-proofs"] {
        let path = format!("{bucket}/ann/a.png");
        ann.upload(&path, "image/png", fixture("photos/avatar-fox.png")).await.expect(200);
    }
    for route in ["object/authenticated", "object/info/authenticated", "render/image/authenticated"] {
        let path = |bucket: &str, key: &str| format!("/{route}/{bucket}/ann/{key}?width=64");
        bob.get(&path("kinkster-avatars", "a.png")).await.expect(200);
        assert_refused(&bob.get(&path("kinkster-avatars", "none.png")).await, "404", "not_found");
        assert_refused(&bob.get(&path("task-proofs", "a.png")).await, "404", "not_found");
        ann.get(&path("task-proofs", "a.png")).await.expect(200);
    }
    for route in ["object/authenticated", "render/image/authenticated"] {
        let answer = server.get(&format!("/storage/v1/{route}/kinkster-avatars/ann/a.png")).await;
        assert_refused(&answer, "400", "Error");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_not_good_open_nothing() {
    let server = Setup::new().start().await;
    let no_token = server.get("/storage/v1/bucket").await;
    assert_refused(&no_token, "400", "Error");
    assert_eq!(no_token.json()["message"], "headers must have required property 'authorization'");
    let expired = Client::new(&server, token(&json!({"role": "service_role", "exp": 1})));
    let answer = expired.get("/bucket").await;
    assert_refused(&answer, "403", "Unauthorized");
    assert_eq!(answer.json()["message"], "\"exp\" claim timestamp check failed");
    for bad in ["nonsense", "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0."] {
        assert_refused(&Client::new(&server, bad.to_owned()).get("/bucket").await, "403", "Unauthorized");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overwritten_pictures_are_never_served_stale_while_readers_run() {
    let rounds = if std::env::var_os("TINTYPE_FULL").is_some() { 1000 } else { 100 };
    let server = std::sync::Arc::new(Setup::new().with("RULES", "authenticated").start().await);
    let service = Client::new(&server, service_key());
    service.call(Method::POST, "/bucket", &json!({"id": "fast", "name": "fast", "public": true})).await.expect(200);
    // Small pictures keep the rounds quick: what is tested is the order, not the pixels.
    let bodies = [fixture("formats/palette.png"), fixture("formats/gray.png")];
    let reading = {
        let server = std::sync::Arc::clone(&server);
        tokio::spawn(async move {
            loop {
                server.get_webp("/image/fast/a.png?w=16").await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    for round in 0..rounds {
        let body = &bodies[round % 2];
        let headers = [("content-type", "image/png"), ("x-upsert", "true")];
        service.upload_with("fast/a.png", &headers, body.clone()).await.expect(200);
        let original = server.get("/storage/v1/object/public/fast/a.png").await.expect(200);
        assert_eq!(original.body, *body, "round {round}");
        let version = original.header("x-tintype-version").to_owned();
        let variant = server.get_webp("/image/fast/a.png?w=16").await.expect(200);
        assert_eq!(variant.header("x-tintype-version"), version, "round {round}");
    }
    reading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_uploads_of_one_key_end_in_one_of_them_whole() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Client::new(&server, service_key());
    service.call(Method::POST, "/bucket", &json!({"id": "race", "name": "race", "public": true})).await.expect(200);
    let uploads = (0..200_u32).map(|number| {
        let body = format!("{number:05}").repeat(2000).into_bytes();
        let service = &service;
        async move {
            let headers = [("content-type", "text/plain"), ("x-upsert", "true")];
            service.upload_with("race/one.txt", &headers, body).await.status
        }
    });
    let statuses = futures_util::future::join_all(uploads).await;
    assert!(statuses.iter().all(reqwest::StatusCode::is_success), "{statuses:?}");
    let last = server.get("/storage/v1/object/public/race/one.txt").await.expect(200).text();
    assert!(last.len() == 10_000 && last == last[..5].repeat(2000), "torn: {}…", &last[..20]);
    let listed = service.call(Method::POST, "/object/list/race", &json!({"prefix": ""})).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

/// Sends an upload whole and hangs up without waiting for the answer.
async fn upload_and_hang_up(server: &Running, key: &str, body: &[u8]) {
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PUT /storage/v1/object/{key} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: image/png\r\ncontent-length: {}\r\n\r\n",
        service_key(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
}

/// Sends a request's headers, its body a moment later, and reads the answer's status.
async fn ask_slowly(stream: &mut tokio::net::TcpStream, line: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let head = format!(
        "{line} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n",
        service_key(),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.write_all(b"{}").await.unwrap();
    let (mut answer, mut length) = (Vec::new(), None);
    while length.is_none_or(|length| answer.len() < length) {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert_ne!(read, 0, "{line}: the connection ended: {}", String::from_utf8_lossy(&answer));
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(!text.contains("connection: close"), "{line}: {text}");
        length = text.split_once("\r\n\r\n").map(|(head, _)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            head.len() + 4 + length.parse::<usize>().unwrap()
        });
    }
    String::from_utf8_lossy(&answer[9..12]).parse().unwrap()
}

/// As Python's clients send: headers and body in packets of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_needs_does_not_cost_the_connection() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Client::new(&server, service_key());
    service.call(Method::POST, "/bucket", &json!({"id": "short", "name": "short", "public": true})).await.expect(200);
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    for (line, status) in [
        ("POST /storage/v1/bucket/short/empty", 200),
        ("DELETE /storage/v1/bucket/short", 200),
        ("DELETE /storage/v1/bucket/short", 400),
        ("POST /storage/v1/nothing", 404),
        ("POST /admin/nothing", 404),
        ("GET /storage/v1/bucket", 200),
    ] {
        assert_eq!(ask_slowly(&mut stream, line).await, status, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_never_leaves_the_old_picture_behind_a_new_row() {
    let setup = Setup::new();
    let server = setup.start().await;
    let service = Client::new(&server, service_key());
    service.call(Method::POST, "/bucket", &json!({"id": "gone", "name": "gone", "public": true})).await.expect(200);
    let bodies = [fixture("formats/palette.png"), fixture("formats/gray.png")];
    service.upload("gone/a.png", "image/png", bodies[0].clone()).await.expect(200);
    for round in 1..40 {
        server.get("/storage/v1/object/public/gone/a.png").await.expect(200);
        upload_and_hang_up(&server, "gone/a.png", &bodies[round % 2]).await;
        tokio::time::sleep(Duration::from_millis(round as u64 % 8)).await;
        eventually("the picture is the row's", async || {
            let info = service.get("/object/info/gone/a.png").await.expect(200).json();
            let shown = server.get("/storage/v1/object/public/gone/a.png").await.expect(200);
            info["etag"] == shown.header("etag")
        })
        .await;
    }
}

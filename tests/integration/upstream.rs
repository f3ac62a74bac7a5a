//! Standing in front of a Supabase: another tintype with its own buckets is the stand-in, and a scripted origin where
//! what arrives there is the subject.

pub mod gate;
mod jobs;
mod passing;
mod permitted;
mod public;
mod websocket;
mod writes;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::origin::Origin;
use crate::support::{Answer, Running, SECRET, Setup, fixture, service_key};

const FOX: &str = "photos/avatar-fox.png";
const OWL: &str = "photos/avatar-owl.png";

/// A token of this user that the stand-in believes.
fn user(subject: &str) -> String {
    user_until(subject, 4_000_000_000)
}

fn user_until(subject: &str, expires: u64) -> String {
    signed(&json!({"role": "authenticated", "sub": subject, "exp": expires}), SECRET)
}

fn signed(claims: &Value, secret: &str) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

/// A stand-in and a tintype in front of it, which has a secret of its own.
struct Pair {
    upstream: Running,
    front: Running,
}

/// The secret of who stands in front: nothing that it signs is good upstream.
const FRONT_SECRET: &str = "the-front-has-a-secret-of-its-own-of-32-bytes";

impl Pair {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these variables for the one in front.
    async fn with(variables: &[(&str, &str)]) -> Self {
        let upstream = Setup::new().start().await;
        let setup = in_front_of(&format!("http://{}", upstream.address));
        let setup = variables.iter().fold(setup, |setup, (key, value)| setup.with(key, value));
        Self { front: setup.start().await, upstream }
    }

    /// Puts an object into the stand-in, behind the other's back.
    async fn put_behind(&self, place: &str, file: &str) {
        put(&self.upstream, place, &service_key(), fixture(file)).await.expect(200);
    }
}

fn in_front_of(url: &str) -> Setup {
    Setup::new().with("JWT_SECRET", FRONT_SECRET).with("UPSTREAM__URL", url)
}

/// A tintype in front of a scripted origin.
async fn in_front_of_script(variables: &[(&str, &str)]) -> (Origin, Running) {
    let origin = Origin::start();
    let setup = in_front_of(&format!("http://{}", origin.address()));
    let setup = variables.iter().fold(setup, |setup, (key, value)| setup.with(key, value));
    let front = setup.start().await;
    (origin, front)
}

async fn put(server: &Running, place: &str, key: &str, body: Vec<u8>) -> Answer {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "image/png"), ("x-upsert", "true")];
    server.send_bytes(Method::POST, &format!("/storage/v1/object/{place}"), &headers, body).await
}

pub async fn get_as(server: &Running, path: &str, key: &str) -> Answer {
    server.get_with(path, &[("authorization", &format!("Bearer {key}"))]).await
}

pub async fn call_as(server: &Running, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    server.send_bytes(method, path, &headers, body.to_string().into_bytes()).await
}

/// Everything that strangers may ask of this object.
fn public_urls(place: &str) -> [String; 4] {
    [
        format!("/image/{place}?w=64"),
        format!("/storage/v1/render/image/public/{place}?width=64"),
        format!("/storage/v1/object/public/{place}"),
        format!("/_next/image?url={}&w=64&q=75", format!("/{place}").replace('/', "%2F")),
    ]
}

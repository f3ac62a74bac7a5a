//! The storage API below `/storage/v1`, as Supabase's clients call it, for our own buckets.
//!
//! [`route`] names the operation of a method and a path; each file beside it answers one kind of operation. Refusals
//! are [`Fault`]s, whose one table says envelope and status.

mod body;
mod buckets;
mod by_url;
mod fault;
mod json;
mod listing;
mod objects;
mod reads;
mod remove;
mod route;
mod signing;
mod tus;
mod uploads;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use url::Url;

pub use fault::Fault;
pub(super) use json::timestamp;
pub(super) use route::routes;

use super::images::Images;
use crate::auth::{Caller, Keys};
use crate::bucket::Buckets;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::telemetry::{RequestLabels, masked};

pub(super) use reads::{signed_query, with_query};
pub(super) use route::{Operation, Place, of as operation};

/// What the storage API needs.
#[derive(Debug)]
pub struct Storage {
    pub buckets: Arc<Buckets>,
    pub keys: Arc<Keys>,
    pub images: Arc<Images>,
    /// Our own URLs as they are configured, the canonical one first; may be none.
    pub public_urls: Vec<Url>,
    /// Whether keys may have letters beyond ASCII.
    pub utf8_keys: bool,
    /// Longest pause within a body.
    pub body_timeout: Duration,
}

type Answer = Result<Response, Fault>;

impl Storage {
    /// Answers a request whose path begins with `/storage/v1/`; `path` is what follows, still percent-encoded.
    pub async fn handle(&self, path: &str, request: Request) -> Response {
        let (began, method, uri) = (Instant::now(), request.method().clone(), request.uri().clone());
        let operation = route::of(&method, path);
        let answer = match operation {
            Some(operation) => self.answer(operation, request).await,
            None => Err(Fault::Route(format!("Route {method}:{} not found", uri.path()))),
        };
        let response = match answer {
            Ok(response) => response,
            // A refused HEAD has no body to tell it by.
            Err(fault) if method == Method::HEAD => fault.status().into_response(),
            Err(fault) => fault.into_response(),
        };
        // What the picture walk answered has its line already.
        if response.extensions().get::<Observed>().is_none() {
            self.observe(&method, &uri, response.status().as_u16(), began);
        }
        response
    }

    /// The one log line of a request, and its count.
    fn observe(&self, method: &Method, uri: &Uri, status: u16, began: Instant) {
        let labels = RequestLabels { dialect: "storage", status, cache: "none" };
        self.images.metrics.count_request(&labels, 0);
        tracing::info!(
            target: "tintype::access",
            %method,
            url = masked(uri.path(), uri.query()),
            status,
            dialect = "storage",
            total_ms = (began.elapsed().as_secs_f64() * 1e5).round() / 1e2,
            "request"
        );
    }

    async fn answer(&self, operation: Operation<'_>, request: Request) -> Answer {
        match operation {
            Operation::Status => Ok(StatusCode::OK.into_response()),
            Operation::Version => Ok(env!("CARGO_PKG_VERSION").into_response()),
            Operation::Health => Ok(axum::Json(serde_json::json!({"healthy": true})).into_response()),
            Operation::ListBuckets => self.list_buckets(&request.into_parts().0).await,
            Operation::CreateBucket => self.create_bucket(request).await,
            Operation::GetBucket(bucket) => self.get_bucket(bucket, &request.into_parts().0.headers).await,
            Operation::UpdateBucket(bucket) => self.update_bucket(bucket, request).await,
            Operation::EmptyBucket(bucket) => self.empty_bucket(bucket, &request.into_parts().0.headers).await,
            Operation::DeleteBucket(bucket) => self.delete_bucket(bucket, &request.into_parts().0.headers).await,
            Operation::Upload(place, replace) => self.upload(place, replace, request).await,
            Operation::Read(place) => self.read(place, &request.into_parts().0).await,
            Operation::ReadAuthenticated(place) => self.read_authenticated(place, &request.into_parts().0).await,
            Operation::ReadSigned(place) => self.read_signed(place, &request.into_parts().0).await,
            Operation::RenderAuthenticated(place) => self.render_authenticated(place, &request.into_parts().0).await,
            Operation::RenderSigned(place) => self.render_signed(place, &request.into_parts().0).await,
            Operation::Info(place) => self.info(place, &request.into_parts().0.headers).await,
            Operation::InfoPublic(place) => self.info_public(place).await,
            Operation::RemoveMany(bucket) => self.remove_many(bucket, request).await,
            Operation::RemoveOne(place) => self.remove_one(place, &request.into_parts().0.headers).await,
            Operation::List(bucket) => self.list(bucket, request).await,
            Operation::ListPages(bucket) => self.list_pages(bucket, request).await,
            Operation::Move => self.rename(request).await,
            Operation::Copy => self.copy(request).await,
            Operation::Restore => self.restore(request).await,
            Operation::SignOne(place) => self.sign_one(place, request).await,
            Operation::SignMany(bucket) => self.sign_many(bucket, request).await,
            Operation::SignUpload(place) => self.sign_upload(place, &request.into_parts().0.headers).await,
            Operation::SignedUpload(place) => self.signed_upload(place, request).await,
            Operation::Resumable(resumable) => Ok(self.resumable(resumable, request).await),
        }
    }

    /// Who asks; a token is needed.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Fault> {
        Ok(self.keys.caller(headers)?)
    }

    /// Parses the names of a path, each decoded once.
    fn object(&self, place: Place<'_>) -> Result<ObjectId, Fault> {
        let bucket = bucket_name(place.bucket)?;
        let decoded = percent_encoding::percent_decode_str(place.key).decode_utf8();
        let key = decoded.map_err(|_| Fault::Key(place.key.to_owned()))?;
        Ok(ObjectId::new(bucket, self.key(&key)?))
    }

    /// Parses a decoded key by the rules in force.
    fn key(&self, text: &str) -> Result<ObjectKey, Fault> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_/!.*'() &$=@;:+,?-".contains(c);
        let allowed = self.utf8_keys || text.chars().all(plain);
        let key = ObjectKey::parse(text).ok().filter(|_| allowed);
        key.ok_or_else(|| Fault::Key(text.to_owned()))
    }
}

/// Marks an answer that has its log line and is counted.
#[derive(Clone, Copy, Debug)]
struct Observed;

/// Parses a bucket's name in a path. One that no bucket can have belongs to no bucket.
fn bucket_name(encoded: &str) -> Result<BucketName, Fault> {
    let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().map_err(|_| Fault::NoBucket)?;
    BucketName::parse(&decoded).map_err(|_| Fault::NoBucket)
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

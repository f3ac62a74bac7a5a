//! Reads that need permission: the upstream is asked, conditionally, with what the caller sent; its 200 or 304 is the
//! permission, and what may be shown is that version and nothing else. Any other answer is passed on.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::Request;
use axum::response::Response;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::Upstream;
use super::fault::Fault;
use super::pass::unanswered;
use super::permissions::Permission;
use super::target::Target;
use crate::admission::Route;
use crate::auth::{ObjectToken, expiry_of};
use crate::deliver::{DeliverError, Shown};
use crate::http::storage::{Operation, Place, signed_query, with_query};
use crate::http::{Call, ClientAddress, Problem};
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::purge::Moment;
use crate::source::{SourceError, encoded_key, is_own_request, read_original};
use crate::transform::{Dialect, Reader};
use crate::versions::Record;

/// Attempts to show one version while the upstream's changes.
const ATTEMPTS: usize = 3;

/// By which of the upstream's routes an object is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `/object/{bucket}/{key}`.
    Bare,
    Authenticated,
    Signed,
}

impl Way {
    const fn route(self) -> &'static str {
        match self {
            Self::Bare => "/storage/v1/object/",
            Self::Authenticated => "/storage/v1/object/authenticated/",
            Self::Signed => "/storage/v1/object/sign/",
        }
    }
}

/// A read that needs permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    object: ObjectId,
    way: Way,
    /// Whether a transform is wanted, not the original.
    is_render: bool,
    /// Segments of the path before the bucket, with the empty one at its beginning.
    before: usize,
}

impl Wanted {
    /// `None`: another operation, or a name that is not kept here. The operation's names are decoded.
    pub fn of(operation: Operation<'_>) -> Option<Self> {
        let (place, way, is_render, before) = match operation {
            // A route that is spelled in another way is not a bucket.
            Operation::Read(Place { bucket: "public" | "authenticated" | "sign" | "info", .. }) => return None,
            Operation::Read(place) => (place, Way::Bare, false, 4),
            Operation::ReadAuthenticated(place) => (place, Way::Authenticated, false, 5),
            Operation::ReadSigned(place) => (place, Way::Signed, false, 5),
            Operation::RenderAuthenticated(place) => (place, Way::Authenticated, true, 6),
            Operation::RenderSigned(place) => (place, Way::Signed, true, 6),
            _ => return None,
        };
        let object = ObjectId::new(BucketName::parse(place.bucket).ok()?, ObjectKey::parse(place.key).ok()?);
        Some(Self { object, way, is_render, before })
    }

    /// The route with `{bucket}/{key}` as it was sent.
    fn route<'a>(&self, path: &'a str) -> Route<'a> {
        let tail = path.splitn(self.before + 1, '/').nth(self.before).unwrap_or_default();
        if self.is_render { Route::Render(tail) } else { Route::Object(tail) }
    }
}

/// What the upstream is asked, and by whom.
#[derive(Debug)]
struct Question {
    url: Url,
    headers: HeaderMap,
    /// Of everything that tells this caller from another.
    credential: blake3::Hash,
    /// The signed URL's token.
    token: Option<String>,
    /// When the caller's token ends (Unix seconds); believed only of a token that the upstream took.
    expires: Option<u64>,
    /// Before anything was asked.
    began: Moment,
}

/// What the upstream said.
enum Said {
    Yes(Shown),
    /// To be passed on as it is.
    Other(reqwest::Response),
    /// Yes, but the bytes cannot be kept here.
    Unkept(DeliverError),
}

impl Upstream {
    /// Answers a read that needs permission.
    pub(super) async fn read(&self, wanted: &Wanted, target: &Target, request: Request) -> Result<Response, Fault> {
        if is_own_request(request.headers(), &self.via) {
            return Err(Fault::Loop);
        }
        let (parts, body) = request.into_parts();
        let question = self.question(wanted, &parts)?;
        let object = wanted.object.restricted();
        let known = self.images.deliver.known(&object).await;
        let mut said = match known {
            Some(record) if self.is_permitted(&question, &record) => Said::Yes(Shown::known(record, question.began)),
            known => self.ask(&question, &object, known.as_ref()).await?,
        };
        for _ in 0..ATTEMPTS {
            let shown = match said {
                Said::Yes(shown) => shown,
                Said::Other(response) => return self.answer(response, &question.url),
                // What is too large, or too empty, to be kept is streamed, as it was asked for.
                Said::Unkept(_) if !wanted.is_render => {
                    return self.pass(target, Request::from_parts(parts, body)).await;
                }
                Said::Unkept(error) => {
                    return Ok(Problem::from(error).respond(Dialect::Supabase).map(axum::body::Body::new));
                }
            };
            if let Some(response) = self.show(wanted, &parts, &question, &shown).await {
                return Ok(response);
            }
            said = self.ask(&question, &object, None).await?;
        }
        Err(Fault::Changing)
    }

    fn question(&self, wanted: &Wanted, parts: &Parts) -> Result<Question, Fault> {
        let mut headers = self.request_headers(parts);
        let plain = [ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, RANGE, IF_RANGE];
        let conditions = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];
        for name in plain.into_iter().chain(conditions) {
            headers.remove(name);
        }
        // The bytes as they are stored: a coded body would have another tag.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let token = (wanted.way == Way::Signed).then(|| token_of(parts.uri.query().unwrap_or_default())).flatten();
        let ObjectId { bucket, key } = &wanted.object;
        let mut text = format!("{}{}/{}", wanted.way.route(), encoded_key(bucket.as_str()), encoded_key(key.as_str()));
        if let Some(token) = token {
            text = format!("{text}?{token}");
        }
        let url = self.origin.join(&text).map_err(|_| Fault::Path)?;
        let token = token.and_then(|pair| url::form_urlencoded::parse(pair.as_bytes()).next());
        let token = token.map(|(_, token)| token.into_owned());
        let expires = token.iter().filter_map(|token| expiry_of(token)).chain(expiries(&headers)).min();
        let credential = credential(&url, &headers);
        let began = self.images.deliver.moment();
        Ok(Question { url, headers, credential, token, expires, began })
    }

    /// Asks the upstream: conditionally where a version is known.
    async fn ask(&self, question: &Question, object: &ObjectId, known: Option<&Arc<Record>>) -> Result<Said, Fault> {
        let etag = known.and_then(|record| record.validators.etag.as_deref());
        let response = self.send(question, etag).await?;
        let said = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let is_same = said.is_some() && said.as_deref() == etag;
        let shown = match (response.status().as_u16(), known) {
            (304, Some(record)) if etag.is_some() && (said.is_none() || is_same) => {
                self.images.deliver.still_shown(record, question.began)
            }
            // Of which version this is said, nobody knows.
            (304, Some(_)) => return Box::pin(self.ask(question, object, None)).await,
            (200, Some(record)) if is_same => self.images.deliver.still_shown(record, question.began),
            (200, _) => match self.take(question, object.clone(), said, response).await {
                Ok(shown) => shown,
                Err(error) if error.is_unkept() => return Ok(Said::Unkept(error)),
                Err(error) => return Err(fault_of(&error)),
            },
            // It was not asked on a condition.
            (304, None) => return Err(Fault::BadAnswer),
            _ => return Ok(Said::Other(response)),
        };
        self.permissions.give(question.permission(shown.record()), question.expires, SystemTime::now());
        Ok(Said::Yes(shown))
    }

    async fn send(&self, question: &Question, etag: Option<&str>) -> Result<reqwest::Response, Fault> {
        let mut headers = question.headers.clone();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let sending = self.client.get(question.url.clone()).headers(headers).send();
        let answer = tokio::time::timeout(self.limits.read, sending).await.map_err(|_| Fault::Slow)?;
        answer.map_err(unanswered)
    }

    /// Takes the bytes that this caller is being sent.
    async fn take(
        &self,
        question: &Question,
        object: ObjectId,
        etag: Option<String>,
        response: reqwest::Response,
    ) -> Result<Shown, DeliverError> {
        let (patience, limit) = (self.limits.read, self.limits.source_bytes);
        let reading = async move {
            let read = tokio::time::timeout(patience, read_original(response, limit)).await;
            read.unwrap_or(Err(SourceError::Slow))
        };
        self.images.deliver.take_shown(object, etag, question.began, reading).await
    }

    /// Shows what was asked of the version. `None`: it has to be made, and the bytes are not here.
    async fn show(&self, wanted: &Wanted, parts: &Parts, question: &Question, shown: &Shown) -> Option<Response> {
        let mut uri = parts.uri.clone();
        if wanted.is_render && wanted.way == Way::Signed {
            // The transform comes from the token alone, which the upstream has verified by its yes.
            let token = question.token.as_deref().and_then(ObjectToken::of_verified);
            uri = with_query(&uri, &signed_query(token.as_ref(), parts.uri.query()));
        }
        let client = parts.extensions.get::<ClientAddress>().and_then(|ClientAddress(address)| *address);
        let call = Call { method: &parts.method, uri: &uri, headers: &parts.headers, client };
        let reader = Reader::Holder { until: question.expires };
        let route = wanted.route(parts.uri.path());
        let response = self.images.serve_shown(route, call, reader, shown).await?;
        Some(response.map(axum::body::Body::new))
    }

    fn is_permitted(&self, question: &Question, record: &Record) -> bool {
        self.permissions.holds(&question.permission(record), SystemTime::now())
    }
}

impl Question {
    /// To read this version.
    fn permission(&self, record: &Record) -> Permission {
        Permission { credential: self.credential, object: record.object.clone(), version: record.version }
    }
}

/// The `token=…` of a query, as it was sent.
fn token_of(query: &str) -> Option<&str> {
    query.split('&').find(|pair| pair.starts_with("token="))
}

/// The ends of the tokens that are keys in these headers.
fn expiries(headers: &HeaderMap) -> impl Iterator<Item = u64> {
    let texts = [AUTHORIZATION, HeaderName::from_static("apikey")];
    let texts = texts.into_iter().flat_map(|name| headers.get_all(name)).filter_map(|value| value.to_str().ok());
    texts.filter_map(|text| expiry_of(text.rsplit(' ').next().unwrap_or_default()))
}

/// A hash of everything that the upstream is sent of the caller: its policies may read any header.
fn credential(url: &Url, headers: &HeaderMap) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    part(url.as_str().as_bytes());
    for (name, value) in headers {
        part(name.as_str().as_bytes());
        part(value.as_bytes());
    }
    hasher.finalize()
}

fn fault_of(error: &DeliverError) -> Fault {
    tracing::info!(%error, "an original could not be read for its reader");
    match error {
        DeliverError::Source(error) if matches!(**error, SourceError::Slow) => Fault::Slow,
        _ => Fault::BadAnswer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_asks_by_the_original_whatever_is_made_of_it() {
        let place = Place { bucket: "b", key: "a/c.png" };
        let path = "/storage/v1/render/image/sign/b/a/c.png";
        let wanted = Wanted::of(Operation::RenderSigned(place)).unwrap();
        assert_eq!((wanted.way.route(), wanted.route(path)), ("/storage/v1/object/sign/", Route::Render("b/a/c.png")));
        let wanted = Wanted::of(Operation::Read(place)).unwrap();
        assert_eq!(wanted.route("/storage/v1/object/b/a/c%20d.png"), Route::Object("b/a/c%20d.png"));
        assert_eq!(Wanted::of(Operation::Read(Place { bucket: "public", key: "b/c" })), None);
        assert_eq!(Wanted::of(Operation::Read(Place { bucket: "b", key: "a//c" })), None);
        assert_eq!(Wanted::of(Operation::Info(place)), None);
    }

    #[test]
    fn callers_are_told_apart_by_everything_that_is_sent() {
        let url = Url::parse("https://a.example/x").unwrap();
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pair = |(name, value): &(&'static str, &'static str)| (name.parse().unwrap(), value.parse().unwrap());
            pairs.iter().map(pair).collect()
        };
        let one = credential(&url, &headers(&[("authorization", "Bearer a"), ("apikey", "b")]));
        assert_eq!(one, credential(&url, &headers(&[("authorization", "Bearer a"), ("apikey", "b")])));
        for other in [
            headers(&[("authorization", "Bearer ab")]),
            headers(&[("authorization", "Bearer a")]),
            headers(&[("authorization", "Bearer a"), ("apikey", "b"), ("cookie", "c")]),
        ] {
            assert_ne!(one, credential(&url, &other));
        }
        assert_ne!(one, credential(&Url::parse("https://a.example/x?token=t").unwrap(), &HeaderMap::new()));
    }

    #[test]
    fn the_token_is_sent_as_it_came() {
        assert_eq!(token_of("a=1&token=x%2By&download=z"), Some("token=x%2By"));
        assert_eq!(token_of("notoken=1"), None);
    }
}

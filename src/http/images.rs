//! Walk A at the edge: parse the URL in its dialect, decide whether this caller may, deliver, respond.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{ACCEPT, HeaderMap};
use http::request::Parts;
use http::{Method, Response};

use super::body::Body;
use super::errors::{self, About, Problem};
use super::respond::{Asked, Lifetimes, respond};
use crate::clients::Client;
use crate::config::{Access, OnCorrupt};
use crate::deliver::{Ask, Deliver, DeliverError, Delivered, Purpose};
use crate::error::{Code, Fault};
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::telemetry::{Metrics, RequestLabels, masked};
use crate::transform::policy::{self, Policy, PolicyRefusal, PolicyRules};
use crate::transform::signature::SigningKeys;
use crate::transform::{Dialect, ImageRequest, NextRules, Target, Want, native, next, supabase};

/// A bucket as strangers meet it.
#[derive(Debug)]
pub struct BucketRules {
    pub access: Access,
    pub policy: PolicyRules,
}

/// What the picture routes need.
#[derive(Debug)]
pub struct Images {
    pub deliver: Arc<Deliver>,
    pub buckets: HashMap<BucketName, BucketRules>,
    pub next: NextRules,
    pub on_corrupt: OnCorrupt,
    pub signing: SigningKeys,
    pub lifetimes: Lifetimes,
    pub output_side: u32,
    pub metrics: Arc<Metrics>,
}

/// A picture route with the rest of its path, still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    Native(&'a str),
    Render(&'a str),
    Object(&'a str),
    Next,
}

impl<'a> Route<'a> {
    /// The picture route of a path, if it is one.
    pub fn of(path: &'a str) -> Option<Self> {
        if let Some(tail) = path.strip_prefix("/image/") {
            return Some(Self::Native(tail));
        }
        if path == "/_next/image" {
            return Some(Self::Next);
        }
        let storage = path.strip_prefix("/storage/v1/")?;
        let render = storage.strip_prefix("render/image/public/").map(Self::Render);
        render.or_else(|| storage.strip_prefix("object/public/").map(Self::Object))
    }

    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Native(_) => Dialect::Native,
            Self::Render(_) | Self::Object(_) => Dialect::Supabase,
            Self::Next => Dialect::Next,
        }
    }
}

/// How a request ended, for its log line and the metrics.
struct Ended {
    response: Response<Body>,
    object: Option<ObjectId>,
    delivered: Option<Delivered>,
    code: Option<Code>,
}

impl Images {
    /// Answers a picture request and writes its one log line.
    pub async fn serve(&self, route: Route<'_>, parts: &Parts, address: Option<IpAddr>) -> Response<Body> {
        let began = Instant::now();
        let ended = match parts.method {
            Method::GET | Method::HEAD => self.answer(route, parts, address, began).await,
            _ => {
                let response = errors::method_not_allowed(route.dialect());
                Ended { response, object: None, delivered: None, code: Some(Code::BadParameter) }
            }
        };
        self.observe(route, parts, &ended, began);
        ended.response
    }

    async fn answer(&self, route: Route<'_>, parts: &Parts, address: Option<IpAddr>, began: Instant) -> Ended {
        let request = match self.parse(route, parts) {
            Ok(request) => request,
            Err(problem) => return refused(&problem, route.dialect(), None, varies(route, parts)),
        };
        let local = match &request.target {
            Target::Remote(_) => About::Object,
            Target::Object { .. } => About::Local,
        };
        let object = object_of(&request.target);
        match self.permitted_delivery(&request, &object, address).await {
            Ok(delivered) => {
                let asked = Asked {
                    request: &request,
                    key: &object.key,
                    method: &parts.method,
                    headers: &parts.headers,
                    timing: wants_timing(parts),
                    elapsed: began.elapsed(),
                };
                let response = respond(&delivered, &asked, &self.lifetimes);
                Ended { response, object: Some(object), delivered: Some(delivered), code: None }
            }
            Err(problem) => {
                let about = if problem.about == About::Bucket { About::Bucket } else { local };
                let about = if request.dialect == Dialect::Next { local } else { about };
                let varies = request.varies_by_accept || request.dialect == Dialect::Next;
                refused(&problem.about(about), request.dialect, Some(object), varies)
            }
        }
    }

    /// Parses the URL, and holds it against the bucket's rules: 4xx end here.
    fn parse(&self, route: Route<'_>, parts: &Parts) -> Result<ImageRequest, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let accept = accept(&parts.headers);
        let accept = accept.as_deref();
        let mut request = match route {
            Route::Native(tail) => native::parse(tail, query, accept)?,
            Route::Render(tail) => supabase::parse_render(tail, query, accept, self.output_side)?,
            Route::Object(tail) => supabase::parse_object(tail, query)?,
            Route::Next => next::parse(query, accept, &self.next)?,
        };
        if let Target::Object { bucket, .. } = &request.target {
            let rules = self.buckets.get(bucket).filter(|rules| rules.access == Access::Public);
            let rules =
                rules.ok_or_else(|| Problem::new(Code::Missing, "there is no such bucket").about(About::Bucket))?;
            if rules.policy.policy == Policy::Signed && request.want != Want::Original {
                request.signed_for = Some(self.verify(parts)?);
            }
            policy::admit(&mut request, &rules.policy)?;
        }
        Ok(request)
    }

    /// Seconds for which the URL's signature is still good.
    fn verify(&self, parts: &Parts) -> Result<u64, Problem> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signed = parts.uri.path_and_query().map_or("", |text| text.as_str());
        self.signing.verify(signed, now).map_err(|error| Problem::new(error.code(), error.to_string()))
    }

    async fn permitted_delivery(
        &self,
        request: &ImageRequest,
        object: &ObjectId,
        address: Option<IpAddr>,
    ) -> Result<Delivered, Problem> {
        let client = address.and_then(Client::at);
        let mut ask = Ask {
            object: object.clone(),
            want: request.want,
            dialect: request.dialect,
            client,
            purpose: Purpose::Request,
        };
        let delivered = self.deliver.deliver(&ask).await;
        let passes_on = request.dialect == Dialect::Next && self.on_corrupt == OnCorrupt::Original;
        match delivered {
            Err(error) if passes_on && error.code() == Code::Corrupt => {
                ask.want = Want::Original;
                Ok(self.deliver.deliver(&ask).await?)
            }
            other => Ok(other?),
        }
    }

    /// The one log line of a request, and its counts.
    fn observe(&self, route: Route<'_>, parts: &Parts, ended: &Ended, began: Instant) {
        let status = ended.response.status().as_u16();
        let bytes = http_body::Body::size_hint(ended.response.body()).exact().unwrap_or_default();
        let cache = ended.delivered.as_ref().map_or("none", |delivered| delivered.status.as_str());
        let dialect = name_of(route.dialect());
        self.metrics.count_request(&RequestLabels { dialect, status, cache }, bytes);
        if let Some(timings) = ended.delivered.as_ref().and_then(|delivered| delivered.timings.as_ref()) {
            self.metrics.record_fill(timings);
        }
        if tracing::enabled!(target: "tintype::access", tracing::Level::INFO) {
            let timings = ended.delivered.as_ref().and_then(|delivered| delivered.timings).unwrap_or_default();
            let milliseconds = |spent: std::time::Duration| (spent.as_secs_f64() * 1e5).round() / 1e2;
            tracing::info!(
                target: "tintype::access",
                method = %parts.method,
                url = masked(parts.uri.path(), parts.uri.query()),
                status,
                dialect,
                object = ended.object.as_ref().map(tracing::field::display),
                transform = ended.delivered.as_ref().map(|delivered| tracing::field::display(delivered.made)),
                cache,
                code = ended.code.map(Code::as_str),
                bytes,
                total_ms = milliseconds(began.elapsed()),
                fetch_ms = milliseconds(timings.fetch),
                decode_ms = milliseconds(timings.decode),
                resize_ms = milliseconds(timings.resize),
                encode_ms = milliseconds(timings.encode),
                "request"
            );
        }
    }
}

fn refused(problem: &Problem, dialect: Dialect, object: Option<ObjectId>, varies: bool) -> Ended {
    let response = problem.respond(dialect);
    let response = if varies { errors::varying_by_accept(response) } else { response };
    Ended { response, object, delivered: None, code: Some(problem.code) }
}

/// Whether the answer to a URL that could not be parsed might have varied: it did unless a format is named.
fn varies(route: Route<'_>, parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let names =
        |name: &str| query.split('&').any(|pair| pair.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')));
    match route {
        Route::Next => true,
        Route::Object(_) => false,
        Route::Native(_) | Route::Render(_) => !names("f") && !names("format"),
    }
}

fn object_of(target: &Target) -> ObjectId {
    match target {
        Target::Object { bucket, key } => ObjectId::new(bucket.clone(), key.clone()),
        Target::Remote(url) => ObjectId::new(BucketName::remote(), ObjectKey::from_url(url)),
    }
}

/// All `Accept` lines as one list (RFC 9110 section 5.3).
fn accept(headers: &HeaderMap) -> Option<std::borrow::Cow<'_, str>> {
    let mut lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let first = lines.next()?;
    let rest: Vec<&str> = lines.collect();
    Some(if rest.is_empty() { first.into() } else { format!("{first}, {}", rest.join(", ")).into() })
}

fn wants_timing(parts: &Parts) -> bool {
    parts.headers.contains_key("x-tintype-timing")
        || parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "timing=1"))
}

const fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Native => "native",
        Dialect::Supabase => "supabase",
        Dialect::Next => "next",
    }
}

impl From<DeliverError> for Problem {
    fn from(error: DeliverError) -> Self {
        if error.code().fault() == Fault::Us {
            tracing::error!(%error, "a picture could not be delivered");
        }
        Self {
            retry_after: error.retry_after(),
            origin_status: error.origin_status(),
            ..Self::new(error.code(), error.public_text())
        }
    }
}

impl From<crate::transform::ParameterError> for Problem {
    fn from(error: crate::transform::ParameterError) -> Self {
        Self { parameter: Some(error.parameter.clone()), ..Self::new(error.code(), error.to_string()) }
    }
}

impl From<supabase::SupabaseRefusal> for Problem {
    fn from(refusal: supabase::SupabaseRefusal) -> Self {
        let about = if matches!(refusal, supabase::SupabaseRefusal::Bucket) { About::Bucket } else { About::Object };
        Self::new(refusal.code(), refusal.to_string()).about(about)
    }
}

impl From<next::NextRefusal> for Problem {
    fn from(refusal: next::NextRefusal) -> Self {
        Self::new(refusal.code(), refusal.to_string()).about(About::Exact)
    }
}

impl From<PolicyRefusal> for Problem {
    fn from(refusal: PolicyRefusal) -> Self {
        match refusal {
            PolicyRefusal::Parameter(error) => error.into(),
            other => Self::new(other.code(), other.to_string()),
        }
    }
}

//! Walk A at the edge: parse the URL in its dialect, decide whether this caller may, deliver, respond.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCEPT, HeaderMap};
use http::{Method, Response, Uri};

use super::body::Body;
use super::errors::{self, About, Problem};
use super::respond::{Asked, Lifetimes, respond};
use crate::admission::{Admission, Refusal, Route, object_of};
use crate::clients::Client;
use crate::config::OnCorrupt;
use crate::deliver::{Ask, Deliver, DeliverError, Delivered, Purpose, Shown};
use crate::error::{Code, Fault};
use crate::object::ObjectId;
use crate::telemetry::{Metrics, RequestLabels, masked};
use crate::transform::policy::PolicyRefusal;
use crate::transform::supabase::SupabaseRefusal;
use crate::transform::{Dialect, ImageRequest, Reader, Target, Want};

/// What the picture routes need.
#[derive(Debug)]
pub struct Images {
    pub deliver: Arc<Deliver>,
    pub admission: Arc<Admission>,
    pub on_corrupt: OnCorrupt,
    pub lifetimes: Lifetimes,
    pub metrics: Arc<Metrics>,
}

/// A request for a picture, without its body.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    /// Who is limited; `None` is exempt.
    pub client: Option<IpAddr>,
}

/// Beside an error answer: the original is there, but too large or too empty to be kept here.
#[derive(Clone, Debug)]
pub(super) struct Unkept(pub ObjectId);

/// Where the version that is served comes from.
#[derive(Clone, Copy)]
enum Version<'a> {
    /// From what is known, or from the source.
    Current,
    /// From the source's answer to the reader's own request.
    Shown(&'a Shown),
}

/// How a request ended, for its log line and the metrics.
struct Ended {
    response: Response<Body>,
    object: Option<ObjectId>,
    delivered: Option<Delivered>,
    code: Option<Code>,
    /// The reader was not sent the bytes that are needed.
    is_unread: bool,
}

impl Images {
    /// Answers a stranger's picture request and writes its one log line.
    pub async fn serve(&self, route: Route<'_>, call: Call<'_>) -> Response<Body> {
        let admit = || self.admission.admit(route, call.uri, accept(call.headers).as_deref());
        let began = Instant::now();
        let ended = self.end(route, call, admit, Version::Current, began).await;
        self.observe(route, call, &ended, began);
        ended.response
    }

    /// Answers a picture request whose reader was found to be allowed to read.
    pub async fn serve_permitted(&self, route: Route<'_>, call: Call<'_>, reader: Reader) -> Response<Body> {
        let admit = || self.admission.admit_reader(route, call.uri, accept(call.headers).as_deref(), reader);
        let began = Instant::now();
        let ended = self.end(route, call, admit, Version::Current, began).await;
        self.observe(route, call, &ended, began);
        ended.response
    }

    /// Answers a reader with what is made of the version that the source has just shown to that reader. `None`: it has to
    /// be made, and the reader was not sent the bytes.
    pub async fn serve_shown(
        &self,
        route: Route<'_>,
        call: Call<'_>,
        reader: Reader,
        shown: &Shown,
    ) -> Option<Response<Body>> {
        let admit = || self.admission.admit_reader(route, call.uri, accept(call.headers).as_deref(), reader);
        let began = Instant::now();
        let ended = self.end(route, call, admit, Version::Shown(shown), began).await;
        if ended.is_unread {
            return None;
        }
        self.observe(route, call, &ended, began);
        Some(ended.response)
    }

    async fn end(
        &self,
        route: Route<'_>,
        call: Call<'_>,
        admit: impl FnOnce() -> Result<ImageRequest, Refusal>,
        version: Version<'_>,
        began: Instant,
    ) -> Ended {
        match *call.method {
            Method::GET | Method::HEAD => self.answer(route, call, admit(), version, began).await,
            _ => {
                let response = errors::method_not_allowed(route.dialect());
                let code = Some(Code::BadParameter);
                Ended { response, object: None, delivered: None, code, is_unread: false }
            }
        }
    }

    async fn answer(
        &self,
        route: Route<'_>,
        call: Call<'_>,
        admitted: Result<ImageRequest, Refusal>,
        version: Version<'_>,
        began: Instant,
    ) -> Ended {
        let request = match admitted {
            Ok(request) => request,
            Err(refusal) => return refused(&refusal.into(), route.dialect(), None, varies(route, call.uri)),
        };
        let local = match &request.target {
            Target::Remote(_) => About::Object,
            Target::Object { .. } => About::Local,
        };
        let object = object_of(&request.target);
        match self.delivery(&request, &object, call.client, version).await {
            Ok(delivered) => {
                let asked = Asked {
                    request: &request,
                    key: &object.key,
                    method: call.method,
                    headers: call.headers,
                    timing: wants_timing(call),
                    elapsed: began.elapsed(),
                };
                let response = respond(&delivered, &asked, &self.lifetimes);
                Ended { response, object: Some(object), delivered: Some(delivered), code: None, is_unread: false }
            }
            Err(error) => {
                let is_unread = error.is_unread();
                let unkept = (request.want == Want::Original && error.is_unkept()).then(|| Unkept(object.clone()));
                let problem = Problem::from(error);
                let about = if problem.about == About::Bucket { About::Bucket } else { local };
                let about = if request.dialect == Dialect::Next { local } else { about };
                let varies = request.varies_by_accept || request.dialect == Dialect::Next;
                let mut ended = refused(&problem.about(about), request.dialect, Some(object), varies);
                if let Some(unkept) = unkept {
                    ended.response.extensions_mut().insert(unkept);
                }
                Ended { is_unread, ..ended }
            }
        }
    }

    async fn delivery(
        &self,
        request: &ImageRequest,
        object: &ObjectId,
        address: Option<IpAddr>,
        version: Version<'_>,
    ) -> Result<Delivered, DeliverError> {
        let client = address.and_then(Client::at);
        let mut ask = Ask {
            object: object.clone(),
            want: request.want,
            dialect: request.dialect,
            client,
            purpose: Purpose::Request,
        };
        let delivered = match version {
            Version::Current => self.deliver.deliver(&ask).await,
            Version::Shown(shown) => return self.deliver.deliver_shown(&ask, shown).await,
        };
        let passes_on = request.dialect == Dialect::Next && self.on_corrupt == OnCorrupt::Original;
        match delivered {
            Err(error) if passes_on && error.code() == Code::Corrupt => {
                ask.want = Want::Original;
                self.deliver.deliver(&ask).await
            }
            other => other,
        }
    }

    /// The one log line of a request, and its counts.
    fn observe(&self, route: Route<'_>, call: Call<'_>, ended: &Ended, began: Instant) {
        let status = ended.response.status().as_u16();
        let bytes = http_body::Body::size_hint(ended.response.body()).exact().unwrap_or_default();
        let cache = ended.delivered.as_ref().map_or("none", |delivered| delivered.status.as_str());
        let dialect = name_of(route.dialect());
        self.metrics.count_request(&RequestLabels { dialect, status, cache }, bytes);
        if let Some(delivered) = &ended.delivered
            && status == 200
            && *call.method == Method::GET
        {
            self.metrics.count_saved(delivered.record.size, bytes);
        }
        if let Some(timings) = ended.delivered.as_ref().and_then(|delivered| delivered.timings.as_ref()) {
            self.metrics.record_fill(timings);
        }
        if tracing::enabled!(target: "tintype::access", tracing::Level::INFO) {
            let timings = ended.delivered.as_ref().and_then(|delivered| delivered.timings).unwrap_or_default();
            let milliseconds = |spent: std::time::Duration| (spent.as_secs_f64() * 1e5).round() / 1e2;
            tracing::info!(
                target: "tintype::access",
                method = %call.method,
                url = masked(call.uri.path(), call.uri.query()),
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
    Ended { response, object, delivered: None, code: Some(problem.code), is_unread: false }
}

/// Whether the answer to a URL that could not be parsed might have varied: it did unless a format is named.
fn varies(route: Route<'_>, uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    let names =
        |name: &str| query.split('&').any(|pair| pair.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')));
    match route {
        Route::Next => true,
        Route::Object(_) => false,
        Route::Native(_) | Route::Render(_) => !names("f") && !names("format"),
    }
}

/// All `Accept` lines as one list (RFC 9110 section 5.3).
fn accept(headers: &HeaderMap) -> Option<std::borrow::Cow<'_, str>> {
    let mut lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let first = lines.next()?;
    let rest: Vec<&str> = lines.collect();
    Some(if rest.is_empty() { first.into() } else { format!("{first}, {}", rest.join(", ")).into() })
}

fn wants_timing(call: Call<'_>) -> bool {
    call.headers.contains_key("x-tintype-timing")
        || call.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "timing=1"))
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
        if error.code().fault() == Fault::Us && !error.is_unread() {
            tracing::error!(%error, "a picture could not be delivered");
        }
        Self {
            retry_after: error.retry_after(),
            origin_status: error.origin_status(),
            ..Self::new(error.code(), error.public_text())
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(refusal.code(), refusal.to_string());
        match refusal {
            Refusal::Parameter(error) | Refusal::Policy(PolicyRefusal::Parameter(error)) => {
                Self { parameter: Some(error.parameter), ..problem }
            }
            Refusal::Bucket | Refusal::Supabase(SupabaseRefusal::Bucket) => problem.about(About::Bucket),
            Refusal::Next(_) => problem.about(About::Exact),
            Refusal::Supabase(_) | Refusal::Policy(_) | Refusal::Signature(_) => problem,
        }
    }
}

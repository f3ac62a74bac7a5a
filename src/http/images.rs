//! Walk A at the edge: parse the URL in its dialect, decide whether this caller may, deliver, respond.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::header::{ACCEPT, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Response, Uri};

use super::access::{self, Line};
use super::body::Body;
use super::errors::{self, About, Problem};
use super::remembered::{Answer, Counted, Given, Memo, Plain, Prepared};
use super::respond::{Asked, Lifetimes, respond};
use crate::admission::{Admission, Refusal, Route, object_of};
use crate::cache::CacheStatus;
use crate::changes::Seen;
use crate::clients::Client;
use crate::config::OnCorrupt;
use crate::deliver::{Ask, Deliver, DeliverError, Delivered, Purpose, Shown};
use crate::error::{Code, Fault};
use crate::object::ObjectId;
use crate::render::Timings;
use crate::telemetry::{Metrics, RequestLabels, name_of};
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
    /// What is given again as it is.
    pub memo: Memo,
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
    /// What it may be given again for, and the counts from before it was looked for.
    again: Option<(ImageRequest, Seen)>,
    /// The reader was not sent the bytes that are needed.
    is_unread: bool,
}

impl Images {
    /// Answers a stranger's picture request and writes its one log line.
    pub async fn serve(&self, route: Route<'_>, call: Call<'_>) -> Response<Body> {
        let admit = || self.admission.admit(route, call.uri, accept(call.headers).as_deref());
        let (began, rules) = (Instant::now(), self.admission.buckets.changes());
        let ended = self.end(route, call, admit, Version::Current, began).await;
        self.observe(route, call, &ended, began);
        self.remember(call, &ended, rules);
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
                Ended { response, object: None, delivered: None, code, again: None, is_unread: false }
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
        let seen = self.deliver.seen(&object);
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
                let is_repeated = !asked.timing && request.signed_for.is_none() && request.reader == Reader::Anyone;
                Ended {
                    response,
                    object: Some(object),
                    delivered: Some(delivered),
                    code: None,
                    again: is_repeated.then_some((request, seen)),
                    is_unread: false,
                }
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

    /// The answer to the same request of a moment ago, if nothing has changed: given to `take`, counted and logged.
    pub(super) fn recall<T>(&self, asked: &Plain<'_>, now: SystemTime, take: impl FnOnce(Given<'_>) -> T) -> Option<T> {
        let began = access::is_on().then(Instant::now);
        let is_current = |counted: Counted| {
            counted.rules == self.admission.buckets.changes() && self.deliver.changes().is_current(counted.object)
        };
        self.memo.recall(asked, now, is_current, |given| {
            if let Some(began) = began {
                log_again(asked, &given, began);
            }
            take(given)
        })
    }

    /// Remembers an answer from memory for those who ask the same within a second.
    fn remember(&self, call: Call<'_>, ended: &Ended, rules: u64) {
        let (Some(delivered), Some((request, seen))) = (&ended.delivered, &ended.again) else { return };
        let Some(asked) = Plain::of(call.method, call.uri, call.headers) else { return };
        let now = SystemTime::now();
        let Some(until) = self.deliver.lasts_until(delivered, now) else { return };
        let answer = || {
            let headers = HeaderMap::new();
            let mut again = Asked {
                request,
                key: &delivered.record.object.key,
                method: &Method::GET,
                headers: &headers,
                timing: false,
                elapsed: std::time::Duration::ZERO,
            };
            let whole = Prepared::of(&respond(delivered, &again, &self.lifetimes));
            let any = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
            again.headers = &any;
            let unmodified = Prepared::of(&respond(delivered, &again, &self.lifetimes));
            Some(Answer {
                counted: Counted { rules, object: *seen },
                made_at: now,
                until,
                variant: Arc::downgrade(&delivered.variant),
                etag: delivered.variant.etag.clone(),
                whole,
                unmodified,
                object: delivered.record.object.clone(),
                made: delivered.made,
                dialect: request.dialect,
                asked: self.deliver.popularity.counter(&delivered.record.object, delivered.made),
                original: delivered.record.size,
            })
        };
        self.memo.remember(&asked, now, &self.metrics, answer);
    }

    /// The one log line of a request, and its counts.
    fn observe(&self, route: Route<'_>, call: Call<'_>, ended: &Ended, began: Instant) {
        let status = ended.response.status().as_u16();
        let bytes = http_body::Body::size_hint(ended.response.body()).exact().unwrap_or_default();
        let delivered = ended.delivered.as_ref();
        let cache = delivered.map_or("none", |delivered| delivered.status.as_str());
        let dialect = route.dialect();
        self.metrics.count_request(&RequestLabels { dialect: name_of(dialect), status, cache }, bytes);
        if let Some(delivered) = delivered
            && status == 200
            && *call.method == Method::GET
        {
            self.metrics.count_saved(delivered.record.size, bytes);
        }
        if let Some(delivered) = delivered {
            self.metrics.count_effort(delivered.variant.note.effort);
        }
        if let Some(timings) = delivered.and_then(|delivered| delivered.timings.as_ref()) {
            self.metrics.record_fill(timings);
        }
        if access::is_on() {
            let line = Line {
                method: call.method,
                path: call.uri.path(),
                query: call.uri.query(),
                status,
                dialect,
                object: ended.object.as_ref(),
                made: delivered.map(|delivered| delivered.made),
                cache,
                code: ended.code,
                bytes,
                began,
                timings: delivered.and_then(|delivered| delivered.timings).unwrap_or_default(),
            };
            line.write();
        }
    }
}

/// The log line of an answer that is given again.
fn log_again(asked: &Plain<'_>, given: &Given<'_>, began: Instant) {
    let (path, query) = asked.target.split_once('?').map_or((asked.target, None), |(path, query)| (path, Some(query)));
    let line = Line {
        method: &Method::GET,
        path,
        query,
        status: given.status().as_u16(),
        dialect: given.answer.dialect,
        object: Some(&given.answer.object),
        made: Some(given.answer.made),
        cache: CacheStatus::Hit.as_str(),
        code: None,
        bytes: given.bytes(),
        began,
        timings: Timings::default(),
    };
    line.write();
}

fn refused(problem: &Problem, dialect: Dialect, object: Option<ObjectId>, varies: bool) -> Ended {
    let response = problem.respond(dialect);
    let response = if varies { errors::varying_by_accept(response) } else { response };
    Ended { response, object, delivered: None, code: Some(problem.code), again: None, is_unread: false }
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

//! Answers from memory that are given again as they are: what a request of the same words was answered within the last
//! second, unless something changed.
//!
//! Parsing a URL, holding it against the bucket's rules, two looks into caches that all cores share and some twenty
//! headers cost more than everything else of a hit together. So each thread remembers, for itself and without a lock,
//! which bytes of a head and which variant answered a request, and walks the ordinary way again after a second: memory
//! learns what is used, freshness is judged, `Age` grows. What is replaced, purged or made private is noticed at once by
//! counts that are noted before the ordinary walk ([`Changes`](crate::changes::Changes), [`BucketBook::changes`]). The
//! bytes themselves stay memory's: what it drops is gone here too.
//!
//! [`BucketBook::changes`]: crate::admission::BucketBook::changes

mod plain;
mod table;

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub use plain::{Plain, Reading};
use table::Table;

use super::body::Body;
use super::{conditional, head};
use crate::changes::Seen;
use crate::object::ObjectId;
use crate::popularity::Counter;
use crate::telemetry::{Metrics, Tally};
use crate::transform::Dialect;
use crate::variants::{Made, Variant};

/// Tells the answers of this process's sites apart: there is one, but for tests.
#[derive(Debug)]
pub struct Memo(u64);

impl Default for Memo {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a thread remembers, and of which site.
struct Held {
    owner: u64,
    table: Table,
    tally: Arc<Tally>,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// The counts that must stand for an answer to be given again. Noted before anything else is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub rules: u64,
    pub object: Seen,
}

/// An answer that may be given again.
#[derive(Debug)]
pub(super) struct Answer {
    pub counted: Counted,
    pub made_at: SystemTime,
    pub until: SystemTime,
    pub variant: Weak<Variant>,
    pub etag: HeaderValue,
    pub whole: Prepared,
    pub unmodified: Prepared,
    pub object: ObjectId,
    pub made: Made,
    pub dialect: Dialect,
    /// Bytes of the original.
    pub original: u64,
    pub asked: Option<Counter>,
}

/// A head without its date, written once for all who ask.
#[derive(Debug)]
pub(super) struct Prepared {
    head: Bytes,
    /// The same for HTTP/2, from its first use on.
    headers: OnceLock<HeaderMap>,
}

impl Prepared {
    pub(super) fn of(response: &Response<Body>) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        head::begin(&mut bytes, response.status(), response.headers());
        Self { head: bytes.into(), headers: OnceLock::new() }
    }

    fn headers(&self) -> &HeaderMap {
        self.headers.get_or_init(|| read(&self.head))
    }
}

/// The headers of a head that we wrote.
fn read(head: &Bytes) -> HeaderMap {
    let lines = head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| line.strip_suffix(b"\r"));
    let headers = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(line.get(colon + 2..)?)).ok()?;
        Some((HeaderName::from_bytes(&line[..colon]).ok()?, value))
    });
    let mut map = HeaderMap::with_capacity(32);
    headers.for_each(|(name, value)| {
        map.append(name, value);
    });
    map
}

/// The body of an answer that is given again, held until it is sent; none for a 304.
#[derive(Debug)]
pub struct Again {
    body: Option<Arc<Variant>>,
    timed: Option<Box<Timed>>,
}

impl Again {
    pub fn body(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |variant| &variant.body)
    }

    /// Notes that all of it was sent.
    pub fn sent(self) {
        if let Some(timed) = self.timed {
            timed.end();
        }
    }
}

/// One of the answers of which it is measured how long they take. In a box: the others carry nothing but that there is none.
#[derive(Debug)]
pub(super) struct Timed {
    since: SystemTime,
    tally: Arc<Tally>,
}

impl Timed {
    #[cold]
    fn end(&self) {
        // A clock that was set back tells nothing.
        if let Ok(took) = self.since.elapsed() {
            self.tally.time(took);
        }
    }
}

/// What is given again: a head, and the variant that has the body, if there is to be one.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub answer: &'a Answer,
    pub body: Option<Arc<Variant>>,
    timed: Option<Box<Timed>>,
}

impl Given<'_> {
    fn prepared(&self) -> &Prepared {
        if self.body.is_some() { &self.answer.whole } else { &self.answer.unmodified }
    }

    pub(super) fn status(&self) -> StatusCode {
        if self.body.is_some() { StatusCode::OK } else { StatusCode::NOT_MODIFIED }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.body.as_ref().map_or(0, |variant| variant.body.len() as u64)
    }

    /// Writes the head, and returns the body that is to follow it.
    pub(super) fn write(self, out: &mut Vec<u8>, now: SystemTime) -> Again {
        out.extend_from_slice(&self.prepared().head);
        head::end(out, now);
        Again { body: self.body, timed: self.timed }
    }
}

/// The answer with its headers, for hyper.
pub(super) fn response(given: Given<'_>) -> Response<Body> {
    let (status, headers) = (given.status(), given.prepared().headers().clone());
    let bytes = given.body.map_or_else(Bytes::new, |variant| variant.body.clone());
    let mut response = Response::new(Body::Bytes(bytes));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(timed) = given.timed {
        timed.end();
    }
    response
}

impl Memo {
    /// Gives the answer to `take` if one is remembered that is still right, and counts it.
    pub(super) fn recall<T>(
        &self,
        asked: &Plain<'_>,
        now: SystemTime,
        is_current: impl FnOnce(Counted) -> bool,
        take: impl FnOnce(Given<'_>) -> T,
    ) -> Option<T> {
        HELD.with_borrow(|held| {
            let held = held.as_ref().filter(|held| held.owner == self.0)?;
            let answer = held.table.get(asked, now).filter(|answer| is_current(answer.counted))?;
            // Also for a 304: what memory dropped is no longer known to be there.
            let variant = answer.variant.upgrade()?;
            let is_held_by_client =
                asked.condition.is_some_and(|line| conditional::names(line, answer.etag.as_bytes()));
            let effort = variant.note.effort;
            let mut given = Given { answer, body: (!is_held_by_client).then_some(variant), timed: None };
            let bytes = given.body.is_some().then(|| given.bytes());
            if held.tally.count(answer.dialect, effort, bytes, answer.original) {
                given.timed = Some(Box::new(Timed { since: now, tally: Arc::clone(&held.tally) }));
            }
            if let Some(counter) = &answer.asked {
                counter.hit();
            }
            Some(take(given))
        })
    }

    /// Remembers an answer from the second time on that it could have been given from here: most URLs are asked for once
    /// in a while, and would only take the place of others.
    pub(super) fn remember(
        &self,
        asked: &Plain<'_>,
        now: SystemTime,
        metrics: &Metrics,
        answer: impl FnOnce() -> Option<Answer>,
    ) {
        HELD.with_borrow_mut(|held| {
            if held.as_ref().is_none_or(|held| held.owner != self.0) {
                *held = Some(Held { owner: self.0, table: Table::default(), tally: metrics.tally() });
            }
            if let Some(held) = held
                && held.table.note(asked, now)
                && let Some(answer) = answer()
            {
                held.table.put(asked, answer);
            }
        });
    }
}

//! Builds the answer of a picture request from a delivered variant.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::body::Body;
use super::conditional::{self, Part};
use crate::deliver::Delivered;
use crate::object::ObjectKey;
use crate::source::max_age;
use crate::telemetry::stages;
use crate::transform::{Dialect, Download, ImageRequest, Reader};
use crate::variants::Made;
use crate::versions::http_date;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const ALLOW_ORIGIN: HeaderName = HeaderName::from_static("access-control-allow-origin");
const EXPOSE_HEADERS: HeaderName = HeaderName::from_static("access-control-expose-headers");
/// The version to put into the native `v` parameter.
const VERSION: HeaderName = HeaderName::from_static("x-tintype-version");
const NEXTJS_CACHE: HeaderName = HeaderName::from_static("x-nextjs-cache");
const TRANSFORMATIONS: HeaderName = HeaderName::from_static("x-transformations");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

const ANY: HeaderValue = HeaderValue::from_static("*");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("cache-status, server-timing, age, etag, x-tintype-version, x-transformations");
/// Next's own policy string.
const NEXT_POLICY: HeaderValue = HeaderValue::from_static("script-src 'none'; frame-src 'none'; sandbox;");
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Outward lifetimes.
#[derive(Clone, Debug)]
pub struct Lifetimes {
    /// Where the object has no `Cache-Control` of its own.
    pub default: HeaderValue,
    /// Smallest `max-age` of the Next dialect in seconds.
    pub next_minimum: u64,
}

impl Lifetimes {
    pub fn new(max_age: u64, next_minimum: u64) -> Self {
        let default = HeaderValue::from_str(&format!("public, max-age={max_age}"));
        Self { default: default.unwrap_or(HeaderValue::from_static("public, max-age=3600")), next_minimum }
    }
}

/// The longest life of a signed URL's answer in caches, in seconds.
const SIGNED_MAX_AGE: u64 = 3600;

/// What the answer depends on beside the variant.
#[derive(Debug)]
pub struct Asked<'a> {
    pub request: &'a ImageRequest,
    pub key: &'a ObjectKey,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// Whether `Server-Timing` was asked for.
    pub timing: bool,
    /// Time since the request arrived.
    pub elapsed: Duration,
}

/// 200, 206, 304 or 416, with every header of the contract.
pub fn respond(delivered: &Delivered, asked: &Asked<'_>, lifetimes: &Lifetimes) -> Response<Body> {
    let variant = &delivered.variant;
    let modified = delivered.record.validators.last_modified;
    let mut response = Response::new(Body::empty());
    validators(&mut response, delivered, asked, lifetimes);
    if conditional::is_not_modified(asked.headers, &variant.etag, modified) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    representation(response.headers_mut(), delivered, asked);
    let length = variant.body.len();
    let part = if asked.request.dialect == Dialect::Next {
        Part::Whole
    } else {
        response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        conditional::part(asked.headers, length, &variant.etag, modified)
    };
    let body = match part {
        Part::Whole => {
            response.headers_mut().insert(CONTENT_LENGTH, variant.content_length.clone());
            variant.body.clone()
        }
        Part::Range(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let text = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            insert_text(response.headers_mut(), CONTENT_RANGE, &text);
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(range.len()));
            variant.body.slice(range)
        }
        Part::Unsatisfiable => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            insert_text(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{length}"));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response.headers_mut().remove(CONTENT_TYPE);
            Bytes::new()
        }
    };
    if asked.method != Method::HEAD {
        *response.body_mut() = Body::Bytes(body);
    }
    response
}

/// Headers of every answer, 304 too.
fn validators(response: &mut Response<Body>, delivered: &Delivered, asked: &Asked<'_>, lifetimes: &Lifetimes) {
    let headers = response.headers_mut();
    headers.reserve(20);
    headers.insert(CACHE_CONTROL, cache_control(delivered, asked.request, lifetimes));
    headers.insert(ETAG, delivered.variant.etag.clone());
    if let Reader::Holder { until: Some(until) } = asked.request.reader
        && let Some(date) = http_date(UNIX_EPOCH + Duration::from_secs(until))
    {
        headers.insert(EXPIRES, date);
    }
    headers.insert(CACHE_STATUS, delivered.status.header_of(delivered.variant.note.effort));
    if asked.request.varies_by_accept || asked.request.dialect == Dialect::Next {
        headers.insert(VARY, HeaderValue::from_static("Accept"));
    }
    headers.insert(AGE, age(delivered.age));
    let known = delivered.record.headers();
    if let Some(modified) = &known.last_modified {
        headers.insert(LAST_MODIFIED, modified.clone());
    }
    headers.insert(ALLOW_ORIGIN, ANY);
    headers.insert(TIMING_ALLOW_ORIGIN, ANY);
    headers.insert(EXPOSE_HEADERS, EXPOSED);
    headers.insert(VERSION, known.version.clone());
    if asked.timing {
        insert_text(headers, SERVER_TIMING, &server_timing(delivered, asked.elapsed));
    }
    match asked.request.dialect {
        Dialect::Next => {
            headers.insert(NEXTJS_CACHE, HeaderValue::from_static(delivered.status.as_nextjs()));
        }
        Dialect::Supabase => {
            headers.insert(ROBOTS, HeaderValue::from_static("none"));
            if let Some(text) = &asked.request.x_transformations {
                insert_text(headers, TRANSFORMATIONS, text);
            }
        }
        Dialect::Native => {}
    }
}

/// Headers that describe the bytes.
fn representation(headers: &mut HeaderMap, delivered: &Delivered, asked: &Asked<'_>) {
    let content_type = &delivered.variant.content_type;
    let defused = delivered.made == Made::Original && asked.request.download.is_none() && is_active(content_type);
    let content_type = if defused { HeaderValue::from_static("text/plain") } else { content_type.clone() };
    let disposition = match (&asked.request.download, asked.request.dialect) {
        (Some(download), _) => Some(attachment(download)),
        (None, Dialect::Next) => Some(next_attachment(asked.key, &content_type)),
        (None, _) => None,
    };
    if let Some(disposition) = disposition {
        insert_text(headers, CONTENT_DISPOSITION, &disposition);
    }
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = if asked.request.dialect == Dialect::Next { NEXT_POLICY } else { POLICY };
    headers.insert(CONTENT_SECURITY_POLICY, policy);
}

/// How long browsers and shared caches may keep the answer (`Response` in the contract).
fn cache_control(delivered: &Delivered, request: &ImageRequest, lifetimes: &Lifetimes) -> HeaderValue {
    let record = &delivered.record;
    let own = record.cache_control.as_deref();
    let text = if !record.keep {
        return HeaderValue::from_static("no-store");
    } else if let Reader::Holder { until } = request.reader {
        let left = until.map_or(SIGNED_MAX_AGE, |until| until.saturating_sub(unix_now()));
        format!("private, max-age={}", left.min(SIGNED_MAX_AGE))
    } else if let Some(left) = request.signed_for {
        format!("public, max-age={}", left.min(SIGNED_MAX_AGE))
    } else if request.dialect == Dialect::Next {
        let seconds = max_age(own).unwrap_or_default().max(lifetimes.next_minimum);
        format!("public, max-age={seconds}, must-revalidate")
    } else if request.version.as_deref().is_some_and(|version| record.headers().version == version) {
        return HeaderValue::from_static("public, max-age=31536000, immutable");
    } else {
        match own.filter(|own| is_public(own)) {
            Some(own) => return HeaderValue::from_str(own).unwrap_or_else(|_| lifetimes.default.clone()),
            None => return lifetimes.default.clone(),
        }
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| lifetimes.default.clone())
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A configured origin's `no-store` and `private` are not passed on: the bucket is public (`doctor` names them).
fn is_public(cache_control: &str) -> bool {
    let directives = cache_control.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    !cache_control.trim().is_empty() && !directives.into_iter().any(|name| matches!(&*name, "no-store" | "private"))
}

/// Types that a browser would run.
fn is_active(content_type: &HeaderValue) -> bool {
    let text = content_type.to_str().unwrap_or_default().to_ascii_lowercase();
    ["html", "xml", "svg", "script", "ecmascript"].iter().any(|word| text.contains(word))
}

/// `attachment`, with the name in both forms of RFC 6266.
fn attachment(Download(name): &Download) -> String {
    let Some(name) = name.as_deref().map(sanitised).filter(|name| !name.is_empty()) else {
        return "attachment;".to_owned();
    };
    let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC).to_string();
    // The dot is the one character of file names that must stay readable for the plain form.
    let encoded = encoded.replace("%2E", ".").replace("%2D", "-").replace("%5F", "_");
    format!("attachment; filename={encoded}; filename*=UTF-8''{encoded}")
}

/// A file name without path separators, control characters or leading dots, at most 200 characters.
fn sanitised(name: &str) -> String {
    let kept = name.chars().filter(|c| !c.is_control() && !matches!(c, '/' | '\\' | ':' | '"'));
    kept.skip_while(|c| *c == '.').take(200).collect()
}

/// Next names the file up to its first dot, with the extension of what came out.
fn next_attachment(key: &ObjectKey, content_type: &HeaderValue) -> String {
    let path = key.as_str().split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = sanitised(file.split('.').next().unwrap_or_default());
    let stem: String = stem.chars().filter(char::is_ascii).collect();
    let extension = match content_type.as_bytes() {
        b"image/jpeg" => "jpeg",
        b"image/x-icon" => "ico",
        other => std::str::from_utf8(other).ok().and_then(|text| text.strip_prefix("image/")).unwrap_or("bin"),
    };
    if stem.is_empty() {
        "attachment; filename=\"image.bin\"".to_owned()
    } else {
        format!("attachment; filename=\"{stem}.{extension}\"")
    }
}

/// Always zero for folders, whose answers then cost no allocation here.
fn age(age: Duration) -> HeaderValue {
    match age.as_secs() {
        0 => HeaderValue::from_static("0"),
        seconds => HeaderValue::from(seconds),
    }
}

fn server_timing(delivered: &Delivered, elapsed: Duration) -> String {
    let mut text = format!("cache;desc={}, total;dur={:.2}", delivered.status.as_str(), elapsed.as_secs_f64() * 1e3);
    for (stage, spent) in delivered.timings.iter().flat_map(stages) {
        // Writing into a String cannot fail.
        let _ = write!(text, ", {stage};dur={:.2}", spent.as_secs_f64() * 1e3);
    }
    text
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn download_names_cannot_leave_the_header_or_the_folder() {
        let named = |name: &str| attachment(&Download(Some(name.to_owned())));
        assert_eq!(attachment(&Download(None)), "attachment;");
        assert_eq!(named("a b.png"), "attachment; filename=a%20b.png; filename*=UTF-8''a%20b.png");
        assert_eq!(named("../../x\r\nSet-Cookie: a"), named("xSet-Cookie a").replace("..", ""));
        assert_eq!(named("\"/\\"), "attachment;");
    }

    #[test]
    fn next_names_are_cut_at_the_first_dot() {
        let webp = HeaderValue::from_static("image/webp");
        let named = |key: &str| next_attachment(&ObjectKey::parse(key).unwrap(), &webp);
        assert_eq!(named("a/photo.big.png"), "attachment; filename=\"photo.webp\"");
        assert_eq!(named("a/.png"), "attachment; filename=\"image.bin\"");
    }

    #[test]
    fn private_and_no_store_of_a_configured_origin_are_not_passed_on() {
        assert!(is_public("max-age=5"));
        assert!(is_public("no-cache"));
        assert!(!is_public("private, max-age=5"));
        assert!(!is_public("No-Store"));
        assert!(!is_public(" "));
    }
}

//! Which web pages may read answers (the Fetch standard's CORS protocol).

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::body::Body;

/// What browsers call. The rest (pages, `/metrics`, `/admin`) is not for other sites: where no key is asked for, a page
/// that the operator happens to look at must not be able to read or purge.
const API_PREFIXES: [&str; 6] = ["/storage/v1", "/functions/v1", "/realtime/v1", "/rest/v1", "/api", "/upload"];

const ANY: HeaderValue = HeaderValue::from_static("*");
const DAY: HeaderValue = HeaderValue::from_static("86400");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
/// What supabase-js and tus-js-client send.
const SENT: &str = "authorization, apikey, x-client-info, x-upsert, content-type, cache-control, x-metadata, \
    x-signature, idempotency-key, range, if-none-match, if-modified-since, prefer, accept-profile, content-profile, x-region, \
    tus-resumable, upload-length, upload-defer-length, upload-offset, upload-metadata, upload-checksum, upload-concat, \
    x-http-method-override, x-requested-with, x-request-id";
/// What they read, and what tells a person where an answer came from.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, content-range, content-length, content-disposition, accept-ranges, last-modified, location, retry-after, \
     upload-offset, upload-length, upload-metadata, upload-expires, upload-concat, tus-resumable, tus-version, \
     tus-extension, tus-max-size, tus-checksum-algorithm, cache-status, server-timing, age, x-transformations, \
     x-tintype-version, x-rate-rolling, x-rate-limit, x-rate-limit-remaining",
);
/// Longest list of further header names that is repeated to a browser, in bytes.
const MAX_ASKED: usize = 1024;

/// The pages that may call the API.
#[derive(Clone, Debug)]
pub struct Cors {
    /// `None`: every one.
    origins: Option<Vec<HeaderValue>>,
}

impl Cors {
    /// `*` alone, or origins such as `https://app.example.com`, which are then sent credentials too.
    pub fn new(origins: &[String]) -> Self {
        if origins.iter().any(|origin| origin == "*") {
            return Self { origins: None };
        }
        Self { origins: Some(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect()) }
    }

    /// Answers a preflight of the API.
    pub fn preflight(&self, asked: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if self.admit(asked.get(ORIGIN), headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asked.get(ACCESS_CONTROL_REQUEST_HEADERS)));
            headers.insert(ACCESS_CONTROL_MAX_AGE, DAY);
        }
        response
    }

    /// Lets a page at `origin` read an answer of the API.
    pub fn permit(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.admit(origin, headers) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn admit(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        let Some(origins) = &self.origins else {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            return true;
        };
        // Also where the origin is refused, or a shared cache would give the refusal to pages that are admitted.
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin.filter(|origin| origins.contains(origin)) else { return false };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        true
    }
}

/// Whether browsers may call this path from other sites.
pub fn is_shared(path: &str) -> bool {
    let mut rests = API_PREFIXES.iter().filter_map(|prefix| path.strip_prefix(prefix));
    rests.any(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a browser asks if it may send; an OPTIONS without this header is a client's own (tus has one).
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The known names, and those that the browser asks for beside them: tracing libraries and newer clients add their own,
/// and none of them has a meaning here that a page could misuse.
fn allowed_headers(asked: Option<&HeaderValue>) -> HeaderValue {
    let asked = asked.and_then(|value| value.to_str().ok()).filter(|text| text.len() <= MAX_ASKED).unwrap_or_default();
    let is_known = |name: &str| SENT.split(", ").any(|known| known.eq_ignore_ascii_case(name));
    let is_name = |name: &str| HeaderName::from_bytes(name.as_bytes()).is_ok();
    let further = asked.split(',').map(str::trim).filter(|name| is_name(name) && !is_known(name));
    let text = further.fold(SENT.to_owned(), |list, name| list + ", " + name);
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(SENT))
}

/// Pictures are for every origin.
pub fn picture_preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, authorization"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, DAY);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors::new(&origins.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>())
    }

    fn permitted(cors: &Cors, origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        cors.permit(Some(&HeaderValue::from_static(origin)), &mut headers);
        headers
    }

    #[test]
    fn every_page_may_read_by_default_but_gets_no_credentials() {
        let headers = permitted(&cors(&["*"]), "https://any.example");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS) && !headers.contains_key(VARY));
        assert!(headers[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().contains("upload-offset"));
    }

    #[test]
    fn a_list_admits_exactly_its_origins_and_caches_learn_that_it_varies() {
        let listed = cors(&["https://app.example", "http://localhost:3000"]);
        let headers = permitted(&listed, "http://localhost:3000");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:3000");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(headers[VARY], "origin");
        for other in ["https://app.example.evil.example", "http://app.example", "https://app.example:8443", "null"] {
            let headers = permitted(&listed, other);
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{other}");
            assert_eq!(headers[VARY], "origin");
        }
        assert!(!permitted(&cors(&[]), "https://app.example").contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }

    #[test]
    fn preflights_permit_what_the_clients_send_and_what_the_browser_asks_for() {
        let asked = [
            (ORIGIN, HeaderValue::from_static("https://app.example")),
            (ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("traceparent,APIKEY, b d,tus-resumable")),
        ];
        let response = cors(&["*"]).preflight(&HeaderMap::from_iter(asked.clone()));
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let allowed = response.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert_eq!(allowed, format!("{SENT}, traceparent"));
        let refused = cors(&["https://other.example"]).preflight(&HeaderMap::from_iter(asked));
        assert!(!refused.headers().contains_key(ACCESS_CONTROL_ALLOW_METHODS));
    }

    #[test]
    fn only_the_api_is_shared() {
        for path in ["/storage/v1", "/storage/v1/bucket", "/realtime/v1/api/broadcast", "/api/x", "/upload/resumable"] {
            assert!(is_shared(path), "{path}");
        }
        for path in ["/", "/metrics", "/admin/purge", "/readyz", "/assets/gallery.js", "/storage/v10/x", "/apiary"] {
            assert!(!is_shared(path), "{path}");
        }
    }
}

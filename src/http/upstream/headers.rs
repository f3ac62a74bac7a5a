//! Headers on their way to the upstream and back. Pure.

use std::net::IpAddr;

use axum::response::Response;
use http::header::{
    ALT_SVC, CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, COOKIE, EXPECT, FORWARDED, HOST, LOCATION,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Position, Url};

/// Meant for the next hop alone (RFC 9110 section 7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// What proxies say of a client, and of where it meant to go. Whoever is asked must hear it from us or from nobody.
const CLAIMS: [&str; 13] = [
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "fastly-client-ip",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
    "x-host",
    "x-envoy-external-address",
];
const FORWARDED_FAMILY: &str = "x-forwarded-";
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request's headers for the upstream: credentials as they were sent, nothing of ours but who asks and by whom.
pub(super) fn of_request(sent: &HeaderMap, via: &HeaderValue, client: Option<IpAddr>) -> HeaderMap {
    let mut headers = end_to_end(sent);
    for name in [HOST, CONTENT_LENGTH, EXPECT, FORWARDED] {
        headers.remove(name);
    }
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
    join_cookies(&mut headers);
    if let Some(client) = client.and_then(|client| HeaderValue::try_from(client.to_canonical().to_string()).ok()) {
        headers.insert(FORWARDED_FOR, client);
    }
    headers.append(VIA, via.clone());
    headers
}

/// HTTP/2 splits them for its compression; whoever may speak HTTP/1 gets one line (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

fn is_claim(name: &str) -> bool {
    name.starts_with(FORWARDED_FAMILY) || CLAIMS.contains(&name)
}

/// An answer's headers for the client.
pub(super) fn of_answer(sent: &HeaderMap, asked: &Url) -> HeaderMap {
    let mut headers = end_to_end(sent);
    // It names other doors of the upstream's host, which are none of ours.
    headers.remove(ALT_SVC);
    for name in [LOCATION, CONTENT_LOCATION] {
        if let Some(relative) = headers.get(&name).and_then(|location| relative(location, asked)) {
            headers.insert(name, relative);
        }
    }
    headers
}

/// A URL on the upstream's own origin as a path of ours.
fn relative(location: &HeaderValue, asked: &Url) -> Option<HeaderValue> {
    let text = location.to_str().ok()?;
    // A path is one here too, but `//host` is not a path.
    if text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\") {
        return None;
    }
    let url = asked.join(text).ok().filter(|url| url.origin() == asked.origin())?;
    // `//x` at its beginning would name a host.
    let path = format!("/{}", url[Position::BeforePath..].trim_start_matches('/'));
    HeaderValue::try_from(path).ok()
}

/// Removes the upstream's word on which web pages may read an answer: of the storage API it is ours to say.
pub(super) fn without_cors(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let named: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in named {
        headers.remove(name);
    }
    response
}

/// Without what is meant for one hop.
fn end_to_end(sent: &HeaderMap) -> HeaderMap {
    let mut headers = sent.clone();
    let lines = sent.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    for name in lines.flat_map(|line| line.split(',')) {
        headers.remove(name.trim());
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

/// Whether a list of header lines has this word.
pub(super) fn names(headers: &HeaderMap, header: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(header).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    const OURS: HeaderValue = HeaderValue::from_static("1.1 tintype-x");

    #[test]
    fn a_request_keeps_its_credentials_and_loses_what_is_of_one_hop_or_said_of_the_client() {
        let sent = map(&[
            ("host", "evil.example"),
            ("authorization", "Bearer a"),
            ("apikey", "b"),
            ("cookie", "c=d"),
            ("cookie", "e=f"),
            ("connection", "keep-alive, X-Secret-Hop"),
            ("x-secret-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-prefix", "/x"),
            ("x-real-ip", "1.2.3.4"),
            ("cf-connecting-ip", "1.2.3.4"),
            ("x-original-url", "/admin"),
            ("x-client-info", "supabase-js"),
            ("via", "1.1 cdn"),
        ]);
        let headers = of_request(&sent, &OURS, Some("::ffff:192.0.2.7".parse().unwrap()));
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["apikey", "authorization", "cookie", "via", "x-client-info", "x-forwarded-for"]);
        assert_eq!(
            (&headers["x-forwarded-for"], &headers["cookie"]),
            (&"192.0.2.7".parse().unwrap(), &"c=d; e=f".parse().unwrap())
        );
        let via: Vec<_> = headers.get_all(VIA).iter().collect();
        assert_eq!(via, ["1.1 cdn", "1.1 tintype-x"]);
        assert!(!of_request(&sent, &OURS, None).contains_key("x-forwarded-for"));
    }

    #[test]
    fn a_location_on_the_upstreams_own_origin_becomes_a_path_and_others_stay() {
        let asked = Url::parse("https://p.example/rest/v1/rows").unwrap();
        for (location, expected) in [
            ("https://p.example/rest/v1/rows?id=1#x", "/rest/v1/rows?id=1#x"),
            ("https://p.example:443/a", "/a"),
            ("//p.example/a", "/a"),
            ("https://p.example//evil.example/a", "/evil.example/a"),
            ("/rest/v1/rows?id=1", "/rest/v1/rows?id=1"),
            ("other", "/rest/v1/other"),
            ("http://p.example/a", "http://p.example/a"),
            ("https://p.example.evil.example/a", "https://p.example.evil.example/a"),
            ("https://github.com/login", "https://github.com/login"),
            ("myapp://callback?code=1", "myapp://callback?code=1"),
        ] {
            let headers =
                of_answer(&map(&[("location", location), ("alt-svc", "h3"), ("connection", "close")]), &asked);
            assert_eq!(headers[LOCATION], expected, "{location}");
            assert_eq!(headers.len(), 1);
        }
    }
}

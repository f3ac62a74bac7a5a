//! What an origin's answer says about keeping it (RFC 9111 section 5.2.2).

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, SET_COOKIE, VARY};

/// How long to answer without asking where the origin gives no age, or says `no-cache`.
pub const INWARD_DEFAULT: Duration = Duration::from_mins(1);
const INWARD_LONGEST_SECONDS: u64 = 3600;
/// Longest `Cache-Control` that is kept; a longer one is treated as absent.
const MAX_CACHE_CONTROL_BYTES: usize = 1024;

/// How long to answer without asking, from a stored `Cache-Control`: `s-maxage`, else `max-age`, within 1..=3600 s;
/// [`INWARD_DEFAULT`] where there is none or it says `no-cache`.
pub fn inward(cache_control: Option<&str>) -> Duration {
    inward_at_age(cache_control, 0)
}

/// `s-maxage`, else `max-age`, of a stored `Cache-Control`, in seconds.
pub fn max_age(cache_control: Option<&str>) -> Option<u64> {
    cache_control.and_then(|text| value(text, "s-maxage").or_else(|| value(text, "max-age")))
}

/// The same for an HTTP answer, whose `Age` has already been spent in caches on the way.
pub(super) fn inward_of(headers: &HeaderMap) -> Duration {
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok()).unwrap_or(0);
    inward_at_age(combined(headers).as_deref(), age)
}

fn inward_at_age(cache_control: Option<&str>, age: u64) -> Duration {
    let Some(text) = cache_control else { return INWARD_DEFAULT };
    if has(text, "no-cache") {
        return INWARD_DEFAULT;
    }
    max_age(Some(text)).map_or(INWARD_DEFAULT, |seconds| {
        Duration::from_secs(seconds.saturating_sub(age).clamp(1, INWARD_LONGEST_SECONDS))
    })
}

/// The answer's `Cache-Control` lines as one text.
pub(super) fn combined(headers: &HeaderMap) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok()).collect();
    let text = lines.join(", ");
    (1..=MAX_CACHE_CONTROL_BYTES).contains(&text.len()).then_some(text)
}

/// Whether a stranger's answer may be kept and shown to others.
pub(super) fn may_keep(headers: &HeaderMap) -> bool {
    // An over-long header is read for its prohibitions all the same.
    let forbids = |line: &str| has(line, "no-store") || has(line, "private");
    let forbidden = headers.get_all(CACHE_CONTROL).iter().any(|line| line.to_str().map_or(true, forbids));
    let varies_by_all = headers.get_all(VARY).iter().any(|line| line.as_bytes().contains(&b'*'));
    !forbidden && !varies_by_all && !headers.contains_key(SET_COOKIE)
}

fn directives(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(',').map(|directive| match directive.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
        None => (directive.trim(), None),
    })
}

fn has(text: &str, name: &str) -> bool {
    directives(text).any(|(found, _)| found.eq_ignore_ascii_case(name))
}

fn value(text: &str, name: &str) -> Option<u64> {
    let (_, value) = directives(text).find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    let digits = value.filter(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()))?;
    // RFC 9111 section 1.2.2: a number too large to represent counts as very large.
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inward_clock_follows_the_origin_within_a_second_and_an_hour() {
        let table = [
            (None, 60),
            (Some("public"), 60),
            (Some("no-cache"), 60),
            (Some("no-cache, max-age=3600"), 60),
            (Some("max-age=0"), 1),
            (Some("public, max-age=300"), 300),
            (Some("max-age=300, S-MaxAge=20"), 20),
            (Some("max-age=\"90\""), 90),
            (Some("max-age=31536000, immutable"), 3600),
            (Some("max-age=99999999999999999999999"), 3600),
            (Some("max-age=-1"), 60),
            (Some("x-max-age=9"), 60),
        ];
        for (text, seconds) in table {
            assert_eq!(inward(text), Duration::from_secs(seconds), "{text:?}");
        }
    }

    #[test]
    fn time_spent_in_caches_on_the_way_is_subtracted() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, "max-age=300".parse().unwrap());
        headers.insert(AGE, "200".parse().unwrap());
        assert_eq!(inward_of(&headers), Duration::from_secs(100));
        headers.insert(AGE, "900".parse().unwrap());
        assert_eq!(inward_of(&headers), Duration::from_secs(1));
    }

    #[test]
    fn private_no_store_cookies_and_vary_star_forbid_keeping() {
        let table = [
            ("cache-control", "no-store", false),
            ("cache-control", "max-age=9, Private", false),
            ("cache-control", "private=\"set-cookie\"", false),
            ("set-cookie", "a=b", false),
            ("vary", "accept, *", false),
            ("vary", "accept", true),
            ("cache-control", "no-cache", true),
        ];
        for (name, line, keep) in table {
            let mut headers = HeaderMap::new();
            headers.insert(name, line.parse().unwrap());
            assert_eq!(may_keep(&headers), keep, "{name}: {line}");
        }
    }
}

//! Conditional and range requests (RFC 9110 sections 13 and 14). Pure.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};

/// Whether the client's copy is still good: `If-None-Match` by weak comparison, else `If-Modified-Since`.
pub fn is_not_modified(headers: &HeaderMap, etag: &HeaderValue, modified: Option<SystemTime>) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .any(|line| line.to_str().is_ok_and(|line| names(line, etag.as_bytes())));
    }
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    matches!((since, modified), (Some(since), Some(modified)) if whole_seconds(modified) <= since)
}

/// Whether a list of entity tags names this one, weakly, or is `*`.
pub fn names(line: &str, etag: &[u8]) -> bool {
    // Our ETags hold no commas, so a comma inside somebody else's quotes cannot make a false match.
    let candidates = line.split(',').map(str::trim);
    candidates.map(|tag| tag.strip_prefix("W/").unwrap_or(tag)).any(|tag| tag == "*" || tag.as_bytes() == etag)
}

/// What part of a body of `length` bytes is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    Range(Range<usize>),
    Unsatisfiable,
}

/// Reads `Range` and `If-Range`. Several ranges, other units and nonsense are answered with the whole body.
pub fn part(headers: &HeaderMap, length: usize, etag: &HeaderValue, modified: Option<SystemTime>) -> Part {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Part::Whole };
    if headers.get(IF_RANGE).is_some_and(|condition| !holds(condition, etag, modified)) {
        return Part::Whole;
    }
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|spec| spec.trim().split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| text.parse::<u64>().ok().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    let is_number = |text: &str| text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return Part::Whole;
    }
    match (number(first), number(last)) {
        (Some(first), _) if first >= length => Part::Unsatisfiable,
        (Some(first), None) if last.is_empty() => Part::Range(first..length),
        (Some(first), Some(last)) if first <= last => Part::Range(first..last.saturating_add(1).min(length)),
        (None, Some(0)) if first.is_empty() => Part::Unsatisfiable,
        (None, Some(count)) if first.is_empty() && length > 0 => Part::Range(length.saturating_sub(count)..length),
        _ => Part::Whole,
    }
}

/// `If-Range`: a strong entity tag, or a date that is exactly `Last-Modified`.
fn holds(condition: &HeaderValue, etag: &HeaderValue, modified: Option<SystemTime>) -> bool {
    if condition == etag {
        return true;
    }
    let date = condition.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
    matches!((date, modified), (Some(date), Some(modified)) if date == whole_seconds(modified))
}

/// HTTP dates have no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: HeaderValue = HeaderValue::from_static("\"abc\"");

    fn headers(lines: &[(http::HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn entity_tags_match_in_lists_weakly_and_by_star() {
        for (line, matches) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\" , W/\"y\"", true),
            ("*", true),
            ("abc", false),
            ("\"ABC\"", false),
            ("", false),
        ] {
            assert_eq!(is_not_modified(&headers(&[(IF_NONE_MATCH, line)]), &ETAG, None), matches, "{line}");
        }
    }

    #[test]
    fn a_date_counts_only_without_an_entity_tag() {
        let modified = Some(UNIX_EPOCH + Duration::from_millis(784_111_777_500));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(is_not_modified(&headers(&[(IF_MODIFIED_SINCE, date)]), &ETAG, modified));
        let both = headers(&[(IF_MODIFIED_SINCE, date), (IF_NONE_MATCH, "\"other\"")]);
        assert!(!is_not_modified(&both, &ETAG, modified));
        let earlier = headers(&[(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]);
        assert!(!is_not_modified(&earlier, &ETAG, modified));
    }

    #[test]
    fn the_first_form_of_range_is_served_and_every_other_is_whole() {
        let asked = |line: &str| part(&headers(&[(RANGE, line)]), 10, &ETAG, None);
        for (line, expected) in [
            ("bytes=0-0", Part::Range(0..1)),
            ("bytes=2-5", Part::Range(2..6)),
            ("bytes=2-", Part::Range(2..10)),
            ("bytes=-3", Part::Range(7..10)),
            ("bytes=-30", Part::Range(0..10)),
            ("bytes=5-99999999999999999999999", Part::Whole),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
        ] {
            assert_eq!(asked(line), expected, "{line}");
        }
    }

    #[test]
    fn if_range_needs_a_strong_match() {
        let asked = |condition: &str| part(&headers(&[(RANGE, "bytes=0-1"), (IF_RANGE, condition)]), 10, &ETAG, None);
        assert_eq!(asked("\"abc\""), Part::Range(0..2));
        assert_eq!(asked("W/\"abc\""), Part::Whole);
        assert_eq!(asked("\"old\""), Part::Whole);
    }
}

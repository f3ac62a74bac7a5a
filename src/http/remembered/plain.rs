//! Requests whose answer depends on few of their words.

use http::header::{ACCEPT, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE, VIA};
use http::{HeaderMap, HeaderName, Method, Uri};

/// Longest target and `Accept` together that are remembered, in bytes.
const LONGEST: usize = 2048;

/// Asks for times of the work.
const TIMING: HeaderName = HeaderName::from_static("x-tintype-timing");

/// A GET whose answer depends on nothing but what is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plain<'a> {
    /// Path and query as they were sent.
    pub target: &'a str,
    pub accept: Option<&'a str>,
    /// The one `If-None-Match` line.
    pub condition: Option<&'a str>,
}

/// A header that [`Plain`] looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Accept,
    Condition,
    /// Counts only without a condition.
    Since,
    /// The answer depends on it in ways that are not remembered.
    Other,
}

/// Reads the headers of a request one by one into a [`Plain`].
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    plain: Plain<'a>,
    has_date: bool,
    is_plain: bool,
}

impl<'a> Reading<'a> {
    pub fn of(target: &'a str) -> Self {
        Self { plain: Plain { target, ..Plain::default() }, has_date: false, is_plain: true }
    }

    /// Takes the next header, its name in any case.
    pub fn header(&mut self, name: &str, value: &'a [u8]) {
        let Some(word) = Word::of(name) else { return };
        let place = match word {
            Word::Accept => &mut self.plain.accept,
            Word::Condition => &mut self.plain.condition,
            Word::Since => return self.has_date = true,
            Word::Other => return self.is_plain = false,
        };
        // A second line of the same name, or one that is not ASCII, is read by the ordinary walk.
        let is_ascii = value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        match std::str::from_utf8(value) {
            Ok(text) if is_ascii && place.is_none() => *place = Some(text),
            _ => self.is_plain = false,
        }
    }

    /// What the answer depends on, if it is nothing else.
    pub fn end(self) -> Option<Plain<'a>> {
        let Self { plain, has_date, is_plain } = self;
        let length = plain.target.len() + plain.accept.map_or(0, str::len);
        (is_plain && (!has_date || plain.condition.is_some()) && length <= LONGEST).then_some(plain)
    }
}

impl Word {
    fn of(name: &str) -> Option<Self> {
        // By length first: most headers are none of these.
        let (known, word) = match name.len() {
            3 => (VIA, Self::Other),
            5 => (RANGE, Self::Other),
            6 => (ACCEPT, Self::Accept),
            8 => (IF_RANGE, Self::Other),
            13 => (IF_NONE_MATCH, Self::Condition),
            16 => (TIMING, Self::Other),
            17 => (IF_MODIFIED_SINCE, Self::Since),
            _ => return None,
        };
        name.eq_ignore_ascii_case(known.as_str()).then_some(word)
    }
}

impl<'a> Plain<'a> {
    /// Reads a request that was parsed already.
    pub fn of(method: &Method, uri: &'a Uri, headers: &'a HeaderMap) -> Option<Self> {
        let target = uri.path_and_query().filter(|_| *method == Method::GET)?;
        let mut reading = Reading::of(target.as_str());
        for (name, value) in headers {
            reading.header(name.as_str(), value.as_bytes());
        }
        reading.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(headers: &[(&str, &'a str)]) -> Option<Plain<'a>> {
        let mut reading = Reading::of("/image/b/k");
        for (name, value) in headers {
            reading.header(name, value.as_bytes());
        }
        reading.end()
    }

    #[test]
    fn what_the_answer_depends_on_is_read_and_the_rest_is_not() {
        let plain = read(&[("Host", "x"), ("ACCEPT", "image/webp"), ("cookie", "a=b"), ("if-none-match", "\"t\"")]);
        let expected = Plain { target: "/image/b/k", accept: Some("image/webp"), condition: Some("\"t\"") };
        assert_eq!(plain, Some(expected));
        assert!(read(&[("if-modified-since", "x"), ("If-None-Match", "\"t\"")]).is_some());
        for other in ["Range", "if-range", "if-modified-since", "via", "x-tintype-timing"] {
            assert_eq!(read(&[(other, "x")]), None, "{other}");
        }
        assert_eq!(read(&[("accept", "a"), ("Accept", "b")]), None);
        assert_eq!(read(&[("accept", "\u{e4}")]), None);
        assert_eq!(read(&[("accept", &"a".repeat(LONGEST))]), None);
    }
}

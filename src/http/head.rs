//! The heads of HTTP/1.1 answers, written as hyper writes them: who looks at the bytes cannot tell which of both did.

use std::cell::RefCell;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};

/// `date: Sun, 06 Nov 1994 08:49:37 GMT` with its line end and the empty line.
const DATE_LINE: usize = 6 + 29 + 4;
/// The last second that an HTTP date can say.
const LAST_SECOND: u64 = 253_402_300_799;

thread_local! {
    /// The last line of a head in the second that was asked for last.
    static DATE: RefCell<(u64, [u8; DATE_LINE])> = const { RefCell::new((u64::MAX, [0; DATE_LINE])) };
}

/// Writes the status line and the headers. [`end`] ends it.
pub fn begin(out: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes the length of a body whose headers do not say it.
pub fn length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(CONTENT_LENGTH.as_str().as_bytes());
    // Writing into a Vec cannot fail.
    let _ = write!(out, ": {length}\r\n");
}

/// Writes the date and the empty line.
pub fn end(out: &mut Vec<u8>, now: SystemTime) {
    let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().min(LAST_SECOND);
    DATE.with_borrow_mut(|(known, line)| {
        if *known != second {
            let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(second));
            // It fits: every date is as long.
            let _ = write!(&mut line[..], "date: {date}\r\n\r\n");
            *known = second;
        }
        out.extend_from_slice(line);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_second_that_is_asked_for() {
        for (second, expected) in [
            (784_111_777, "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"),
            (784_111_777, "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"),
            (784_111_778, "date: Sun, 06 Nov 1994 08:49:38 GMT\r\n\r\n"),
            (0, "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"),
        ] {
            let mut out = Vec::new();
            end(&mut out, UNIX_EPOCH + Duration::from_secs(second));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}

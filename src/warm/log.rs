//! Reads our own JSON access log: which pictures were asked for, most requested first.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use serde::Deserialize;

/// Longest line in bytes; a longer one is passed over.
const LINE_BYTES: u64 = 65_536;
/// Bytes of distinct URLs that are counted; what is new beyond that is passed over.
const COUNTED_BYTES: usize = 64_000_000;
/// What stands for the value of a masked parameter.
const MASK: &str = "=***";

#[derive(Deserialize)]
struct Line {
    target: String,
    url: String,
    status: u16,
}

/// URLs (path and query) of the log's answered picture requests, most requested first, ties by name. Lines that are
/// something else are passed over, and so are URLs with a masked value: they would not be answered.
pub fn requested(mut log: impl BufRead) -> io::Result<Vec<String>> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut bytes = 0;
    let mut line = Vec::new();
    while next_line(&mut log, &mut line)? {
        let Some(url) = answered(&line) else { continue };
        if let Some(count) = counts.get_mut(&url) {
            *count += 1;
        } else if bytes + url.len() <= COUNTED_BYTES {
            bytes += url.len();
            counts.insert(url, 1);
        }
    }
    let mut counted: Vec<_> = counts.into_iter().collect();
    counted.sort_by(|(one, first), (other, second)| second.cmp(first).then_with(|| one.cmp(other)));
    Ok(counted.into_iter().map(|(url, _)| url).collect())
}

/// Reads one line, or as much of it as counts; false at the end.
fn next_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = log.by_ref().take(LINE_BYTES).read_until(b'\n', line)?;
    if read as u64 == LINE_BYTES && line.last() != Some(&b'\n') {
        line.clear();
        log.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

fn answered(line: &[u8]) -> Option<String> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let answered = line.target == "tintype::access" && line.status < 400;
    (answered && !line.url.contains(MASK)).then_some(line.url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(url: &str, status: u16) -> String {
        format!(
            r#"{{"timestamp":"2026-11-01T00:00:00Z","level":"INFO","method":"GET","url":"{url}","status":{status},"target":"tintype::access"}}"#
        )
    }

    #[test]
    fn the_most_requested_come_first() {
        let log = [line("/b", 200), line("/a", 304), line("/c", 200), line("/c", 206)].join("\n");
        assert_eq!(requested(log.as_bytes()).unwrap(), ["/c", "/a", "/b"]);
    }

    #[test]
    fn other_lines_failures_and_masked_urls_are_passed_over() {
        let other = line("/other", 200).replace("tintype::access", "tintype::deliver");
        let log = [
            "listening on http://127.0.0.1:8787".to_owned(),
            other,
            line("/missing", 404),
            line("/image/p/a.jpg?w=64&sig=***", 200),
            "{\"target\":\"tintype::access\"".to_owned(),
            "\u{fffd}[[[[".to_owned(),
            format!("{{\"url\":\"{}", "x".repeat(200_000)),
            line("/kept", 200),
        ];
        assert_eq!(requested(log.join("\n").as_bytes()).unwrap(), ["/kept"]);
    }
}

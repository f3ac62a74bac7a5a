//! Which requests are read here; hyper reads all others.
//!
//! The parser is hyper's own, set up as hyper sets it up: what is malformed for one is so for the other.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Empty;
use httparse::{Header, ParserConfig, Status};

use crate::http::{Plain, Reading};

/// Header lines of a request; hyper refuses more.
const MOST_HEADERS: usize = 100;
/// Longest target in bytes; hyper refuses longer ones.
const LONGEST_TARGET: usize = 65_534;

/// What the bytes of a connection begin with.
#[derive(Debug)]
pub(super) enum Read<'b> {
    /// A head that is not whole yet.
    Partial,
    /// What hyper reads: other methods and versions, bodies, upgrades, and whatever is malformed or could be read in two
    /// ways.
    Other,
    Head(Head<'b>),
}

/// The head of a GET or HEAD without a body.
#[derive(Debug)]
pub(super) struct Head<'b> {
    /// In bytes, with the empty line.
    pub length: usize,
    /// The client wants the connection to end with the answer.
    pub is_last: bool,
    /// Set where the answer may be remembered.
    pub plain: Option<Plain<'b>>,
}

/// Reads the first head.
pub(super) fn read(bytes: &[u8]) -> Read<'_> {
    let mut lines = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let length = match parse(&mut request, bytes, &mut lines) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Read::Partial,
        Err(_) => return Read::Other,
    };
    let is_get = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Read::Other,
    };
    let target = match (request.version, request.path) {
        (Some(1), Some(target)) if target.starts_with('/') && target.len() <= LONGEST_TARGET => target,
        _ => return Read::Other,
    };
    let (mut reading, mut connection) = (Reading::of(target), None);
    for Header { name, value } in &*request.headers {
        match Word::of(name) {
            None => reading.header(name, value),
            Some(Word::Connection) if connection.is_none() => connection = Some(*value),
            Some(Word::Connection | Word::Framing) => return Read::Other,
        }
    }
    let is_last = match connection {
        None => false,
        Some(value) if value.eq_ignore_ascii_case(b"keep-alive") => false,
        Some(value) if value.eq_ignore_ascii_case(b"close") => true,
        Some(_) => return Read::Other,
    };
    Read::Head(Head { length, is_last, plain: if is_get { reading.end() } else { None } })
}

/// The whole request of a head that was read. `None`: hyper would refuse a part of it.
pub(super) fn request(head: &[u8]) -> Option<Request<Empty<Bytes>>> {
    let mut lines = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    parse(&mut parsed, head, &mut lines).ok()?;
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *request.uri_mut() = Uri::from_maybe_shared(Bytes::copy_from_slice(parsed.path?.as_bytes())).ok()?;
    let headers = request.headers_mut();
    headers.reserve(parsed.headers.len());
    for Header { name, value } in &*parsed.headers {
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request)
}

fn parse<'h, 'b>(
    request: &mut httparse::Request<'h, 'b>,
    bytes: &'b [u8],
    lines: &'h mut [MaybeUninit<Header<'b>>],
) -> httparse::Result<usize> {
    ParserConfig::default().parse_request_with_uninit_headers(request, bytes, lines)
}

/// A header that says what follows the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Connection,
    Framing,
}

impl Word {
    fn of(name: &str) -> Option<Self> {
        let (known, word) = match name.len() {
            6 => ("expect", Self::Framing),
            7 => ("upgrade", Self::Framing),
            10 => ("connection", Self::Connection),
            14 => ("content-length", Self::Framing),
            17 => ("transfer-encoding", Self::Framing),
            _ => return None,
        };
        name.eq_ignore_ascii_case(known).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        match read(text.as_bytes()) {
            Read::Partial => "partial",
            Read::Other => "other",
            Read::Head(head) => {
                assert!(request(&text.as_bytes()[..head.length]).is_some(), "{text:?}");
                if head.is_last { "last" } else { "head" }
            }
        }
    }

    #[test]
    fn only_what_can_be_read_in_one_way_is_read_here() {
        let whole = "GET /image/b/k?w=1 HTTP/1.1\r\nHost: x\r\nAccept: image/webp\r\n\r\n";
        assert_eq!(kind(whole), "head");
        for end in 0..whole.len() {
            assert_eq!(kind(&whole[..end]), "partial", "{end}");
        }
        assert_eq!(kind("HEAD / HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\nGET"), "head");
        assert_eq!(kind("GET / HTTP/1.1\r\nconnection: Close\r\n\r\n"), "last");
        for other in [
            "POST / HTTP/1.1\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "get / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\n\r\n",
            "GET * HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: keep-alive, close\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length : 0\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\0c\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\rc\r\n\r\n",
            "GET /\0 HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            assert_eq!(kind(other), "other", "{other:?}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(kind(&many), "other");
    }
}

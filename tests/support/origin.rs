//! A scripted origin on a real socket: paths are mapped to answers, honest or not, and every request is recorded.
//!
//! Needs no async runtime; each connection has its own thread, and answers that do not end stop when the peer leaves.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query, still encoded.
    pub target: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    /// Every header of this name.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect()
    }

    fn length(&self) -> usize {
        self.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)
    }
}

/// What a route answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A true answer with its true length; the connection stays open.
    Reply(Reply),
    /// Waits, then answers.
    After(Duration, Box<Answer>),
    /// Never answers; holds the connection until the peer leaves.
    Hang,
    /// Sends a true head and then the body in pieces of `piece` bytes with a pause before each.
    Trickle { reply: Reply, piece: usize, pause: Duration },
    /// Sends these bytes and closes the connection: for lying lengths and nonsense.
    Raw(Vec<u8>),
    /// Sends these bytes and resets the connection.
    RawThenReset(Vec<u8>),
    /// A chunked body of `piece` again and again, until the peer leaves. `head`: header lines, each ending in CR LF.
    Endless { head: String, piece: Vec<u8> },
}

/// A status, headers and a body.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body).header("content-type", content_type)
    }

    pub fn redirect(location: &str) -> Self {
        Self::new(302, Vec::new()).header("location", location)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn head(&self) -> String {
        let mut lines = vec![format!("HTTP/1.1 {} scripted", self.status)];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if self.status != 304 {
            lines.push(format!("content-length: {}", self.body.len()));
        }
        lines.join("\r\n") + "\r\n\r\n"
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

type Route = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Default)]
struct Script {
    routes: Mutex<HashMap<String, Route>>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<usize>,
    stopped: AtomicBool,
}

/// A running origin on a port of 127.0.0.1 that the system picks. Dropping it stops the listener.
pub struct Origin {
    address: SocketAddr,
    script: Arc<Script>,
}

impl Origin {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::Acquire) {
                    return;
                }
                *locked(&shared.connections) += 1;
                let script = Arc::clone(&shared);
                thread::spawn(move || converse(&stream, &script));
            }
        });
        Self { address, script }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The absolute URL of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers `path` (without its query) with what `answer` makes of the request; replaces an earlier route.
    pub fn route(&self, path: &str, answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        locked(&self.script.routes).insert(path.to_owned(), Arc::new(answer));
    }

    /// Answers `path` always with the same.
    pub fn serve(&self, path: &str, answer: impl Into<Answer>) {
        let answer = answer.into();
        self.route(path, move |_| answer.clone());
    }

    /// Answers `path` with `reply`, and with 304 where the request names the reply's own `etag`.
    pub fn serve_conditionally(&self, path: &str, reply: Reply) {
        let etag = reply.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.clone());
        self.route(path, move |seen| match seen.header("if-none-match") {
            Some(asked) if Some(asked) == etag.as_deref() => Answer::Reply(Reply { status: 304, ..reply.clone() }),
            _ => Answer::Reply(reply.clone()),
        });
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.script.seen).clone()
    }

    /// How often a path was asked for, whatever the query.
    pub fn hits(&self, path: &str) -> usize {
        locked(&self.script.seen).iter().filter(|seen| without_query(&seen.target) == path).count()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        *locked(&self.script.connections)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.script.stopped.store(true, Ordering::Release);
        // Wakes the listener, which then sees that it is to stop.
        let _ = TcpStream::connect(self.address);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

fn converse(stream: &TcpStream, script: &Script) {
    while let Ok(Some(mut seen)) = read_head(stream) {
        let has_body = seen.header("transfer-encoding").is_some() || seen.length() > 0;
        if has_body && read_body(stream, &mut seen).is_err() {
            return;
        }
        let route = locked(&script.routes).get(without_query(&seen.target)).cloned();
        locked(&script.seen).push(seen.clone());
        let answer = route.map_or_else(|| Reply::new(404, "no such route").into(), |route| route(&seen));
        if !matches!(give(stream, answer, script, has_body), Ok(true)) {
            return;
        }
    }
}

/// Reads a head up to, but without, its very last byte: closing with that byte unread makes the system send a reset, and
/// [`give`] reads it for every answer that is to end in peace.
fn read_head(mut stream: &TcpStream) -> io::Result<Option<Seen>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let split = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok(Some(Seen { method, target, headers: lines.filter_map(split).collect(), body: Vec::new() }))
}

/// Reads the head's last byte and the whole body.
fn read_body(mut stream: &TcpStream, seen: &mut Seen) -> io::Result<()> {
    stream.read_exact(&mut [0])?;
    if seen.header("transfer-encoding").is_none() {
        seen.body = vec![0; seen.length()];
        return stream.read_exact(&mut seen.body);
    }
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        let size = String::from_utf8_lossy(&line).trim().to_owned();
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        let mut piece = vec![0; size + 2];
        stream.read_exact(&mut piece)?;
        seen.body.extend_from_slice(&piece[..size]);
        if size == 0 {
            return Ok(());
        }
    }
}

/// Whether the connection can take another request. `is_read`: no byte of this one is left.
fn give(mut stream: &TcpStream, answer: Answer, script: &Script, is_read: bool) -> io::Result<bool> {
    if let Answer::RawThenReset(bytes) = answer {
        stream.write_all(&bytes)?;
        // Lets the bytes arrive before the reset overtakes them.
        thread::sleep(Duration::from_millis(50));
        return Ok(false);
    }
    if let Answer::After(pause, answer) = answer {
        thread::sleep(pause);
        return give(stream, *answer, script, is_read);
    }
    if !is_read {
        stream.read_exact(&mut [0])?;
    }
    match answer {
        Answer::Reply(reply) => {
            stream.write_all(reply.head().as_bytes())?;
            if reply.status != 304 {
                stream.write_all(&reply.body)?;
            }
            return Ok(true);
        }
        Answer::Trickle { reply, piece, pause } => {
            stream.write_all(reply.head().as_bytes())?;
            for piece in reply.body.chunks(piece) {
                thread::sleep(pause);
                stream.write_all(piece)?;
            }
            return Ok(true);
        }
        Answer::Hang => {
            let _ = stream.read(&mut [0]);
        }
        Answer::Raw(bytes) => stream.write_all(&bytes)?,
        Answer::Endless { head, piece } => {
            write!(stream, "HTTP/1.1 200 scripted\r\n{head}transfer-encoding: chunked\r\n\r\n")?;
            while !script.stopped.load(Ordering::Acquire) {
                write!(stream, "{:x}\r\n", piece.len())?;
                stream.write_all(&piece)?;
                stream.write_all(b"\r\n")?;
            }
        }
        Answer::RawThenReset(_) | Answer::After(..) => {}
    }
    Ok(false)
}

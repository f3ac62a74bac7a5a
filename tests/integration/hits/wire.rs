//! A connection whose bytes a test sees.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Nothing here takes as long.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Wire {
    pub writer: OwnedWriteHalf,
    pub reader: Reader,
}

/// The answers of a connection.
#[derive(Debug)]
pub struct Reader {
    stream: OwnedReadHalf,
    read: Vec<u8>,
}

/// One answer as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    pub status: u16,
    /// The status line and the headers, in their order.
    pub lines: Vec<String>,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        self.lines.iter().find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or_default()
    }

    /// Without what depends on when it was asked for.
    pub fn timeless(&self) -> (Vec<&str>, &[u8]) {
        let timed = |line: &&str| line.starts_with("date: ") || line.starts_with("age: ");
        (self.lines.iter().map(String::as_str).filter(|line| !timed(line)).collect(), &self.body)
    }
}

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (stream, writer) = stream.into_split();
        Self { writer, reader: Reader { stream, read: Vec::new() } }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
    }

    /// One answer to one request.
    pub async fn ask(&mut self, request: &str) -> Raw {
        self.send(request.as_bytes()).await;
        let answer = self.reader.answer(request.starts_with("HEAD")).await;
        answer.unwrap_or_else(|| panic!("no answer to {request:?}"))
    }

    /// The next answer; none where the connection ends first.
    pub async fn answer(&mut self, is_head: bool) -> Option<Raw> {
        self.reader.answer(is_head).await
    }

    /// Everything until the server ends the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.reader.more().await.is_some() {}
        std::mem::take(&mut self.reader.read)
    }
}

impl Reader {
    /// The next answer; none where the connection ends first.
    pub async fn answer(&mut self, is_head: bool) -> Option<Raw> {
        let end = loop {
            match self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
        let lines: Vec<String> = head.trim_end().split("\r\n").map(str::to_owned).collect();
        let mut raw = Raw { status: lines[0].split(' ').nth(1).unwrap().parse().unwrap(), lines, body: Vec::new() };
        if is_head || matches!(raw.status, 101 | 204 | 304) {
            return Some(raw);
        }
        let length: usize = raw.header("content-length").parse().unwrap_or_else(|_| panic!("{raw:?}"));
        while self.read.len() < length {
            self.more().await?;
        }
        raw.body = self.read.drain(..length).collect();
        Some(raw)
    }

    /// None: the connection ended.
    async fn more(&mut self) -> Option<()> {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        let read = read.expect("the server neither answers nor ends the connection");
        read.ok().filter(|length| *length > 0).map(|_| ())
    }
}

//! The fetcher and its two sources against a scripted origin on real sockets.

mod answers;
mod redirects;
mod requests;
mod strangers;

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::scripted_origin::{Answer, Origin, Reply};
use super::*;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::transform::HostList;

const LIMIT: u64 = 1 << 20;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand the rest of it";
const QUICK: HopLimits = HopLimits { redirects: 3, hop_timeout: Duration::from_millis(400) };
const PATIENT: HopLimits = HopLimits { redirects: 3, hop_timeout: Duration::from_secs(7) };

/// Answers the n-th lookup with the n-th list, and every later one with the last.
#[derive(Debug)]
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    lookups: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), lookups: AtomicUsize::new(0) })
    }
}

impl Resolve for Scripted {
    fn resolve(&self, _: Name) -> Resolving {
        let turn = self.lookups.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let addresses: Vec<_> = self.answers[turn].iter().map(|address| SocketAddr::new(*address, 0)).collect();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

fn named(key: ObjectKey) -> ObjectId {
    ObjectId::new(BucketName::parse("b").unwrap(), key)
}

fn object(text: &str) -> ObjectId {
    named(ObjectKey::parse(text).unwrap())
}

fn fetcher(exceptions: &[String]) -> Fetcher {
    let exceptions = exceptions.iter().map(|text| HostPort::parse(text).unwrap()).collect();
    Fetcher::new(exceptions, Arc::new(SystemResolver), &VIA).unwrap()
}

/// A bucket at the origin's root, trusted as the operator's own.
fn bucket(origin: &Origin, hops: HopLimits) -> Source {
    let headers = [("apikey", "a secret")];
    Source::Http(HttpSource::new(&Url::parse(&origin.url("")).unwrap(), headers, hops, fetcher(&[])).unwrap())
}

async fn open(source: &Source, text: &str) -> Result<Opened, SourceError> {
    source.open(&object(text), None, LIMIT).await
}

fn changed(opened: Opened) -> Original {
    match opened {
        Opened::Changed(original) => original,
        Opened::Unchanged { .. } => panic!("unchanged"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

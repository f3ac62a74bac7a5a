//! The objects of a running server: `tintype upload`, `ls`, `stat`, `cp`, `mv`, `rm` and `sign`, over its HTTP API.

mod address;
mod copying;
mod kinds;
mod listing;
mod remove;
mod sign;
mod stat;
mod tus;
mod upload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use url::Url;

use super::output::{Output, shown};
use super::remote::{KeyOptions, Refused, Server, configured_url, signed_key};
use super::serve::runtime;
use super::{Common, Done, Failure};
use address::Address;

pub(super) use copying::{Options as CopyOptions, copy, rename};
pub(super) use listing::{Options as ListOptions, run as list};
pub(super) use remove::{Options as RemoveOptions, run as remove};
pub(super) use sign::{Options as SignOptions, run as sign};
pub(super) use stat::{Options as StatOptions, run as stat};
pub(super) use upload::{Options as UploadOptions, run as upload};

/// Which server is asked, and with which key.
#[derive(Args, Debug)]
pub(super) struct Reach {
    /// The server that is asked [default: that of the configuration, else http://127.0.0.1:8787]
    #[arg(long, env = "TINTYPE_URL", value_name = "URL")]
    server: Option<Url>,
    #[command(flatten)]
    key: KeyOptions,
    /// Configuration file that says where the server listens and what signs its keys.
    #[arg(long, env = "TINTYPE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder whose secret signs a key where none is given [default: ./tintype-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON, a document a line.
    #[arg(long)]
    json: bool,
}

impl Reach {
    /// The server. The configuration is read only where something is not said.
    fn server(&self) -> Result<Server, Failure> {
        let key = self.key.given()?;
        if let (Some(url), Some(key)) = (&self.server, &key) {
            return Server::prompt(url.clone(), Some(key.clone()));
        }
        let common = Common { config: self.config.clone(), data: self.data.clone(), ..Common::default() };
        let config = common.load()?;
        let url = self.server.clone().or_else(|| configured_url(&config)).ok_or_else(|| {
            Failure::Usage(
                "the configuration lets the server choose its port; name the server with --server".to_owned(),
            )
        })?;
        Server::prompt(url, key.or_else(|| signed_key(&config)))
    }

    fn output(&self) -> Output {
        Output::new(self.json)
    }
}

/// Runs what asks a server.
fn asked(reach: &Reach, work: impl AsyncFnOnce(&Server) -> Done) -> Done {
    // What the libraries have to say is in the failures already.
    let server = reach.server()?;
    runtime()?.block_on(work(&server))
}

/// Objects that were not done, each named on standard error.
#[derive(Debug, Default)]
struct Failed(AtomicU64);

impl Failed {
    /// Notes one; an error where all others would end the same way.
    fn note(&self, server: &Server, name: &str, refused: &Refused) -> Result<(), Failure> {
        if refused.is_final() {
            return Err(server.failure(refused));
        }
        self.say(name, &format!("{refused}{}", server.remedy(refused)));
        Ok(())
    }

    fn say(&self, name: &str, reason: &str) {
        self.0.fetch_add(1, Ordering::Relaxed);
        eprintln!("tintype: {}: {reason}", shown(name));
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn code(&self) -> ExitCode {
        if self.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// As a failure; where there is no such bucket, with the names of those that are.
async fn explained(server: &Server, bucket: &str, refused: Refused) -> Failure {
    if !refused.is_no_bucket() {
        return server.failure(&refused);
    }
    let names = listing::buckets(server).await.unwrap_or_default();
    let nearest = names.iter().map(|name| (strsim::damerau_levenshtein(name, bucket), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= bucket.len().div_ceil(3) => format!("did you mean {}?", shown(name)),
        Some(_) => format!("there are {}", names.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ")),
        None => "`tintype ls` lists those that this key may see".to_owned(),
    };
    server.failed(&format!("it keeps no bucket {}; {hint}", shown(bucket)))
}

/// `1 object`, `12 objects`.
fn objects(count: u64) -> String {
    format!("{count} {}", if count == 1 { "object" } else { "objects" })
}

//! `tintype cleanup`: bytes of our own buckets that nobody needs any more.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::serve::runtime;
use super::{Common, Done, Failure};
use crate::app::Store;
use crate::bucket::{remove_expired, remove_orphans, remove_stale, remove_stray_uploads};

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Leave files younger than this: beside a running server they may belong to an upload.
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    older_than: u64,
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    if let Some(url) = &config.upstream.url {
        println!("no objects are kept here: the buckets are those of {url}");
        return Ok(ExitCode::SUCCESS);
    }
    runtime()?.block_on(async {
        let store = Store::open(&config).await?;
        let failed = |error: crate::bucket::BucketError| Failure::Other(format!("cleanup stopped: {error}"));
        if !options.dry_run {
            let grace = Duration::from_secs(config.storage.grace_seconds);
            let stale = remove_stale(&store.catalog, &store.blobs, grace).await.map_err(failed)?;
            println!("replaced and removed objects: bytes of {stale} versions removed");
        }
        let age = Duration::from_secs(options.older_than);
        let expired = remove_expired(&store.catalog, &store.blobs, age, options.dry_run).await.map_err(failed)?;
        let strays = remove_stray_uploads(&store.catalog, &store.blobs, options.dry_run).await.map_err(failed)?;
        let tidied = remove_orphans(&store.catalog, &store.blobs, age, options.dry_run).await.map_err(failed)?;
        let verb = if options.dry_run { "would be removed" } else { "removed" };
        println!("uploads that were not finished in time: {} {verb}", expired + strays);
        println!("bytes that no object names: {} files, {} bytes {verb}", tidied.blobs, tidied.bytes);
        if tidied.failed > 0 {
            println!("{} files could not be removed; see the permissions of the data folder", tidied.failed);
        }
        Ok(if tidied.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

//! `tintype warm`: makes variants before anyone asks, in a running server or straight into the variant store.

mod input;
mod progress;
mod remote;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use url::Url;

use super::remote::{Server, ServerOptions, locked};
use super::serve::runtime;
use super::{Common, Done, Failure};
use crate::app::{App, gatherer};
use crate::config::Config;
use crate::telemetry;
use crate::warm::{Gathered, MOST_ENTRIES, Step, WarmList};
use progress::Progress;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Files with picture URLs of ours (paths or absolute), one a line; `-` is standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A sitemap or sitemap index: its pictures, and those of its pages. Repeatable.
    #[arg(long, value_name = "URL")]
    sitemap: Vec<Url>,
    /// A page: the pictures of its `src` and `srcset`. Repeatable.
    #[arg(long, value_name = "URL")]
    page: Vec<Url>,
    /// Every picture of a bucket whose name begins so: photos, photos/avatars/
    #[arg(long, value_name = "BUCKET/PREFIX")]
    bucket_prefix: Option<String>,
    /// Widths for --bucket-prefix [default: the ladder, 16 to 3840]
    #[arg(long, value_delimiter = ',', value_name = "PIXELS,…", requires = "bucket_prefix")]
    widths: Vec<u32>,
    /// Formats for --bucket-prefix [default: webp]
    #[arg(long, value_delimiter = ',', value_name = "FORMAT,…", requires = "bucket_prefix")]
    formats: Vec<String>,
    /// Qualities for --bucket-prefix [default: 75]
    #[arg(long, value_delimiter = ',', value_name = "1-100,…", requires = "bucket_prefix")]
    quality: Vec<u8>,
    /// Our own JSON access log: what was asked for, most requested first. Repeatable.
    #[arg(long, value_name = "FILE")]
    from_log: Vec<PathBuf>,
    #[command(flatten)]
    remote: ServerOptions,
    /// Pictures worked on at once [default: twice the number of cores]
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// Bytes of URLs in one request to a server: half of what it accepts, since JSON adds some.
const REQUEST_BYTES: usize = 2_000_000;

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    telemetry::start_logs(&super::quiet(&config.log));
    let list = input::list(options)?;
    runtime()?.block_on(async {
        let mut progress = Progress::start();
        if let Some(url) = &options.remote.server {
            let server = Server::at(url.clone(), &options.remote, &config)?;
            let list = with_gathered(options, &config, list, &mut progress).await?;
            let lists = list.split(MOST_ENTRIES, REQUEST_BYTES);
            remote::run(&server, lists, &mut progress).await?;
        } else {
            let app = App::build_beside(&config).await.map_err(|error| locked(error, &config))?;
            let list = with_gathered(options, &config, list, &mut progress).await?;
            offline(&app, &config, list, &mut progress).await;
        }
        let summary = progress.finish();
        report::print(&summary, options.json)?;
        Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Reads sitemaps and pages here, where the operator named their hosts; the server would only reach public ones.
async fn with_gathered(
    options: &Options,
    config: &Config,
    list: WarmList,
    progress: &mut Progress,
) -> Result<WarmList, Failure> {
    let named = options.sitemap.iter().chain(&options.page);
    let gatherer = gatherer(config)?.naming(named).map_err(|error| Failure::Other(error.to_string()))?;
    if !(options.sitemap.is_empty() && options.page.is_empty()) {
        progress.say("reading sitemaps and pages");
    }
    let Gathered { urls, failures } = gatherer.gather(&options.sitemap, &options.page).await;
    for (url, reason) in failures {
        progress.add_before(&Step::failed(url, reason));
    }
    Ok(WarmList { found: urls, ..list })
}

async fn offline(app: &App, config: &Config, list: WarmList, progress: &mut Progress) {
    let mut steps = app.warmer.run(list);
    while let Some(step) = steps.next().await {
        progress.add(&step, 0);
    }
    // Variants that were in memory only are being written.
    app.tasks.close();
    if tokio::time::timeout(Duration::from_secs(config.limits.drain_seconds), app.tasks.wait()).await.is_err() {
        tracing::warn!("some variants may not have been written in time");
    }
}

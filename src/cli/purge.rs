//! `tintype purge`: removes what was made of pictures, in a running server or straight from the variant store.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::output::Output;
use super::remote::{Server, ServerOptions, configured_url, locked};
use super::serve::runtime;
use super::{Common, Done, Failure};
use crate::app::{App, AppError, lock_data_folder};
use crate::config::Config;
use crate::purge::{PurgeRequest, Scope};
use crate::telemetry;

/// The server that uses the data folder is asked at its `admin.listen` or `listen` address; where none uses it, the
/// variant store is purged directly.
#[derive(Args, Debug)]
#[group(id = "what", required = true, multiple = false, args = ["all", "name", "url"])]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Everything.
    #[arg(long)]
    all: bool,
    /// A bucket's name.
    #[arg(value_name = "BUCKET")]
    name: Option<String>,
    /// One object of the bucket: cats/a.jpg
    #[arg(value_name = "OBJECT", requires = "name", conflicts_with_all = ["all", "url"])]
    object: Option<String>,
    /// The objects of the bucket that begin so: cats/
    #[arg(long, value_name = "TEXT", requires = "name", conflicts_with_all = ["all", "object", "url"])]
    prefix: Option<String>,
    /// What was fetched from this remote URL.
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    #[command(flatten)]
    remote: ServerOptions,
    /// Print what was removed as JSON.
    #[arg(long)]
    json: bool,
}

impl Options {
    fn request(&self) -> PurgeRequest {
        PurgeRequest {
            all: self.all,
            bucket: self.name.clone(),
            prefix: self.prefix.clone(),
            object: self.object.clone(),
            url: self.url.clone(),
        }
    }
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    telemetry::start_logs(&super::quiet(&config.log));
    let request = options.request();
    // Mistakes are told before anyone is asked.
    let scope = request.clone().scope().map_err(|error| Failure::Other(error.to_string()))?;
    let removed = runtime()?.block_on(async {
        match server(options, &config)? {
            Some(server) => remove_at(&server, &request).await,
            None => remove_here(&config, scope.clone()).await,
        }
    })?;
    let files = if removed == 1 { "file" } else { "files" };
    let line = || format!("removed {removed} {files} made of {}", Named(&scope));
    Output::new(options.json).either(&json!({"removed": removed, "of": Named(&scope).to_string()}), line)?;
    Ok(ExitCode::SUCCESS)
}

/// The server named, or the one that uses the data folder.
fn server(options: &Options, config: &Config) -> Result<Option<Server>, Failure> {
    if let Some(url) = &options.remote.server {
        return Server::at(url.clone(), &options.remote, config).map(Some);
    }
    if !config.data.is_dir() && config.cache.variants_url.is_none() {
        return Err(Failure::Other(format!(
            "there is no data folder {}, so nothing was made; name another with --data, or a server with --server",
            config.data.display()
        )));
    }
    match lock_data_folder(&config.data) {
        Ok(_) => Ok(None),
        Err(error @ AppError::Locked { .. }) => match configured_url(config) {
            Some(url) => Server::at(url, &options.remote, config).map(Some),
            None => Err(locked(error, config)),
        },
        Err(error) => Err(error.into()),
    }
}

async fn remove_at(server: &Server, request: &PurgeRequest) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Removed {
        removed: u64,
    }
    let response = server.post("/admin/purge", request).await?;
    let text = response.bytes().await.map_err(|error| server.failed(&error.to_string()))?;
    let removed: Removed =
        serde_json::from_slice(&text).map_err(|error| server.failed(&format!("answered nonsense: {error}")))?;
    Ok(removed.removed)
}

async fn remove_here(config: &Config, scope: Scope) -> Result<u64, Failure> {
    let app = App::build_beside(config).await.map_err(|error| locked(error, config))?;
    app.deliver.purge(scope).await.map_err(|error| Failure::Other(error.to_string()))
}

/// A scope in words.
struct Named<'a>(&'a Scope);

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Scope::All => formatter.write_str("all pictures"),
            Scope::Bucket(bucket) => write!(formatter, "the bucket {bucket}"),
            Scope::Prefix(bucket, prefix) => write!(formatter, "{bucket}/{prefix}…"),
            Scope::Object(bucket, key) if bucket.is_hidden() => write!(formatter, "{key}"),
            Scope::Object(bucket, key) => write!(formatter, "{bucket}/{key}"),
        }
    }
}

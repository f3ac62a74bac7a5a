//! `tintype keys`: a service key, signed by the configured secret or the data folder's.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Common, Done, Failure};
use crate::auth;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    common: Common,
    /// Days until the key expires.
    #[arg(long, default_value_t = 365)]
    days: u32,
}

pub(super) fn run(options: &Options) -> Done {
    let config = options.common.load()?;
    let failed = |error: String| Failure::Other(error);
    std::fs::create_dir_all(&config.data).map_err(|error| failed(error.to_string()))?;
    let secret = auth::secret(config.jwt_secret.as_ref(), &config.data).map_err(|error| failed(error.to_string()))?;
    let lifetime = Duration::from_secs(u64::from(options.days) * 86_400);
    let key = auth::service_key(&secret, lifetime).map_err(|error| failed(error.to_string()))?;
    println!("{key}");
    Ok(ExitCode::SUCCESS)
}

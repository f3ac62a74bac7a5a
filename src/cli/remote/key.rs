//! The key that a server is shown: given, or signed for one command.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::auth;
use crate::cli::Failure;
use crate::config::{Config, Secret};

/// The key that is presented to a server. Without one a service key is signed with the secret of the configuration or of the
/// data folder, where that can be read.
#[derive(Args, Debug)]
pub(in crate::cli) struct KeyOptions {
    /// File with the key for the server, or the variable TINTYPE_KEY; `tintype keys --service` prints one.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    /// The key itself: others on this machine can read it in the list of processes.
    #[arg(long, value_name = "KEY", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Secret::new(text)))]
    key: Option<Secret>,
}

/// Variables with the key, the first of them before the second.
const KEY_VARIABLES: [&str; 2] = ["TINTYPE_KEY", "TINTYPE_SERVICE_KEY"];

impl KeyOptions {
    /// The key that was given, if one was.
    pub(in crate::cli) fn given(&self) -> Result<Option<Secret>, Failure> {
        if let Some(path) = &self.key_file {
            return key_of_file(path).map(Some);
        }
        if self.key.is_some() {
            eprintln!("tintype: --key shows the key to everyone on this machine; use --key-file or TINTYPE_KEY");
            return Ok(self.key.clone());
        }
        let mut set = KEY_VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        Ok(set.find(|key| !key.trim().is_empty()).map(|key| Secret::new(key.trim())))
    }
}

fn key_of_file(path: &Path) -> Result<Secret, Failure> {
    let unread = |error: std::io::Error| Failure::Usage(format!("the key file {}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(unread)?;
    let mode = std::fs::metadata(path).map_err(unread)?.permissions().mode();
    if mode & 0o077 != 0 {
        eprintln!("tintype: {0} may be read by others; run `chmod 600 {0}`", path.display());
    }
    Some(text.trim()).filter(|key| !key.is_empty()).map(Secret::new).ok_or_else(|| {
        Failure::Usage(format!("the key file {} is empty; `tintype keys --service` prints a key", path.display()))
    })
}

/// How long a key that is signed for one command is good: a request is admitted when it begins.
const KEY_LIFETIME: Duration = Duration::from_secs(3600);
/// A key for this command alone; none where the secret cannot be read.
pub(in crate::cli) fn signed_key(config: &Config) -> Option<Secret> {
    match auth::kept_secret(config.jwt_secret.as_ref(), &config.data) {
        Ok(secret) => Some(Secret::new(auth::service_key(&secret?, KEY_LIFETIME))),
        Err(error) => {
            tracing::warn!(%error, "no service key could be signed");
            None
        }
    }
}

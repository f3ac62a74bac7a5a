//! Which pages of browsers may call, TLS, the operator's side and the log.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TextList;

/// Which web pages may call the API from a browser. Pictures are for every page.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CorsConfig {
    /// Web pages that may call the API: origins such as `https://app.example.com` (with credentials), `*` for all (without), or none.
    pub origins: TextList,
}

impl Default for CorsConfig {
    fn default() -> Self {
        Self { origins: TextList(vec!["*".to_owned()]) }
    }
}

/// TLS on the listening port; both files or neither. Changed files are picked up within 10 s.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    pub key: Option<PathBuf>,
}

/// The operator's side.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Admin {
    /// A second address on which `/metrics` and `/admin` answer without a key. Keep it internal.
    pub listen: Option<SocketAddr>,
    /// Most pages and programs that watch `/admin/health/live` at once.
    pub listeners: u16,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: None, listeners: 16 }
    }
}

/// Logging.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// `human` or `json`.
    pub format: LogFormat,
    /// A level (`info`) or a `tracing` filter (`info,tintype::source=debug`).
    pub level: String,
}

/// Shape of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Human,
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".to_owned() }
    }
}

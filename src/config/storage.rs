//! Our own buckets.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Location, TextList};
use crate::secret::Secret;

/// Where our own buckets are kept, and what may be written into them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Storage {
    /// Where the bytes are: an `s3://`, `gs://` or `az://` prefix. Default: the data folder.
    pub url: Option<Location>,
    /// Options of that object store.
    pub options: BTreeMap<String, Secret>,
    /// A `postgres://` URL for the catalogue. Default: SQLite in the data folder.
    pub database: Option<Secret>,
    /// Schema of the catalogue's tables in Postgres.
    pub schema: String,
    /// Largest upload into any bucket. Default: `limits.source_bytes`, which is the most that can be read back.
    pub upload_bytes: Option<ByteSize>,
    /// Seconds from the beginning of a resumable upload until it must be finished; its parts do not prolong it.
    pub upload_seconds: u64,
    /// Whether object keys may have letters beyond ASCII. Supabase refuses them.
    pub utf8_keys: bool,
    /// Seconds for which replaced and removed bytes are kept.
    pub grace_seconds: u64,
    /// Seconds for which whoever deletes objects can bring them back, never longer than `storage.grace_seconds`. 0: what is deleted cannot be brought back, and the audit log does not name it.
    pub undo_seconds: u64,
    /// Hosts from which pictures may be stored by URL, https unless `http://` is written: `example.com`, `*.example.com`, `http://example.com:8080`. Default: where OpenAI keeps what it has painted.
    pub fetch_hosts: TextList,
}

/// Where OpenAI keeps what it has painted for a while. Each by its full name: every customer of that cloud has a host beside these.
pub const PAINTED: [&str; 3] = [
    "oaidalleapiprodscus.blob.core.windows.net",
    "dalleproduse.blob.core.windows.net",
    "dalleprodsec.blob.core.windows.net",
];

impl Storage {
    /// How long a deletion can be undone: no bytes are kept for it that would not be kept without it.
    pub fn undo(&self) -> Duration {
        Duration::from_secs(self.undo_seconds.min(self.grace_seconds))
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            url: None,
            options: BTreeMap::new(),
            database: None,
            schema: "tintype".to_owned(),
            upload_bytes: None,
            upload_seconds: 3600,
            utf8_keys: false,
            grace_seconds: 3600,
            undo_seconds: 60,
            fetch_hosts: TextList(PAINTED.map(str::to_owned).to_vec()),
        }
    }
}

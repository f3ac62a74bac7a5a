//! Variants and answers that are kept.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Location};
use crate::secret::Secret;

/// What is kept, where and how long.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CacheConfig {
    /// Bytes of variants kept in memory.
    pub memory: ByteSize,
    /// Bytes of variants kept on disk or in `variants_url`.
    pub variants: ByteSize,
    /// Where variants are kept: an `s3://`, `gs://` or `az://` prefix. Default: the data folder.
    pub variants_url: Option<Location>,
    /// Options of that object store.
    pub variants_options: BTreeMap<String, Secret>,
    /// Seconds of `Cache-Control: max-age` where the object has no value of its own.
    pub max_age: u64,
    /// Seconds for which a stale variant is served while its source is asked again.
    pub stale_seconds: u64,
    /// Seconds for which a stale variant is served while its source is down.
    pub stale_if_error_seconds: u64,
    /// Seconds for which a missing object is remembered, 5 at most.
    pub missing_seconds: u64,
    /// Seconds after which a file of a folder bucket is looked at again.
    pub folder_seconds: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            memory: ByteSize(256_000_000),
            variants: ByteSize(10_000_000_000),
            variants_url: None,
            variants_options: BTreeMap::new(),
            max_age: 3600,
            stale_seconds: 86_400,
            stale_if_error_seconds: 7 * 86_400,
            missing_seconds: 5,
            folder_seconds: 5,
        }
    }
}

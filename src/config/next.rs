//! The dialect of Next.js.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TextList;
use crate::transform::{LocalPattern, NextFormat, NextSettings, RemotePattern};

/// The `/_next/image` dialect: what `images` in `next.config` says, said here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NextConfig {
    /// Allowed values of `w`, as `deviceSizes` of next.config lists them.
    pub device_sizes: Vec<u32>,
    /// Further allowed values of `w`, as `imageSizes` does.
    pub image_sizes: Vec<u32>,
    /// Allowed values of `q`.
    pub qualities: Vec<u8>,
    /// `image/webp`, `image/avif`: what is chosen by `Accept`, the first of those taken as gladly. AVIF where it has been made already, which `render` says.
    pub formats: Vec<NextFormat>,
    /// Remote URLs that may be fetched. None by default.
    pub remote_patterns: Vec<RemotePattern>,
    /// Local URLs that may be asked. Unset: all.
    pub local_patterns: Option<Vec<LocalPattern>>,
    /// Path prefixes of local URLs, each to a bucket's name or an origin's URL; the longest wins. Default: the first segment is the bucket.
    pub local: BTreeMap<String, String>,
    /// Smallest `max-age` in seconds.
    pub minimum_cache_ttl: u64,
    /// `refuse` answers 400 for a corrupt source; `original` passes it through as Next does.
    pub on_corrupt: OnCorrupt,
    /// `host:port` pairs that remote patterns and `storage.fetch_hosts` may name although their addresses are internal.
    pub internal_hosts: TextList,
}

/// What the Next dialect answers for a corrupt source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnCorrupt {
    #[default]
    Refuse,
    Original,
}

impl Default for NextConfig {
    fn default() -> Self {
        let next = NextSettings::default();
        Self {
            device_sizes: next.device_sizes,
            image_sizes: next.image_sizes,
            qualities: next.qualities,
            formats: next.formats,
            remote_patterns: Vec::new(),
            local_patterns: None,
            local: BTreeMap::new(),
            minimum_cache_ttl: 3600,
            on_corrupt: OnCorrupt::Refuse,
            internal_hosts: TextList::default(),
        }
    }
}

//! Buckets: where they are read from, who may do what with them, and what may be made of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Location, TextList};
use crate::auth::RuleSet;
use crate::secret::Secret;
use crate::transform::policy::Policy;

/// One bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BucketConfig {
    /// Where it is read from: a folder, `http(s)://…/` prefix, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. Unset: the bucket is ours, written through the storage API.
    pub url: Option<Location>,
    /// Who may read: `public` or `private`.
    pub access: Access,
    /// What a stranger may ask: `open`, `ladder`, `presets`, `signed` or `off`.
    pub transforms: Policy,
    /// With `ladder`: round widths up to the next step instead of refusing them.
    pub snap: bool,
    /// Named transforms, each a native query such as `w=128&h=128&fit=cover`.
    pub presets: BTreeMap<String, String>,
    /// Variants that are made of every new version, each a native query such as `w=64&f=webp`. Default: those of avatars for `kinkster-avatars`, else none.
    pub warm: Option<TextList>,
    /// Largest original, if lower than `limits.source_bytes`.
    pub source_bytes: Option<ByteSize>,
    /// Options of the object store: endpoint, region, access keys, … (s3, gs and az only).
    pub options: BTreeMap<String, Secret>,
    /// Request headers sent to this origin and nowhere else (http only).
    pub headers: BTreeMap<String, Secret>,
    /// Largest upload (buckets of ours only, like all that follows).
    pub file_size_limit: Option<ByteSize>,
    /// Types that may be uploaded, such as `image/png` or `image/*`. Default: all.
    pub allowed_mime_types: TextList,
    /// Whether uploads must be what their type says; the type found in the bytes is the one that is kept. Default: true.
    pub verify_content: Option<bool>,
    /// Whether uploaded pictures must decode as a whole.
    pub must_decode: bool,
    /// Whether metadata is removed from uploaded pictures, and their orientation applied.
    pub normalise: bool,
    /// Uploaded stills with more bytes than this are encoded anew as WebP.
    pub reencode_over: Option<ByteSize>,
    /// Who may write, list and read what is not public, if other than `rules`.
    pub rules: Option<RuleSet>,
}

/// Who may read a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    #[default]
    Public,
    /// Indistinguishable from a missing bucket in every public dialect.
    Private,
}

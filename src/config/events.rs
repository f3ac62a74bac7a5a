//! Settings of events: warm lists, doors in, webhooks out.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{BucketConfig, ByteSize, Config, Location, Secret, SecretList, TextList};
use crate::object::BucketName;
use crate::transform::native::Preset;
use crate::transform::{ParameterError, Want};

/// The bucket of avatars, which a fresh catalogue has.
pub const AVATARS: &str = "kinkster-avatars";
/// Widths in pixels that avatars are shown at.
const AVATAR_WIDTHS: [u32; 6] = [64, 96, 128, 256, 384, 640];
/// Most variants of a warm list.
const MOST_LISTED: usize = 64;

/// Events: what comes in, what is done about it, and how long others are told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EventsConfig {
    /// Key with which others may post to `/events`, `/events/supabase` and `/events/s3`, as a Bearer; at least 16 characters. A service key does too.
    pub key: Option<Secret>,
    /// Secrets `whsec_…` of senders that sign what they post to `/events` (Standard Webhooks).
    pub signing_secrets: SecretList,
    /// Largest body that is posted there.
    pub body_bytes: ByteSize,
    /// Most events in one body.
    pub batch: usize,
    /// Objects that may wait to be warmed; beyond it they are made when they are asked for.
    pub warm_queue: usize,
    /// Milliseconds for which an event waits for its warm list before it is announced.
    pub warm_wait_ms: u64,
    /// Milliseconds from a webhook's first failure to the next attempt; doubled by each further failure, up to 2 hours.
    pub retry_ms: u64,
    /// Seconds after which a message that does not arrive becomes a dead letter.
    pub retry_seconds: u64,
    /// Dead letters that are kept.
    pub dead_letters: u32,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            key: None,
            signing_secrets: SecretList::default(),
            body_bytes: ByteSize(1_000_000),
            batch: 1000,
            warm_queue: 10_000,
            warm_wait_ms: 3000,
            retry_ms: 5000,
            retry_seconds: 86_400,
            dead_letters: 10_000,
        }
    }
}

/// A receiver of events.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WebhookConfig {
    /// Where events are posted to. Redirects are not followed.
    pub url: Option<Url>,
    /// Secret `whsec_…` that signs them (Standard Webhooks).
    pub secret: Option<Secret>,
    /// Types such as `tintype.object.created`. Default: all.
    pub types: TextList,
    /// Names of buckets. Default: all.
    pub buckets: TextList,
}

/// What events tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "tintype.object.created")]
    Created,
    #[serde(rename = "tintype.object.updated")]
    Updated,
    #[serde(rename = "tintype.object.deleted")]
    Deleted,
    /// What was made of some objects is to be forgotten, whatever the reason.
    #[serde(rename = "tintype.purge")]
    Purge,
}

impl EventType {
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Deleted, Self::Purge];

    /// The event's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "tintype.object.created",
            Self::Updated => "tintype.object.updated",
            Self::Deleted => "tintype.object.deleted",
            Self::Purge => "tintype.purge",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What lies behind a bucket, in the words of those who send events about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    S3 {
        bucket: String,
        /// With its slash; empty: the whole bucket.
        prefix: String,
    },
    Supabase {
        bucket: String,
        /// With its slash; empty: the whole bucket.
        prefix: String,
    },
}

/// What is wrong with a warm list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WarmListError {
    #[error("`{query}`: {error}")]
    Query { query: String, error: ParameterError },
    #[error("is longer than {MOST_LISTED} variants")]
    TooLong,
}

impl BucketConfig {
    /// The variants that are made of every new version; by default those of avatars, and none of other buckets.
    pub fn warm_list(&self, name: &str) -> Result<Vec<Want>, WarmListError> {
        let queries = match &self.warm {
            Some(queries) => queries.0.clone(),
            None if name == AVATARS => avatar_list(),
            None => Vec::new(),
        };
        if queries.len() > MOST_LISTED {
            return Err(WarmListError::TooLong);
        }
        let want = |query: String| match Preset::parse(&query) {
            Ok(preset) => Ok(preset.want()),
            Err(error) => Err(WarmListError::Query { query, error }),
        };
        queries.into_iter().map(want).collect()
    }

    /// What lies behind it, if others send events about that.
    pub fn upstream(&self) -> Option<Upstream> {
        match self.url.as_ref()? {
            Location::Store(url) if matches!(url.scheme(), "s3" | "s3a") => {
                Some(Upstream::S3 { bucket: url.host_str()?.to_owned(), prefix: prefix(url.path())? })
            }
            Location::Http(url) => supabase_upstream(url),
            Location::Store(_) | Location::Folder(_) => None,
        }
    }
}

impl Config {
    /// Every bucket's warm list.
    pub fn warm_lists(&self) -> Result<BTreeMap<BucketName, Vec<Want>>, (String, WarmListError)> {
        let unnamed = BucketConfig::default();
        let avatars = (!self.buckets.contains_key(AVATARS)).then_some((AVATARS, &unnamed));
        let named = self.buckets.iter().map(|(name, bucket)| (name.as_str(), bucket)).chain(avatars);
        let mut lists = BTreeMap::new();
        for (name, bucket) in named {
            let list = bucket.warm_list(name).map_err(|error| (name.to_owned(), error))?;
            // A name that is none is told of with the other mistakes.
            lists.extend(BucketName::parse(name).ok().map(|name| (name, list)));
        }
        Ok(lists)
    }
}

fn avatar_list() -> Vec<String> {
    AVATAR_WIDTHS.map(|width| format!("w={width}&f=webp&q=75")).into()
}

/// `…/storage/v1/object/public/{bucket}/{prefix}` and its private relatives.
fn supabase_upstream(url: &Url) -> Option<Upstream> {
    let (_, rest) = url.path().split_once("/storage/v1/object/")?;
    let rest = rest.strip_prefix("public/").or_else(|| rest.strip_prefix("authenticated/")).unwrap_or(rest);
    let (bucket, path) = rest.split_once('/')?;
    let bucket = percent_decode_str(bucket).decode_utf8().ok()?.into_owned();
    (!bucket.is_empty()).then_some(())?;
    Some(Upstream::Supabase { bucket, prefix: prefix(path)? })
}

/// A path as the beginning of keys: decoded, without a slash before and with one behind.
fn prefix(path: &str) -> Option<String> {
    let path = percent_decode_str(path.trim_matches('/')).decode_utf8().ok()?;
    Some(if path.is_empty() { String::new() } else { format!("{path}/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(url: &str) -> BucketConfig {
        BucketConfig { url: Some(url.parse().unwrap()), ..BucketConfig::default() }
    }

    #[test]
    fn what_lies_behind_a_bucket_is_read_from_its_url() {
        let s3 = |bucket: &str, prefix: &str| Upstream::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        let supabase =
            |bucket: &str, prefix: &str| Upstream::Supabase { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        for (url, expected) in [
            ("s3://my-bucket", Some(s3("my-bucket", ""))),
            ("s3://my-bucket/up%20loads/a", Some(s3("my-bucket", "up loads/a/"))),
            ("gs://my-bucket/a", None),
            ("https://p.supabase.co/storage/v1/object/public/avatars", Some(supabase("avatars", ""))),
            ("https://p.supabase.co/storage/v1/object/avatars/a/", Some(supabase("avatars", "a/"))),
            ("https://p.supabase.co/storage/v1/object/public/", None),
            ("https://cdn.example.com/pictures/", None),
            ("./photos", None),
        ] {
            assert_eq!(bucket(url).upstream(), expected, "{url}");
        }
    }

    #[test]
    fn avatars_alone_are_warmed_unless_told_otherwise() {
        let lists = Config::default().warm_lists().unwrap();
        assert_eq!(lists[&BucketName::parse(AVATARS).unwrap()].len(), 6);
        assert_eq!(BucketConfig::default().warm_list("photos"), Ok(Vec::new()));
        let warm = |queries: &[&str]| BucketConfig {
            warm: Some(TextList(queries.iter().map(|query| (*query).to_owned()).collect())),
            ..BucketConfig::default()
        };
        assert_eq!(warm(&[]).warm_list(AVATARS), Ok(Vec::new()));
        assert_eq!(warm(&["w=200", "w=64&h=64&f=jpeg"]).warm_list("photos").unwrap().len(), 2);
        for wrong in ["w=0", "preset=x", "colour=red", "v=1"] {
            assert!(matches!(warm(&[wrong]).warm_list("photos"), Err(WarmListError::Query { .. })), "{wrong}");
        }
        assert_eq!(warm(&["w=64"; MOST_LISTED + 1]).warm_list("photos"), Err(WarmListError::TooLong));
    }
}

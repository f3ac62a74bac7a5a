//! Settings into the rules that requests are held against.

use url::Url;

use super::{BucketConfig, Config, Location};
use crate::auth::{KeyTable, Symmetric};
use crate::object::BucketName;
use crate::realtime::rules::TopicRules;
use crate::transform::policy::{PolicyRules, Presets};
use crate::transform::signature::{SigningKeyError, SigningKeys};
use crate::transform::{
    HostList, LocalTarget, NextRules, NextSettingError, NextSettings, OwnOrigins, ParameterError, PatternError,
};

impl BucketConfig {
    /// What strangers may ask of this bucket; the mistakes of its presets, each with the preset's name.
    pub fn policy_rules(&self) -> Result<PolicyRules, Vec<(String, ParameterError)>> {
        let presets = self.presets.iter().map(|(name, query)| (name.as_str(), query.as_str()));
        Ok(PolicyRules { policy: self.transforms, snap: self.snap, presets: Presets::compile(presets)? })
    }
}

impl Config {
    /// Who may hear and send in topics.
    pub fn topic_rules(&self) -> TopicRules {
        TopicRules { public: self.realtime.public, private: self.realtime.topics.clone() }
    }

    /// The keys of signed URLs.
    pub fn signing_keys(&self) -> Result<SigningKeys, SigningKeyError> {
        let keys = self.signing.keys.iter();
        SigningKeys::new(keys.map(|(id, secret)| (id.clone(), secret.reveal().as_bytes().to_vec())))
    }

    /// The keys of `auth.jwks`, read from its file if it names one. The message never holds what was read.
    pub fn key_table(&self) -> Result<Option<KeyTable>, String> {
        let Some(jwks) = &self.auth.jwks else { return Ok(None) };
        let text = jwks.reveal().trim();
        let table = if text.starts_with('{') {
            KeyTable::parse(text.as_bytes(), Symmetric::Allowed)
        } else {
            let file = std::fs::read(text)
                .map_err(|error| format!("is neither a JSON Web Key Set nor a readable file: {error}"))?;
            KeyTable::parse(&file, Symmetric::Allowed)
        };
        table.map(Some).map_err(|error| error.to_string())
    }

    /// The origins of `next.local`, numbered in the order of their prefixes, as [`BucketName::local_origin`] wants them.
    pub fn local_origins(&self) -> impl Iterator<Item = (usize, Url)> {
        self.next.local.values().enumerate().filter_map(|(index, target)| match target.parse() {
            Ok(Location::Http(url)) => Some((index, url)),
            _ => None,
        })
    }

    /// The Next dialect's rules, with every URL prefix behind which our own buckets lie.
    pub fn next_rules(&self) -> Result<NextRules, Vec<NextSettingError>> {
        let next = &self.next;
        let local = next.local.iter().enumerate().map(|(index, (prefix, target))| {
            let bucket = BucketName::parse(target).map(LocalTarget::Bucket);
            (prefix.clone(), bucket.unwrap_or_else(|_| LocalTarget::Origin(BucketName::local_origin(index))))
        });
        let settings = NextSettings {
            device_sizes: next.device_sizes.clone(),
            image_sizes: next.image_sizes.clone(),
            qualities: next.qualities.clone(),
            formats: next.formats.clone(),
            remote_patterns: next.remote_patterns.clone(),
            local_patterns: next.local_patterns.clone(),
            local: local.collect(),
        };
        NextRules::compile(&settings, self.own_origins())
    }

    /// Every URL prefix behind which our own buckets lie.
    pub fn own_origins(&self) -> OwnOrigins {
        let fronted = self.named_buckets().filter_map(|(name, bucket)| match &bucket.url {
            Some(Location::Http(url)) => Some((url.clone(), name)),
            _ => None,
        });
        let own = OwnOrigins::new(&self.public_urls(), &fronted.collect::<Vec<_>>());
        own.with_upstream(self.upstream.url.as_ref())
    }

    /// The hosts of `storage.fetch_hosts`; its mistakes, each with the text that has it.
    pub fn fetch_hosts(&self) -> Result<HostList, Vec<(String, PatternError)>> {
        HostList::compile(self.storage.fetch_hosts.0.iter().map(String::as_str))
    }
}

//! One TOML file, `TINTYPE_…` variables over it, flags over both. Every mistake is found before any port opens.

mod auth;
mod avatars;
mod buckets;
mod cache;
mod check;
mod compile;
mod events;
mod limits;
mod load;
mod neighbours;
mod next;
mod operation;
mod realtime;
mod reference;
mod render;
mod retention;
mod storage;
mod upstream;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

pub use auth::{AuthConfig, Signing};
pub use avatars::{Avatars, OpenAiConfig, Painter};
pub use buckets::{Access, BucketConfig};
pub use cache::CacheConfig;
pub use events::{AVATARS, EventType, EventsConfig, Upstream, WarmListError, WebhookConfig};
pub use limits::Limits;
pub use load::{Mistake, Mistakes, Overrides, load};
pub use neighbours::is_neighbour;
pub use next::{NextConfig, OnCorrupt};
pub use operation::{Admin, CorsConfig, Log, LogFormat, Tls};
pub use realtime::RealtimeConfig;
pub use reference::{commented_default, markdown_table};
pub use render::{AvifUse, RenderConfig};
pub use retention::{ColumnName, RetentionConfig};
pub use storage::{PAINTED, Storage};
pub use upstream::{RpcSide, UpstreamConfig};
pub use values::{ByteSize, Location, SecretList, TextList};

use crate::auth::RuleSet;
use crate::object::BucketName;
pub use crate::secret::Secret;

/// The effective configuration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Folder for variants, version records and the secret. Made if missing.
    pub data: PathBuf,
    /// Our own URLs as clients see them; the first is canonical. The only source of absolute URLs that we write. Default: `http://{listen}`.
    pub public_url: TextList,
    /// Networks (CIDR) whose `X-Forwarded-For` names the client.
    pub trusted_proxies: TextList,
    /// HS256 secret, at least 32 bytes. Made and kept in the data folder if unset.
    pub jwt_secret: Option<Secret>,
    /// Buckets by name: some with a place of their own to read from, the others kept by us.
    pub buckets: BTreeMap<String, BucketConfig>,
    /// Who may do what in buckets of ours that have no rules of their own: `own-folder`, `authenticated`, `read-only`, or a list of `{role, operations, prefix}`.
    pub rules: RuleSet,
    pub storage: Storage,
    pub avatars: Avatars,
    pub retention: RetentionConfig,
    pub upstream: UpstreamConfig,
    pub limits: Limits,
    pub render: RenderConfig,
    pub cache: CacheConfig,
    pub next: NextConfig,
    pub signing: Signing,
    pub auth: AuthConfig,
    pub realtime: RealtimeConfig,
    pub cors: CorsConfig,
    pub events: EventsConfig,
    /// Receivers of events by name.
    pub webhooks: BTreeMap<String, WebhookConfig>,
    pub tls: Tls,
    pub admin: Admin,
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            data: PathBuf::from("./tintype-data"),
            public_url: TextList::default(),
            trusted_proxies: TextList::default(),
            jwt_secret: None,
            buckets: BTreeMap::new(),
            rules: RuleSet::default(),
            storage: Storage::default(),
            avatars: Avatars::default(),
            retention: RetentionConfig::default(),
            upstream: UpstreamConfig::default(),
            limits: Limits::default(),
            render: RenderConfig::default(),
            cache: CacheConfig::default(),
            next: NextConfig::default(),
            signing: Signing::default(),
            auth: AuthConfig::default(),
            realtime: RealtimeConfig::default(),
            cors: CorsConfig::default(),
            events: EventsConfig::default(),
            webhooks: BTreeMap::new(),
            tls: Tls::default(),
            admin: Admin::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// Our URLs as clients see them, canonical first.
    pub fn public_urls(&self) -> Vec<Url> {
        let configured: Vec<Url> = self.public_url.0.iter().filter_map(|text| Url::parse(text).ok()).collect();
        if !configured.is_empty() {
            return configured;
        }
        Url::parse(&format!("http://{}/", self.listen)).into_iter().collect()
    }

    /// Origins at which avatars are seen: ours, if they are configured, and the upstream's.
    pub fn avatar_origins(&self) -> Vec<String> {
        let own = self.public_url.0.iter().filter_map(|text| Url::parse(text).ok());
        let all = own.chain(self.upstream.url.clone());
        all.map(|url| url.origin().ascii_serialization()).collect()
    }

    /// Networks whose `X-Forwarded-For` is believed.
    pub fn trusted_networks(&self) -> Vec<ipnet::IpNet> {
        self.trusted_proxies.0.iter().filter_map(|text| values::parse_network(text)).collect()
    }

    /// Whether only this machine can reach the listening port.
    pub fn is_loopback_only(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// The configured buckets with their names parsed (they were checked by [`load`]).
    pub fn named_buckets(&self) -> impl Iterator<Item = (BucketName, &BucketConfig)> {
        self.buckets.iter().filter_map(|(name, bucket)| Some((BucketName::parse(name).ok()?, bucket)))
    }
}

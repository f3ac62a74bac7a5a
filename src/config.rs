//! One TOML file, `TINTYPE_…` variables over it, flags over both. Every mistake is found before any port opens.

mod avatars;
mod check;
mod compile;
mod events;
mod load;
mod neighbours;
mod realtime;
mod reference;
mod render;
mod retention;
mod upstream;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

pub use avatars::{Avatars, OpenAiConfig, Painter};
pub use events::{AVATARS, EventType, EventsConfig, Upstream, WarmListError, WebhookConfig};
pub use load::{Mistake, Mistakes, Overrides, load};
pub use neighbours::is_neighbour;
pub use realtime::RealtimeConfig;
pub use reference::{commented_default, markdown_table};
pub use render::{AvifUse, RenderConfig};
pub use retention::{ColumnName, RetentionConfig};
pub use upstream::{RpcSide, UpstreamConfig};
pub use values::{ByteSize, Location, SecretList, TextList};

use crate::auth::RuleSet;
use crate::object::BucketName;
pub use crate::secret::Secret;
use crate::transform::policy::Policy;
use crate::transform::{LocalPattern, NextFormat, NextSettings, RemotePattern};

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

/// Who may read a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    #[default]
    Public,
    /// Indistinguishable from a missing bucket in every public dialect.
    Private,
}

/// What strangers may make us do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Pixels of a source, all frames summed.
    pub pixels: u64,
    /// Frames of a source.
    pub frames: u32,
    /// Bytes of a source after content-decoding.
    pub source_bytes: ByteSize,
    /// Longest side of a variant in pixels, after `dpr`.
    pub output_side: u32,
    /// Redirects followed for one fetch.
    pub redirects: u8,
    /// Seconds for one hop of a fetch: connecting, headers and body.
    pub hop_seconds: u64,
    /// Milliseconds a picture may be expected to wait for a processor; beyond it 503.
    pub queue_ms: u64,
    /// Pictures waiting for a processor; beyond it 503.
    pub queue_entries: usize,
    /// Threads that decode and encode. Default: the number of cores.
    pub render_threads: Option<usize>,
    /// Bytes of memory for the pictures that are decoded and encoded at the same time; the next one waits.
    pub render_bytes: ByteSize,
    /// Bytes of memory for originals that were fetched and wait for their turn; further ones are fetched later.
    pub open_bytes: ByteSize,
    /// Fills one client may have waiting; beyond it 429. Loopback and trusted proxies are exempt.
    pub client_waiting: u32,
    /// Fills one client may start a second.
    pub client_per_second: u32,
    /// Fills one client may start at once after a pause.
    pub client_burst: u32,
    /// Open connections.
    pub connections: usize,
    /// Bytes of a request's headers.
    pub header_bytes: ByteSize,
    /// Seconds to send a request's headers.
    pub header_seconds: u64,
    /// Seconds to send a request's body.
    pub body_seconds: u64,
    /// Seconds for which a client may take nothing of its answer; then its connection is cut.
    pub write_seconds: u64,
    /// Seconds that open requests get after SIGTERM.
    pub drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pixels: 50_000_000,
            frames: 100,
            source_bytes: ByteSize(50_000_000),
            output_side: 8192,
            redirects: 3,
            hop_seconds: 7,
            queue_ms: 1500,
            queue_entries: 1024,
            render_threads: None,
            render_bytes: ByteSize(512_000_000),
            open_bytes: ByteSize(256_000_000),
            client_waiting: 128,
            client_per_second: 50,
            client_burst: 300,
            connections: 8192,
            header_bytes: ByteSize(16_384),
            header_seconds: 10,
            body_seconds: 30,
            write_seconds: 60,
            drain_seconds: 20,
        }
    }
}

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

/// Keys for buckets with `transforms = "signed"`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Signing {
    /// Key id to secret; several for rotation.
    pub keys: BTreeMap<String, Secret>,
}

/// Whose tokens and keys are believed, beside those that `jwt_secret` signs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuthConfig {
    /// URL of the identity provider's JSON Web Key Set. Asked every 10 minutes, and when a token names an unknown key.
    pub jwks_url: Option<Url>,
    /// In place of `auth.jwks_url`: a JSON Web Key Set, or the path of a file that holds one. Its symmetric keys count too.
    pub jwks: Option<Secret>,
    /// Accepted values of a token's `iss`; none: not looked at. `tintype keys` writes the first.
    pub issuer: TextList,
    /// Accepted values of a token's `aud`; none: not looked at. `tintype keys` writes the first.
    pub audience: TextList,
    /// Keys `sb_publishable_…`, each as good as an anon token.
    pub publishable_keys: SecretList,
    /// Keys `sb_secret_…`, each as good as a service_role token.
    pub secret_keys: SecretList,
}

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

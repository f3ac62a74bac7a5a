//! Owns every part; the only place where concrete backends are named and parts are wired.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::admission::{Admission, BucketRules};
use crate::auth::{self, SecretError, ServiceKeys};
use crate::cache::Memory;
use crate::clients::Clients;
use crate::config::{Access, Config, Location, Secret};
use crate::deliver::{Bounds, Deliver, Origin, Parts};
use crate::http::{Api, Images, Lifetimes, Page, Site};
use crate::imaging;
use crate::object::BucketName;
use crate::render::Gate;
use crate::server::{ConnectionLimits, Service, TlsError, TlsFiles};
use crate::source::{
    Fetcher, FolderSource, HopLimits, HostPort, HttpSource, RemoteSource, SetupError, Source, SystemResolver,
    store_from_url,
};
use crate::telemetry::Metrics;
use crate::transform::policy::PolicyRules;
use crate::variants::{StoreError, VariantStore};
use crate::versions::{Clocks, Versions};
use crate::warm::{Gatherer, Warmer};

/// A part that could not be built. The texts are for the operator and name the key or the file.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("the data folder {} cannot be used: {reason}", path.display())]
    Data { path: PathBuf, reason: String },
    #[error(
        "another tintype uses the data folder {}; stop it, or choose another folder with --data", path.display()
    )]
    Locked { path: PathBuf },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("buckets.{bucket}: {error}")]
    Bucket { bucket: String, error: SetupError },
    #[error("{key}: {message}")]
    Key { key: String, message: String },
    #[error(transparent)]
    Source(#[from] SetupError),
    #[error(transparent)]
    Variants(#[from] StoreError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the render threads cannot be started: {0}")]
    Threads(std::io::Error),
}

/// Which page `/` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    Status,
    Gallery,
}

/// A running tintype without its sockets.
#[derive(Debug)]
pub struct App {
    /// What answers requests, for [`crate::server::run`].
    pub service: Arc<Service>,
    pub deliver: Arc<Deliver>,
    pub warmer: Arc<Warmer>,
    /// Owned tasks, waited for at shutdown.
    pub tasks: TaskTracker,
    /// TLS for the public door; taken when its listener is opened.
    tls: Mutex<Option<TlsFiles>>,
    /// Held as long as the process uses the data folder.
    _lock: File,
}

impl App {
    /// Builds every part. Must run inside a tokio runtime; opens no port and asks no source anything.
    pub fn build(config: &Config, front: Front) -> Result<Arc<Self>, AppError> {
        let lock = lock_data_folder(&config.data)?;
        let secret = auth::secret(config.jwt_secret.as_ref(), &config.data)?;
        let tasks = TaskTracker::new();
        let metrics = Arc::new(Metrics::default());
        let deliver = build_deliver(config, &tasks)?;
        let admission = Arc::new(build_admission(config)?);
        let images = Images {
            deliver: Arc::clone(&deliver),
            admission: Arc::clone(&admission),
            on_corrupt: config.next.on_corrupt,
            lifetimes: Lifetimes::new(config.cache.max_age, config.next.minimum_cache_ttl),
            metrics: Arc::clone(&metrics),
        };
        let warmer = Warmer::new(Arc::clone(&deliver), admission, &config.public_urls(), gatherer(config)?);
        let warmer = Arc::new(warmer);
        let api = Arc::new(Api {
            deliver: Arc::clone(&deliver),
            warmer: Arc::clone(&warmer),
            metrics: Arc::clone(&metrics),
            keys: ServiceKeys::new(&secret),
            page: page(config, front),
            loopback_only: config.is_loopback_only(),
            draining: AtomicBool::new(false),
            started: Instant::now(),
            body_timeout: Duration::from_secs(config.limits.body_seconds),
        });
        let site = Site::new(images, Arc::clone(&api), config.trusted_networks());
        let tls = Mutex::new(tls_files(config)?);
        let service = Service { site, api, metrics, limits: connection_limits(config), tasks: tasks.clone() };
        keep_house(&deliver, &tasks);
        Ok(Arc::new(Self { service: Arc::new(service), deliver, warmer, tasks, tls, _lock: lock }))
    }

    /// TLS of the public door, once.
    pub fn take_tls(&self) -> Option<TlsFiles> {
        self.tls.lock().take()
    }
}

/// Makes the data folder and takes its lock, which ends with the process.
pub fn lock_data_folder(data: &Path) -> Result<File, AppError> {
    let failed = |error: std::io::Error| AppError::Data { path: data.to_owned(), reason: error.to_string() };
    std::fs::create_dir_all(data).map_err(failed)?;
    let file = File::options().create(true).truncate(false).write(true).open(data.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AppError::Locked { path: data.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn build_deliver(config: &Config, tasks: &TaskTracker) -> Result<Arc<Deliver>, AppError> {
    let limits = &config.limits;
    let variants = variant_store(config)?;
    let threads = limits.render_threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    let gate = Gate::start(threads.unwrap_or(1), Duration::from_millis(limits.queue_ms), limits.queue_entries);
    Ok(Deliver::new(Parts {
        origins: origins(config)?,
        bounds: Bounds {
            imaging: imaging::Limits { pixels: limits.pixels, frames: limits.frames },
            output_side: limits.output_side,
        },
        versions: Versions::new(Arc::clone(&variants), Duration::from_secs(config.cache.missing_seconds)),
        memory: Memory::new(config.cache.memory.0),
        variants,
        gate: gate.map_err(AppError::Threads)?,
        clients: Clients::new(limits.client_per_second, limits.client_burst, limits.client_waiting),
        tasks: tasks.clone(),
    }))
}

fn variant_store(config: &Config) -> Result<Arc<VariantStore>, AppError> {
    let capacity = config.cache.variants.0;
    let Some(Location::Store(url)) = &config.cache.variants_url else {
        return Ok(VariantStore::on_disk(&config.data.join("variants"), capacity)?);
    };
    let options = revealed(&config.cache.variants_options);
    let store = store_from_url(url, options, Duration::from_secs(config.limits.hop_seconds))
        .map_err(|error| AppError::Key { key: "cache.variants_url".to_owned(), message: error.to_string() })?;
    Ok(VariantStore::over(store.into_store(), None, capacity))
}

/// Every read side by bucket: the configured ones, the origins of `next.local`, and remote URLs.
fn origins(config: &Config) -> Result<HashMap<BucketName, Origin>, AppError> {
    let fetcher = fetcher(config)?;
    let mut origins = HashMap::new();
    for (name, bucket) in config.named_buckets() {
        let in_bucket = |error| AppError::Bucket { bucket: name.to_string(), error };
        let limit =
            bucket.source_bytes.map_or(config.limits.source_bytes.0, |own| own.0.min(config.limits.source_bytes.0));
        let source = match &bucket.url {
            Some(Location::Folder(path)) => {
                let inward = Duration::from_secs(config.cache.folder_seconds);
                Source::Folder(FolderSource::new(path).map_err(in_bucket)?.with_inward(inward))
            }
            Some(Location::Http(url)) => {
                let headers = bucket.headers.iter().map(|(name, value)| (name.as_str(), value.reveal()));
                Source::Http(HttpSource::new(url, headers, hops(config), fetcher.clone()).map_err(in_bucket)?)
            }
            Some(Location::Store(url)) => {
                let timeout = Duration::from_secs(config.limits.hop_seconds);
                Source::Store(store_from_url(url, revealed(&bucket.options), timeout).map_err(in_bucket)?)
            }
            None => continue,
        };
        origins.insert(name, origin(config, source, limit));
    }
    for (index, url) in config.local_origins() {
        let source = HttpSource::verbatim(&url, hops(config), fetcher.clone())?;
        origins.insert(
            BucketName::local_origin(index),
            origin(config, Source::Http(source), config.limits.source_bytes.0),
        );
    }
    let remote = Source::Remote(RemoteSource::new(hops(config), fetcher));
    origins.insert(BucketName::remote(), origin(config, remote, config.limits.source_bytes.0));
    Ok(origins)
}

fn origin(config: &Config, source: Source, source_bytes: u64) -> Origin {
    let is_folder = matches!(source, Source::Folder(_));
    let clocks = Clocks {
        // Asking a folder is one stat: waiting for it is better than serving what was replaced.
        stale_while_revalidate: Duration::from_secs(if is_folder { 0 } else { config.cache.stale_seconds }),
        stale_if_error: Duration::from_secs(config.cache.stale_if_error_seconds),
    };
    Origin { source, source_bytes, clocks, is_folder }
}

fn fetcher(config: &Config) -> Result<Fetcher, AppError> {
    let exceptions: Result<Vec<_>, _> = config.next.internal_hosts.0.iter().map(|text| HostPort::parse(text)).collect();
    Ok(Fetcher::new(exceptions?, Arc::new(SystemResolver))?)
}

/// Reads sitemaps and pages as a stranger's URLs are read.
pub fn gatherer(config: &Config) -> Result<Gatherer, AppError> {
    Ok(Gatherer::new(fetcher(config)?, hops(config)))
}

fn hops(config: &Config) -> HopLimits {
    HopLimits { redirects: config.limits.redirects, hop_timeout: Duration::from_secs(config.limits.hop_seconds) }
}

fn revealed(options: &BTreeMap<String, Secret>) -> impl Iterator<Item = (&str, &str)> {
    options.iter().map(|(name, value)| (name.as_str(), value.reveal()))
}

fn build_admission(config: &Config) -> Result<Admission, AppError> {
    // `config::load` has found these free of mistakes; a configuration made otherwise is told here.
    let wrong = |key: &str, message: String| AppError::Key { key: key.to_owned(), message };
    let mut buckets = HashMap::new();
    for (name, bucket) in config.named_buckets() {
        let policy = bucket.policy_rules().map_err(|mistakes| wrong("presets", format!("{mistakes:?}")))?;
        buckets.insert(name, BucketRules { access: bucket.access, policy });
    }
    for (index, _) in config.local_origins() {
        let rules = BucketRules { access: Access::Public, policy: PolicyRules::default() };
        buckets.insert(BucketName::local_origin(index), rules);
    }
    let signing = config.signing_keys().map_err(|error| wrong("signing.keys", error.to_string()))?;
    let next = config.next_rules().map_err(|mistakes| wrong("next", format!("{mistakes:?}")))?;
    Ok(Admission { buckets, next, signing, output_side: config.limits.output_side })
}

fn page(config: &Config, front: Front) -> Page {
    let public = config.named_buckets().filter(|(_, bucket)| bucket.access == Access::Public);
    match front {
        Front::Gallery => {
            Page::Gallery { buckets: public.map(|(name, _)| name).collect(), cards: tokio::sync::OnceCell::new() }
        }
        // Strangers who can reach the port are not told what is behind it.
        Front::Status if !config.is_loopback_only() => Page::Status { buckets: Vec::new() },
        Front::Status => {
            let place = |url: &Option<Location>| url.as_ref().map_or_else(String::new, ToString::to_string);
            Page::Status { buckets: config.named_buckets().map(|(name, bucket)| (name, place(&bucket.url))).collect() }
        }
    }
}

fn tls_files(config: &Config) -> Result<Option<TlsFiles>, AppError> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles::read(certificate.clone(), key.clone())?)),
        _ => Ok(None),
    }
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        connections: config.limits.connections,
        header_bytes: config.limits.header_bytes.0 as usize,
        header_timeout: Duration::from_secs(config.limits.header_seconds),
        write_timeout: Duration::from_secs(config.limits.write_seconds),
        drain: Duration::from_secs(config.limits.drain_seconds),
    }
}

/// Background chores: the index of the variant store after a start, and quiet clients now and then.
fn keep_house(deliver: &Arc<Deliver>, tasks: &TaskTracker) {
    let scanning = Arc::clone(deliver);
    tasks.spawn(async move {
        match scanning.variants.scan().await {
            Ok(files) => tracing::debug!(files, "the variant store is indexed"),
            Err(error) => tracing::warn!(%error, "the variant store could not be listed"),
        }
    });
    let quiet = Arc::downgrade(deliver);
    // Not tracked: it never ends by itself, and nothing is lost when it is cut.
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let Some(deliver) = quiet.upgrade() else { return };
            deliver.clients.forget_quiet();
        }
    });
}

//! Owns every part; the only place where concrete backends are named and parts are wired.

mod backfill;
mod deliver;
mod events;
mod home;
mod jobs;
mod live;
mod retention;
mod storage;
mod studio;
mod upstream;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;
use url::Url;

pub use backfill::{BackfillApp, backfill};
pub use jobs::avatar_origins;
pub use retention::retention_beside;
pub use storage::{CATALOG_FILE, Opening, Store, rule_book};
pub use studio::openai;

use deliver::build_deliver;

use crate::admission::{Admission, BucketBook, BucketRules};
use crate::auth::{self, JwksHandle, Keys, SecretError};
use crate::bucket::{self, BucketError, Buckets, Fetching};
use crate::catalog::CatalogError;
use crate::config::{Access, Config, Location, Secret};
use crate::deliver::Deliver;
use crate::events::Events;
use crate::health::{Capacity, Examiner, Health};
use crate::http::{Api, Backend, Cors, Demo, Images, Lifetimes, Memo, Page, Site, Storage};
use crate::jwks::{self, Provider};
use crate::object::BucketName;
use crate::realtime::Realtime;
use crate::retention::Retention;
use crate::server::{ConnectionLimits, Service, TlsError, TlsFiles};
use crate::sidecar::jobs::{Jobs, KinksterOwners};
use crate::source::{Fetcher, HopLimits, HostPort, SetupError, SystemResolver};
use crate::telemetry::Metrics;
use crate::transform::policy::PolicyRules;
use crate::variants::StoreError;
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
    #[error("storage.database: {0}")]
    Catalog(#[from] CatalogError),
    #[error("the buckets of the data folder cannot be made ready: {0}")]
    Buckets(#[from] BucketError),
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
    pub buckets: Arc<Buckets>,
    pub jobs: Arc<Jobs>,
    pub retention: Arc<Retention>,
    pub events: Arc<Events>,
    /// Topics of this process, served or not.
    pub realtime: Arc<Realtime>,
    /// Owned tasks, waited for at shutdown.
    pub tasks: TaskTracker,
    /// TLS for the public door; taken when its listener is opened.
    tls: Mutex<Option<TlsFiles>>,
    /// Held as long as the process uses the data folder.
    _lock: File,
}

impl App {
    /// Builds every part. Opens no port and asks nothing but the catalogue; the identity provider's keys, if it has any,
    /// are fetched from now on.
    pub async fn build(config: &Config, front: Front) -> Result<Arc<Self>, AppError> {
        Self::build_as(config, front, Opening::Serving).await
    }

    /// That of a command: a database that servers share stays as they have set it up.
    pub async fn build_beside(config: &Config) -> Result<Arc<Self>, AppError> {
        Self::build_as(config, Front::Status, Opening::Beside).await
    }

    async fn build_as(config: &Config, front: Front, opening: Opening) -> Result<Arc<Self>, AppError> {
        let lock = lock_data_folder(&config.data)?;
        let secret = auth::secret(config.jwt_secret.as_ref(), &config.data)?;
        let tasks = TaskTracker::new();
        let metrics = Arc::new(Metrics::default());
        // Boxed: opening a database is a large future, and this one is inside every caller's.
        let store = Box::pin(Store::open(config, opening)).await?;
        let deliver = build_deliver(config, &store, &tasks)?;
        let book = Arc::new(bucket_book(config)?);
        if config.upstream.url.is_none() {
            if opening == Opening::Serving {
                store.own(config).await?;
            }
            bucket::fill_book(&book, &store.catalog).await?;
        } else {
            store.sweep().await?;
        }
        let admission = Arc::new(build_admission(config, Arc::clone(&book))?);
        let buckets = write_side(config, &store, &book, &deliver, &tasks)?;
        let images = Arc::new(Images {
            memo: Memo::default(),
            deliver: Arc::clone(&deliver),
            admission: Arc::clone(&admission),
            on_corrupt: config.next.on_corrupt,
            lifetimes: Lifetimes::new(config.cache.max_age, config.next.minimum_cache_ttl),
            metrics: Arc::clone(&metrics),
        });
        let warmer = Warmer::new(Arc::clone(&deliver), admission, &config.public_urls(), gatherer(config)?);
        let warmer = Arc::new(warmer);
        let events = events::build(config, &store, &buckets, &deliver, book, metrics.events.clone())?;
        let keys = keys(config, &secret)?;
        let studio = studio::studio(config, Arc::clone(&deliver.gate))?;
        let home = home::home(config, &buckets, &deliver)?;
        let realtime = live::realtime(config, Arc::new(KinksterOwners::new(Arc::clone(&home))), &store.catalog);
        let jobs = jobs::jobs(config, &buckets, &home, &deliver, &studio, &realtime, &metrics)?;
        let retention = retention::retention(config, &buckets, &home, &deliver, metrics.retention.clone());
        let backend = match &config.upstream.url {
            Some(url) => Backend::Upstream(Arc::new(upstream::build(config, url, &images, &tasks)?)),
            None => Backend::Own(Box::new(storage(config, &buckets, &images, &keys))),
        };
        let api = Arc::new(Api {
            live: live::live(config, &realtime, &keys, &tasks, home.elsewhere().is_some()),
            deliver: Arc::clone(&deliver),
            warmer: Arc::clone(&warmer),
            metrics: Arc::clone(&metrics),
            health: Arc::new(health(config)),
            events: Arc::clone(&events),
            doors: events::doors(config)?,
            buckets: Arc::clone(&buckets),
            retention: Arc::clone(&retention),
            backend,
            keys,
            avatars: jobs::door(config, &jobs),
            studio,
            page: page(config, front),
            public_url: config.public_url.0.first().cloned(),
            demo: demo(config, front),
            loopback_only: config.is_loopback_only(),
            draining: AtomicBool::new(false),
            started: Instant::now(),
            body_timeout: Duration::from_secs(config.limits.body_seconds),
        });
        let cors = Cors::new(&config.cors.origins.0);
        let site = Site::new(images, Arc::clone(&api), cors, config.trusted_networks());
        let tls = Mutex::new(tls_files(config)?);
        let service =
            Service { site, api: Arc::clone(&api), metrics, limits: connection_limits(config), tasks: tasks.clone() };
        keep_house(&deliver, &tasks);
        if opening == Opening::Serving {
            // Not tracked: it never ends by itself, and nothing is lost when it is cut.
            tokio::spawn(Api::watch(Arc::downgrade(&api)));
        }
        let service = Arc::new(service);
        Ok(Arc::new(Self {
            service,
            deliver,
            warmer,
            buckets,
            jobs,
            retention,
            events,
            realtime,
            tasks,
            tls,
            _lock: lock,
        }))
    }

    /// Says who looks at everything when the operator's page wants to know.
    pub fn examine_by(&self, examiner: Examiner) {
        self.service.api.health.examine_by(examiner);
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

/// Whether a process uses the data folder. Makes nothing.
pub fn is_data_folder_used(data: &Path) -> bool {
    let Ok(file) = File::options().write(true).open(data.join("lock")) else { return false };
    matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock))
}

/// The write side of our own buckets.
fn write_side(
    config: &Config,
    store: &Store,
    book: &Arc<BucketBook>,
    deliver: &Arc<Deliver>,
    tasks: &TaskTracker,
) -> Result<Arc<Buckets>, AppError> {
    Ok(Arc::new(Buckets::new(bucket::Parts {
        catalog: Arc::clone(&store.catalog),
        blobs: store.blobs.clone(),
        book: Arc::clone(book),
        deliver: Arc::clone(deliver),
        fetching: fetching(config)?,
        upload_bytes: config.storage.upload_bytes.unwrap_or(config.limits.source_bytes).0,
        upload_life: Duration::from_secs(config.storage.upload_seconds),
        undo: config.storage.undo(),
        tasks: tasks.clone(),
    })))
}

/// The storage API over our own buckets.
fn storage(config: &Config, buckets: &Arc<Buckets>, images: &Arc<Images>, keys: &Arc<Keys>) -> Storage {
    Storage {
        buckets: Arc::clone(buckets),
        keys: Arc::clone(keys),
        images: Arc::clone(images),
        public_urls: config.public_url.0.iter().filter_map(|text| Url::parse(text).ok()).collect(),
        utf8_keys: config.storage.utf8_keys,
        body_timeout: Duration::from_secs(config.limits.body_seconds),
    }
}

fn fetcher(config: &Config) -> Result<Fetcher, AppError> {
    let exceptions: Result<Vec<_>, _> = config.next.internal_hosts.0.iter().map(|text| HostPort::parse(text)).collect();
    Ok(Fetcher::new(exceptions?, Arc::new(SystemResolver), &upstream::via(config))?)
}

/// What may be stored by URL.
fn fetching(config: &Config) -> Result<Fetching, AppError> {
    let hosts = config.fetch_hosts().map_err(|mistakes| wrong("storage.fetch_hosts", format!("{mistakes:?}")))?;
    Ok(Fetching::new(fetcher(config)?, hosts, hops(config), config.own_origins()))
}

/// Everything by which callers are known, and the task that keeps the identity provider's keys fresh.
fn keys(config: &Config, secret: &Secret) -> Result<Arc<Keys>, AppError> {
    let auth = &config.auth;
    let keys = Keys::new(secret)
        .with_opaque(&auth.publishable_keys.0, &auth.secret_keys.0)
        .with_claims(auth.issuer.0.clone(), auth.audience.0.clone());
    let wrong = |message| AppError::Key { key: "auth.jwks".to_owned(), message };
    if let Some(table) = config.key_table().map_err(wrong)? {
        jwks::report_skipped("auth.jwks", &table.skipped);
        return Ok(Arc::new(keys.with_jwks(JwksHandle::fixed(table))));
    }
    let Some(url) = &auth.jwks_url else { return Ok(Arc::new(keys)) };
    let provider = Provider::new(url.clone(), fetcher(config)?, hops(config))?;
    let (handle, feed) = JwksHandle::fed();
    // Not tracked: it ends with the keys, and nothing is lost when it is cut.
    tokio::spawn(provider.keep_fresh(feed));
    Ok(Arc::new(keys.with_jwks(handle)))
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

/// A mistake that `config::load` finds too; a configuration made otherwise is told of it here.
fn wrong(key: &str, message: String) -> AppError {
    AppError::Key { key: key.to_owned(), message }
}

fn bucket_book(config: &Config) -> Result<BucketBook, AppError> {
    let (mut elsewhere, mut own) = (HashMap::new(), HashMap::new());
    for (name, bucket) in config.named_buckets() {
        let policy = bucket.policy_rules().map_err(|mistakes| wrong("presets", format!("{mistakes:?}")))?;
        if bucket.url.is_some() {
            elsewhere.insert(name, Arc::new(BucketRules { access: bucket.access, policy }));
        } else {
            own.insert(name, policy);
        }
    }
    for (index, _) in config.local_origins() {
        let rules = BucketRules { access: Access::Public, policy: PolicyRules::default() };
        elsewhere.insert(BucketName::local_origin(index), Arc::new(rules));
    }
    if config.upstream.url.is_some() {
        return upstream::book(elsewhere, config);
    }
    Ok(BucketBook::new(elsewhere, own))
}

fn build_admission(config: &Config, buckets: Arc<BucketBook>) -> Result<Admission, AppError> {
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

fn health(config: &Config) -> Health {
    let capacity = Capacity { memory: config.cache.memory.0, store: config.cache.variants.0 };
    Health::new(capacity, usize::from(config.admin.listeners))
}

/// The demo's page for avatars. An upstream has users of its own, and we cannot sign for it.
fn demo(config: &Config, front: Front) -> Option<Demo> {
    let is_shown = front == Front::Gallery && config.upstream.url.is_none();
    is_shown.then(|| Demo {
        issuer: config.auth.issuer.0.first().cloned(),
        audience: config.auth.audience.0.first().cloned(),
        origins: config.public_urls().iter().map(|url| url.origin().ascii_serialization()).collect(),
        dollars_per_day: config.avatars.dollars_per_day,
    })
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

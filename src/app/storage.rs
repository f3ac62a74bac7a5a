//! Our own buckets: catalogue, blobs, and the buckets that are there from the start.

use std::sync::Arc;
use std::time::Duration;

use super::{AppError, revealed};
use crate::auth::RuleBook;
use crate::blobs::Blobs;
use crate::bucket::{By, Claim, FOREIGN, claim_empty, remove_halves, remove_stray_uploads};
use crate::catalog::{BucketSettings, Catalog, NewBucket};
use crate::config::{AVATARS, Access, BucketConfig, ByteSize, Config, Location, TextList};
use crate::object::BucketName;
use crate::source::{EmbeddedSource, store_from_url};

/// 5 MiB: what the avatar app's clients check before they send.
pub(super) const AVATAR_BYTES: u64 = 5 << 20;
const PICTURES: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];

/// Name of the catalogue in the data folder.
pub const CATALOG_FILE: &str = "catalog.sqlite";

/// How long what is known of our own objects holds: with SQLite every write passes through this process.
const ALONE: Duration = Duration::from_secs(365 * 86_400);
/// The same where other processes share the catalogue.
pub(super) const SHARED: Duration = Duration::from_secs(5);

/// How long a start waits for whose the blobs are.
const CLAIM: Duration = Duration::from_secs(5);

/// As what the store is opened: what a command beside a fleet would write holds for all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A server: tables are brought up to date, the configuration's rules and buckets are written.
    Serving,
    /// A command that works beside servers: a shared database keeps its tables, its rules and its buckets. What is only
    /// this machine's is made.
    Beside,
    /// Nothing is written anywhere.
    Looking,
}

/// What holds our own buckets.
#[derive(Clone, Debug)]
pub struct Store {
    pub catalog: Arc<Catalog>,
    pub blobs: Blobs,
    inward: Duration,
}

impl Store {
    /// Opens catalogue and blobs.
    pub async fn open(config: &Config, opening: Opening) -> Result<Self, AppError> {
        let blobs = blobs(config, opening)?;
        let rules = rule_book(config);
        let (catalog, inward) = if let Some(url) = &config.storage.database {
            let schema = &config.storage.schema;
            let catalog = match opening {
                Opening::Serving => Box::pin(Catalog::open_postgres(url, schema, &rules)).await?,
                Opening::Beside | Opening::Looking => Box::pin(Catalog::join_postgres(url, schema)).await?,
            };
            (catalog, SHARED)
        } else {
            let file = config.data.join(CATALOG_FILE);
            let catalog = match opening {
                Opening::Serving | Opening::Beside => Catalog::open_sqlite(&file, rules).await?,
                Opening::Looking => Catalog::look_into_sqlite(&file, rules).await?,
            };
            (catalog, ALONE)
        };
        Ok(Self { catalog: Arc::new(catalog), blobs, inward })
    }

    /// Makes it ready for the process that owns the data folder: what another left half arrived is removed, and the
    /// buckets that the configuration names are made.
    pub async fn own(&self, config: &Config) -> Result<(), AppError> {
        if self.sweep().await? == Claim::Ours {
            remove_stray_uploads(&self.catalog, &self.blobs, Some(By::SERVER)).await?;
        }
        declare(&self.catalog, config).await
    }

    /// Removes what a process before this one left half arrived, and says whose the blobs are.
    pub async fn sweep(&self) -> Result<Claim, AppError> {
        remove_halves(&self.catalog, &self.blobs, Duration::ZERO, By::SERVER).await?;
        Ok(self.claim().await)
    }

    /// Marks blobs as the catalogue's where there are none yet, and says so where they are another's. A store that does
    /// not answer is no reason not to serve: a run of retention claims it as well, and reads what there is.
    pub async fn claim(&self) -> Claim {
        let claimed = tokio::time::timeout(CLAIM, claim_empty(&self.catalog, &self.blobs)).await;
        match claimed {
            Ok(Ok(claim)) => {
                if claim == Claim::Foreign {
                    tracing::warn!("{FOREIGN}");
                }
                return claim;
            }
            Ok(Err(error)) => tracing::warn!(%error, "whose the blobs are is not known yet"),
            Err(_) => tracing::warn!("whose the blobs are is not known yet: the store does not answer"),
        }
        Claim::Unknown
    }

    pub fn source(&self) -> EmbeddedSource {
        EmbeddedSource::new(Arc::clone(&self.catalog), self.blobs.clone(), self.inward)
    }
}

fn blobs(config: &Config, opening: Opening) -> Result<Blobs, AppError> {
    let root = config.data.join("storage");
    let store = match &config.storage.url {
        Some(Location::Store(url)) => {
            let timeout = Duration::from_secs(config.limits.hop_seconds);
            let store = store_from_url(url, revealed(&config.storage.options), timeout)
                .map_err(|error| AppError::Key { key: "storage.url".to_owned(), message: error.to_string() })?;
            Some(store.into_store())
        }
        _ => None,
    };
    let blobs = match (opening, store) {
        (Opening::Looking, store) => return Ok(Blobs::there(&root, store)),
        (_, Some(store)) => Blobs::in_store(&root, store),
        (_, None) => Blobs::on_disk(&root),
    };
    blobs.map_err(|error| AppError::Data { path: root, reason: error.to_string() })
}

/// Who may do what in buckets of our own.
pub fn rule_book(config: &Config) -> RuleBook {
    let own = config.named_buckets().filter_map(|(name, bucket)| Some((name, bucket.rules.clone()?)));
    RuleBook { default: config.rules.clone(), buckets: own.collect() }
}

async fn declare(catalog: &Catalog, config: &Config) -> Result<(), AppError> {
    let is_fresh = catalog.all_buckets().await?.is_empty();
    let declared = config.named_buckets().filter(|(_, bucket)| bucket.url.is_none());
    let mut buckets: Vec<_> = declared.map(|(name, bucket)| new_bucket(name, bucket)).collect();
    if is_fresh {
        buckets.extend(first_buckets().filter(|bucket| !config.buckets.contains_key(bucket.id.as_str())));
    }
    for bucket in buckets {
        catalog.declare_bucket(bucket).await?;
    }
    Ok(())
}

fn new_bucket(id: BucketName, bucket: &BucketConfig) -> NewBucket {
    NewBucket {
        id,
        public: bucket.access == Access::Public,
        file_size_limit: bucket.file_size_limit.map(|size| size.0),
        allowed_mime_types: Some(bucket.allowed_mime_types.0.clone()).filter(|types| !types.is_empty()),
        settings: BucketSettings {
            verify_content: bucket.verify_content.unwrap_or(true),
            must_decode: bucket.must_decode,
            normalise: bucket.normalise,
            reencode_over: bucket.reencode_over.map(|size| size.0),
        },
    }
}

/// The buckets of a fresh catalogue: avatars for all to see, and proofs for their owners.
fn first_buckets() -> impl Iterator<Item = NewBucket> {
    let pictures = BucketConfig {
        file_size_limit: Some(ByteSize(AVATAR_BYTES)),
        allowed_mime_types: TextList(PICTURES.map(str::to_owned).to_vec()),
        must_decode: true,
        ..BucketConfig::default()
    };
    let avatars = BucketConfig { normalise: true, reencode_over: Some(ByteSize(AVATAR_BYTES)), ..pictures.clone() };
    let proofs = BucketConfig { access: Access::Private, ..pictures };
    let named = [(AVATARS, avatars), ("task-proofs", proofs)];
    named.into_iter().filter_map(|(name, bucket)| Some(new_bucket(BucketName::parse(name).ok()?, &bucket)))
}

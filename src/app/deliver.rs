//! The read side: where originals come from, what is made of them, and where that is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use super::{AppError, Store, events, fetcher, hops, revealed, upstream};
use crate::cache::Memory;
use crate::clients::Clients;
use crate::config::{Config, Location};
use crate::deliver::{Bounds, Deliver, Origin, OriginKind, Origins, Parts};
use crate::imaging;
use crate::object::BucketName;
use crate::refine::{self, Refining};
use crate::render::Gate;
use crate::source::{FolderSource, HttpSource, RemoteSource, Source, store_from_url};
use crate::transform::Dialect;
use crate::variants::VariantStore;
use crate::versions::{Clocks, Versions};

pub(super) fn build_deliver(config: &Config, store: &Store, tasks: &TaskTracker) -> Result<Arc<Deliver>, AppError> {
    let limits = &config.limits;
    let variants = variant_store(config)?;
    let threads = limits.render_threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    let patience = Duration::from_millis(limits.queue_ms);
    let gate = Gate::start(threads.unwrap_or(1), patience, limits.queue_entries, limits.render_bytes.0);
    Ok(Deliver::new(Parts {
        origins: origins(config, store)?,
        bounds: Bounds {
            imaging: imaging::Limits { pixels: limits.pixels, frames: limits.frames },
            output_side: limits.output_side,
            open_bytes: limits.open_bytes.0,
        },
        versions: Versions::new(Arc::clone(&variants), Duration::from_secs(config.cache.missing_seconds)),
        memory: Memory::new(config.cache.memory.0),
        variants,
        gate: Arc::new(gate.map_err(AppError::Threads)?),
        clients: Clients::new(limits.client_per_second, limits.client_burst, limits.client_waiting),
        listed: events::warm_lists(config)?,
        refining: refining(config),
        tasks: tasks.clone(),
    }))
}

fn refining(config: &Config) -> (Refining, Option<refine::Jobs>) {
    let render = &config.render;
    let allows = |dialect| render.avif.allows(dialect);
    let [native, next, supabase] = [Dialect::Native, Dialect::Next, Dialect::Supabase].map(allows);
    let avif = refine::Avif { native, next, supabase };
    if render.refine {
        let (refining, jobs) = Refining::new(avif, render.refine_entries, render.refine_percent);
        (refining, Some(jobs))
    } else {
        (Refining::off(avif), None)
    }
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

/// Every read side: the configured buckets, the origins of `next.local`, remote URLs, and our own or an upstream's
/// buckets.
fn origins(config: &Config, store: &Store) -> Result<Origins, AppError> {
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
    let remote = Source::Remote(RemoteSource::new(hops(config), fetcher.clone()));
    let whole = |source| origin(config, source, config.limits.source_bytes.0);
    origins.insert(BucketName::remote(), whole(remote));
    let (others, restricted) = match &config.upstream.url {
        None => (whole(Source::Embedded(store.source())), None),
        Some(url) => (whole(upstream::source(config, url, fetcher)?), Some(whole(Source::Restricted))),
    };
    Ok(Origins { named: origins, others: Some(others), restricted })
}

fn origin(config: &Config, source: Source, source_bytes: u64) -> Origin {
    let kind = match &source {
        Source::Folder(_) => OriginKind::Folder,
        Source::Embedded(own) if own.is_local() => OriginKind::OwnDisk,
        Source::Embedded(_) => OriginKind::OwnStore,
        Source::Http(_) | Source::Store(_) | Source::Remote(_) | Source::Upstream(_) | Source::Restricted => {
            OriginKind::Foreign
        }
    };
    // Asking a folder is one stat, and asking ourselves one query: better than serving what was replaced.
    let is_quick = kind != OriginKind::Foreign;
    let clocks = Clocks {
        stale_while_revalidate: Duration::from_secs(if is_quick { 0 } else { config.cache.stale_seconds }),
        stale_if_error: Duration::from_secs(config.cache.stale_if_error_seconds),
    };
    Origin { source, source_bytes, clocks, kind }
}

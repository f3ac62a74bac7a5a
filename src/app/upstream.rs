//! Standing in front of a Supabase: what is built instead of buckets of our own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio_util::task::TaskTracker;
use url::Url;

use super::{AppError, hops, wrong};
use crate::admission::{BucketBook, BucketRules};
use crate::config::Config;
use crate::http::{Images, PassLimits, Upstream, UpstreamParts};
use crate::object::BucketName;
use crate::source::{Fetcher, Source, UpstreamSource, VIA};

/// What our requests are known by. In front of an upstream that may be a tintype too, the name is one of our own: the
/// same for every node that has the same public URLs and the same upstream.
pub(super) fn via(config: &Config) -> HeaderValue {
    let Some(upstream) = &config.upstream.url else { return VIA };
    let mut hasher = blake3::Hasher::new();
    for url in std::iter::once(upstream.clone()).chain(config.public_urls()) {
        hasher.update(url.as_str().as_bytes()).update(b"\n");
    }
    let name = format!("1.1 tintype-{}", &hasher.finalize().to_hex()[..8]);
    HeaderValue::from_str(&name).unwrap_or(VIA)
}

pub(super) fn source(config: &Config, upstream: &Url, fetcher: Fetcher) -> Result<Source, AppError> {
    let failed = |error| AppError::Key { key: "upstream.url".to_owned(), message: format!("{error}") };
    Ok(Source::Upstream(UpstreamSource::new(upstream, hops(config), fetcher).map_err(failed)?))
}

/// The configured buckets: those with a place of their own, and what the configuration says of the upstream's.
pub(super) fn book(configured: HashMap<BucketName, Arc<BucketRules>>, config: &Config) -> Result<BucketBook, AppError> {
    let mut named = HashMap::new();
    for (name, bucket) in config.named_buckets().filter(|(_, bucket)| bucket.url.is_none()) {
        let policy = bucket.policy_rules().map_err(|mistakes| wrong("presets", format!("{mistakes:?}")))?;
        named.insert(name, Arc::new(BucketRules { access: bucket.access, policy }));
    }
    Ok(BucketBook::in_front(configured, named))
}

/// The way through to the upstream.
pub(super) fn build(
    config: &Config,
    url: &Url,
    images: &Arc<Images>,
    tasks: &TaskTracker,
) -> Result<Upstream, AppError> {
    let settings = &config.upstream;
    let parts = UpstreamParts {
        url: url.clone(),
        prefixes: settings.prefixes.0.clone(),
        via: via(config),
        limits: PassLimits {
            body_bytes: settings.body_bytes.0,
            answer_bytes: settings.answer_bytes.0,
            source_bytes: config.limits.source_bytes.0,
            pause: Duration::from_secs(config.limits.body_seconds),
            silence: Duration::from_secs(settings.timeout_seconds),
            read: Duration::from_secs(config.limits.hop_seconds),
            tunnels: settings.tunnels,
            tunnel_silence: Duration::from_secs(settings.tunnel_seconds),
        },
        permission: Duration::from_secs(settings.permission_seconds),
        images: Arc::clone(images),
        tasks: tasks.clone(),
    };
    let failed = |error| wrong("upstream", format!("the HTTP client cannot be set up: {error}"));
    Upstream::new(parts).map_err(failed)
}

//! Where avatars live, built from the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::storage::AVATAR_BYTES;
use super::{AppError, fetcher, wrong};
use crate::bucket::{Buckets, Door};
use crate::config::{AVATARS, Config};
use crate::deliver::Deliver;
use crate::object::BucketName;
use crate::project::{Patience, Project};
use crate::sidecar::home::{Elsewhere, Home, Keeper};

/// Seconds that browsers keep an avatar, as the app's clients set it.
const MAX_AGE: u32 = 3600;
/// Longest upload of an avatar, which is small.
const UPLOAD: Duration = Duration::from_secs(60);

/// Ours, or the upstream's if there is a key to it. Without one nothing is stored there, and nobody asks for it.
pub(super) fn home(config: &Config, buckets: &Arc<Buckets>, deliver: &Arc<Deliver>) -> Result<Arc<Home>, AppError> {
    let bucket = BucketName::parse(AVATARS).map_err(|error| wrong("avatars", error.to_string()))?;
    let keeper = match project(config)? {
        None => Keeper::Own(Arc::clone(buckets)),
        Some(project) => {
            warn_of_strangers(config);
            let door = Door::elsewhere(bucket.clone(), most_bytes(config));
            Keeper::Upstream(Elsewhere::new(Arc::new(project), Arc::clone(buckets), Arc::clone(deliver), door))
        }
    };
    let public_url = config.public_urls().into_iter().next();
    Ok(Arc::new(Home {
        keeper,
        bucket,
        cache_control: format!("max-age={MAX_AGE}"),
        public_url: public_url.ok_or_else(|| wrong("public_url", "is missing".to_owned()))?,
    }))
}

/// Tokens of the project are signed by its own secret or keys.
fn warn_of_strangers(config: &Config) {
    let auth = &config.auth;
    if config.jwt_secret.is_none() && auth.jwks.is_none() && auth.jwks_url.is_none() {
        tracing::warn!("nobody of the upstream is known here: set jwt_secret or auth.jwks_url to the project's own");
    }
}

/// The upstream, as its service key may use it.
pub(super) fn project(config: &Config) -> Result<Option<Project>, AppError> {
    let (Some(url), Some(key)) = (&config.upstream.url, &config.upstream.service_key) else { return Ok(None) };
    let hop = Duration::from_secs(config.limits.hop_seconds);
    let patience = Patience { small: hop, upload: UPLOAD.max(hop) };
    let anon_key = config.upstream.anon_key.clone();
    Ok(Some(Project::new(url.clone(), key, anon_key, fetcher(config)?, patience)?))
}

/// Largest avatar: what its clients check before they send, or what the configuration says of the bucket.
fn most_bytes(config: &Config) -> u64 {
    config.buckets.get(AVATARS).and_then(|bucket| bucket.file_size_limit).map_or(AVATAR_BYTES, |size| size.0)
}

//! Events: doors in, warm lists, webhooks out.

use std::sync::Arc;
use std::time::Duration;

use super::{AppError, wrong};
use crate::admission::BucketBook;
use crate::app::Store;
use crate::auth::SigningSecret;
use crate::bucket::Buckets;
use crate::config::{AVATARS, Config, EventType, WebhookConfig};
use crate::deliver::{Deliver, WarmLists};
use crate::events::{EventMetrics, Events, Hook, Parts, Patience, Places};
use crate::http::EventDoors;
use crate::object::BucketName;

pub(super) fn build(
    config: &Config,
    store: &Store,
    buckets: &Arc<Buckets>,
    deliver: &Arc<Deliver>,
    book: Arc<BucketBook>,
    metrics: EventMetrics,
) -> Result<Arc<Events>, AppError> {
    let events = &config.events;
    let hooks: Result<Vec<_>, _> = config.webhooks.iter().map(|(name, webhook)| hook(name, webhook)).collect();
    let behind = config.named_buckets().filter_map(|(name, bucket)| Some((name, bucket.upstream()?)));
    let parts = Parts {
        catalog: Arc::clone(&store.catalog),
        buckets: Arc::clone(buckets),
        deliver: Arc::clone(deliver),
        places: Places::new(book, behind),
        hooks: hooks?,
        patience: Patience {
            first_pause: Duration::from_millis(events.retry_ms),
            give_up: Duration::from_secs(events.retry_seconds),
            dead_letters: events.dead_letters,
        },
        first: BucketName::parse(AVATARS).ok(),
        warm_queue: events.warm_queue,
        warm_wait: Duration::from_millis(events.warm_wait_ms),
        metrics,
    };
    Events::new(parts).map(Arc::new).map_err(|error| wrong("webhooks", error.to_string()))
}

pub(super) fn warm_lists(config: &Config) -> Result<WarmLists, AppError> {
    let lists = config.warm_lists();
    let lists = lists.map_err(|(name, error)| wrong(&format!("buckets.{name}.warm"), error.to_string()))?;
    Ok(WarmLists::new(lists))
}

pub(super) fn doors(config: &Config) -> Result<EventDoors, AppError> {
    let events = &config.events;
    let secrets: Result<Vec<_>, _> = events.signing_secrets.0.iter().map(SigningSecret::parse).collect();
    let secrets = secrets.map_err(|error| wrong("events.signing_secrets", error.to_string()))?;
    Ok(EventDoors::new(events.key.as_ref(), secrets, events.body_bytes.0 as usize, events.batch))
}

/// What `config::load` has checked already.
fn hook(name: &str, webhook: &WebhookConfig) -> Result<Hook, AppError> {
    let missing = |key: &str| wrong(&format!("webhooks.{name}.{key}"), "is missing".to_owned());
    let secret = webhook.secret.as_ref().ok_or_else(|| missing("secret"))?;
    Ok(Hook {
        name: name.to_owned(),
        url: webhook.url.clone().ok_or_else(|| missing("url"))?,
        secret: SigningSecret::parse(secret)
            .map_err(|error| wrong(&format!("webhooks.{name}.secret"), error.to_string()))?,
        types: webhook.types.0.iter().filter_map(|text| EventType::parse(text)).collect(),
        buckets: webhook.buckets.0.iter().filter_map(|text| BucketName::parse(text).ok()).collect(),
    })
}

//! Webhooks as the operator wrote them, and what each of them is to be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use url::Url;

use super::cloud::CloudEvent;
use crate::auth::SigningSecret;
use crate::catalog::NewDelivery;
use crate::config::EventType;
use crate::object::BucketName;

/// A receiver of events.
#[derive(Debug)]
pub struct Hook {
    pub name: String,
    pub url: Url,
    pub secret: SigningSecret,
    /// Which events; empty: all.
    pub types: Vec<EventType>,
    /// Of which buckets; empty: all.
    pub buckets: Vec<BucketName>,
}

/// A hook at work.
#[derive(Debug)]
pub(super) struct LiveHook {
    pub(super) hook: Hook,
    /// Rung when there is something new for it.
    pub(super) ring: Notify,
    /// Set when its receiver said that it is gone.
    is_gone: AtomicBool,
}

impl Hook {
    fn wants(&self, event: &CloudEvent) -> bool {
        let wants_bucket = |bucket: &BucketName| self.buckets.contains(bucket);
        // A purge of everything is a purge of each bucket.
        let fits = self.buckets.is_empty() || event.bucket().is_none_or(wants_bucket);
        fits && (self.types.is_empty() || self.types.contains(&event.kind))
    }
}

impl LiveHook {
    pub(super) fn new(hook: Hook) -> Arc<Self> {
        Arc::new(Self { hook, ring: Notify::new(), is_gone: AtomicBool::new(false) })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    pub(super) fn disable(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    pub(super) fn enable(&self) {
        self.is_gone.store(false, Ordering::Relaxed);
    }

    /// What the hook is to be told of this event, if anything.
    pub(super) fn delivery_of(&self, event: &CloudEvent) -> Option<NewDelivery> {
        (!self.is_gone() && self.hook.wants(event)).then(|| NewDelivery {
            hook: self.hook.name.clone(),
            message: event.id,
            subject: event.order_key(),
            body: event.to_json(),
        })
    }
}

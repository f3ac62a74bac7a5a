//! What is wrong with a configuration that has the right shape.

use std::path::{Path, PathBuf};

use url::Url;

use super::{Config, EventType, Location, Mistake, Secret, values};
use crate::auth::{PUBLISHABLE_PREFIX, SECRET_PREFIX, SigningSecret, SigningSecretError};
use crate::object::BucketName;
use crate::transform::policy::Policy;

/// Most seconds of a resumable upload: 30 days.
const LONGEST_UPLOAD: u64 = 30 * 86_400;

/// Rules that span keys or that a type alone cannot say.
pub(super) fn check(config: &Config, mistakes: &mut Vec<Mistake>) {
    let mut wrong = |key: &str, message: String| mistakes.push(Mistake { key: key.to_owned(), message });
    for (name, bucket) in &config.buckets {
        if let Err(error) = BucketName::parse(name) {
            wrong(&format!("buckets.{name}"), error.to_string());
        }
        match &bucket.url {
            Some(Location::Folder(folder)) if overlaps(folder, &config.data) => wrong(
                &format!("buckets.{name}.url"),
                format!(
                    "`{}` and the data folder `{}` overlap; keep them apart",
                    folder.display(),
                    config.data.display()
                ),
            ),
            Some(Location::Folder(folder)) if !folder.is_dir() => wrong(
                &format!("buckets.{name}.url"),
                format!("`{}` is not a folder; make it, or name another", folder.display()),
            ),
            Some(_) | None => {}
        }
    }
    for url in &config.public_url.0 {
        let fits =
            url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
        if !fits {
            wrong("public_url", format!("`{url}` is not an http(s) URL"));
        }
    }
    for network in &config.trusted_proxies.0 {
        if values::parse_network(network).is_none() {
            wrong("trusted_proxies", format!("`{network}` is not a network such as 10.0.0.0/8"));
        }
    }
    if config.jwt_secret.as_ref().is_some_and(|secret| secret.reveal().len() < 32) {
        wrong("jwt_secret", "must be at least 32 bytes".to_owned());
    }
    if config.tls.certificate.is_some() != config.tls.key.is_some() {
        wrong("tls", "needs both `certificate` and `key`".to_owned());
    }
    if matches!(config.cache.variants_url, Some(Location::Folder(_) | Location::Http(_))) {
        wrong(
            "cache.variants_url",
            "must be an s3://, gs:// or az:// prefix; the data folder is the default".to_owned(),
        );
    }
    if matches!(config.storage.url, Some(Location::Folder(_) | Location::Http(_))) {
        wrong("storage.url", "must be an s3://, gs:// or az:// prefix; the data folder is the default".to_owned());
    }
    let database = config.storage.database.as_ref().map(|url| url::Url::parse(url.reveal()));
    if database.is_some_and(|url| !url.is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"))) {
        wrong("storage.database", "is not a postgres:// URL".to_owned());
    }
    // In front of an upstream nothing is uploaded here, and what is larger is streamed.
    let is_too_much = config.storage.upload_bytes.is_some_and(|bytes| bytes > config.limits.source_bytes);
    if config.upstream.url.is_none() && is_too_much {
        wrong("storage.upload_bytes", "is more than limits.source_bytes, the most that can be read back".to_owned());
    }
    for (host, mistake) in config.fetch_hosts().err().into_iter().flatten() {
        wrong("storage.fetch_hosts", format!("`{host}`: {mistake}"));
    }
    if let Some(Location::Store(variants)) = &config.cache.variants_url {
        let shares =
            |url: &Option<Location>| matches!(url, Some(Location::Store(url)) if shares_objects(url, variants));
        for (name, _) in config.buckets.iter().filter(|(_, bucket)| shares(&bucket.url)) {
            wrong("cache.variants_url", format!("overlaps buckets.{name}.url; give variants a prefix of their own"));
        }
    }
    if config.cache.missing_seconds > 5 {
        wrong("cache.missing_seconds", "must be at most 5".to_owned());
    }
    super::avatars::check(config, &mut wrong);
    super::retention::check(config, &mut wrong);
    check_numbers(config, &mut wrong);
    check_rules(config, &mut wrong);
    check_auth(config, &mut wrong);
    check_origins(config, &mut wrong);
    check_events(config, &mut wrong);
    check_webhooks(config, &mut wrong);
    config.upstream.check(&mut wrong);
    config.realtime.mistakes().into_iter().for_each(|(key, message)| wrong(key, message));
}

fn check_numbers(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    let limits = &config.limits;
    let positive = [
        ("limits.pixels", limits.pixels),
        ("limits.frames", u64::from(limits.frames)),
        ("limits.source_bytes", limits.source_bytes.0),
        ("limits.hop_seconds", limits.hop_seconds),
        ("limits.queue_ms", limits.queue_ms),
        ("limits.queue_entries", limits.queue_entries as u64),
        ("limits.connections", limits.connections as u64),
        ("limits.header_seconds", limits.header_seconds),
        ("limits.body_seconds", limits.body_seconds),
        ("limits.write_seconds", limits.write_seconds),
        ("limits.client_waiting", u64::from(limits.client_waiting)),
        ("limits.client_per_second", u64::from(limits.client_per_second)),
        ("limits.client_burst", u64::from(limits.client_burst)),
    ];
    for (key, _) in positive.into_iter().filter(|(_, value)| *value == 0) {
        wrong(key, "must be at least 1".to_owned());
    }
    if !(1..=16_383).contains(&limits.output_side) {
        wrong("limits.output_side", "must be 1 to 16383, WebP's own limit".to_owned());
    }
    if limits.header_bytes.0 < 8192 {
        wrong("limits.header_bytes", "must be at least 8192".to_owned());
    }
    if !(1..=LONGEST_UPLOAD).contains(&config.storage.upload_seconds) {
        wrong("storage.upload_seconds", format!("must be 1 to {LONGEST_UPLOAD}"));
    }
    if !(1..=100).contains(&config.render.refine_percent) {
        wrong("render.refine_percent", "must be 1 to 100".to_owned());
    }
    if limits.render_threads == Some(0) {
        wrong("limits.render_threads", "must be at least 1".to_owned());
    }
}

/// What the compiled rules say, and what they cannot know.
fn check_rules(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    let next = &config.next;
    for mistake in config.next_rules().err().into_iter().flatten() {
        wrong(&format!("next.{}", mistake.key), mistake.message);
    }
    if next.remote_patterns.len() > 50 {
        wrong("next.remote_patterns", "must be at most 50".to_owned());
    }
    if next.local_patterns.as_ref().is_some_and(|patterns| patterns.len() > 25) {
        wrong("next.local_patterns", "must be at most 25".to_owned());
    }
    for target in next.local.values() {
        let is_origin = matches!(target.parse(), Ok(Location::Http(_)));
        if !config.buckets.contains_key(target) && !is_origin {
            wrong("next.local", format!("`{target}` is neither a configured bucket nor an http(s) URL"));
        }
    }
    for (name, bucket) in &config.buckets {
        for (preset, mistake) in bucket.policy_rules().err().into_iter().flatten() {
            wrong(&format!("buckets.{name}.presets.{preset}"), mistake.to_string());
        }
    }
    if let Err(error) = config.signing_keys() {
        wrong("signing.keys", error.to_string());
    }
}

fn check_auth(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    let auth = &config.auth;
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_bare = |url: &Url| url.username().is_empty() && url.password().is_none();
    if auth.jwks_url.as_ref().is_some_and(|url| !is_web(url) || !is_bare(url)) {
        wrong("auth.jwks_url", "must be an http(s) URL without user name and password".to_owned());
    }
    if auth.jwks_url.is_some() && auth.jwks.is_some() {
        wrong("auth.jwks", "give either `jwks` or `jwks_url`".to_owned());
    }
    match config.key_table() {
        Ok(Some(table)) if table.is_empty() => {
            let reasons: Vec<&str> = table.skipped.iter().map(|key| key.reason).collect();
            wrong("auth.jwks", format!("has no key that can be used: {}", reasons.join(", ")));
        }
        Ok(_) => {}
        Err(message) => wrong("auth.jwks", message),
    }
    check_opaque("auth.publishable_keys", &auth.publishable_keys.0, PUBLISHABLE_PREFIX, wrong);
    check_opaque("auth.secret_keys", &auth.secret_keys.0, SECRET_PREFIX, wrong);
}

/// Shortest part of an `sb_…` key after its prefix, in bytes; Supabase's own have 31.
const OPAQUE_BYTES: usize = 16;

/// The messages count the keys: they must not show them.
fn check_opaque(key: &str, secrets: &[Secret], prefix: &str, wrong: &mut impl FnMut(&str, String)) {
    for (place, secret) in secrets.iter().enumerate() {
        if secret.reveal().strip_prefix(prefix).is_none_or(|rest| rest.len() < OPAQUE_BYTES) {
            let place = place + 1;
            wrong(key, format!("number {place} is not `{prefix}` and at least {OPAQUE_BYTES} characters"));
        }
    }
}

fn check_origins(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    let origins = &config.cors.origins.0;
    if origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
        wrong("cors.origins", "`*` stands alone".to_owned());
    }
    for origin in origins.iter().filter(|origin| *origin != "*") {
        let spelled = Url::parse(origin).ok().map(|url| url.origin().ascii_serialization());
        if spelled.as_ref() != Some(origin) {
            let message = format!("`{origin}` is not an origin such as https://app.example.com, without a path");
            wrong("cors.origins", message);
        }
    }
}

/// Shortest key of the doors for events, in characters.
const EVENTS_KEY: usize = 16;

fn check_events(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    let events = &config.events;
    if events.key.as_ref().is_some_and(|key| key.reveal().len() < EVENTS_KEY) {
        wrong("events.key", format!("must be at least {EVENTS_KEY} characters"));
    }
    for (place, secret) in events.signing_secrets.0.iter().enumerate() {
        if let Err(error) = SigningSecret::parse(secret) {
            wrong("events.signing_secrets", format!("number {} {error}", place + 1));
        }
    }
    let positive = [
        ("events.body_bytes", events.body_bytes.0),
        ("events.batch", events.batch as u64),
        ("events.retry_ms", events.retry_ms),
    ];
    for (key, _) in positive.into_iter().filter(|(_, value)| *value == 0) {
        wrong(key, "must be at least 1".to_owned());
    }
    for (name, bucket) in &config.buckets {
        match bucket.warm_list(name) {
            Err(error) => wrong(&format!("buckets.{name}.warm"), error.to_string()),
            Ok(list) if bucket.warm.is_some() && !list.is_empty() && bucket.transforms == Policy::Off => {
                wrong(&format!("buckets.{name}.warm"), "its transforms are `off`".to_owned());
            }
            Ok(_) => {}
        }
    }
}

fn check_webhooks(config: &Config, wrong: &mut impl FnMut(&str, String)) {
    for (name, webhook) in &config.webhooks {
        let mut wrong = |key: &str, message: String| wrong(&format!("webhooks.{name}.{key}"), message);
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_bare = |url: &Url| url.username().is_empty() && url.password().is_none();
        if !webhook.url.as_ref().is_some_and(|url| is_web(url) && is_bare(url)) {
            wrong("url", "must be an http(s) URL without user name and password".to_owned());
        }
        let signs =
            |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| SigningSecret::parse(secret).is_ok());
        if !signs(&webhook.secret) {
            wrong("secret", SigningSecretError.to_string());
        }
        for kind in webhook.types.0.iter().filter(|kind| EventType::parse(kind).is_none()) {
            let known = EventType::ALL.map(EventType::as_str).join(", ");
            wrong("types", format!("`{kind}` is not one of {known}"));
        }
        for bucket in webhook.buckets.0.iter().filter(|bucket| BucketName::parse(bucket).is_err()) {
            wrong("buckets", format!("`{bucket}` is not a bucket's name"));
        }
    }
}

/// Whether one prefix of a store lies within the other.
fn shares_objects(one: &url::Url, other: &url::Url) -> bool {
    let segments = |url: &url::Url| url.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let (one_path, other_path): (Vec<_>, Vec<_>) = (segments(one), segments(other));
    let is_same_bucket = one.scheme() == other.scheme() && one.host_str() == other.host_str();
    is_same_bucket && (one_path.starts_with(&other_path) || other_path.starts_with(&one_path))
}

/// Whether one folder lies within the other, links resolved as far as the folders exist.
fn overlaps(one: &Path, other: &Path) -> bool {
    let (one, other) = (resolved(one), resolved(other));
    one.starts_with(&other) || other.starts_with(&one)
}

fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut tail = Vec::new();
    let mut head = absolute.as_path();
    loop {
        if let Ok(real) = head.canonicalize() {
            return tail.iter().rev().fold(real, |path, part| path.join(part));
        }
        let (Some(parent), Some(name)) = (head.parent(), head.file_name()) else { return absolute };
        tail.push(name.to_owned());
        head = parent;
    }
}

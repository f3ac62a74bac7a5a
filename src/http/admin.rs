//! `GET /admin/…`: what is stored and by whom, what is asked for, and what the caches hold of one object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use super::api::Api;
use super::problem::Refusal;
use super::storage::{Fault, timestamp};
use crate::catalog::{Amount, Object, Usage};
use crate::deliver::{self, Cached, CachedVariant};
use crate::error::Code;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::popularity::Asked;
use crate::variants::content_type_of;
use crate::versions::{Record, Standing};

/// Objects of a list where no limit is given, and the most.
const USUAL: usize = 20;
const MOST: usize = 1000;

type Answer = Result<Json<Value>, Refusal>;
type Named = Result<Path<String>, PathRejection>;
type Limited = Result<Query<Limit>, QueryRejection>;

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Limit {
    limit: Option<usize>,
}

pub(super) async fn usage(State(api): State<Arc<Api>>, limit: Limited) -> Answer {
    let (limit, table) = (checked(limit, MOST)?, Table::read(&api).await?);
    let buckets: Vec<Value> = table.buckets().iter().map(|bucket| table.row(bucket, limit)).collect();
    let sum = |amounts: &mut dyn Iterator<Item = (u64, u64)>| {
        amounts.fold((0, 0), |(count, bytes), (more, further)| (count + more, bytes + further))
    };
    let (objects, bytes) = sum(&mut table.originals.buckets.iter().map(|(_, all)| (all.objects, all.bytes)));
    let (files, stored) = sum(&mut table.variants.stored.values().map(|held| (held.files, held.bytes)));
    let (variants, memory) = sum(&mut table.variants.memory.values().map(|held| (held.files, held.bytes)));
    Ok(Json(json!({
        "buckets": buckets,
        "total": {
            "objects": objects,
            "bytes": bytes,
            "stored": {"files": files, "bytes": stored},
            "memory": {"variants": variants, "bytes": memory},
        },
    })))
}

pub(super) async fn bucket_usage(State(api): State<Arc<Api>>, bucket: Named, limit: Limited) -> Answer {
    let (bucket, limit) = (named(bucket)?, checked(limit, MOST)?);
    let table = Table::read(&api).await?;
    if !table.buckets().contains(&bucket) {
        return Err(no_bucket());
    }
    Ok(Json(table.row(&bucket, limit)))
}

pub(super) async fn largest(State(api): State<Arc<Api>>, bucket: Named, limit: Limited) -> Answer {
    let (bucket, limit) = (named(bucket)?, checked(limit, USUAL)?);
    let catalog = &api.buckets.catalog;
    if catalog.find_bucket(&bucket).await.map_err(Fault::from)?.is_none() {
        return Err(no_bucket());
    }
    let objects = catalog.largest(&bucket, limit as u32).await.map_err(Fault::from)?;
    Ok(Json(objects.iter().map(original).collect()))
}

pub(super) async fn requested(State(api): State<Arc<Api>>, bucket: Named, limit: Limited) -> Answer {
    let (bucket, limit) = (named(bucket)?, checked(limit, USUAL)?);
    if !is_known(&api, &bucket).await? {
        return Err(no_bucket());
    }
    let most = api.deliver.popularity.most(&bucket, limit);
    Ok(Json(most.iter().map(|(object, asked)| counted(object.key.as_str(), *asked)).collect()))
}

pub(super) async fn object(
    State(api): State<Arc<Api>>,
    names: Result<Path<(String, String)>, PathRejection>,
) -> Answer {
    let Path((bucket, key)) = names.map_err(|error| Refusal::new(Code::BadParameter, error.body_text()))?;
    let bucket = BucketName::stored(&bucket).ok_or_else(no_bucket)?;
    let object = ObjectId::new(bucket.clone(), key_of(&bucket, &key)?);
    if !is_known(&api, &bucket).await? {
        return Err(no_bucket());
    }
    let row = api.buckets.catalog.find_object(&object).await.map_err(Fault::from)?;
    let cached = api.deliver.inspect(&object).await.map_err(|error| {
        tracing::error!(%error, "the caches cannot be looked into");
        Refusal::new(Code::Internal, "the variant store cannot be read")
    })?;
    if row.is_none() && cached.record.is_none() && cached.variants.is_empty() {
        return Err(Refusal::new(Code::Missing, "nothing is known of this object"));
    }
    Ok(Json(state(&object, row.as_ref(), &cached)))
}

/// Everything that is counted, read once for an answer.
struct Table {
    originals: Usage,
    variants: deliver::Usage,
    /// Buckets with a place of their own.
    elsewhere: BTreeSet<BucketName>,
}

impl Table {
    async fn read(api: &Api) -> Result<Self, Refusal> {
        let originals = api.buckets.catalog.usage().await.map_err(Fault::from)?;
        let variants = api.deliver.usage().await.map_err(|error| Refusal::new(error.code(), error.public_text()))?;
        Ok(Self { originals, variants, elsewhere: api.deliver.origins.named.keys().cloned().collect() })
    }

    fn buckets(&self) -> BTreeSet<BucketName> {
        let own = self.originals.buckets.iter().map(|(bucket, _)| bucket);
        let cached = self.variants.stored.keys().chain(self.variants.memory.keys());
        own.chain(cached).chain(&self.elsewhere).cloned().collect()
    }

    /// One bucket, with those of its owners who have most. What lies elsewhere is not ours to count.
    fn row(&self, bucket: &BucketName, limit: usize) -> Value {
        let amount = self.originals.buckets.iter().find(|(name, _)| name == bucket).map(|(_, amount)| *amount);
        let of_bucket = self.originals.owners.iter().filter(|(name, ..)| name == bucket);
        let mut owners: Vec<(&Option<String>, Amount)> = of_bucket.map(|(_, owner, amount)| (owner, *amount)).collect();
        owners.sort_by(|(one, more), (other, less)| less.bytes.cmp(&more.bytes).then_with(|| one.cmp(other)));
        let owner_count = owners.len();
        let owner = |(owner, amount): (&Option<String>, Amount)| json!({"owner": owner, "objects": amount.objects, "bytes": amount.bytes});
        let held = |held: &BTreeMap<BucketName, _>| held.get(bucket).copied().unwrap_or_default();
        let (stored, memory) = (held(&self.variants.stored), held(&self.variants.memory));
        json!({
            "bucket": bucket.as_str(),
            "objects": amount.map(|amount| amount.objects),
            "bytes": amount.map(|amount| amount.bytes),
            "owner_count": owner_count,
            "owners": owners.into_iter().take(limit).map(owner).collect::<Vec<_>>(),
            "stored": {"files": stored.files, "bytes": stored.bytes},
            "memory": {"variants": memory.files, "bytes": memory.bytes},
        })
    }
}

fn state(object: &ObjectId, row: Option<&Object>, cached: &Cached) -> Value {
    let state = match &cached.record {
        _ if cached.is_missing => "missing",
        Some((_, Standing::Fresh)) => "fresh",
        Some((_, Standing::Stale { .. })) => "stale",
        Some((_, Standing::Expired { .. })) => "expired",
        None => "unknown",
    };
    let current = cached.record.as_ref().map(|(record, _)| record.version.to_string());
    let variant = |variant: &CachedVariant| {
        json!({
            "version": variant.version,
            "is_current": current.as_ref() == Some(&variant.version),
            "made": variant.made,
            "bytes": variant.bytes,
            "content_type": variant.content_type,
            "is_stored": variant.is_stored,
            "is_in_memory": variant.is_in_memory,
            "hits": variant.hits,
        })
    };
    json!({
        "bucket": object.bucket.as_str(),
        "name": object.key.as_str(),
        "state": state,
        "original": row.map(original),
        "version": cached.record.as_ref().map(|(record, _)| version(record)),
        "variants": cached.variants.iter().map(variant).collect::<Vec<_>>(),
        "requests": cached.asked.map(|asked| json!({"hits": asked.hits, "misses": asked.misses})),
    })
}

/// The version record: what the source said when it was last asked.
fn version(record: &Record) -> Value {
    let natural = record.seen.map(|natural| {
        let content_type = content_type_of(natural.format);
        json!({
            "width": natural.width,
            "height": natural.height,
            "content_type": content_type.to_str().unwrap_or_default(),
            "frames": natural.frames,
            "alpha": natural.alpha,
        })
    });
    json!({
        "version": record.version.to_string(),
        "size": record.size,
        "content_type": record.content_type,
        "cache_control": record.cache_control,
        "picture": natural,
        "confirmed_at": timestamp(OffsetDateTime::from(record.confirmed_at)),
        "fresh_for_seconds": record.inward.as_secs(),
    })
}

fn original(object: &Object) -> Value {
    json!({
        "name": object.id.key.as_str(),
        "size": object.size,
        "mime_type": object.mime_type,
        "owner": object.owner,
        "etag": object.etag,
        "created_at": timestamp(object.created_at),
        "updated_at": timestamp(object.updated_at),
    })
}

fn counted(name: &str, asked: Asked) -> Value {
    json!({"name": name, "requests": asked.total(), "hits": asked.hits, "misses": asked.misses})
}

/// Whether there is such a bucket: of ours, elsewhere, or one that no URL can name.
async fn is_known(api: &Api, bucket: &BucketName) -> Result<bool, Refusal> {
    if bucket.is_hidden() || api.deliver.origins.named.contains_key(bucket) {
        return Ok(true);
    }
    Ok(api.buckets.catalog.find_bucket(bucket).await.map_err(Fault::from)?.is_some())
}

/// Keys of remote pictures are their URLs.
fn key_of(bucket: &BucketName, text: &str) -> Result<ObjectKey, Refusal> {
    let key = if *bucket == BucketName::remote() {
        Url::parse(text).ok().map(|url| ObjectKey::from_url(&url))
    } else {
        ObjectKey::parse(text).ok()
    };
    key.ok_or_else(|| Refusal::new(Code::BadParameter, "no object can have this name"))
}

fn named(bucket: Named) -> Result<BucketName, Refusal> {
    let Path(text) = bucket.map_err(|error| Refusal::new(Code::BadParameter, error.body_text()))?;
    BucketName::stored(&text).ok_or_else(no_bucket)
}

fn checked(limit: Limited, usual: usize) -> Result<usize, Refusal> {
    let Query(Limit { limit }) = limit.map_err(|error| Refusal::new(Code::BadParameter, error.body_text()))?;
    let limit = limit.unwrap_or(usual);
    let fits = (1..=MOST).contains(&limit);
    fits.then_some(limit).ok_or_else(|| Refusal::new(Code::BadParameter, format!("limit must be 1 to {MOST}")))
}

fn no_bucket() -> Refusal {
    Refusal::new(Code::Missing, "there is no such bucket here")
}

//! `GET /admin/audit` and `GET /admin/cleanup/runs`: what retention has removed, and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::Api;
use super::problem::Refusal;
use super::storage::{Fault, timestamp};
use crate::catalog::{Audit, AuditQuery, CleanupRun};
use crate::error::Code;
use crate::object::BucketName;

/// Rows of a page where no limit is given, and the most.
const USUAL: u32 = 100;
const MOST: u32 = 1000;

type Answer = Result<Json<Value>, Refusal>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    run: Option<Uuid>,
    bucket: Option<String>,
    /// `next` of the page before.
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Newest {
    limit: Option<u32>,
}

pub(super) async fn log(State(api): State<Arc<Api>>, page: Result<Query<Page>, QueryRejection>) -> Answer {
    let Query(page) = page.map_err(|error| Refusal::new(Code::BadParameter, error.body_text()))?;
    let limit = checked(page.limit)?;
    let bucket = page.bucket.map(|text| BucketName::parse(&text)).transpose();
    let bucket = bucket.map_err(|error| Refusal::new(Code::BadParameter, error.to_string()))?;
    let query = AuditQuery { run: page.run, bucket, before: page.before, limit };
    let entries = api.buckets.catalog.audit(&query).await.map_err(Fault::from)?;
    let next = entries.last().filter(|_| entries.len() == limit as usize).map(|last| last.ordinal);
    Ok(Json(json!({"entries": entries.iter().map(entry).collect::<Vec<_>>(), "next": next})))
}

pub(super) async fn runs(State(api): State<Arc<Api>>, newest: Result<Query<Newest>, QueryRejection>) -> Answer {
    let Query(Newest { limit }) = newest.map_err(|error| Refusal::new(Code::BadParameter, error.body_text()))?;
    let runs = api.buckets.catalog.cleanup_runs(checked(limit)?).await.map_err(Fault::from)?;
    Ok(Json(runs.iter().map(run).collect()))
}

fn checked(limit: Option<u32>) -> Result<u32, Refusal> {
    let limit = limit.unwrap_or(USUAL);
    let fits = (1..=MOST).contains(&limit);
    fits.then_some(limit).ok_or_else(|| Refusal::new(Code::BadParameter, format!("limit must be 1 to {MOST}")))
}

fn entry(audit: &Audit) -> Value {
    let Audit { ordinal, at, entry, restorable_until } = audit;
    json!({
        "id": ordinal,
        "time": timestamp(*at),
        "actor": entry.actor.as_str(),
        "action": entry.action.as_str(),
        "run": entry.run,
        "bucket": entry.bucket,
        "name": entry.name,
        "version": entry.version,
        "size": entry.size,
        "reason": entry.reason,
        "restorable_until": restorable_until.map(timestamp),
    })
}

fn run(run: &CleanupRun) -> Value {
    json!({
        "run": run.id,
        "actor": run.actor.as_str(),
        "state": run.state.as_str(),
        "started_at": timestamp(run.started_at),
        "ended_at": run.ended_at.map(timestamp),
        "listed": run.counts.listed,
        "removed": run.counts.removed,
        "bytes": run.counts.bytes,
        "refused": run.counts.refused,
        "restored": run.counts.restored,
    })
}

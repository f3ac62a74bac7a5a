//! One pipeline, two answers: `POST /functions/v1/generate-kinkster-avatar` at once, `POST /api/kinksters/avatar/generate`
//! when it is done.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::fault::{Fault, RATE_LIMITED};
use super::session::{self, user_of};
use crate::auth::Caller;
use crate::catalog::{Enqueued, Failure, Job, JobState};
use crate::http::api::Api;
use crate::sidecar::field::{FieldError, parse};
use crate::sidecar::jobs::Order;
use crate::sidecar::provider::PaintRequest;
use crate::sidecar::studio::Wishes;

/// For whom and for what, beside what is to be seen.
#[derive(Debug, Deserialize)]
struct Asked {
    user_id: Option<Uuid>,
    #[serde(alias = "kinksterId")]
    kinkster_id: Option<Uuid>,
    /// Read by [`priority`].
    priority: Option<Value>,
}

/// How urgent a job may be. Without one it is 0.
const PRIORITIES: RangeInclusive<i64> = -100..=100;

pub(super) async fn at_once(State(api): State<Arc<Api>>, request: Request) -> Response {
    begin(&api, request).await.map_or_else(Fault::into_response, |job| accepted(&api, &job))
}

async fn begin(api: &Api, request: Request) -> Result<Job, Fault> {
    let (head, body) = request.into_parts();
    let caller = session::bearer(api, &head.headers)?;
    let body = session::read(api, body).await?;
    let asked: Asked = parse(&body)?;
    if asked.user_id.is_none() {
        return Err(FieldError::required("user_id").into());
    }
    order(api, &head.headers, &caller, &asked, &body).await
}

fn accepted(api: &Api, job: &Job) -> Response {
    // What was really used is known later; until then, what is planned.
    let config = planned(api, job).unwrap_or_default();
    let mut body = json!({
        "prompt": job.request["prompt"],
        "generation_config": config,
        "status": "processing",
        "job_id": job.id,
    });
    if let Some(kinkster) = job.kinkster {
        body["kinkster_id"] = json!(kinkster);
    }
    (api.avatars.accepted, super::NO_STORE, Json(body)).into_response()
}

fn planned(api: &Api, job: &Job) -> Option<Value> {
    if let Some(answered) = &job.answered {
        return Some(answered.config.clone());
    }
    let word = |name: &str| job.request[name].clone();
    let (size, quality) = (serde_json::from_value(word("size")).ok()?, serde_json::from_value(word("quality")).ok()?);
    api.studio.provider.plan(size, quality).ok().map(|plan| json!(plan.config))
}

/// `POST /api/avatars/jobs`: the same, as a row.
pub(super) async fn as_job(api: &Api, request: Request) -> Result<Job, Fault> {
    let (head, body) = request.into_parts();
    let caller = session::caller(api, &head)?;
    let body = session::read(api, body).await?;
    let asked: Asked = parse(&body)?;
    order(api, &head.headers, &caller, &asked, &body).await
}

pub(super) async fn awaited(State(api): State<Arc<Api>>, request: Request) -> Response {
    match wait(&api, request).await {
        Ok(answer) => (super::NO_STORE, Json(answer)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn wait(api: &Api, request: Request) -> Result<Value, Fault> {
    let job = as_job(api, request).await?;
    // The job goes on if this future is dropped: it belongs to a worker.
    let job = api.avatars.jobs.ended(job.id).await?.ok_or(Fault::Internal)?;
    let failure = job.failure.clone();
    match (job.state, failure) {
        (JobState::Completed, _) => Ok(answer(&job)),
        (JobState::Cancelled, _) => Err(Fault::Conflict("The job was cancelled")),
        (_, Some(failure)) => failed(&job, &failure),
        (_, None) => Err(Fault::Internal),
    }
}

fn answer(job: &Job) -> Value {
    let stored = job.stored.as_ref();
    let url = stored.map(|stored| &stored.url);
    let answered = job.answered.as_ref();
    let provider_url = answered.and_then(|answered| answered.provider_url.as_deref());
    let shown = url.map(String::as_str).or(provider_url);
    json!({
        "avatarUrl": shown,
        "image_url": shown,
        "storage_url": url,
        "storage_path": stored.map(|stored| &stored.path),
        "openai_url": provider_url,
        "prompt": job.request["prompt"],
        "generation_config": answered.map(|answered| &answered.config),
        "job_id": job.id,
    })
}

/// Where only the storing failed, the provider's own URL is of use for a while.
fn failed(job: &Job, failure: &Failure) -> Result<Value, Fault> {
    let has_url = job.answered.as_ref().is_some_and(|answered| answered.provider_url.is_some());
    if has_url && matches!(failure.code.as_str(), "storage" | "no_bucket" | "internal" | "download" | "busy") {
        let mut body = answer(job);
        body["warning"] = json!(format!("{}; the URL is a temporary one of the provider's", failure.text));
        return Ok(body);
    }
    Err(told(job, failure, OffsetDateTime::now_utc()))
}

/// As it would have been told at once, had it been known then.
fn told(job: &Job, failure: &Failure, now: OffsetDateTime) -> Fault {
    /// When nobody said how long it takes.
    const A_WHILE: Duration = Duration::from_mins(1);
    let status = match failure.code.as_str() {
        "no_key" | "internal" | "storage" | "abandoned" | "lost" => StatusCode::INTERNAL_SERVER_ERROR,
        "no_bucket" => StatusCode::CONFLICT,
        "disabled" | "busy" => StatusCode::SERVICE_UNAVAILABLE,
        "rate_limited" | "budget" => StatusCode::TOO_MANY_REQUESTS,
        "refused" => StatusCode::UNPROCESSABLE_ENTITY,
        "timeout" | "deadline" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    let mut details = json!({"code": failure.code, "job_id": job.id});
    let mut error = failure.text.clone();
    if status == StatusCode::TOO_MANY_REQUESTS {
        details["reason"] = json!(std::mem::replace(&mut error, RATE_LIMITED.to_owned()));
    }
    let waits = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let pause = (job.due_at - now).try_into().unwrap_or(A_WHILE);
    Fault::Told { status, error, details, retry_after: waits.then_some(pause) }
}

/// Everything up to the row: may they, is the body right, is there room.
async fn order(api: &Api, headers: &HeaderMap, caller: &Caller, asked: &Asked, body: &[u8]) -> Result<Job, Fault> {
    let user = user_of(caller, asked.user_id)?;
    let request = wanted(api, parse(body)?)?;
    let token = session::own_token(api, headers);
    let priority = priority(caller, asked.priority.as_ref())?;
    let order = Order { user, kinkster: asked.kinkster_id, request, priority, key: idempotency_key(headers)?, token };
    taken(api.avatars.jobs.enqueue(order).await?)
}

/// Whose turn it is first is for the operator alone to say: everybody's jobs are the most urgent to themselves.
fn priority(caller: &Caller, asked: Option<&Value>) -> Result<i64, Fault> {
    let Some(asked) = asked else { return Ok(0) };
    if !caller.is_service() {
        return Err(Fault::Told {
            status: StatusCode::FORBIDDEN,
            error: "priority may be set by the service alone".to_owned(),
            details: json!({"field": "priority"}),
            retry_after: None,
        });
    }
    let wrong = || {
        let (least, most) = (PRIORITIES.start(), PRIORITIES.end());
        FieldError::new("priority", format!("must be a whole number from {least} to {most}")).into()
    };
    asked.as_i64().filter(|asked| PRIORITIES.contains(asked)).ok_or_else(wrong)
}

pub(super) fn taken(enqueued: Enqueued) -> Result<Job, Fault> {
    match enqueued {
        Enqueued::New(job) | Enqueued::Known(job) => Ok(*job),
        Enqueued::WornOut => Err(Fault::Conflict("This job was tried again often enough; please send a new one")),
        Enqueued::OtherRequest => Err(Fault::OtherRequest),
        Enqueued::NotTheirs => Err(Fault::Forbidden("This kinkster belongs to somebody else")),
        Enqueued::Refused(refused) => Err(Fault::Quota(refused)),
    }
}

fn wanted(api: &Api, wishes: Wishes) -> Result<PaintRequest, Fault> {
    if wishes.character_data.is_none() && wishes.prompt.is_none() {
        return Err(FieldError::required("character_data").into());
    }
    api.studio.request(wishes).map_err(|error| Fault::Told {
        status: StatusCode::BAD_REQUEST,
        error: "Failed to build prompt".to_owned(),
        details: json!({"field": error.field(), "reason": error.to_string()}),
        retry_after: None,
    })
}

/// Visible ASCII of at most 255 bytes.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if (1..=255).contains(&text.len()) && is_plain {
        Ok(Some(text.to_owned()))
    } else {
        Err(Fault::bad_request("Idempotency-Key must be 1 to 255 characters of ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;
    use time::Duration as Span;

    use super::*;
    use crate::catalog::JobStep;

    fn failed_job(now: OffsetDateTime, due_at: OffsetDateTime) -> Job {
        Job {
            id: Uuid::nil(),
            user: "u".to_owned(),
            kinkster: None,
            request: Value::Null,
            priority: 0,
            state: JobState::Error,
            step: JobStep::Generating,
            seq: 1,
            attempts: 1,
            due_at,
            deadline_at: now,
            worker: None,
            paints: 0,
            spent: 0,
            answered: None,
            stored: None,
            placed: None,
            failure: None,
            created_at: now,
            updated_at: now,
            finished_at: Some(now),
        }
    }

    #[test]
    fn what_passes_by_itself_is_told_with_the_time_to_wait() {
        let now = OffsetDateTime::now_utc();
        let (known, unknown) = (now + Span::seconds(90), now - Span::SECOND);
        for (code, due, status, error, wait) in [
            ("rate_limited", known, 429, RATE_LIMITED, Some("90")),
            ("budget", known, 429, RATE_LIMITED, Some("90")),
            ("budget", unknown, 429, RATE_LIMITED, Some("60")),
            ("disabled", unknown, 503, "why", Some("60")),
            ("busy", known, 503, "why", Some("90")),
            ("refused", known, 422, "why", None),
            ("unreachable", known, 502, "why", None),
        ] {
            let failure = Failure { code: code.to_owned(), text: "why".to_owned() };
            let told = told(&failed_job(now, due), &failure, now);
            assert!(matches!(&told, Fault::Told { error: told, .. } if told == error), "{code}: {told:?}");
            let response = told.into_response();
            let waited = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), waited), (status, wait), "{code}");
        }
    }
}

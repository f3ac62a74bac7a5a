//! Jobs as a plain resource: `/api/avatars/jobs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::fault::Fault;
use super::session::{self, own_rows, user_of};
use super::{NO_STORE, generate};
use crate::catalog::{Ended, Job, JobQuery, JobState};
use crate::http::api::Api;
use crate::sidecar::jobs::shown;

/// Rows of one listing.
const PAGE: u32 = 50;
/// Most rows of one listing.
const MOST: u32 = 200;

/// Which jobs.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Listing {
    user_id: Option<Uuid>,
    kinkster_id: Option<Uuid>,
    state: Option<String>,
    limit: Option<u32>,
    before: Option<Uuid>,
}

pub(super) async fn create(State(api): State<Arc<Api>>, request: Request) -> Response {
    answered(StatusCode::ACCEPTED, generate::as_job(&api, request).await)
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    query: Result<Query<Listing>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let listed = async {
        let caller = session::caller(&api, &request.into_parts().0)?;
        let Query(listing) = query.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
        let limit = listing.limit.unwrap_or(PAGE).clamp(1, MOST);
        let query = JobQuery {
            user: own_rows(&caller, listing.user_id)?,
            state: listing.state.as_deref().map(state).transpose()?,
            kinkster: listing.kinkster_id,
            limit,
            before: listing.before,
        };
        let jobs = api.avatars.jobs.list(&query).await?;
        let next = jobs.last().filter(|_| jobs.len() == limit as usize).map(|job| job.id);
        Ok(json!({"jobs": jobs.iter().map(shown).collect::<Vec<_>>(), "next": next}))
    };
    listed.await.map_or_else(Fault::into_response, |body| (NO_STORE, Json(body)).into_response())
}

fn state(text: &str) -> Result<JobState, Fault> {
    JobState::parse(text)
        .ok_or_else(|| Fault::bad_request("state must be one of queued, running, completed, error, cancelled"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Response {
    answered(StatusCode::OK, own_job(&api, &request.into_parts().0, &id).await)
}

/// `DELETE /api/avatars/jobs/{id}`, and `POST …/cancel` for clients that cannot.
pub(super) async fn cancel(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Response {
    let cancelled = async {
        let job = own_job(&api, &request.into_parts().0, &id).await?;
        match api.avatars.jobs.cancel(job.id).await? {
            Some(Ended::Cancelled(job)) => Ok(*job),
            // Twice is as good as once.
            Some(Ended::TooLate(job)) if job.state == JobState::Cancelled => Ok(*job),
            Some(Ended::TooLate(_)) => Err(Fault::Conflict("The job has ended, or its picture is stored already")),
            None => Err(no_job()),
        }
    };
    answered(StatusCode::OK, cancelled.await)
}

pub(super) async fn retry(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Response {
    let retried = async {
        let head = request.into_parts().0;
        let job = own_job(&api, &head, &id).await?;
        let token = session::own_token(&api, &head.headers);
        generate::taken(api.avatars.jobs.retry(&job, token.as_ref()).await?)
    };
    answered(StatusCode::ACCEPTED, retried.await)
}

/// A job of the caller's; others' are as good as none.
async fn own_job(api: &Api, head: &Parts, id: &str) -> Result<Job, Fault> {
    let caller = session::caller(api, head)?;
    let id = Uuid::parse_str(id).map_err(|_| no_job())?;
    let job = api.avatars.jobs.job(id).await?.ok_or_else(no_job)?;
    let is_own = caller.is_service() || user_of(&caller, None)? == job.user;
    if is_own { Ok(job) } else { Err(no_job()) }
}

fn no_job() -> Fault {
    Fault::NotFound("There is no such job")
}

fn answered(status: StatusCode, job: Result<Job, Fault>) -> Response {
    job.map_or_else(Fault::into_response, |job| (status, NO_STORE, Json(shown(&job))).into_response())
}

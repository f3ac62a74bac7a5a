//! `GET /api/avatars/usage`: how much was painted, for whom, on which day, and what it cost.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Date, Duration, OffsetDateTime, Time};
use uuid::Uuid;

use super::NO_STORE;
use super::fault::Fault;
use super::session::{self, own_rows};
use crate::catalog::Painted;
use crate::http::api::Api;

/// Days where no number is given, and the most.
const USUAL: u16 = 30;
const MOST: u16 = 366;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    user_id: Option<Uuid>,
    days: Option<u16>,
}

pub(super) async fn usage(
    State(api): State<Arc<Api>>,
    query: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Response {
    let told = async {
        let caller = session::caller(&api, &request.into_parts().0)?;
        let Query(asked) = query.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
        let days = asked.days.unwrap_or(USUAL);
        if !(1..=MOST).contains(&days) {
            return Err(Fault::bad_request("days must be 1 to 366"));
        }
        let user = own_rows(&caller, asked.user_id)?;
        let today = OffsetDateTime::now_utc().replace_time(Time::MIDNIGHT);
        let since = today - Duration::days(i64::from(days) - 1);
        let rows = api.avatars.jobs.painted_since(since, user.as_deref()).await?;
        Ok(json!({"since": since.date().to_string(), "rows": rows.iter().map(row).collect::<Vec<_>>()}))
    };
    told.await.map_or_else(Fault::into_response, |body| (NO_STORE, Json(body)).into_response())
}

fn row(painted: &Painted) -> Value {
    let day = OffsetDateTime::UNIX_EPOCH.checked_add(Duration::days(painted.day)).map(OffsetDateTime::date);
    json!({
        "day": day.unwrap_or(Date::MIN).to_string(),
        "user_id": painted.user,
        "jobs": painted.jobs,
        "completed": painted.completed,
        "failed": painted.failed,
        "pictures": painted.pictures,
        "cost_usd": painted.money as f64 / 1e6,
    })
}

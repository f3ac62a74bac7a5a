//! `/rest/v1/rpc/{name}`: the four functions of the app, as PostgREST answers them, from what the catalogue knows. The same
//! functions in SQL are in `deploy/supabase`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::NO_STORE;
use super::fault::Fault;
use super::rest::{Answer, MOST, Refusal, shown};
use super::session::{self, user_of};
use crate::auth::{Caller, Role, TokenError};
use crate::catalog::{JobQuery, Kinkster};
use crate::config::AVATARS;
use crate::http::api::{Api, elsewhere};
use crate::object::BucketName;
use crate::sidecar::avatar_url::AvatarUrl;
use crate::sidecar::jobs::{Progress, timestamp};

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    ValidateAvatarUrl,
    UserAvatarStats,
    AvatarGenerationStatus,
    TemporaryAvatars,
}

impl Function {
    const ALL: [Self; 4] =
        [Self::ValidateAvatarUrl, Self::UserAvatarStats, Self::AvatarGenerationStatus, Self::TemporaryAvatars];

    const fn name(self) -> &'static str {
        match self {
            Self::ValidateAvatarUrl => "validate_avatar_url",
            Self::UserAvatarStats => "get_user_avatar_stats",
            Self::AvatarGenerationStatus => "get_avatar_generation_status",
            Self::TemporaryAvatars => "mark_temporary_avatars_for_cleanup",
        }
    }

    const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::ValidateAvatarUrl => Some("p_url"),
            Self::UserAvatarStats => Some("p_user_id"),
            Self::AvatarGenerationStatus => Some("p_kinkster_id"),
            Self::TemporaryAvatars => None,
        }
    }

    /// Whether the role may call it at all, whatever it asks for.
    fn is_open_to(self, role: &Role) -> bool {
        match self {
            Self::ValidateAvatarUrl => true,
            Self::UserAvatarStats | Self::AvatarGenerationStatus => {
                matches!(role, Role::Authenticated | Role::Service)
            }
            Self::TemporaryAvatars => *role == Role::Service,
        }
    }
}

pub(super) async fn call(State(api): State<Arc<Api>>, Path(name): Path<String>, request: Request) -> Response {
    let function = Function::ALL.into_iter().find(|function| function.name() == name);
    let is_ours = function.is_some() && request.method() == Method::POST;
    // An upstream has functions of its own, and other ways to call these.
    if !is_ours && api.backend.upstream().is_some() {
        return elsewhere(State(api), request).await;
    }
    called(&api, &name, function, request).await.unwrap_or_else(Refusal::into_response)
}

async fn called(api: &Api, name: &str, function: Option<Function>, request: Request) -> Answer {
    let (head, body) = request.into_parts();
    let caller = match api.keys.caller(&head.headers) {
        Ok(caller) => caller,
        Err(TokenError::Missing) => Caller::anon(),
        Err(_) => return Err(Fault::from(super::AvatarFault::Unauthorized).into()),
    };
    if head.method != Method::POST {
        return Err(Refusal::new(405, "PGRST117", format!("Unsupported HTTP method: {}", head.method)));
    }
    let arguments = arguments(&session::read(api, body).await?)?;
    let fits = |function: &Function| arguments.keys().map(String::as_str).eq(function.parameter());
    let function = function.filter(fits).ok_or_else(|| unknown(name, &arguments))?;
    if !function.is_open_to(&caller.role) {
        return Err(denied(function, &caller));
    }
    let argument = function.parameter().map_or(&Value::Null, |parameter| &arguments[parameter]);
    let table = |rows| shown(StatusCode::OK, &head.headers, rows);
    match function {
        Function::ValidateAvatarUrl => Ok((NO_STORE, Json(is_avatar(api, argument))).into_response()),
        Function::UserAvatarStats => table(stats(api, &caller, id(argument)?).await?),
        Function::AvatarGenerationStatus => table(status(api, &caller, id(argument)?).await?),
        Function::TemporaryAvatars => table(temporary(api).await?),
    }
}

/// Null of null, as in SQL.
fn is_avatar(api: &Api, url: &Value) -> Option<bool> {
    (!url.is_null()).then(|| url.as_str().is_some_and(|url| api.avatars.urls.kind(url).is_some()))
}

async fn stats(api: &Api, caller: &Caller, user: Option<Uuid>) -> Result<Vec<Value>, Refusal> {
    let is_own = user.is_some() && user_of(caller, user).is_ok();
    if !is_own && !caller.is_service() {
        return Err(denied(Function::UserAvatarStats, caller));
    }
    let bucket = BucketName::parse(AVATARS).map_err(|_| Refusal::new(500, "XX000", "Internal Server Error"))?;
    let folder = match user {
        Some(user) => api.avatars.jobs.catalog.folder(&bucket, &user.to_string()).await?,
        None => crate::catalog::Folder::default(),
    };
    Ok(vec![json!({
        "total_avatars": folder.amount.objects,
        "total_storage_size_bytes": folder.amount.bytes,
        "oldest_avatar_created_at": folder.oldest.map(timestamp),
        "newest_avatar_created_at": folder.newest.map(timestamp),
    })])
}

/// One row, or none where the kinkster is not the caller's: nobody learns which ids there are.
async fn status(api: &Api, caller: &Caller, id: Option<Uuid>) -> Result<Vec<Value>, Refusal> {
    let catalog = &api.avatars.jobs.catalog;
    let Some(id) = id else { return Ok(Vec::new()) };
    let is_theirs = |row: &Kinkster| caller.is_service() || user_of(caller, None).is_ok_and(|user| user == row.user);
    let Some(row) = catalog.kinkster(id).await?.filter(is_theirs) else { return Ok(Vec::new()) };
    // An id may have had another owner, whose jobs are not this one's to know of.
    let newest = JobQuery { user: Some(row.user.clone()), kinkster: Some(id), limit: 1, ..JobQuery::default() };
    let job = catalog.jobs(&newest).await?.first().map(Progress::of);
    let kind = row.avatar_url.as_deref().and_then(|url| api.avatars.urls.kind(url));
    Ok(vec![json!({
        "kinkster_id": row.id,
        "avatar_url": row.avatar_url,
        "has_storage_url": kind == Some(AvatarUrl::Stored),
        "is_temporary": kind == Some(AvatarUrl::Temporary),
        "created_at": timestamp(row.created_at),
        "updated_at": timestamp(row.updated_at),
        "job_status": job.as_ref().map(|job| job.status),
        "job_error": job.as_ref().and_then(|job| job.error.clone()),
    })])
}

/// The first so many kinksters whose picture will be gone.
async fn temporary(api: &Api) -> Result<Vec<Value>, Refusal> {
    let is_temporary = |row: &Kinkster| {
        row.avatar_url.as_deref().is_some_and(|url| api.avatars.urls.kind(url) == Some(AvatarUrl::Temporary))
    };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = api.avatars.jobs.catalog.pictured_kinksters(after, MOST).await?;
        after = page.last().map(|row| row.id);
        let is_last = page.len() < MOST as usize;
        found.extend(page.into_iter().filter(is_temporary));
        if is_last || found.len() >= MOST as usize {
            break;
        }
    }
    found.truncate(MOST as usize);
    found.sort_by_key(|row| (row.created_at, row.id));
    let shown = |row: Kinkster| json!({"kinkster_id": row.id, "user_id": row.user, "avatar_url": row.avatar_url, "created_at": timestamp(row.created_at)});
    Ok(found.into_iter().map(shown).collect())
}

/// No body is no arguments.
fn arguments(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|_| Refusal::new(400, "PGRST102", "Empty or invalid json"))
}

fn id(argument: &Value) -> Result<Option<Uuid>, Refusal> {
    let text = match argument {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let wrong = || format!("invalid input syntax for type uuid: \"{}\"", tame(&text));
    Uuid::parse_str(&text).map(Some).map_err(|_| Refusal::new(400, "22P02", wrong()))
}

/// As Postgres and PostgREST say it: who has no role is told to sign in.
fn denied(function: Function, caller: &Caller) -> Refusal {
    let status = if caller.role == Role::Anon { 401 } else { 403 };
    Refusal::new(status, "42501", format!("permission denied for function {}", function.name()))
}

fn unknown(name: &str, arguments: &Map<String, Value>) -> Refusal {
    let name = tame(name);
    let names: Vec<String> = arguments.keys().take(10).map(|name| tame(name)).collect();
    let (called, with) = match names.as_slice() {
        [] => (format!("{name} without parameters"), "without parameters".to_owned()),
        [one] => (format!("{name}({one})"), format!("with parameter {one}")),
        many => (format!("{name}({})", many.join(", ")), format!("with parameters {}", many.join(", "))),
    };
    let mut refusal =
        Refusal::new(404, "PGRST202", format!("Could not find the function public.{called} in the schema cache"));
    refusal.details = Some(format!(
        "Searched for the function public.{name} {with} or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache."
    ));
    refusal
}

/// What a stranger wrote, as far as it is repeated to them.
fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

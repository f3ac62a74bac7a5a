//! `/rest/v1/kinksters`: the calls that the app makes through supabase-js, those that a tintype in front of this one makes,
//! and nothing more of PostgREST.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::fault::Fault;
use super::kinksters::{Name, row};
use super::session::{self, user_of};
use super::{AvatarFault, NO_STORE};
use crate::auth::Caller;
use crate::catalog::{CatalogError, Kinkster, KinksterChange, KinksterMatch};
use crate::http::api::Api;
use crate::sidecar::field::{FieldError, Prose, parse};

const COLUMNS: [&str; 9] = [
    "id",
    "user_id",
    "name",
    "avatar_url",
    "avatar_prompt",
    "avatar_generation_config",
    "is_active",
    "created_at",
    "updated_at",
];
/// Most rows of one answer.
pub(super) const MOST: u32 = 1000;
/// Most characters of a URL that a row keeps.
const URL_CHARACTERS: usize = 2048;

/// The filter of rows that show a picture.
const PICTURED: &str = "not.is.null";

type Parameters = HashMap<String, String>;
pub(super) type Answer = Result<Response, Refusal>;

/// `{code, message, details, hint}`.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    pub(super) details: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.into(), details: None }
    }

    fn denied() -> Self {
        Self::new(403, "42501", "new row violates row-level security policy for table \"kinksters\"")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "message": self.message, "details": self.details, "hint": null});
        (self.status, NO_STORE, Json(body)).into_response()
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Avatar(AvatarFault::Unauthorized) => Self::new(401, "PGRST301", "JWT invalid"),
            Fault::Avatar(AvatarFault::Field(error)) => error.into(),
            Fault::Avatar(AvatarFault::TooLarge) => Self::new(413, "PGRST102", "the body is too large"),
            Fault::Forbidden(_) => Self::denied(),
            _ => Self::new(500, "XX000", "Internal Server Error"),
        }
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        let code = if error.field().is_none() { "PGRST102" } else { "22P02" };
        Self::new(400, code, error.to_string())
    }
}

impl From<CatalogError> for Refusal {
    fn from(error: CatalogError) -> Self {
        Fault::from(error).into()
    }
}

/// What a row may be written with.
#[derive(Debug, Default, Deserialize)]
struct Written {
    id: Option<Uuid>,
    user_id: Option<Uuid>,
    name: Option<Name>,
    avatar_url: Option<Prose<URL_CHARACTERS>>,
    avatar_prompt: Option<Prose<4000>>,
    avatar_generation_config: Option<Map<String, Value>>,
    is_active: Option<bool>,
}

pub(super) async fn select(
    State(api): State<Arc<Api>>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    let head = request.into_parts().0;
    selected(&api, &head, &parameters).await.unwrap_or_else(Refusal::into_response)
}

async fn selected(api: &Api, head: &Parts, parameters: &Parameters) -> Answer {
    let caller = session::bearer(api, &head.headers)?;
    let columns = Columns::of(parameters)?;
    let catalog = &api.avatars.jobs.catalog;
    let asked = id_of(parameters, "user_id")?;
    let limit = number(parameters, "limit")?.unwrap_or(MOST).min(MOST);
    let rows = if caller.is_service() && parameters.get("avatar_url").is_some_and(|filter| filter == PICTURED) {
        catalog.pictured_kinksters(after(parameters)?, limit).await?
    } else if let Some(id) = id_of(parameters, "id")? {
        let url = url_of(parameters)?;
        let is_meant = |row: &Kinkster| sees(&caller, row) && (url.is_none() || url == row.avatar_url.as_deref());
        catalog.kinkster(id).await?.into_iter().filter(is_meant).collect()
    } else {
        let own = user_of(&caller, if caller.is_service() { asked } else { None })?;
        catalog.kinksters(&own, limit, number(parameters, "offset")?.unwrap_or(0)).await?
    };
    let is_asked = |row: &Kinkster| asked.is_none_or(|user| user.to_string() == row.user);
    let rows = rows.iter().filter(|row| is_asked(row)).map(|row| columns.shown(row)).collect();
    shown(StatusCode::OK, &head.headers, rows)
}

pub(super) async fn insert(
    State(api): State<Arc<Api>>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    inserted(&api, request, &parameters).await.unwrap_or_else(Refusal::into_response)
}

async fn inserted(api: &Api, request: Request, parameters: &Parameters) -> Answer {
    let (head, body) = request.into_parts();
    let caller = session::bearer(api, &head.headers)?;
    let columns = Columns::of(parameters)?;
    let body = session::read(api, body).await?;
    let written = one_row(&body)?;
    let user = user_of(&caller, written.user_id)?;
    let id = written.id.unwrap_or_else(Uuid::new_v4);
    let catalog = &api.avatars.jobs.catalog;
    let merges = prefers(&head.headers, "resolution=merge-duplicates");
    if !merges && catalog.kinkster(id).await?.is_some() {
        let message = "duplicate key value violates unique constraint \"kinksters_pkey\"";
        return Err(Refusal::new(409, "23505", message));
    }
    match catalog.put_kinkster(id, &user, &change(written)?).await {
        Ok(row) => returned(StatusCode::CREATED, &head.headers, vec![columns.shown(&row)]),
        Err(CatalogError::Denied) => Err(Refusal::denied()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    updated(&api, request, &parameters).await.unwrap_or_else(Refusal::into_response)
}

async fn updated(api: &Api, request: Request, parameters: &Parameters) -> Answer {
    let (head, body) = request.into_parts();
    let caller = session::bearer(api, &head.headers)?;
    let columns = Columns::of(parameters)?;
    let id = id_of(parameters, "id")?.ok_or_else(|| Refusal::new(400, "PGRST100", "id=eq.… is needed"))?;
    let body = session::read(api, body).await?;
    let written = one_row(&body)?;
    if written.id.is_some_and(|new| new != id) {
        return Err(Refusal::new(400, "PGRST100", "the id of a row does not change"));
    }
    let asked = id_of(parameters, "user_id")?.map(|user| user.to_string());
    let user = if caller.is_service() { asked.clone() } else { Some(user_of(&caller, written.user_id)?) };
    let matching = KinksterMatch { id, user: user.as_deref(), avatar_url: url_of(parameters)? };
    let rows = if asked.is_none() || asked == user {
        api.avatars.jobs.catalog.change_kinkster(matching, &change(written)?).await?
    } else {
        None
    };
    let rows: Vec<Value> = rows.iter().map(|row| columns.shown(row)).collect();
    returned(StatusCode::OK, &head.headers, rows)
}

/// An object, or a list of one.
fn one_row(body: &[u8]) -> Result<Written, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|_| FieldError::Json)?;
    let object = match value {
        Value::Array(rows) if rows.len() == 1 => rows.into_iter().next().unwrap_or_default(),
        Value::Array(_) => return Err(Refusal::new(400, "PGRST102", "one row at a time")),
        other => other,
    };
    if let Some(unknown) =
        object.as_object().into_iter().flat_map(Map::keys).find(|key| !COLUMNS.contains(&key.as_str()))
    {
        let name: String = unknown.chars().filter(|c| !c.is_control()).take(60).collect();
        let message = format!("Could not find the '{name}' column of 'kinksters' in the schema cache");
        return Err(Refusal::new(400, "PGRST204", message));
    }
    // Written again, so that faults are told by their field. A column set to null is one that is there.
    let nulls: Vec<&str> = object
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_null())
        .map(|(key, _)| key.as_str())
        .collect();
    let mut written: Written = parse(object.to_string().as_bytes())?;
    if nulls.contains(&"avatar_url") {
        written.avatar_url = Some(Prose::default());
    }
    Ok(written)
}

fn change(written: Written) -> Result<KinksterChange, Refusal> {
    let url = written.avatar_url.map(|url| url.as_str().to_owned());
    let is_web = |text: &str| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if url.as_deref().is_some_and(|url| !url.is_empty() && !is_web(url)) {
        return Err(Refusal::new(400, "22P02", "avatar_url must be an http(s) URL"));
    }
    Ok(KinksterChange {
        name: written.name.map(|name| Some(name.as_str().to_owned())),
        avatar_url: url.map(|url| Some(url).filter(|url| !url.is_empty())),
        avatar_prompt: written.avatar_prompt.map(|prompt| Some(prompt.as_str().to_owned())),
        avatar_generation_config: written.avatar_generation_config.map(|config| Some(Value::Object(config))),
        is_active: written.is_active,
    })
}

fn sees(caller: &Caller, row: &Kinkster) -> bool {
    caller.is_service() || user_of(caller, None).is_ok_and(|user| user == row.user)
}

/// `select=*` or a list of columns.
struct Columns(Option<Vec<String>>);

impl Columns {
    fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        const KNOWN: [&str; 8] = ["select", "id", "user_id", "avatar_url", "order", "limit", "offset", "columns"];
        if let Some(unknown) = parameters.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            let name: String = unknown.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(Refusal::new(400, "PGRST100", format!("\"{name}\" is no filter of this table here")));
        }
        let Some(text) = parameters.get("select").filter(|text| !matches!(text.as_str(), "" | "*")) else {
            return Ok(Self(None));
        };
        let columns: Vec<String> = text.split(',').map(|column| column.trim().to_owned()).collect();
        if columns.iter().all(|column| COLUMNS.contains(&column.as_str())) {
            Ok(Self(Some(columns)))
        } else {
            Err(Refusal::new(400, "42703", "a selected column does not exist"))
        }
    }

    fn shown(&self, kinkster: &Kinkster) -> Value {
        let mut row = row(kinkster);
        if let (Some(columns), Some(fields)) = (&self.0, row.as_object_mut()) {
            fields.retain(|name, _| columns.contains(name));
        }
        row
    }
}

/// Where a listing of rows that show a picture begins: `gt.{uuid}`.
fn after(parameters: &Parameters) -> Result<Option<Uuid>, Refusal> {
    let Some(text) = parameters.get("id") else { return Ok(None) };
    let id = text.strip_prefix("gt.").and_then(|id| Uuid::parse_str(id).ok());
    id.map(Some).ok_or_else(|| Refusal::new(400, "22P02", "id must be gt. and a UUID"))
}

/// `eq.{url}`.
fn url_of(parameters: &Parameters) -> Result<Option<&str>, Refusal> {
    let Some(text) = parameters.get("avatar_url") else { return Ok(None) };
    let url = text.strip_prefix("eq.");
    url.map(Some).ok_or_else(|| Refusal::new(400, "PGRST100", "avatar_url must be eq. and a URL"))
}

/// `eq.{uuid}`.
fn id_of(parameters: &Parameters, name: &str) -> Result<Option<Uuid>, Refusal> {
    let Some(text) = parameters.get(name) else { return Ok(None) };
    let id = text.strip_prefix("eq.").and_then(|id| Uuid::parse_str(id).ok());
    id.map(Some).ok_or_else(|| Refusal::new(400, "22P02", format!("{name} must be eq. and a UUID")))
}

fn number(parameters: &Parameters, name: &str) -> Result<Option<u32>, Refusal> {
    let number = parameters.get(name).map(|text| text.parse());
    number.transpose().map_err(|_| Refusal::new(400, "PGRST100", format!("{name} must be a number")))
}

fn prefers(headers: &HeaderMap, preference: &str) -> bool {
    let lines = headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|found| found.trim() == preference)
}

/// What was written is answered where that is preferred.
fn returned(status: StatusCode, headers: &HeaderMap, rows: Vec<Value>) -> Answer {
    if prefers(headers, "return=representation") {
        return shown(status, headers, rows);
    }
    let status = if status == StatusCode::OK { StatusCode::NO_CONTENT } else { status };
    Ok((status, NO_STORE).into_response())
}

/// A list, or the one row that `.single()` wants.
pub(super) fn shown(status: StatusCode, headers: &HeaderMap, mut rows: Vec<Value>) -> Answer {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.starts_with("application/vnd.pgrst.object") {
        return Ok((status, NO_STORE, Json(rows)).into_response());
    }
    match (rows.pop(), rows.len()) {
        (Some(row), 0) => Ok((status, NO_STORE, Json(row)).into_response()),
        _ => Err(Refusal::new(406, "PGRST116", "Cannot coerce the result to a single JSON object")),
    }
}

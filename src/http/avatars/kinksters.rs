//! `PUT/GET/DELETE /api/kinksters/{id}`: a character's name, and what is known of its avatar.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::NO_STORE;
use super::fault::Fault;
use super::session::{self, user_of};
use crate::auth::Caller;
use crate::catalog::{CatalogError, Kinkster, KinksterChange};
use crate::http::api::Api;
use crate::sidecar::field::{Line, parse};
use crate::sidecar::jobs::timestamp;

/// A character's name.
pub(super) type Name = Line<200>;

#[derive(Debug, Deserialize)]
struct Written {
    name: Option<Name>,
    is_active: Option<bool>,
    user_id: Option<Uuid>,
}

/// A row as both APIs show it.
pub(super) fn row(kinkster: &Kinkster) -> Value {
    json!({
        "id": kinkster.id,
        "user_id": kinkster.user,
        "name": kinkster.name,
        "avatar_url": kinkster.avatar_url,
        "avatar_prompt": kinkster.avatar_prompt,
        "avatar_generation_config": kinkster.avatar_generation_config,
        "is_active": kinkster.is_active,
        "created_at": timestamp(kinkster.created_at),
        "updated_at": timestamp(kinkster.updated_at),
    })
}

pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Response {
    let shown = async {
        let caller = session::caller(&api, &request.into_parts().0)?;
        Ok(row(&own(&api, &caller, &id).await?))
    };
    answered(shown.await)
}

pub(super) async fn write(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Response {
    let written = async {
        let (head, body) = request.into_parts();
        let caller = session::caller(&api, &head)?;
        let id = Uuid::parse_str(&id).map_err(|_| Fault::bad_request("the kinkster's id must be a UUID"))?;
        let Written { name, is_active, user_id } = parse(&session::read(&api, body).await?)?;
        let user = user_of(&caller, user_id)?;
        let name = name.map(|name| Some(name.as_str().to_owned()));
        let change = KinksterChange { name, is_active, ..KinksterChange::default() };
        match api.avatars.jobs.catalog.put_kinkster(id, &user, &change).await {
            Ok(kinkster) => Ok(row(&kinkster)),
            Err(CatalogError::Denied) => Err(Fault::Forbidden("This kinkster belongs to somebody else")),
            Err(error) => Err(error.into()),
        }
    };
    answered(written.await)
}

pub(super) async fn remove(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Response {
    let removed = async {
        let caller = session::caller(&api, &request.into_parts().0)?;
        let kinkster = own(&api, &caller, &id).await?;
        Ok(api.avatars.jobs.catalog.remove_kinkster(kinkster.id, Some(&kinkster.user)).await?)
    };
    match removed.await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(fault) => Fault::into_response(fault),
    }
}

/// A kinkster of the caller's; others' are as good as none.
async fn own(api: &Api, caller: &Caller, id: &str) -> Result<Kinkster, Fault> {
    let none = || Fault::NotFound("There is no such kinkster");
    let id = Uuid::parse_str(id).map_err(|_| none())?;
    let kinkster = api.avatars.jobs.catalog.kinkster(id).await?.ok_or_else(none)?;
    let is_own = caller.is_service() || user_of(caller, None)? == kinkster.user;
    if is_own { Ok(kinkster) } else { Err(none()) }
}

fn answered(body: Result<Value, Fault>) -> Response {
    body.map_or_else(Fault::into_response, |body| (NO_STORE, Json(body)).into_response())
}

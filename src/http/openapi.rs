//! The description of every route, and the list that a test holds it against.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use http::Method;

use super::{api, realtime, storage};
use crate::admission::PICTURE_ROUTES;

/// OpenAPI 3.1. It names no bucket and no object, so it is for everyone.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, DOCUMENT).into_response()
}

/// Method and path of everything that is answered, from the tables by which it is dispatched. Parameters are in braces.
pub fn routes() -> Vec<(Method, String)> {
    let pictures = PICTURE_ROUTES.iter().map(|path| (Method::GET, (*path).to_owned()));
    let api = api::routes().chain(realtime::routes()).map(|(method, path)| (method, path.to_owned()));
    let storage = storage::routes().map(|(method, path)| (method, format!("/storage/v1/{path}")));
    let plain = [(Method::GET, super::HEALTH.to_owned())].into_iter();
    // A parameter that holds slashes is a parameter.
    pictures.chain(api).chain(storage).chain(plain).map(|(method, path)| (method, path.replace("{*", "{"))).collect()
}

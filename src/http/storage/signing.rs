//! Signed URLs: making them, and reading their tokens.

use axum::Json;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::HeaderMap;
use serde_json::{Value, json};

use super::body::{self, Fields};
use super::route::Place;
use super::uploads::wants_upsert;
use super::{Answer, Fault, Storage, bucket_name, unix_now};
use crate::auth::{Caller, ObjectToken, Role, Scope, stable_expiry, stable_issue_time};
use crate::catalog::CatalogError;
use crate::object::ObjectId;

/// Most objects of one request.
const MOST: usize = 1000;
/// Seconds for which an upload may begin.
const UPLOAD_SECONDS: u64 = 7200;
/// Longest life of a signed URL in seconds: a hundred years.
const LONGEST: u64 = 100 * 365 * 86_400;
const NOT_THERE: &str = "Either the object does not exist or you do not have access to it";

impl Storage {
    pub(super) async fn sign_one(&self, place: Place<'_>, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let object = self.object(place)?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let lifetime = fields.required_number("expiresIn", 1)?.min(LONGEST);
        let transform = fields.object("transform")?.and_then(|transform| transformations(&transform));
        self.buckets.catalog.object(&caller, &object).await?;
        let route = if transform.is_some() { "/render/image/sign" } else { "/object/sign" };
        let (transformations, format) = transform.unwrap_or_default();
        let transformations = Some(transformations).filter(|text| !text.is_empty());
        let token = self.token(&object, lifetime, transformations, format);
        Ok(Json(json!({"signedURL": format!("{route}/{}?token={token}", path(&object))})).into_response())
    }

    pub(super) async fn sign_many(&self, bucket: &str, request: Request) -> Answer {
        let caller = self.caller(request.headers())?;
        let bucket = bucket_name(bucket)?;
        let fields = body::json(request.into_body(), self.body_timeout).await?;
        let lifetime = fields.required_number("expiresIn", 1)?.min(LONGEST);
        let paths = fields.required_texts("paths", MOST)?;
        let mut signed = Vec::with_capacity(paths.len());
        for text in paths {
            let object = self.key(&text).ok().map(|key| ObjectId::new(bucket.clone(), key));
            let url = match &object {
                Some(object) => self.signed_if_seen(&caller, object, lifetime).await?,
                None => None,
            };
            let error = url.is_none().then_some(NOT_THERE);
            signed.push(json!({"error": error, "path": text, "signedURL": url}));
        }
        Ok(Json(Value::from(signed)).into_response())
    }

    async fn signed_if_seen(&self, caller: &Caller, object: &ObjectId, lifetime: u64) -> Result<Option<String>, Fault> {
        match self.buckets.catalog.object(caller, object).await {
            Ok(_) => {
                let token = self.token(object, lifetime, None, None);
                Ok(Some(format!("/object/sign/{}?token={token}", path(object))))
            }
            Err(CatalogError::NoObject | CatalogError::NoBucket) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same caller, object and lifetime get the same token for a while, so that browsers can cache what it opens.
    fn token(
        &self,
        object: &ObjectId,
        lifetime: u64,
        transformations: Option<String>,
        format: Option<String>,
    ) -> String {
        let issued = stable_issue_time(unix_now(), lifetime);
        self.keys.sign_object(&ObjectToken {
            url: object.to_string(),
            scope: Some(Scope::Download),
            transformations,
            format,
            owner: None,
            upsert: None,
            iat: issued,
            exp: stable_expiry(issued, lifetime),
        })
    }

    pub(super) async fn sign_upload(&self, place: Place<'_>, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        let (object, upsert) = (self.object(place)?, wants_upsert(headers));
        self.buckets.door(&object.bucket).await?;
        self.buckets.catalog.may_put(&caller, &object, upsert).await?;
        let now = unix_now();
        let token = self.keys.sign_object(&ObjectToken {
            url: object.to_string(),
            scope: Some(Scope::Upload),
            transformations: None,
            format: None,
            owner: caller.subject.as_deref().map(str::to_owned),
            upsert: Some(upsert),
            iat: now,
            exp: now + UPLOAD_SECONDS,
        });
        let url = format!("/object/upload/sign/{}?token={token}", path(&object));
        Ok(Json(json!({"url": url, "token": token})).into_response())
    }

    /// The token of a URL that opens an object for reading, and the path (`{bucket}/{key}`, encoded once) that it opens.
    ///
    /// storage-js encodes the URL that it is given once more, so what has to be encoded in it (`?`, `%`) comes encoded
    /// twice. The token names the object: read either way, the path must be that one.
    pub(super) fn opened(&self, place: Place<'_>, query: Option<&str>) -> Result<(ObjectToken, String), Fault> {
        let open = |place: Place<'_>| {
            let token = self.verified(&self.object(place)?, query, Scope::Download)?;
            Ok((token, format!("{}/{}", place.bucket, place.key)))
        };
        match open(place) {
            Err(fault @ (Fault::Key(_) | Fault::NoBucket | Fault::Signature(_))) => {
                let (bucket, key) = (place.bucket.replace("%25", "%"), place.key.replace("%25", "%"));
                open(Place { bucket: &bucket, key: &key }).map_err(|_| fault)
            }
            opened => opened,
        }
    }

    /// The token of a URL that lets an object be written.
    pub(super) fn upload_token(&self, object: &ObjectId, query: Option<&str>) -> Result<ObjectToken, Fault> {
        self.verified(object, query, Scope::Upload)
    }

    fn verified(&self, object: &ObjectId, query: Option<&str>, scope: Scope) -> Result<ObjectToken, Fault> {
        let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let token = pairs.find(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
        let token = token.ok_or_else(|| Fault::schema("querystring must have required property 'token'"))?;
        Ok(self.keys.verify_object(&token, &object.to_string(), scope, unix_now())?)
    }
}

/// Who an upload with this token counts as: its signer was allowed to write, and is the owner.
pub(super) fn upload_caller(token: &ObjectToken) -> Caller {
    Caller { subject: token.owner.as_deref().map(Into::into), ..Caller::of_role(Role::Service) }
}

/// The path as `decodeURI` would leave it: clients encode it again.
fn path(object: &ObjectId) -> String {
    object.to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

/// The claim that keeps a transform, and the format beside it; `None` where nothing is asked.
fn transformations(fields: &Fields) -> Option<(String, Option<String>)> {
    let text = |name: &str| fields.text(name).ok().flatten().filter(|value| !value.is_empty());
    let format = text("format");
    let named = ["height", "width", "resize", "quality", "gravity", "x_offset", "y_offset"];
    let parts: Vec<String> = named.iter().filter_map(|name| Some(format!("{name}:{}", text(name)?))).collect();
    (!parts.is_empty() || format.is_some()).then(|| (parts.join(","), format))
}

/// A token's transform as the query of a render URL.
pub(super) fn as_query(token: &ObjectToken) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for part in token.transformations.as_deref().unwrap_or_default().split(',') {
        if let Some((name, value)) = part.split_once(':').filter(|(_, value)| *value != "undefined") {
            query.append_pair(name, value);
        }
    }
    if let Some(format) = &token.format {
        query.append_pair("format", format);
    }
    query.finish()
}

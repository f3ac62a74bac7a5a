//! Reading objects that are not for everyone, or that are asked for by the API's own paths.
//!
//! May this caller? is asked on every request, before any cache is looked at: cached bytes carry no permission.

use http::request::Parts;
use http::{HeaderMap, Uri};

use super::route::Place;
use super::signing::as_query;
use super::{Answer, Fault, Observed, Storage};
use crate::admission::Route;
use crate::auth::ObjectToken;
use crate::config::Access;
use crate::http::{Call, ClientAddress};
use crate::object::ObjectId;
use crate::transform::Reader;

impl Storage {
    /// `/object/{bucket}/{key}`: a public bucket's objects for everyone, others for those who may.
    pub(super) async fn read(&self, place: Place<'_>, request: &Parts) -> Answer {
        let object = self.object(place)?;
        let reader = match self.access(&object) {
            Some(Access::Public) => Reader::Anyone,
            Some(Access::Private) => self.permitted(&object, &request.headers).await?,
            None => return Err(Fault::NoBucket),
        };
        Ok(self.shown(Route::Object(tail(request.uri.path(), "object/")), request, None, reader).await)
    }

    /// `/object/authenticated/…`: a token, always.
    pub(super) async fn read_authenticated(&self, place: Place<'_>, request: &Parts) -> Answer {
        let reader = self.permitted(&self.object(place)?, &request.headers).await?;
        let route = Route::Object(tail(request.uri.path(), "object/authenticated/"));
        Ok(self.shown(route, request, None, reader).await)
    }

    pub(super) async fn render_authenticated(&self, place: Place<'_>, request: &Parts) -> Answer {
        let reader = self.permitted(&self.object(place)?, &request.headers).await?;
        let route = Route::Render(tail(request.uri.path(), "render/image/authenticated/"));
        Ok(self.shown(route, request, None, reader).await)
    }

    pub(super) async fn read_signed(&self, place: Place<'_>, request: &Parts) -> Answer {
        let (token, tail) = self.opened(place, request.uri.query())?;
        let reader = Reader::Holder { until: Some(token.exp) };
        Ok(self.shown(Route::Object(&tail), request, None, reader).await)
    }

    /// The transform comes from the token alone.
    pub(super) async fn render_signed(&self, place: Place<'_>, request: &Parts) -> Answer {
        let (token, tail) = self.opened(place, request.uri.query())?;
        let query = signed_query(Some(&token), request.uri.query());
        let reader = Reader::Holder { until: Some(token.exp) };
        Ok(self.shown(Route::Render(&tail), request, Some(&query), reader).await)
    }

    async fn permitted(&self, object: &ObjectId, headers: &HeaderMap) -> Result<Reader, Fault> {
        let caller = self.caller(headers)?;
        // A public bucket's objects are for everyone: rules say who else may list and change them.
        if self.access(object) != Some(Access::Public) {
            self.buckets.catalog.object(&caller, object).await?;
        }
        Ok(Reader::Holder { until: caller.expires })
    }

    /// The picture or file, by the walk that public pictures take.
    async fn shown(
        &self,
        route: Route<'_>,
        request: &Parts,
        query: Option<&str>,
        reader: Reader,
    ) -> axum::response::Response {
        let uri = match query {
            Some(query) => with_query(&request.uri, query),
            None => request.uri.clone(),
        };
        let client = request.extensions.get::<ClientAddress>().and_then(|ClientAddress(address)| *address);
        let call = Call { method: &request.method, uri: &uri, headers: &request.headers, client };
        let mut response = self.images.serve_permitted(route, call, reader).await.map(axum::body::Body::new);
        response.extensions_mut().insert(Observed);
        response
    }
}

/// What follows the route's own words.
fn tail<'a>(path: &'a str, words: &str) -> &'a str {
    path.split_once(words).map_or("", |(_, tail)| tail)
}

/// The query of a render URL: the token's transform, and `download` from the URL.
pub(in crate::http) fn signed_query(token: Option<&ObjectToken>, query: Option<&str>) -> String {
    let transform = token.map(as_query).unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    match pairs.find(|(name, _)| name == "download") {
        Some((_, name)) => url::form_urlencoded::Serializer::new(transform).append_pair("download", &name).finish(),
        None => transform,
    }
}

pub(in crate::http) fn with_query(uri: &Uri, query: &str) -> Uri {
    format!("{}?{query}", uri.path()).parse().unwrap_or_else(|_| uri.clone())
}

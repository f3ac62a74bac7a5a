//! The storage API in front of an upstream: reads that need permission, writes, and the rest as it is.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::changes::Changes;
use super::fault::Fault;
use super::reads::Wanted;
use super::target::Target;
use super::{Upstream, headers};
use crate::deliver::{Ask, Purpose};
use crate::http::storage::operation;
use crate::object::ObjectId;
use crate::purge::Scope;
use crate::transform::{Dialect, Want};

/// Most bytes of a body that is read to know what it names: a thousand keys of a thousand bytes, and what surrounds them.
const NAMING_BYTES: usize = 2 << 20;

impl Upstream {
    /// Answers a request whose path begins with `/storage/v1/`.
    pub(in crate::http) async fn storage(self: &Arc<Self>, request: Request) -> Response {
        self.stored(request).await.map_or_else(IntoResponse::into_response, headers::without_cors)
    }

    async fn stored(self: &Arc<Self>, request: Request) -> Result<Response, Fault> {
        let target = Target::of(request.uri())?;
        let Some(path) = target.path.strip_prefix("/storage/v1/") else { return Err(Fault::Path) };
        let operation = operation(request.method(), path);
        if let Some(wanted) = operation.and_then(Wanted::of) {
            return self.read(&wanted, &target, request).await;
        }
        let changes = Changes::of(request.method(), path, operation, request.headers());
        if changes == Changes::Nothing {
            return self.pass(&target, request).await;
        }
        // Owned: a client that hangs up after its last byte must not leave the old bytes behind.
        let upstream = Arc::clone(self);
        let writing = async move { upstream.write(&target, changes, request).await };
        self.tasks.spawn(writing).await.map_err(|_| Fault::BadAnswer)?
    }

    /// Passes on a write with the caller's own token; if it may have been done, nothing made of the old bytes is shown
    /// from before it is answered.
    async fn write(&self, target: &Target, changes: Changes, request: Request) -> Result<Response, Fault> {
        let (request, named) = if changes.are_in_body() {
            buffered(request, self.limits.pause).await?
        } else {
            (request, bytes::Bytes::new())
        };
        let answer = self.pass(target, request).await;
        // A refusal is the one answer that says for sure that nothing was done.
        let is_refused = match &answer {
            Ok(response) => response.status().is_client_error(),
            Err(fault) => !fault.leaves_doubt(),
        };
        if !is_refused {
            for scope in changes.scopes(&named) {
                self.changed(scope).await;
            }
        }
        answer
    }

    /// Purges, and reads anew what was asked for here before.
    async fn changed(&self, scope: Scope) {
        let deliver = &self.images.deliver;
        let known = match &scope {
            Scope::Object(bucket, key) => {
                let object = ObjectId::new(bucket.clone(), key.clone());
                deliver.known(&object).await.map(|_| object)
            }
            Scope::All | Scope::Bucket(_) | Scope::Prefix(..) => None,
        };
        if let Err(error) = deliver.written(scope).await {
            // The version is in every key: what is left on disk is never served.
            tracing::warn!(%error, "variants of a changed object could not be removed");
        }
        let Some(object) = known else { return };
        let deliver = Arc::clone(deliver);
        self.tasks.spawn(async move {
            let want = Want::Original;
            let ask = Ask { object, want, dialect: Dialect::Supabase, client: None, purpose: Purpose::Warm };
            if let Err(error) = deliver.deliver(&ask).await {
                tracing::debug!(object = %ask.object, %error, "a changed object was not warmed");
            }
        });
    }
}

/// Reads a body that names objects, and gives the request a copy of it.
async fn buffered(request: Request, pause: Duration) -> Result<(Request, bytes::Bytes), Fault> {
    let (parts, body) = request.into_parts();
    let (mut gathered, mut stream) = (bytes::BytesMut::new(), body.into_data_stream());
    while let Some(part) = tokio::time::timeout(pause, stream.next()).await.map_err(|_| Fault::BodySlow)? {
        gathered.extend_from_slice(&part.map_err(|_| Fault::BodyBroken)?);
        if gathered.len() > NAMING_BYTES {
            return Err(Fault::TooLarge);
        }
    }
    let bytes = gathered.freeze();
    Ok((Request::from_parts(parts, Body::from(bytes.clone())), bytes))
}

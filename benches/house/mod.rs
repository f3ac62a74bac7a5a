//! Everything that answers HTTP, without sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use tintype::app::{App, Front};
use tintype::config::{Overrides, load};
use tintype::http::Door;

pub type Asked = Request<Empty<bytes::Bytes>>;

/// The walk without sockets, over the fixtures' photographs, with its data in a folder that goes with it.
pub struct House {
    runtime: tokio::runtime::Runtime,
    app: Arc<App>,
    peer: SocketAddr,
    _data: tempfile::TempDir,
}

impl House {
    /// Over the fixtures' photographs.
    pub fn build() -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos");
        let overrides = Overrides {
            data: Some(data.path().to_owned()),
            buckets: vec![format!("photos={}", photos.display())],
            ..Overrides::default()
        };
        // An hour between looks at the folder: a look is not a memory hit.
        let inward = ("TINTYPE_CACHE__FOLDER_SECONDS".to_owned(), "3600".to_owned());
        let config = load(None, [inward], &overrides).expect("a sound configuration");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let app = runtime.block_on(App::build(&config, Front::Status)).expect("an app");
        Self { runtime, app, peer: SocketAddr::from(([127, 0, 0, 1], 1)), _data: data }
    }

    /// The status and the length of the body, which is taken out of the answer as a connection would.
    pub fn ask(&self, request: Asked) -> (StatusCode, usize) {
        self.runtime.block_on(async {
            let response = match self.app.service.site.handle(request, self.peer, Door::Public).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status();
            (status, response.into_body().collect().await.map_or(0, |body| body.to_bytes().len()))
        })
    }

    /// The ETag of a path, which is in memory afterwards.
    pub fn etag(&self, path: &str) -> String {
        self.runtime.block_on(async {
            let Ok(response) = self.app.service.site.handle(request(path, None), self.peer, Door::Public).await;
            let etag = response.headers()[header::ETAG].to_str().expect("ASCII").to_owned();
            drop(response);
            etag
        })
    }
}

/// A browser's request.
pub fn request(path: &str, condition: Option<(header::HeaderName, &str)>) -> Asked {
    let request = Request::get(path)
        .header(header::HOST, "127.0.0.1:8787")
        .header(header::ACCEPT, "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8");
    let request = match condition {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    request.body(Empty::new()).expect("a valid request")
}

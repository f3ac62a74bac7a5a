//! A running tintype on a free port, built as `serve` builds it, and what tests ask it.

#[allow(dead_code, reason = "shared with the unit tests of the source room, which use other parts of it")]
#[path = "../support/origin.rs"]
pub mod origin;
#[path = "../support/tokens.rs"]
pub mod tokens;

#[path = "../support/object_server.rs"]
pub mod object_server;
#[path = "../support/postgres.rs"]
pub mod postgres;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tintype::app::{App, Front};
use tintype::config::{Config, Overrides, load};
use tintype::http::Door;
use tintype::realtime::Realtime;
use tintype::server::{self, Entrance};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A secret for tests, and nothing else.
pub const SECRET: &str = "a-secret-for-tests-of-at-least-32-bytes";

/// The folder of checked-in pictures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// One checked-in file.
pub fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Variables on top of the defaults, as an operator would set them.
pub struct Setup {
    pub data: Arc<TempDir>,
    variables: Vec<(String, String)>,
}

impl Setup {
    pub fn new() -> Self {
        let data = Arc::new(tempfile::tempdir().unwrap());
        // What is made again by itself, and when, only the tests of that want to see.
        Self { data, variables: Vec::new() }.with("JWT_SECRET", SECRET).with("RENDER__REFINE", "false")
    }

    /// The variables, for a process of its own.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets `TINTYPE_{key}`; the last value counts.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.variables.push((format!("TINTYPE_{key}"), value.to_owned()));
        self
    }

    pub fn with_all(self, variables: &[(&str, impl AsRef<str>)]) -> Self {
        variables.iter().fold(self, |setup, (key, value)| setup.with(key, value.as_ref()))
    }

    pub fn bucket(self, name: &str, place: impl AsRef<str>) -> Self {
        self.with(&format!("BUCKETS__{}__URL", name.to_uppercase()), place.as_ref())
    }

    /// The bucket `photos` of the checked-in photographs.
    pub fn photos(self) -> Self {
        let folder = fixtures().join("photos");
        self.bucket("photos", folder.to_str().unwrap())
    }

    pub fn config(&self) -> Config {
        let overrides = Overrides {
            listen: Some("127.0.0.1:0".to_owned()),
            data: Some(self.data.path().join("data")),
            ..Overrides::default()
        };
        load(None, self.variables.iter().cloned(), &overrides).unwrap()
    }

    pub async fn start(&self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = self.config();
        config.listen = address;
        let app = Box::pin(App::build(&config, Front::Status)).await.unwrap();
        let entrances = vec![Entrance { listener, door: Door::Public, tls: app.take_tls() }];
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server::run(Arc::clone(&app.service), entrances, async {
            stopped.await.ok();
        }));
        let (realtime, data) = (Arc::clone(&app.realtime), Arc::clone(&self.data));
        Running { address, app, realtime, client: client(), stop: Some(stop), serving, data }
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// A server that serves until it is dropped or stopped.
pub struct Running {
    pub address: SocketAddr,
    pub app: Arc<App>,
    pub realtime: Arc<Realtime>,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    data: Arc<TempDir>,
}

impl Running {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// GET with these headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, None).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    /// GET as a browser asks for a picture.
    pub async fn get_webp(&self, path: &str) -> Answer {
        self.get_with(path, &[("accept", "image/avif,image/webp,image/*,*/*;q=0.8")]).await
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut request = self.client.request(method, self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap() }
    }

    /// Any request with any body.
    pub async fn send_bytes(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = self.client.request(method, self.url(path)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap() }
    }

    /// A purge with a service key.
    pub async fn purge(&self, body: &str) -> Answer {
        let key = service_key();
        self.send(Method::POST, "/admin/purge", &[("authorization", &format!("Bearer {key}"))], Some(body)).await
    }

    /// Drains and waits.
    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).ok();
        self.serving.await.unwrap();
    }
}

/// A service key signed by [`SECRET`].
pub fn service_key() -> String {
    let secret = tintype::config::Secret::new(SECRET);
    tintype::auth::service_key(&secret, Duration::from_secs(600))
}

/// An answer read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header's text, empty if absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Whether it came from a cache tier.
    pub fn is_hit(&self) -> bool {
        self.header("cache-status").contains("hit")
    }

    /// Width × height of the picture in the body.
    pub fn size(&self) -> (u32, u32) {
        let natural = tintype::imaging::probe(&self.body).unwrap().natural;
        (natural.width, natural.height)
    }

    /// Asserts the status and returns the answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

/// Decodes a picture with our own decoders to its first frame, upright, as RGB(A).
pub fn pixels(bytes: &[u8]) -> tintype::imaging::Raster {
    use tintype::imaging;
    let probe = imaging::probe(bytes).unwrap();
    let decoded = imaging::decode(bytes, &probe, imaging::Shrink::Whole, &imaging::Limits::default()).unwrap();
    imaging::orient(imaging::colour(decoded).unwrap()).unwrap()
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Waits until the condition holds, up to ten seconds.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..1000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}

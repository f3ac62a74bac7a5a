//! A real S3 server that checks signatures, and a fresh bucket in it for each test.
//!
//! `TINTYPE_TEST_S3` names its endpoint, `TINTYPE_TEST_S3_ACCESS_KEY` and `TINTYPE_TEST_S3_SECRET_KEY` its keys, whose
//! buckets come into being with their first object; deploy/test starts one for the run. Without them
//! `tests/python/object_server.py` starts one for this process with the SeaweedFS of `TINTYPE_TEST_WEED` (or of `PATH`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path as FilePath;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions};
use tintype::source::{StoreSource, store_from_url};
use url::Url;

use super::Setup;

/// Where the server is, and its keys.
struct ObjectServer {
    endpoint: String,
    access_key: String,
    secret_key: String,
    /// A server that was started for this process: it ends when its input does, which is when this process ends.
    _own: Option<Child>,
}

const ENDPOINT: &str = "TINTYPE_TEST_S3";
const ACCESS_KEY: &str = "TINTYPE_TEST_S3_ACCESS_KEY";
const SECRET_KEY: &str = "TINTYPE_TEST_S3_SECRET_KEY";

impl ObjectServer {
    fn get() -> &'static Self {
        static SERVER: OnceLock<ObjectServer> = OnceLock::new();
        SERVER.get_or_init(|| Self::of(&std::env::vars().collect(), None).unwrap_or_else(Self::start))
    }

    fn of(variables: &HashMap<String, String>, own: Option<Child>) -> Option<Self> {
        let named = |name: &str| variables.get(name).cloned();
        let (endpoint, access_key, secret_key) = (named(ENDPOINT)?, named(ACCESS_KEY)?, named(SECRET_KEY)?);
        Some(Self { endpoint, access_key, secret_key, _own: own })
    }

    fn start() -> Self {
        let weed = std::env::var("TINTYPE_TEST_WEED").unwrap_or_else(|_| "weed".to_owned());
        let found = Command::new(&weed).arg("version").output().is_ok_and(|output| output.status.success());
        assert!(
            found,
            "these tests need an S3 server, and there is no SeaweedFS `{weed}` here: run deploy/test, which installs and \
             starts one, or name its binary in TINTYPE_TEST_WEED"
        );
        let script = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/object_server.py");
        let mut command = Command::new("python3");
        let mut child = command.arg(script).arg(weed).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(3);
        let variables =
            lines.map(|line| line.unwrap().split_once('=').map(|(name, value)| (name.into(), value.into())));
        let variables = variables.map(Option::unwrap).collect();
        Self::of(&variables, Some(child)).expect("the object server did not start")
    }
}

/// A bucket of its own.
pub struct Bucket {
    pub name: String,
    /// What is in it, as another client sees it.
    pub store: Arc<dyn ObjectStore>,
}

impl Bucket {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tintype-{now}-{}-{number}", std::process::id());
        let store = open(&format!("s3://{name}")).into_store();
        Self { name, store }
    }

    /// The URL of a prefix in it.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", self.name)
    }

    /// What tintype reads below a prefix.
    pub fn source(&self, prefix: &str) -> tintype::source::Source {
        tintype::source::Source::Store(open(&self.url(prefix)))
    }

    pub async fn put(&self, path: &str, bytes: impl Into<Vec<u8>>, attributes: &[(Attribute, &'static str)]) {
        let attributes: Attributes = attributes.iter().cloned().collect();
        let options = PutOptions { attributes, ..PutOptions::default() };
        self.store.put_opts(&Path::parse(path).unwrap(), bytes.into().into(), options).await.unwrap();
    }

    pub async fn remove(&self, path: &str) {
        self.store.delete(&Path::parse(path).unwrap()).await.unwrap();
    }

    /// Every path in it, sorted.
    pub async fn paths(&self) -> Vec<String> {
        let metas: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        let mut paths: Vec<_> = metas.into_iter().map(|meta| meta.location.to_string()).collect();
        paths.sort();
        paths
    }
}

fn open(url: &str) -> StoreSource {
    let options = options();
    let options = options.iter().map(|(name, value)| (*name, value.as_str()));
    store_from_url(&Url::parse(url).unwrap(), options, Duration::from_secs(20)).unwrap()
}

/// The options with which the server is reached.
pub fn options() -> Vec<(&'static str, String)> {
    let server = ObjectServer::get();
    vec![
        ("endpoint", server.endpoint.clone()),
        ("region", "us-east-1".to_owned()),
        ("access_key_id", server.access_key.clone()),
        ("secret_access_key", server.secret_key.clone()),
        ("allow_http", "true".to_owned()),
    ]
}

impl Setup {
    /// The bucket `media` over a prefix in S3.
    pub fn media(self, bucket: &Bucket, prefix: &str) -> Self {
        options().iter().fold(self.bucket("media", bucket.url(prefix)), |setup, (name, value)| {
            setup.with(&format!("BUCKETS__MEDIA__OPTIONS__{}", name.to_uppercase()), value)
        })
    }

    /// Variants kept below a prefix in S3.
    pub fn variants_in(self, bucket: &Bucket, prefix: &str) -> Self {
        options().iter().fold(self.with("CACHE__VARIANTS_URL", &bucket.url(prefix)), |setup, (name, value)| {
            setup.with(&format!("CACHE__VARIANTS_OPTIONS__{}", name.to_uppercase()), value)
        })
    }
}

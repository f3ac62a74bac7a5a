//! A bucket in S3, Google Cloud Storage or Azure Blob Storage.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::client::HttpError;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Attribute, Error, GetOptions, GetResult, ObjectStore, ObjectStoreExt as _};

use super::error::SourceError;
use super::validators::Validators;
use super::{INWARD_DEFAULT, Opened, Original, cache_control};
use crate::object::ObjectKey;

/// Most memory taken before the first byte has come, in bytes.
const MAX_RESERVED: u64 = 4 << 20;

/// Objects of a store below a prefix.
#[derive(Clone, Debug)]
pub struct StoreSource {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Time for one object, from the first request to the last byte, retries included.
    timeout: Duration,
}

impl StoreSource {
    /// Reads objects of `store` below `prefix` (empty: the whole of it). [`super::store_from_url`] makes one from a URL.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, timeout: Duration) -> Self {
        Self { store, prefix, timeout }
    }

    /// The objects below the prefix as a store of their own, for writing too.
    pub fn into_store(self) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(self.store, self.prefix))
    }

    pub(super) async fn open(
        &self,
        key: &ObjectKey,
        known: Option<&Validators>,
        limit: u64,
    ) -> Result<Opened, SourceError> {
        match tokio::time::timeout(self.timeout, self.read(key, known, limit)).await {
            Ok(result) => result,
            Err(_) => Err(SourceError::Slow),
        }
    }

    async fn read(&self, key: &ObjectKey, known: Option<&Validators>, limit: u64) -> Result<Opened, SourceError> {
        let path = self.path_of(key)?;
        let options = conditions(known);
        let result = match self.store.get_opts(&path, options).await {
            Ok(result) => result,
            Err(Error::NotModified { .. }) if known.is_some_and(Validators::can_ask) => {
                return Ok(Opened::Unchanged { inward: INWARD_DEFAULT, cache_control: None, keep: true });
            }
            Err(error) => return Err(failure(&error)),
        };
        if result.meta.size > limit {
            return Err(SourceError::TooManyBytes { limit });
        }
        receive(result).await
    }

    pub(super) fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectKey, SourceError>> {
        let (root, wanted) = (self.prefix.clone(), prefix.to_owned());
        // Stores list whole segments: the last, perhaps partial, one is compared here.
        let segments = prefix.rsplit_once('/').map_or("", |(segments, _)| segments);
        let within = Path::parse(format!("{root}/{segments}")).unwrap_or_else(|_| root.clone());
        let listed = self.store.list(Some(&within));
        listed
            .map(move |meta| {
                let meta = meta.map_err(|error| failure(&error))?;
                let key = below(&root, &meta.location).and_then(|key| ObjectKey::parse(key).ok());
                Ok(key.filter(|key| key.as_str().starts_with(&wanted)))
            })
            .try_filter_map(|key| std::future::ready(Ok(key)))
            .boxed()
    }

    /// Asks for an object that cannot exist: "missing" is an answer. Not by HEAD, whose answers cannot say why.
    pub(super) async fn check(&self) -> Result<(), SourceError> {
        let path = self.prefix.clone().join("tintype-reachability-check");
        match tokio::time::timeout(self.timeout, self.store.get(&path)).await {
            Ok(Err(Error::NotFound { source, .. })) if source.to_string().contains("NoSuchBucket") => {
                Err(SourceError::BadAnswer(said(&source.to_string())))
            }
            Ok(Ok(_) | Err(Error::NotFound { .. })) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(SourceError::Slow),
        }
    }

    fn path_of(&self, key: &ObjectKey) -> Result<Path, SourceError> {
        // Not `Path::from`, which would encode characters that are part of the key.
        Path::parse(format!("{}/{key}", self.prefix)).map_err(|_| SourceError::Missing)
    }
}

fn conditions(known: Option<&Validators>) -> GetOptions {
    let if_none_match = known.and_then(|known| known.etag.clone());
    // S3 compares dates for equality only, so they count just where there is no tag.
    let date = known.filter(|_| if_none_match.is_none()).and_then(|known| known.last_modified);
    GetOptions { if_none_match, if_modified_since: date.map(Into::into), ..GetOptions::default() }
}

async fn receive(result: GetResult) -> Result<Opened, SourceError> {
    let attribute = |name| result.attributes.get(&name).map(|value| value.as_ref().to_owned());
    if let Some(coding) = attribute(Attribute::ContentEncoding).filter(|coding| !is_plain(coding)) {
        return Err(SourceError::Coding(coding));
    }
    let (content_type, cache_control) = (attribute(Attribute::ContentType), attribute(Attribute::CacheControl));
    let size = result.meta.size;
    let validators = Validators {
        etag: result.meta.e_tag.clone(),
        last_modified: Some(SystemTime::from(result.meta.last_modified)),
        size: Some(size),
    };
    let mut body = Vec::with_capacity(size.min(MAX_RESERVED) as usize);
    let mut stream = result.into_stream();
    while let Some(chunk) = stream.try_next().await.map_err(|error| SourceError::Incomplete(error.to_string()))? {
        if (body.len() + chunk.len()) as u64 > size {
            return Err(SourceError::Incomplete("more bytes than the store announced".into()));
        }
        body.extend_from_slice(&chunk);
    }
    if body.len() as u64 != size {
        return Err(SourceError::Incomplete("fewer bytes than the store announced".into()));
    }
    body.shrink_to_fit();
    let inward = cache_control::inward(cache_control.as_deref());
    Ok(Opened::Changed(Original { bytes: body.into(), validators, content_type, cache_control, inward, keep: true }))
}

/// `aws-chunked` only says how the bytes were uploaded; some S3 servers hand it back.
fn is_plain(coding: &str) -> bool {
    ["", "identity", "aws-chunked"].iter().any(|plain| coding.trim().eq_ignore_ascii_case(plain))
}

fn below<'a>(root: &Path, location: &'a Path) -> Option<&'a str> {
    let root = root.as_ref();
    if root.is_empty() { Some(location.as_ref()) } else { location.as_ref().strip_prefix(root)?.strip_prefix('/') }
}

fn failure(error: &Error) -> SourceError {
    match error {
        Error::NotFound { .. } | Error::InvalidPath { .. } => SourceError::Missing,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => SourceError::Denied(said(&chain(error))),
        Error::NotModified { .. } => SourceError::Status(304),
        other if never_answered(other) => SourceError::Unreachable(chain(other)),
        other => SourceError::BadAnswer(chain(other)),
    }
}

/// Whether it was the connection that failed, and not what came over it.
fn never_answered(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if current.is::<HttpError>() {
            return true;
        }
        cause = current.source();
    }
    false
}

/// What a store's error says in one line: the code and message of S3 (`<Error><Code>…`) where they are within its text.
pub fn said(text: &str) -> String {
    let element = |name: &str| {
        let (_, after) = text.split_once(&format!("<{name}>"))?;
        after.split_once('<').map(|(inner, _)| inner.trim())
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => text.to_owned(),
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
}

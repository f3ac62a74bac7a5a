//! Where original bytes come from: folders, HTTP origins, object stores, and guarded fetches of strangers' URLs.
//!
//! Every source answers the same question, [`Source::open`]: the bytes behind a key, unless they are still the ones that
//! the caller knows. Nothing here caches or decodes pictures. The ways out to HTTP are [`Fetcher::get`] and, to
//! servers that the operator named, [`Fetcher::send`].

mod addresses;
mod body;
mod cache_control;
mod embedded;
mod error;
mod fetch;
#[cfg(test)]
mod fetch_tests;
mod folder;
#[cfg(test)]
mod folder_tests;
mod guard;
mod http_origin;
mod post;
mod remote;
#[cfg(test)]
#[path = "../../tests/support/origin.rs"]
mod scripted_origin;
mod store;
mod store_setup;
#[cfg(test)]
mod store_tests;
mod upstream;
mod validators;

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

pub use self::addresses::is_public;
pub use self::cache_control::{INWARD_DEFAULT, inward, max_age};
pub use self::embedded::EmbeddedSource;
pub use self::error::{SetupError, SourceError};
pub use self::fetch::{
    ANY_TYPE, FetchRequest, Fetched, Fetcher, HopLimits, PICTURES_FIRST, Trust, VIA, is_own_request,
};
pub use self::folder::FolderSource;
pub use self::guard::{HostPort, Refused, SystemResolver};
pub use self::http_origin::{HttpSource, encoded_key, read_original};
pub use self::post::{Answered, PostRequest, SendRequest};
pub use self::remote::RemoteSource;
pub use self::store::{StoreSource, said};
pub use self::store_setup::store_from_url;
pub use self::upstream::UpstreamSource;
pub use self::validators::Validators;
use crate::object::{BucketName, ObjectId, ObjectKey};

/// An original as its source holds it now.
#[derive(Clone, Debug)]
pub struct Original {
    /// The whole body, content-decoded; may be empty for a folder or a store.
    pub bytes: Bytes,
    pub validators: Validators,
    /// As the source says it, unchecked: what the bytes are is decided from the bytes.
    pub content_type: Option<String>,
    /// The stored `Cache-Control`, verbatim.
    pub cache_control: Option<String>,
    /// How long to answer from what is known before asking the source again.
    pub inward: Duration,
    /// Whether the answer may be kept at all. False only for a remote URL that answers `no-store`, `private`, `Set-Cookie`
    /// or `Vary: *`; what the operator configured is always kept.
    pub keep: bool,
}

/// The answer to [`Source::open`].
#[derive(Clone, Debug)]
pub enum Opened {
    /// The bytes are the ones that the caller's validators name.
    Unchanged {
        inward: Duration,
        /// `None`: the source said nothing new; what was stored before still holds.
        cache_control: Option<String>,
        keep: bool,
    },
    Changed(Original),
}

impl Opened {
    /// The same answer with another time until the source is asked again.
    pub(super) fn with_inward(self, inward: Duration) -> Self {
        match self {
            Self::Unchanged { cache_control, keep, .. } => Self::Unchanged { inward, cache_control, keep },
            Self::Changed(original) => Self::Changed(Original { inward, ..original }),
        }
    }
}

/// A bucket's read side.
#[derive(Clone, Debug)]
pub enum Source {
    /// All of our own buckets.
    Embedded(EmbeddedSource),
    Folder(FolderSource),
    Http(HttpSource),
    Store(StoreSource),
    Remote(RemoteSource),
    /// All public buckets of an upstream.
    Upstream(UpstreamSource),
    /// What only a reader's own request can open: the answer is handed in by who asks ([`read_original`]).
    Restricted,
}

impl Source {
    /// The original of an object, or [`Opened::Unchanged`] if it is still the one that `known` describes.
    ///
    /// `limit` is the largest number of bytes accepted, after content-decoding.
    pub async fn open(&self, object: &ObjectId, known: Option<&Validators>, limit: u64) -> Result<Opened, SourceError> {
        let key = &object.key;
        match self {
            Self::Embedded(embedded) => embedded.open(object, known, limit).await,
            Self::Folder(folder) => folder.open(key, known, limit).await,
            Self::Http(origin) => origin.open(key, known, limit).await,
            Self::Store(store) => store.open(key, known, limit).await,
            Self::Remote(remote) => remote.open(key, known, limit).await,
            Self::Upstream(upstream) => upstream.open(object, known, limit).await,
            Self::Restricted => Err(SourceError::Restricted),
        }
    }

    /// Every key of the bucket that begins with `prefix` (a prefix of text, not of segments; empty: all), in no
    /// particular order.
    ///
    /// HTTP origins and remote URLs yield one [`SourceError::NoListing`].
    pub fn list(&self, bucket: &BucketName, prefix: &str) -> BoxStream<'static, Result<ObjectKey, SourceError>> {
        match self {
            Self::Embedded(embedded) => embedded.list(bucket, prefix),
            Self::Folder(folder) => folder.list(prefix),
            Self::Store(store) => store.list(prefix),
            Self::Http(_) | Self::Remote(_) | Self::Upstream(_) | Self::Restricted => {
                stream::iter([Err(SourceError::NoListing)]).boxed()
            }
        }
    }

    /// Notes that the object was just written through us, where somebody else keeps it.
    pub fn note_written(&self, object: &ObjectId) {
        if let Self::Upstream(upstream) = self {
            upstream.note_written(object);
        }
    }

    /// Whether the source can be reached at all, for `doctor` and readiness. Says nothing about any single object.
    pub async fn check(&self) -> Result<(), SourceError> {
        match self {
            Self::Embedded(embedded) => embedded.check().await,
            Self::Folder(folder) => folder.check().await,
            Self::Http(origin) => origin.check().await,
            Self::Store(store) => store.check().await,
            Self::Upstream(upstream) => upstream.check().await,
            Self::Remote(_) | Self::Restricted => Ok(()),
        }
    }
}

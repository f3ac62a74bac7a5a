//! Variants and their names, and the persistent tier: byte-capped, least recently used first out, over an object store.
//!
//! Layout: `{bucket}/{hash of the object}/{version}/{what was made}` holds a variant, `{bucket}/{hash}/record.json` the
//! version record, so that purging an object is one folder and a prefix is a walk of the records. Other files are left alone. Writes are atomic
//! (written aside, then renamed) and every file carries a checksum: a torn or foreign file is a miss and is removed.

mod file;
mod inspect;
mod layout;
mod purge;
mod store;

pub use inspect::{Held, StoredVariant};
pub use store::{StoreError, VariantStore};

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::HeaderValue;

use crate::imaging;
use crate::object::{ObjectId, VersionId, etag_of_hash};
use crate::transform::{Format, Placeholder, Rendering, SourceFormat};

/// What was made of an original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Made {
    /// The bytes as they are in the source.
    Original,
    /// The original without its metadata blocks (animations and icons in the Next dialect).
    Stripped,
    Rendered(Rendering),
    Placeholder(Placeholder),
}

/// Names one variant: which bytes of which object, and what was made of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VariantKey {
    pub object: ObjectId,
    pub version: VersionId,
    pub made: Made,
}

/// A made result with its headers computed once.
#[derive(Debug)]
pub struct Variant {
    pub body: Bytes,
    /// Strong, quoted, of the bytes.
    pub etag: HeaderValue,
    pub content_type: HeaderValue,
    pub content_length: HeaderValue,
    /// Whether the variant store has it or was asked to keep it.
    persisted: AtomicBool,
}

impl Variant {
    /// A variant of these bytes; the ETag is their BLAKE3 hash, shortened to 128 bits.
    pub fn new(body: Bytes, content_type: HeaderValue, persisted: bool) -> Self {
        let etag = etag_of_hash(&blake3::hash(&body));
        let etag = HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\""));
        let content_length = HeaderValue::from(body.len());
        Self { body, etag, content_type, content_length, persisted: AtomicBool::new(persisted) }
    }

    /// Whether nobody has to write it to the store any more.
    pub fn is_settled(&self) -> bool {
        self.persisted.load(Ordering::Relaxed)
    }

    /// True once, for the caller that has to write this variant to the store.
    pub fn claim_persisting(&self) -> bool {
        !self.persisted.load(Ordering::Relaxed) && !self.persisted.swap(true, Ordering::AcqRel)
    }
}

/// The `Content-Type` of a source format.
pub fn content_type_of(format: SourceFormat) -> HeaderValue {
    HeaderValue::from_static(match format {
        SourceFormat::Jpeg => "image/jpeg",
        SourceFormat::Png => "image/png",
        SourceFormat::WebP => "image/webp",
        SourceFormat::Gif => "image/gif",
        SourceFormat::Avif => "image/avif",
        SourceFormat::Ico => "image/x-icon",
    })
}

/// The `Content-Type` of a format that we write.
pub fn content_type_of_output(format: Format) -> HeaderValue {
    content_type_of(match format {
        Format::Jpeg => SourceFormat::Jpeg,
        Format::Png => SourceFormat::Png,
        Format::WebP => SourceFormat::WebP,
    })
}

/// The `Content-Type` of a placeholder.
pub fn content_type_of_placeholder(placeholder: Placeholder) -> HeaderValue {
    HeaderValue::from_static(placeholder.media_type())
}

/// The file name within a version: the rendering revision, then what was made.
impl fmt::Display for Made {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Original => formatter.write_str("original"),
            Self::Stripped => formatter.write_str("stripped"),
            Self::Rendered(rendering) => write!(formatter, "r{}-{rendering}", imaging::REVISION),
            Self::Placeholder(placeholder) => {
                write!(formatter, "r{}-placeholder.{}", imaging::REVISION, placeholder.as_str())
            }
        }
    }
}

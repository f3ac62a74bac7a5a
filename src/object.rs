//! Names of stored originals: buckets and object keys, parsed once at the edge.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest object key in bytes: what S3 and Supabase Storage allow.
pub const MAX_KEY_BYTES: usize = 1024;

/// Why a name from outside was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(
        "a bucket name is 1 to 100 ASCII letters, digits, blanks or !.*'()&$=@;:+,?_-, and begins with no dot or blank"
    )]
    Bucket,
    #[error(
        "an object name is 1 to 1024 bytes of UTF-8 without control characters, backslashes, empty, `.` or `..` segments"
    )]
    Key,
}

/// A bucket's name: 1 to 100 bytes of what Supabase Storage allows (`A-Za-z0-9_!.*'() &$=@;:+,?-`), with no blank at
/// either end and no dot at its beginning.
///
/// Names that begin with `~` belong to us ([`BucketName::remote`]); no name from outside parses into one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct BucketName(Arc<str>);

/// How the names of [`BucketName::restricted`] begin.
const RESTRICTED: &str = "~restricted.";

impl BucketName {
    /// Parses a name from a URL, a flag or the configuration.
    ///
    /// # Errors
    /// [`NameError::Bucket`] for anything else than the characters above.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_!.*'() &$=@;:+,?-".contains(&byte);
        let legal_ends = !text.starts_with(['.', ' ']) && !text.ends_with(' ');
        let fits = (1..=100).contains(&text.len()) && legal_ends && text.bytes().all(plain);
        if fits { Ok(Self(text.into())) } else { Err(NameError::Bucket) }
    }

    /// The bucket in which pictures from remote URLs are kept: the key is the URL.
    pub fn remote() -> Self {
        Self("~remote".into())
    }

    /// The hidden bucket of the `index`-th origin that `next.local` maps a path prefix to.
    pub fn local_origin(index: usize) -> Self {
        Self(format!("~local{index}").into())
    }

    /// Where the answers of providers are kept until their jobs are done: the version is the job.
    pub fn answers() -> Self {
        Self("~answers".into())
    }

    /// Reads back a name that was written by us, hidden ones too.
    pub(crate) fn stored(text: &str) -> Option<Self> {
        let name = Self::parse(text.strip_prefix('~').unwrap_or(text)).ok()?;
        Some(if text.starts_with('~') { Self(text.into()) } else { name })
    }

    /// The hidden bucket for what only permitted readers of this one are shown: whatever is kept there, no public route
    /// can find it.
    pub fn restricted(&self) -> Self {
        Self(format!("{RESTRICTED}{self}").into())
    }

    /// Whether this is the hidden bucket of [`Self::restricted`].
    pub fn is_restricted(&self) -> bool {
        self.0.starts_with(RESTRICTED)
    }

    /// Whether this is one of our own buckets, which no URL can name.
    pub fn is_hidden(&self) -> bool {
        self.0.starts_with('~')
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for BucketName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", &*self.0)
    }
}

impl<'de> Deserialize<'de> for BucketName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// An object's key within its bucket, decoded.
///
/// Invariants: 1 to 1,024 bytes of UTF-8; no control characters and no backslash; segments are delimited by `/`, and none
/// of them is empty, `.` or `..`. Keys of [`BucketName::remote`] are URLs instead and come from [`ObjectKey::from_url`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// Parses a key that is already percent-decoded (exactly once).
    ///
    /// # Errors
    /// [`NameError::Key`] where an invariant does not hold.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let legal_text =
            (1..=MAX_KEY_BYTES).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c == '\\');
        let legal_segments = text.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
        if legal_text && legal_segments { Ok(Self(text.into())) } else { Err(NameError::Key) }
    }

    /// Decodes one level of percent-encoding, then parses: for the tail of a URL's path.
    ///
    /// # Errors
    /// [`NameError::Key`] for broken UTF-8 or where an invariant does not hold.
    pub fn decode(encoded: &str) -> Result<Self, NameError> {
        let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().map_err(|_| NameError::Key)?;
        Self::parse(&decoded)
    }

    /// The key under which the answer of a remote URL is kept (the fragment does not count).
    pub fn from_url(url: &url::Url) -> Self {
        let mut url = url.clone();
        url.set_fragment(None);
        Self(url.as_str().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment: `b.png` of `a/b.png`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", &*self.0)
    }
}

/// A stored original: which bucket, which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectId {
    pub bucket: BucketName,
    pub key: ObjectKey,
}

impl ObjectId {
    pub fn new(bucket: BucketName, key: ObjectKey) -> Self {
        Self { bucket, key }
    }

    /// The same object as permitted readers see it ([`BucketName::restricted`]).
    pub fn restricted(&self) -> Self {
        Self { bucket: self.bucket.restricted(), key: self.key.clone() }
    }

    /// Reads a name that we wrote ourselves, which may be one of a hidden bucket.
    pub fn deserialize_own<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            bucket: String,
            key: ObjectKey,
        }
        let Written { bucket, key } = Written::deserialize(deserializer)?;
        let hidden = bucket.starts_with('~').then(|| BucketName(bucket.as_str().into()));
        let bucket = hidden.map_or_else(|| BucketName::parse(&bucket), Ok).map_err(serde::de::Error::custom)?;
        Ok(Self { bucket, key })
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.bucket, self.key)
    }
}

/// Which bytes of an object: 64 bits of a hash over what the source says of them (ETag, time, size) or over the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionId(u64);

impl VersionId {
    /// The version that these facts stand for.
    pub fn of(facts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for fact in facts {
            hasher.update(&(fact.len() as u64).to_le_bytes());
            hasher.update(fact);
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        Self(u64::from_le_bytes(first))
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// The strong, quoted entity tag of bytes with this hash: 128 bits of it.
pub fn etag_of_hash(hash: &blake3::Hash) -> String {
    format!("\"{}\"", &hash.to_hex()[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traversing_and_control_keys_are_refused() {
        for bad in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\\b", "a\0b", "a\nb", &"x".repeat(1025)] {
            assert_eq!(ObjectKey::parse(bad), Err(NameError::Key), "{bad:?}");
        }
        for bad in ["%2e%2e/a", "a/%2E%2e/b", "a%00", "a%5cb", "%ff", "%2Fa", "a%2f%2fb"] {
            assert_eq!(ObjectKey::decode(bad), Err(NameError::Key), "{bad:?}");
        }
    }

    #[test]
    fn keys_are_decoded_once() {
        assert_eq!(ObjectKey::decode("a%20b/c%252e.png").unwrap().as_str(), "a b/c%2e.png");
        assert_eq!(ObjectKey::decode("a%2Fb.png").unwrap().as_str(), "a/b.png");
        assert_eq!(ObjectKey::parse("ünïcode/…/ok").unwrap().file_name(), "ok");
    }

    #[test]
    fn bucket_names_from_outside_are_never_hidden() {
        assert!(BucketName::parse("~remote").is_err());
        assert!(BucketName::parse("a/b").is_err());
        assert!(BucketName::parse(".git").is_err());
        assert!(BucketName::remote().is_hidden());
        assert!(!BucketName::parse("kinkster-avatars").unwrap().is_hidden());
    }
}

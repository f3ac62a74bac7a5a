//! `BUCKET`, `BUCKET/FOLDER/` and `BUCKET/OBJECT`, as they are written on the command line.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::object::{BucketName, NameError, ObjectKey};

/// Everything but unreserved characters, and the slashes between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A bucket, a folder in it, or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub bucket: BucketName,
    /// Empty for the bucket; what ends in a slash is a folder.
    pub key: String,
}

impl Address {
    pub fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }

    /// The address of an object, for what needs one.
    pub fn object(&self) -> Result<&str, String> {
        if self.is_folder() {
            return Err(format!("{self} is no object; name one: {}/…", self.to_string().trim_end_matches('/')));
        }
        Ok(&self.key)
    }

    /// What the keys below it begin with: `photos` of a bucket is no beginning of `photos-old`.
    pub fn folder(&self) -> String {
        if self.is_folder() { self.key.clone() } else { format!("{}/", self.key) }
    }

    pub fn of(&self, key: impl Into<String>) -> Self {
        Self { bucket: self.bucket.clone(), key: key.into() }
    }

    /// `words/{bucket}/{key}`, encoded.
    pub fn path(&self, words: &str) -> String {
        let bucket = utf8_percent_encode(self.bucket.as_str(), PATH);
        match self.key.as_str() {
            "" => format!("{words}/{bucket}"),
            key => format!("{words}/{bucket}/{}", utf8_percent_encode(key, PATH)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(formatter, "{}", self.bucket),
            key => write!(formatter, "{}/{key}", self.bucket),
        }
    }
}

impl FromStr for Address {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (bucket, key) = text.split_once('/').unwrap_or((text, ""));
        let bucket = BucketName::parse(bucket)?;
        let without = key.strip_suffix('/').unwrap_or(key);
        if !without.is_empty() {
            ObjectKey::parse(without)?;
        } else if !key.is_empty() {
            return Err(NameError::Key);
        }
        Ok(Self { bucket, key: key.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_folders_and_objects_are_told_apart() {
        let at = |text: &str| text.parse::<Address>().unwrap();
        assert!(at("photos").is_folder() && at("photos/").is_folder() && at("photos/ann/").is_folder());
        assert_eq!(at("photos/ann/a b.png").object(), Ok("ann/a b.png"));
        assert_eq!((at("photos/ann").folder(), at("photos/ann/").folder()), ("ann/".to_owned(), "ann/".to_owned()));
        assert_eq!((at("photos").folder(), at("photos/").to_string()), (String::new(), "photos".to_owned()));
        assert!(at("photos/ann/").object().unwrap_err().contains("photos/ann/…"));
        assert_eq!(at("photos/ü %/a?.png").path("/x"), "/x/photos/%C3%BC%20%25/a%3F.png");
        for wrong in ["", "/a", "photos//", "photos/../a", "photos//a", "~remote/a", "photos/a\u{1b}"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}

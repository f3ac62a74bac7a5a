//! What to warm, as the command line and the API say it.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::object::{BucketName, ObjectKey};
use crate::transform::policy::LADDER;
use crate::transform::{ParameterError, native};

/// Most entries of one list: URLs, sitemaps and pages together.
pub const MOST_ENTRIES: usize = 100_000;
/// Most variants that are made of each object below a prefix.
pub const MOST_COMBINATIONS: usize = 1000;

/// What to warm: any of URLs, sitemaps, pages, and a bucket's objects in every combination of width, format and quality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WarmList {
    /// Picture URLs of ours: paths, or absolute below a public URL.
    pub urls: Vec<String>,
    /// Picture URLs that were gathered from pages: those that are not ours are passed over.
    pub found: Vec<String>,
    pub bucket: Option<BucketName>,
    /// Where the keys of the bucket's objects begin; empty: all of them.
    pub prefix: String,
    /// Widths in pixels. Empty: the ladder.
    pub widths: Vec<u32>,
    /// Values of the native `f`. Empty: `webp`.
    pub formats: Vec<String>,
    /// Values of the native `q`. Empty: the default quality.
    pub qualities: Vec<u8>,
    pub sitemaps: Vec<Url>,
    pub pages: Vec<Url>,
    /// Pictures worked on at once. Default: twice the number of cores.
    pub jobs: Option<usize>,
}

/// Why a list is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("nothing to warm: name \"urls\", \"sitemaps\", \"pages\", or a \"bucket\" with a \"prefix\"")]
    Empty,
    #[error("more than {MOST_ENTRIES} entries: send several lists")]
    TooLong,
    #[error("\"prefix\", \"widths\", \"formats\" and \"qualities\" need a \"bucket\"")]
    NoBucket,
    #[error("more than {MOST_COMBINATIONS} combinations of width, format and quality")]
    TooManyCombinations,
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

impl WarmList {
    /// Refuses lists that are empty, too long, or ask for variants that cannot be.
    pub fn check(&self) -> Result<(), ListError> {
        let entries = self.urls.len() + self.found.len() + self.sitemaps.len() + self.pages.len();
        let combined =
            !(self.prefix.is_empty() && self.widths.is_empty() && self.formats.is_empty() && self.qualities.is_empty());
        match &self.bucket {
            None if combined => return Err(ListError::NoBucket),
            None if entries == 0 => return Err(ListError::Empty),
            _ if entries > MOST_ENTRIES => return Err(ListError::TooLong),
            None => return Ok(()),
            Some(_) => {}
        }
        let combinations = self.widths.len().max(1) * self.formats.len().max(1) * self.qualities.len().max(1);
        if combinations > MOST_COMBINATIONS {
            return Err(ListError::TooManyCombinations);
        }
        for query in self.queries() {
            native::parse("bucket/object", &query, None)?;
        }
        Ok(())
    }

    /// The native queries of every combination, widths outermost.
    pub fn queries(&self) -> Vec<String> {
        let widths = if self.widths.is_empty() { &LADDER[..] } else { &self.widths };
        let webp = ["webp".to_owned()];
        let formats = if self.formats.is_empty() { &webp[..] } else { &self.formats };
        let qualities: Vec<_> =
            if self.qualities.is_empty() { vec![None] } else { self.qualities.iter().copied().map(Some).collect() };
        let mut queries = Vec::with_capacity(widths.len() * formats.len() * qualities.len());
        for width in widths {
            for format in formats {
                for quality in &qualities {
                    let mut query = format!("w={width}&f={}", utf8_percent_encode(format, PATH));
                    if let Some(quality) = quality {
                        // Writing into a String cannot fail.
                        let _ = write!(query, "&q={quality}");
                    }
                    queries.push(query);
                }
            }
        }
        queries
    }

    /// The same work in lists of at most `entries` URLs and about `bytes` bytes of them; the bucket comes last.
    pub fn split(self, entries: usize, bytes: usize) -> Vec<Self> {
        let mut lists = vec![Self { jobs: self.jobs, ..Self::default() }];
        let (mut count, mut held) = (0, 0);
        let named = self.urls.into_iter().map(|url| (true, url));
        for (named, url) in named.chain(self.found.into_iter().map(|url| (false, url))) {
            if count == entries || (count > 0 && held + url.len() > bytes) {
                lists.push(Self { jobs: self.jobs, ..Self::default() });
                (count, held) = (0, 0);
            }
            (count, held) = (count + 1, held + url.len());
            if let Some(list) = lists.last_mut() {
                if named { &mut list.urls } else { &mut list.found }.push(url);
            }
        }
        if let Some(list) = lists.last_mut() {
            let Self { bucket, prefix, widths, formats, qualities, sitemaps, pages, .. } = self;
            let Self { urls, found, jobs, .. } = std::mem::take(list);
            *list = Self { urls, found, bucket, prefix, widths, formats, qualities, sitemaps, pages, jobs };
        }
        lists
    }
}

const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The native URL of an object's variant.
pub fn native_url(bucket: &BucketName, key: &ObjectKey, query: &str) -> String {
    format!("/image/{bucket}/{}?{query}", utf8_percent_encode(key.as_str(), PATH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(json: &str) -> WarmList {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_combination_is_made_and_the_ladder_is_the_default() {
        let queries = list(r#"{"bucket":"p","widths":[64,96],"formats":["webp","jpeg"],"qualities":[60]}"#).queries();
        assert_eq!(queries, ["w=64&f=webp&q=60", "w=64&f=jpeg&q=60", "w=96&f=webp&q=60", "w=96&f=jpeg&q=60"]);
        let queries = list(r#"{"bucket":"p"}"#).queries();
        assert_eq!((queries.len(), queries[0].as_str()), (LADDER.len(), "w=16&f=webp"));
    }

    #[test]
    fn lists_that_make_no_sense_are_refused() {
        for (json, expected) in [
            ("{}", Err(ListError::Empty)),
            (r#"{"widths":[64]}"#, Err(ListError::NoBucket)),
            (r#"{"urls":["/image/p/a.jpg"]}"#, Ok(())),
            (r#"{"bucket":"p","prefix":"avatars/"}"#, Ok(())),
        ] {
            assert_eq!(list(json).check(), expected, "{json}");
        }
        for wrong in [
            r#""widths":[0]"#,
            r#""widths":[9000]"#,
            r#""formats":["bmp"]"#,
            r#""formats":["webp&x=1"]"#,
            r#""qualities":[0]"#,
        ] {
            let checked = list(&format!(r#"{{"bucket":"p",{wrong}}}"#)).check();
            assert!(matches!(checked, Err(ListError::Parameter(_))), "{wrong}: {checked:?}");
        }
        let long = WarmList { urls: vec![String::new(); MOST_ENTRIES + 1], ..WarmList::default() };
        assert_eq!(long.check(), Err(ListError::TooLong));
        let many = WarmList { widths: vec![64; MOST_COMBINATIONS + 1], ..list(r#"{"bucket":"p"}"#) };
        assert_eq!(many.check(), Err(ListError::TooManyCombinations));
        assert!(serde_json::from_str::<WarmList>(r#"{"url":"x"}"#).is_err());
        assert!(serde_json::from_str::<WarmList>(r#"{"bucket":"../x"}"#).is_err());
    }

    #[test]
    fn split_lists_hold_everything_once_and_in_order() {
        let urls: Vec<String> = (0..5).map(|number| format!("/{number}")).collect();
        let whole = WarmList { urls: urls.clone(), found: vec!["/f".to_owned()], ..list(r#"{"bucket":"p","jobs":3}"#) };
        for (entries, bytes, lists) in [(100, 1000, 1), (2, 1000, 3), (100, 4, 3), (1, 1000, 6)] {
            let split = whole.clone().split(entries, bytes);
            assert_eq!(split.len(), lists, "{entries} {bytes}");
            assert_eq!(split.iter().flat_map(|list| list.urls.clone()).collect::<Vec<_>>(), urls);
            assert_eq!(split.iter().filter(|list| list.bucket.is_some()).count(), 1);
            assert!(split.iter().all(|list| list.jobs == Some(3)));
        }
    }

    #[test]
    fn keys_are_encoded_in_native_urls() {
        let key = ObjectKey::parse("a b/c?d%#.jpg").unwrap();
        let bucket = BucketName::parse("p").unwrap();
        assert_eq!(native_url(&bucket, &key, "w=64"), "/image/p/a%20b/c%3Fd%25%23.jpg?w=64");
    }
}

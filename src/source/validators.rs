//! What tells one state of an original from another.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::{ETAG, LAST_MODIFIED};
use serde::{Deserialize, Serialize};

/// Longest entity tag that is kept; a longer one is treated as absent, since it would be stored and sent back for ever.
const MAX_ETAG_BYTES: usize = 1024;

/// What tells one state of an original from another, as its source says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Validators {
    /// The entity tag verbatim, quotes and `W/` included. For a folder: change times, size and inode in one text.
    pub etag: Option<String>,
    pub last_modified: Option<SystemTime>,
    /// Bytes of the original, content-decoded.
    pub size: Option<u64>,
}

impl Validators {
    /// Reads an HTTP answer's validators; `size` is that of the decoded body.
    pub(super) fn from_headers(headers: &HeaderMap, size: Option<u64>) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let etag = text(ETAG).filter(|etag| (1..=MAX_ETAG_BYTES).contains(&etag.len())).map(str::to_owned);
        let last_modified = text(LAST_MODIFIED).and_then(|date| httpdate::parse_http_date(date).ok());
        Self { etag, last_modified, size }
    }

    /// Whether a source can be asked "still this one?". Without it every question costs the whole body.
    pub fn can_ask(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }

    /// A text that differs whenever the source says that the bytes differ: the entity tag, else the date with the size.
    ///
    /// `None` where the source says nothing usable: the caller has to tell versions apart by the bytes themselves.
    pub fn identity(&self) -> Option<String> {
        if let Some(etag) = &self.etag {
            return Some(etag.clone());
        }
        let date = self.last_modified?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(format!("{}-{}", date.as_nanos(), self.size?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_the_etag_else_date_and_size_else_nothing() {
        let date = Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(7));
        let tagged = Validators { etag: Some("\"a\"".into()), last_modified: date, size: Some(3) };
        assert_eq!(tagged.identity().as_deref(), Some("\"a\""));
        let dated = Validators { etag: None, ..tagged };
        assert_eq!(dated.identity().as_deref(), Some("7000000000-3"));
        assert_eq!(Validators { size: None, ..dated }.identity(), None);
        assert!(!Validators { size: Some(3), ..Validators::default() }.can_ask());
    }

    #[test]
    fn oversized_etags_and_unreadable_dates_are_absent() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, "x".repeat(MAX_ETAG_BYTES + 1).parse().unwrap());
        headers.insert(LAST_MODIFIED, "yesterday".parse().unwrap());
        assert_eq!(Validators::from_headers(&headers, None), Validators::default());
    }
}

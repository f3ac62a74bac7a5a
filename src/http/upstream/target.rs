//! Where a request goes: the configured origin, and the path as it was sent, once it is found to mean the same to
//! everyone who decodes it. Pure.

use http::Uri;
use url::Url;

use super::fault::Fault;

/// A path that may be sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Path and query as they were sent.
    sent: String,
    /// The path, decoded once. Its segments are those of the path as it was sent.
    pub path: String,
}

impl Target {
    /// # Errors
    /// [`Fault::Path`] where the next server might read another path than we do.
    pub fn of(uri: &Uri) -> Result<Self, Fault> {
        let sent = uri.path();
        let path = percent_encoding::percent_decode_str(sent).decode_utf8().map_err(|_| Fault::Path)?;
        let hides_slash = sent.to_ascii_lowercase().contains("%2f");
        let is_foreign = path.chars().any(|c| c.is_control() || c == '\\');
        // `..;x` is a dot segment to servers that know parameters of segments.
        let climbs = path.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")));
        if !sent.starts_with('/') || hides_slash || is_foreign || climbs {
            return Err(Fault::Path);
        }
        let sent = uri.path_and_query().map_or(sent, |whole| whole.as_str()).to_owned();
        Ok(Self { path: path.into_owned(), sent })
    }

    /// The URL at this origin (scheme, host and port).
    pub fn at(&self, origin: &Url) -> Result<Url, Fault> {
        let text = format!("{}{}", origin.as_str().trim_end_matches('/'), self.sent);
        let url = Url::parse(&text).map_err(|_| Fault::Path)?;
        // What the parser does to a path must not change where it leads.
        let parsed = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy();
        if url.origin() == origin.origin() && parsed == self.path { Ok(url) } else { Err(Fault::Path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Result<Target, Fault> {
        Target::of(&path.parse().unwrap())
    }

    #[test]
    fn paths_that_others_could_read_otherwise_are_refused() {
        for path in [
            "/rest/v1/../auth",
            "/rest/v1/.",
            "/rest/v1/%2e%2e/auth",
            "/rest/v1/.%2E/auth",
            "/rest/v1/..;x=1/auth",
            "/rest/v1/a%2Fb",
            "/rest/v1/a%2fb",
            "/rest/v1/a\\b",
            "/rest/v1/a%5cb",
            "/rest/v1/a%00",
            "/rest/v1/a%0d%0ahost:x",
            "/rest/v1/%ff",
        ] {
            assert_eq!(target(path), Err(Fault::Path), "{path}");
        }
    }

    #[test]
    fn the_rest_goes_on_as_it_was_sent_to_the_configured_origin() {
        let origin = Url::parse("https://p.example:8443").unwrap();
        for path in [
            "/rest/v1/rows?select=*&name=eq.%C3%BC&a='b'",
            "/rest/v1/%252e%252e/x",
            "/rest/v1//double",
            "/rest/v1/a%20b;c=d",
            "/rest/v1/...",
            "/rest/v1/@evil.example",
            "//evil.example/rest/v1",
        ] {
            let url = target(path).unwrap().at(&origin).unwrap();
            assert_eq!(url.as_str().replace("%27", "'"), format!("https://p.example:8443{path}"), "{path}");
        }
    }
}

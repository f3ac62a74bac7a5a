//! Next's `remotePatterns` and `localPatterns`: globs as picomatch reads them.
//!
//! In paths `*` stays within a segment and `**` crosses them, `?`, `[…]` and `{a,b}` work, and dots are nothing special.
//! In host names `*` stays within a label and `**` crosses them; `**.example.com` does not match `example.com`.
//! Extended globs such as `!(a|b)` are taken literally.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Absolute URLs that the Next dialect may fetch. A field that is left out matches anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemotePattern {
    /// `http` or `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Host name; `*` is one label, `**` any number of them.
    pub hostname: String,
    /// Port; empty: only the protocol's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Path; `*` is one segment, `**` any number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pathname: Option<String>,
    /// The exact query with its `?`; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

/// Local URLs that the Next dialect may read. A field that is left out matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalPattern {
    /// Path; `*` is one segment, `**` any number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pathname: Option<String>,
    /// The exact query with its `?`; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

/// Why a pattern cannot be used; the text continues a sentence that begins with the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("protocol must be http or https")]
    Protocol,
    #[error("port must be a number, or empty for the protocol's own")]
    Port,
    #[error("hostname must be a host name without scheme, port or path; * and ** may stand for labels")]
    Hostname,
    #[error("pathname must begin with / or ** and be a glob: {0}")]
    Pathname(String),
    #[error("search must be empty or begin with ?")]
    Search,
}

/// A compiled [`RemotePattern`].
#[derive(Clone, Debug)]
pub(super) struct RemoteMatcher {
    protocol: Option<String>,
    hostname: HostGlob,
    port: Option<String>,
    local: LocalMatcher,
}

/// A compiled [`LocalPattern`].
#[derive(Clone, Debug)]
pub(super) struct LocalMatcher {
    pathname: GlobSet,
    search: Option<String>,
}

impl RemoteMatcher {
    pub(super) fn compile(pattern: &RemotePattern) -> Result<Self, PatternError> {
        let protocol = pattern.protocol.as_deref().map(|protocol| protocol.trim_end_matches(':'));
        if !protocol.is_none_or(|protocol| matches!(protocol, "http" | "https")) {
            return Err(PatternError::Protocol);
        }
        if !pattern.port.as_deref().is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok()) {
            return Err(PatternError::Port);
        }
        Ok(Self {
            protocol: protocol.map(str::to_owned),
            hostname: HostGlob::compile(&pattern.hostname)?,
            port: pattern.port.clone(),
            local: LocalMatcher::compile(&LocalPattern {
                pathname: pattern.pathname.clone(),
                search: pattern.search.clone(),
            })?,
        })
    }

    pub(super) fn matches(&self, url: &Url) -> bool {
        let port = url.port().map(|port| port.to_string()).unwrap_or_default();
        self.protocol.as_deref().is_none_or(|protocol| protocol == url.scheme())
            && self.port.as_ref().is_none_or(|allowed| *allowed == port)
            && url.host_str().is_some_and(|host| self.hostname.matches(host))
            && self.local.matches(url)
    }
}

impl LocalMatcher {
    pub(super) fn compile(pattern: &LocalPattern) -> Result<Self, PatternError> {
        if !pattern.search.as_deref().is_none_or(|search| search.is_empty() || search.starts_with('?')) {
            return Err(PatternError::Search);
        }
        let pathname = path_glob(pattern.pathname.as_deref().unwrap_or("**"))?;
        Ok(Self { pathname, search: pattern.search.clone() })
    }

    /// Compares path and query; host and scheme do not count.
    pub(super) fn matches(&self, url: &Url) -> bool {
        let search = url.query().filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default();
        self.search.as_ref().is_none_or(|allowed| *allowed == search) && self.pathname.is_match(url.path())
    }
}

fn path_glob(pattern: &str) -> Result<GlobSet, PatternError> {
    if !pattern.starts_with('/') && !pattern.starts_with("**") {
        return Err(PatternError::Pathname(pattern.to_owned()));
    }
    let mut set = GlobSetBuilder::new();
    // `/a/**` matches `/a` too.
    for pattern in [Some(pattern), pattern.strip_suffix("/**").filter(|stem| !stem.is_empty())].into_iter().flatten() {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.map_err(|error| PatternError::Pathname(error.to_string()))?);
    }
    set.build().map_err(|error| PatternError::Pathname(error.to_string()))
}

/// A glob over the labels of a host name.
#[derive(Clone, Debug)]
struct HostGlob(Vec<HostPart>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPart {
    Byte(u8),
    /// `*`: any bytes but dots.
    WithinLabel,
    /// `**`: any bytes.
    AcrossLabels,
}

impl HostGlob {
    fn compile(pattern: &str) -> Result<Self, PatternError> {
        let legal =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*' | b'[' | b']' | b':');
        // A colon belongs to an address in brackets only; outside it would be a port.
        let bracketed = pattern.starts_with('[') && pattern.ends_with(']');
        let brackets_fit = bracketed || !pattern.contains([':', '[', ']']);
        if pattern.is_empty() || pattern.len() > 253 || !pattern.bytes().all(legal) || !brackets_fit {
            return Err(PatternError::Hostname);
        }
        let mut parts = Vec::new();
        for byte in pattern.bytes().map(|byte| byte.to_ascii_lowercase()) {
            match (byte, parts.last()) {
                (b'*', Some(HostPart::WithinLabel | HostPart::AcrossLabels)) => {
                    parts.pop();
                    parts.push(HostPart::AcrossLabels);
                }
                (b'*', _) => parts.push(HostPart::WithinLabel),
                (byte, _) => parts.push(HostPart::Byte(byte)),
            }
        }
        Ok(Self(parts))
    }

    /// `host` in lower case, as `url` gives it. Steps through pattern and host together: time is their product at most.
    fn matches(&self, host: &str) -> bool {
        if host.starts_with('.') {
            return false;
        }
        let mut reached = vec![false; self.0.len() + 1];
        reached[0] = true;
        self.skip_stars(&mut reached);
        for byte in host.bytes() {
            let mut next = vec![false; reached.len()];
            for (at, part) in self.0.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match part {
                    HostPart::Byte(expected) if *expected == byte => next[at + 1] = true,
                    HostPart::AcrossLabels => next[at] = true,
                    HostPart::WithinLabel if byte != b'.' => next[at] = true,
                    HostPart::Byte(_) | HostPart::WithinLabel => {}
                }
            }
            self.skip_stars(&mut next);
            reached = next;
        }
        reached[self.0.len()]
    }

    /// A star may stand for nothing: what reaches it reaches the part after it.
    fn skip_stars(&self, reached: &mut [bool]) {
        for (at, part) in self.0.iter().enumerate() {
            reached[at + 1] |= reached[at] && !matches!(part, HostPart::Byte(_));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn remote(json: serde_json::Value) -> RemoteMatcher {
        RemoteMatcher::compile(&serde_json::from_value(json).unwrap()).unwrap()
    }

    #[test]
    fn hosts_match_label_by_label() {
        for (pattern, host, expected) in [
            ("example.com", "example.com", true),
            ("Example.com", "example.com", true),
            ("example.com", "example.com.uk", false),
            ("example.com", "sub.example.com", false),
            ("example.com", "exampleXcom", false),
            ("*.example.com", "sub.example.com", true),
            ("*.example.com", "deep.sub.example.com", false),
            ("*.example.com", "example.com", false),
            ("**.example.com", "sub.example.com", true),
            ("**.example.com", "deep.sub.example.com", true),
            ("**.example.com", "example.com", false),
            ("**.example.com", "sub.example.com.uk", false),
            ("avatars.*1.example.com", "avatars.iad1.example.com", true),
            ("avatars.*1.example.com", "avatars.iad2.example.com", false),
            ("avatars.*1.example.com", "avatars.1.example.com", true),
            ("avatars.*a*.example.com", "avatars.iad2.example.com", true),
            ("avatars.ia*.example.com", "more.avatars.iad1.example.com", false),
            ("avatars.*.example.com", "avatars.example.com", false),
            ("**", "anything.at.all", true),
            ("*", "localhost", true),
            ("*", "a.b", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "[::1]", true),
        ] {
            assert_eq!(HostGlob::compile(pattern).unwrap().matches(host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn paths_match_segment_by_segment() {
        for (pattern, path, expected) in [
            ("**", "/", true),
            ("**", "/a/.b/c", true),
            ("/**", "/", true),
            ("/**", "/a/b", true),
            ("/act123/**", "/act123", true),
            ("/act123/**", "/act123/", true),
            ("/act123/**", "/act123/team/.pic.jpg", true),
            ("/act123/**", "/act1234/pic.jpg", false),
            ("/act123/**", "/act456/pic.jpg", false),
            ("/act123/*/pic.jpg", "/act123/usr4/pic.jpg", true),
            ("/act123/*/pic.jpg", "/act123/.a/pic.jpg", true),
            ("/act123/*/pic.jpg", "/act123/usr4/picsjpg", false),
            ("/act123/*/pic.jpg", "/act123/team/usr4/pic.jpg", false),
            ("/act123/*sr*/pic.jpg", "/act123/sr/pic.jpg", true),
            ("/act123/*4/pic.jpg", "/act123/usr5/pic.jpg", false),
            ("/path/to/file", "/path/to/file", true),
            ("/path/to/file", "/path/to", false),
            ("/a.{png,jpg}", "/a.jpg", true),
            ("/a/**/b.png", "/a/b.png", true),
        ] {
            let url = Url::parse("http://n").unwrap().join(path).unwrap();
            let pattern = LocalPattern { pathname: Some(pattern.to_owned()), search: None };
            let matched = LocalMatcher::compile(&pattern).unwrap().matches(&url);
            assert_eq!(matched, expected, "{pattern:?} {path}");
        }
    }

    #[test]
    fn every_field_that_is_given_must_match() {
        let every = serde_json::json!({
            "protocol": "https:", "hostname": "example.com", "port": "42", "pathname": "/path/**", "search": "?q=1&a=%20"
        });
        let own_port = serde_json::json!({ "hostname": "example.com", "port": "", "search": "" });
        for (pattern, url, expected, why) in [
            (&every, "https://example.com:42/path/to?q=1&a=%20", true, "everything"),
            (&every, "http://example.com:42/path/to?q=1&a=%20", false, "the protocol"),
            (&every, "https://example.com/path/to?q=1&a=%20", false, "the port"),
            (&every, "https://example.com:42/other?q=1&a=%20", false, "the path"),
            (&every, "https://example.com:42/path/to?a=%20&q=1", false, "the query's order"),
            (&every, "https://example.com:42/path/to", false, "no query"),
            (&own_port, "http://example.com/x", true, "the protocol's own port"),
            (&own_port, "http://example.com:80/x", true, "the protocol's own port, written out"),
            (&own_port, "http://example.com:81/x", false, "another port"),
            (&own_port, "http://example.com/x?", true, "an empty query is none"),
            (&own_port, "http://example.com/x?a", false, "a query"),
            (&own_port, "http://example.com@evil.test/x", false, "user information is not the host"),
        ] {
            assert_eq!(remote(pattern.clone()).matches(&Url::parse(url).unwrap()), expected, "{url}: {why}");
        }
    }

    #[test]
    fn mistaken_patterns_are_refused() {
        let base = RemotePattern {
            protocol: None,
            hostname: "example.com".to_owned(),
            port: None,
            pathname: None,
            search: None,
        };
        let some = |text: &str| Some(text.to_owned());
        for (pattern, expected) in [
            (RemotePattern { protocol: some("ftp"), ..base.clone() }, PatternError::Protocol),
            (RemotePattern { port: some("http"), ..base.clone() }, PatternError::Port),
            (RemotePattern { hostname: String::new(), ..base.clone() }, PatternError::Hostname),
            (RemotePattern { hostname: "https://example.com".to_owned(), ..base.clone() }, PatternError::Hostname),
            (RemotePattern { hostname: "example.com:81".to_owned(), ..base.clone() }, PatternError::Hostname),
            (RemotePattern { pathname: some("a/**"), ..base.clone() }, PatternError::Pathname("a/**".to_owned())),
            (RemotePattern { search: some("q=1"), ..base.clone() }, PatternError::Search),
        ] {
            assert_eq!(RemoteMatcher::compile(&pattern).err(), Some(expected), "{pattern:?}");
        }
        let broken = RemotePattern { pathname: some("/[a"), ..base };
        assert!(matches!(RemoteMatcher::compile(&broken), Err(PatternError::Pathname(_))));
        assert!(serde_json::from_str::<RemotePattern>(r#"{"hostname":"a","host":"b"}"#).is_err(), "unknown fields");
        assert!(serde_json::from_str::<RemotePattern>(r#"{"protocol":"http"}"#).is_err(), "a host name is required");
    }

    proptest! {
        #[test]
        fn a_host_without_stars_matches_itself_alone(host in "[a-z0-9.-]{1,40}", other in "[a-z0-9.-]{1,40}") {
            let glob = HostGlob::compile(&host).unwrap();
            prop_assert_eq!(glob.matches(&host), !host.starts_with('.'));
            prop_assert_eq!(glob.matches(&other), host == other && !host.starts_with('.'));
        }
    }
}

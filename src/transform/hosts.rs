//! Hosts by pattern: which URLs may be stored, whatever their path.

use url::Url;

use super::patterns::{PatternError, RemoteMatcher, RemotePattern};

/// Hosts that a URL, and every redirect after it, may name.
///
/// `example.com` is https on its own port, `*.example.com` any one label below it, `example.com:8443` another port,
/// `http://example.com` says that plain http is meant. Nothing else is admitted: an empty list admits no URL.
#[derive(Clone, Debug, Default)]
pub struct HostList(Vec<RemoteMatcher>);

impl HostList {
    /// Compiles the patterns; every mistake with the pattern that has it.
    pub fn compile<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<(String, PatternError)>> {
        let (mut hosts, mut mistakes) = (Vec::new(), Vec::new());
        for text in patterns {
            match RemoteMatcher::compile(&pattern(text)) {
                Ok(host) => hosts.push(host),
                Err(mistake) => mistakes.push((text.to_owned(), mistake)),
            }
        }
        if mistakes.is_empty() { Ok(Self(hosts)) } else { Err(mistakes) }
    }

    /// Whether the URL's scheme, host and port are on the list.
    pub fn admits(&self, url: &Url) -> bool {
        self.0.iter().any(|host| host.matches(url))
    }
}

fn pattern(text: &str) -> RemotePattern {
    let (protocol, host) = text.split_once("://").unwrap_or(("https", text));
    // The last colon of a bare `[::1]` belongs to the address.
    let (hostname, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, without_default(protocol, port)),
        _ => (host, ""),
    };
    RemotePattern {
        protocol: Some(protocol.to_owned()),
        hostname: hostname.to_owned(),
        port: Some(port.to_owned()),
        pathname: None,
        search: None,
    }
}

/// A URL never shows its scheme's own port.
fn without_default<'a>(protocol: &str, port: &'a str) -> &'a str {
    if matches!((protocol, port), ("https", "443") | ("http", "80")) { "" } else { port }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_schemes_hosts_and_ports_are_admitted() {
        let texts =
            ["a.example", "*.b.example", "c.example:8443", "http://d.example", "http://127.0.0.1:80", "[::1]:9"];
        let hosts = HostList::compile(texts).unwrap();
        for (url, expected) in [
            ("https://a.example/x?y", true),
            ("https://A.EXAMPLE:443/x", true),
            ("http://a.example/x", false),
            ("https://a.example:8443/x", false),
            ("https://a.example.evil.test/x", false),
            ("https://a.example@evil.test/x", false),
            ("https://evil.test/a.example", false),
            ("https://one.b.example/", true),
            ("https://b.example/", false),
            ("https://one.two.b.example/", false),
            ("https://c.example:8443/", true),
            ("https://c.example/", false),
            ("http://d.example/", true),
            ("https://d.example/", false),
            ("http://127.0.0.1/", true),
            ("http://127.0.0.1:81/", false),
            ("https://[::1]:9/", true),
            ("file:///a.example", false),
        ] {
            assert_eq!(hosts.admits(&Url::parse(url).unwrap()), expected, "{url}");
        }
        assert!(!HostList::default().admits(&Url::parse("https://a.example/").unwrap()));
    }

    #[test]
    fn mistaken_hosts_are_told() {
        let mistakes =
            HostList::compile(["ok.example", "ftp://a.example", "a.example/path", "a.example:x", ""]).unwrap_err();
        assert_eq!(
            mistakes,
            [
                ("ftp://a.example".to_owned(), PatternError::Protocol),
                ("a.example/path".to_owned(), PatternError::Hostname),
                ("a.example:x".to_owned(), PatternError::Port),
                (String::new(), PatternError::Hostname),
            ]
        );
    }
}

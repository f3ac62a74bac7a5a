//! The fetch guard: which URLs may be fetched on a stranger's word.
//!
//! A literal address is judged when its URL is parsed. A name is judged when it is looked up for a connection, inside the
//! client's own resolver, and the connection can only be made to the addresses that were judged: a name that answers
//! differently a moment later (DNS rebinding) finds no second lookup to answer.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::addresses::is_public;
use super::error::SetupError;

/// Why the guard refused a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("only http and https are fetched")]
    Scheme,
    #[error("a URL with a user name or password is not fetched")]
    Credentials,
    /// Where only some hosts may be fetched from, and this is none of them.
    #[error("this host is not on the list")]
    Host,
    #[error("{address} is not a public address")]
    Address { address: IpAddr },
    #[error("{name} has an address that is not public: {address}")]
    Name { name: String, address: IpAddr },
}

/// A host that may be fetched from although its addresses are not public: `host`, `host:port` or `[address]:port`.
///
/// Without a port it stands for the default port of either scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: Host<String>,
    port: Option<u16>,
}

impl HostPort {
    /// Parses an entry of the configuration. The host is normalised as in URLs.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let wrong = || SetupError::HostPort { text: text.to_owned() };
        // The last colon of a bare `[::1]` belongs to the address.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| wrong())?)),
            _ => (text, None),
        };
        let host = Host::parse(host).map_err(|_| wrong())?;
        Ok(Self { host, port })
    }

    fn covers(&self, url: &Url) -> bool {
        let default_port = match url.scheme() {
            "https" => 443,
            _ => 80,
        };
        let same_host = url.host().is_some_and(|host| host.to_owned() == self.host);
        same_host && url.port().unwrap_or(default_port) == self.port.unwrap_or(default_port)
    }
}

/// How a hop may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// The operator named this host: any address.
    Trusted,
    /// Public addresses only.
    Guarded,
}

/// Judges a URL before anything is looked up. Names pass here and are judged by [`VettingResolver`].
pub(super) fn judge(url: &Url, exceptions: &[HostPort]) -> Result<Passage, Refused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Credentials);
    }
    if exceptions.iter().any(|exception| exception.covers(url)) {
        return Ok(Passage::Trusted);
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(Passage::Guarded),
    };
    if is_public(address) { Ok(Passage::Guarded) } else { Err(Refused::Address { address }) }
}

/// Resolves through another resolver and refuses the whole answer if any address in it is not public.
pub(super) struct VettingResolver {
    inner: Arc<dyn Resolve>,
}

impl VettingResolver {
    pub(super) fn new(inner: Arc<dyn Resolve>) -> Self {
        Self { inner }
    }
}

impl Resolve for VettingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let text = name.as_str().to_owned();
        let answer = self.inner.resolve(name);
        Box::pin(async move {
            let addresses: Vec<_> = answer.await?.collect();
            match addresses.iter().find(|address| !is_public(address.ip())) {
                Some(internal) => Err(Refused::Name { name: text, address: internal.ip() }.into()),
                None => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}

/// The operating system's resolver (`getaddrinfo` on a blocking thread).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0 stands for the URL's own port.
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for VettingResolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VettingResolver")
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn verdict(text: &str) -> Result<Passage, Refused> {
        judge(&Url::parse(text).unwrap(), &[])
    }

    #[test]
    fn internal_literals_are_refused_in_every_spelling() {
        let spellings = [
            "127.1",
            "0177.0.0.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "%31%32%37.0.0.1",
            "①②⑦.⓪.⓪.①",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "169.254.169.254",
            "0251.0376.0251.0376",
            "[fd00:ec2::254]",
        ];
        for host in spellings {
            for url in [format!("http://{host}/a.png"), format!("https://{host}:8443/a.png")] {
                assert!(matches!(verdict(&url), Err(Refused::Address { .. })), "{url}");
            }
        }
        assert_eq!(verdict("http://1.1.1.1/a.png"), Ok(Passage::Guarded));
    }

    #[test]
    fn other_schemes_and_credentials_are_refused() {
        for url in ["ftp://1.1.1.1/a", "file:///etc/passwd", "data:image/png,x", "gopher://1.1.1.1/"] {
            assert_eq!(verdict(url), Err(Refused::Scheme), "{url}");
        }
        for url in ["http://a@example.com/", "http://a:b@example.com/", "http://:b@example.com/"] {
            assert_eq!(verdict(url), Err(Refused::Credentials), "{url}");
        }
    }

    #[test]
    fn exceptions_count_for_their_own_host_and_port_only() {
        let exceptions: Vec<_> = ["cdn.internal:9000", "[::1]:80", "Pictures.LAN", "127.1:81", "[fd00::7]"]
            .map(|text| HostPort::parse(text).unwrap())
            .into();
        let passage = |text: &str| judge(&Url::parse(text).unwrap(), &exceptions);
        let trusted = [
            "http://cdn.internal:9000/a",
            "https://cdn.internal:9000/a",
            "http://[::1]/a",
            "http://pictures.lan/a",
            "https://pictures.lan/a",
            "http://127.0.0.1:81/",
            "https://[fd00::7]/",
        ];
        for url in trusted {
            assert_eq!(passage(url), Ok(Passage::Trusted), "{url}");
        }
        for url in ["http://cdn.internal/a", "http://pictures.lan:8080/a", "http://pictures.lan.evil.example/a"] {
            assert_eq!(passage(url), Ok(Passage::Guarded), "{url}");
        }
        for url in ["http://[::1]:81/a", "https://[::1]/a", "http://127.0.0.1/a", "http://127.0.0.2:81/"] {
            assert!(passage(url).is_err(), "{url}");
        }
        for wrong in ["", ":80", "a b", "host:port", "http://a/b", "host:70000", "a/b"] {
            assert!(HostPort::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[derive(Debug)]
    struct Fixed(Vec<SocketAddr>);

    impl Resolve for Fixed {
        fn resolve(&self, _: Name) -> Resolving {
            let addresses = self.0.clone();
            Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
        }
    }

    async fn vetted(addresses: &[&str]) -> Result<Vec<SocketAddr>, String> {
        let addresses = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect();
        let resolver = VettingResolver::new(Arc::new(Fixed(addresses)));
        resolver.resolve("pictures.example".parse().unwrap()).await.map(Iterator::collect).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn one_internal_address_refuses_the_whole_answer() {
        assert!(vetted(&["1.1.1.1", "10.0.0.1"]).await.unwrap_err().contains("10.0.0.1"));
        assert!(vetted(&["2606:4700::1111", "::ffff:127.0.0.1"]).await.is_err());
    }

    #[tokio::test]
    async fn public_answers_are_passed_on_exactly() {
        let addresses = vetted(&["1.1.1.1", "2606:4700::1111"]).await.unwrap();
        assert_eq!(addresses.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>(), ["1.1.1.1", "2606:4700::1111"]);
    }
}

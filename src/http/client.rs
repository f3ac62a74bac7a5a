//! Who the client is, behind proxies that the operator trusts.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The client's address: the peer, or, behind a trusted proxy, the last address of `X-Forwarded-For` that is not one.
///
/// `None`: a trusted proxy itself, which is exempt from limits. What a stranger puts into the header never counts.
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    if !is_trusted(peer) {
        return Some(peer);
    }
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let named: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    for text in named.iter().rev() {
        match text.parse::<IpAddr>() {
            Ok(address) if is_trusted(address) => {}
            Ok(address) => return Some(address),
            // Nothing before a word that is no address can be believed.
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let asked = |peer: &str, forwarded: &[&str]| {
            let headers: HeaderMap = forwarded
                .iter()
                .map(|line| (http::HeaderName::from_static("x-forwarded-for"), line.parse().unwrap()))
                .collect();
            address(peer.parse().unwrap(), &headers, &trusted).map(|address| address.to_string())
        };
        let rows: [(&str, &[&str], Option<&str>); 6] = [
            ("192.0.2.1", &["198.51.100.9"], Some("192.0.2.1")),
            ("10.0.0.1", &["198.51.100.9"], Some("198.51.100.9")),
            ("10.0.0.1", &["203.0.113.5, 198.51.100.9, 10.1.1.1"], Some("198.51.100.9")),
            ("10.0.0.1", &["203.0.113.5", "198.51.100.9"], Some("198.51.100.9")),
            ("10.0.0.1", &[], None),
            ("10.0.0.1", &["198.51.100.9, nonsense"], None),
        ];
        for (peer, forwarded, expected) in rows {
            assert_eq!(asked(peer, forwarded).as_deref(), expected, "{peer} {forwarded:?}");
        }
    }
}

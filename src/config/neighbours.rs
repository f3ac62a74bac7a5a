//! Variables of apps of a Supabase, which count where nothing of ours names the same.

use std::net::IpAddr;

use url::{Host, Url};

use super::Config;
use crate::secret::Secret;

const URL: &str = "NEXT_PUBLIC_SUPABASE_URL";
const ANON_KEY: &str = "NEXT_PUBLIC_SUPABASE_ANON_KEY";
const SERVICE_KEY: &str = "SUPABASE_SERVICE_ROLE_KEY";

/// What the apps' variables say.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    url: Option<String>,
    anon_key: Option<Secret>,
    service_key: Option<Secret>,
}

/// Whether a variable is one of theirs.
pub fn is_neighbour(name: &str) -> bool {
    [URL, ANON_KEY, SERVICE_KEY].contains(&name)
}

/// Reads theirs; an empty one is none.
pub(super) fn of(variables: &[(String, String)]) -> Neighbours {
    let text = |wanted: &str| {
        let value = variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
    };
    Neighbours {
        url: text(URL),
        anon_key: text(ANON_KEY).map(Secret::new),
        service_key: text(SERVICE_KEY).map(Secret::new),
    }
}

/// The keys count with an upstream alone: an app of ours has such variables too, and its URL is then one of ours.
pub(super) fn apply(config: &mut Config, neighbours: &Neighbours) {
    if config.upstream.url.is_none() {
        let url = neighbours.url.as_deref().and_then(|text| Url::parse(text).ok());
        config.upstream.url = url.filter(|url| !is_own(config, url));
    }
    if config.upstream.url.is_some() {
        let upstream = &mut config.upstream;
        upstream.service_key = upstream.service_key.take().or_else(|| neighbours.service_key.clone());
        upstream.anon_key = upstream.anon_key.take().or_else(|| neighbours.anon_key.clone());
    }
}

fn is_own(config: &Config, url: &Url) -> bool {
    let is_public = config.public_urls().iter().any(|own| own.origin() == url.origin());
    is_public || (is_here(url) && url.port_or_known_default() == Some(config.listen.port()))
}

/// Whether the URL names this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, load};

    fn with(variables: &[(&str, &str)]) -> Config {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(None, owned, &Overrides::default()).unwrap()
    }

    const THEIRS: [(&str, &str); 3] =
        [(URL, "https://theirs.example"), (ANON_KEY, "anon-theirs"), (SERVICE_KEY, "service-theirs")];

    #[test]
    fn an_apps_variables_count_where_nothing_of_ours_names_the_same() {
        let upstream = with(&THEIRS).upstream;
        assert_eq!(upstream.url.unwrap().as_str(), "https://theirs.example/");
        assert_eq!(upstream.service_key, Some(Secret::new("service-theirs")));
        assert_eq!(upstream.anon_key, Some(Secret::new("anon-theirs")));
        let ours =
            [("TINTYPE_UPSTREAM__URL", "https://ours.example"), ("TINTYPE_UPSTREAM__SERVICE_KEY", "service-ours")];
        let upstream = with(&[&THEIRS[..], &ours[..]].concat()).upstream;
        assert_eq!(upstream.url.unwrap().as_str(), "https://ours.example/");
        assert_eq!(upstream.service_key, Some(Secret::new("service-ours")));
        assert!(!format!("{:?}", with(&THEIRS)).contains("-theirs"));
    }

    #[test]
    fn an_app_of_ours_does_not_put_us_in_front_of_ourselves() {
        let public = ("TINTYPE_PUBLIC_URL", "https://img.example.com");
        for url in ["http://localhost:8787", "http://127.0.0.1:8787/", "http://[::1]:8787", "https://img.example.com"] {
            let upstream = with(&[public, (URL, url), (SERVICE_KEY, "service-theirs")]).upstream;
            assert_eq!((upstream.url, upstream.service_key), (None, None), "{url}");
        }
        assert!(with(&[public, (URL, "http://localhost:54321")]).upstream.url.is_some());
        assert_eq!(with(&[(URL, "")]).upstream.url, None);
    }
}

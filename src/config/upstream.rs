//! The Supabase in front of which we stand, if we do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ByteSize, Secret, TextList};

/// A real Supabase behind us.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UpstreamConfig {
    /// Scheme, host and port of a Supabase to stand in front of, such as `https://your-project.supabase.co`. Its buckets are then served from here, and nothing is stored here but the cache and jobs. Default: the variable `NEXT_PUBLIC_SUPABASE_URL`, unless that is a URL of ours.
    pub url: Option<Url>,
    /// The project's service key (`service_role`, or `sb_secret_…`). With it avatars are generated here and stored there. Default: the variable `SUPABASE_SERVICE_ROLE_KEY`.
    pub service_key: Option<Secret>,
    /// The project's public key (`anon`, or `sb_publishable_…`). With it callers' own tokens ask whose a kinkster is, so that the project's policies have their say. Default: the variable `NEXT_PUBLIC_SUPABASE_ANON_KEY`.
    pub anon_key: Option<Secret>,
    /// Paths below which everything that is not ours goes to the upstream.
    pub prefixes: TextList,
    /// Largest body of a request that is passed on.
    pub body_bytes: ByteSize,
    /// Largest body of an answer that is passed on.
    pub answer_bytes: ByteSize,
    /// Seconds for which the upstream may be silent before and within an answer.
    pub timeout_seconds: u64,
    /// Seconds for which a caller's permission to read one version is remembered, 30 at most and never past the token's end. 0: the upstream is asked at every read.
    pub permission_seconds: u64,
    /// Websockets to the upstream that may be open.
    pub tunnels: usize,
    /// Seconds for which both sides of a websocket may be silent; then it is closed.
    pub tunnel_seconds: u64,
    /// Who answers the avatars' four functions below `/rest/v1/rpc`: `upstream`, whose database has them by `tintype migrate`, or `local`, from what the catalogue here knows.
    pub rpc: RpcSide,
}

/// Who answers the avatars' functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RpcSide {
    #[default]
    Upstream,
    Local,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        let prefixes = ["/auth/v1", "/rest/v1", "/functions/v1", "/graphql/v1", "/realtime/v1"];
        Self {
            url: None,
            service_key: None,
            anon_key: None,
            prefixes: TextList(prefixes.map(str::to_owned).to_vec()),
            body_bytes: ByteSize(100_000_000),
            answer_bytes: ByteSize(5_000_000_000),
            timeout_seconds: 150,
            permission_seconds: 0,
            tunnels: 4096,
            tunnel_seconds: 300,
            rpc: RpcSide::default(),
        }
    }
}

/// Paths of our own, which no prefix may cover.
const OWN: [&str; 9] =
    ["/storage/v1", "/image", "/_next/image", "/admin", "/assets", "/metrics", "/healthz", "/readyz", "/upload"];
/// Longest time for which a permission may be remembered, in seconds.
const LONGEST_PERMISSION: u64 = 30;

impl UpstreamConfig {
    /// What is wrong, each with its key.
    pub(super) fn check(&self, wrong: &mut impl FnMut(&str, String)) {
        if self.url.as_ref().is_some_and(|url| !is_origin(url)) {
            wrong("upstream.url", "must be http(s)://host or http(s)://host:port and nothing more".to_owned());
        }
        for (key, secret) in [("upstream.service_key", &self.service_key), ("upstream.anon_key", &self.anon_key)] {
            let is_key =
                |secret: &Secret| !secret.reveal().is_empty() && secret.reveal().bytes().all(|b| b.is_ascii_graphic());
            if secret.as_ref().is_some_and(|secret| !is_key(secret)) {
                wrong(key, "is empty, or has characters that no key has".to_owned());
            }
        }
        for prefix in &self.prefixes.0 {
            if !is_prefix(prefix) {
                wrong("upstream.prefixes", format!("`{prefix}` is not a path such as /rest/v1"));
            } else if OWN.iter().any(|own| is_below(own, prefix) || is_below(prefix, own)) {
                wrong("upstream.prefixes", format!("`{prefix}` covers paths that are answered here"));
            }
        }
        if self.permission_seconds > LONGEST_PERMISSION {
            wrong("upstream.permission_seconds", format!("must be at most {LONGEST_PERMISSION}"));
        }
        let positive = [
            ("upstream.body_bytes", self.body_bytes.0),
            ("upstream.answer_bytes", self.answer_bytes.0),
            ("upstream.timeout_seconds", self.timeout_seconds),
            ("upstream.tunnel_seconds", self.tunnel_seconds),
        ];
        for (key, _) in positive.into_iter().filter(|(_, value)| *value == 0) {
            wrong(key, "must be at least 1".to_owned());
        }
    }
}

/// Whether it is scheme, host and port alone.
fn is_origin(url: &Url) -> bool {
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_bare = url.username().is_empty() && url.password().is_none();
    is_web && is_bare && url.path() == "/" && url.query().is_none() && url.fragment().is_none()
}

/// Segments of plain characters, each after a slash.
fn is_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let is_segment = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(plain);
    text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(config: &UpstreamConfig) -> Vec<String> {
        let mut keys = Vec::new();
        config.check(&mut |key, _| keys.push(key.to_owned()));
        keys
    }

    #[test]
    fn only_an_origin_and_paths_that_are_not_ours_are_taken() {
        assert!(mistakes(&UpstreamConfig::default()).is_empty());
        for url in ["ftp://a.example", "https://a.example/x", "https://u:p@a.example", "https://a.example/?x"] {
            let config = UpstreamConfig { url: Some(Url::parse(url).unwrap()), ..UpstreamConfig::default() };
            assert_eq!(mistakes(&config), ["upstream.url"], "{url}");
        }
        for prefix in ["", "/", "rest", "/rest/", "/a//b", "/../a", "/a%2fb", "/storage", "/storage/v1/s3", "/admin"] {
            let config = UpstreamConfig { prefixes: TextList(vec![prefix.to_owned()]), ..UpstreamConfig::default() };
            assert_eq!(mistakes(&config), ["upstream.prefixes"], "{prefix}");
        }
        let config = UpstreamConfig { permission_seconds: 31, timeout_seconds: 0, ..UpstreamConfig::default() };
        assert_eq!(mistakes(&config), ["upstream.permission_seconds", "upstream.timeout_seconds"]);
    }
}

//! A running server, asked by its API with a service key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Response};
use serde::Serialize;
use url::Url;

use super::Failure;
use crate::app::AppError;
use crate::auth;
use crate::config::Config;

/// Options of the commands that can let a running server do the work.
#[derive(Args, Debug)]
pub(super) struct ServerOptions {
    /// A running server that does the work. Without it the variant store is used directly, unless a server holds it.
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<Url>,
    /// Service key for the server; `tintype keys` prints one. Without it one is signed with the secret of the
    /// configuration or of the data folder, where that can be read.
    #[arg(long, env = "TINTYPE_SERVICE_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    url: Url,
    key: Option<String>,
    client: Client,
}

/// How long a key that is signed for one command is good: a request is admitted when it begins.
const KEY_LIFETIME: Duration = Duration::from_secs(3600);

impl Server {
    /// The server at `url`, with the key of the options or one signed now.
    pub(super) fn at(url: Url, options: &ServerOptions, config: &Config) -> Result<Self, Failure> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::Other(error.to_string()))?;
        Ok(Self { url, key: options.key.clone().or_else(|| signed_key(config)), client })
    }

    /// Posts JSON. A refusal is a failure with the server's own words.
    pub(super) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Response, Failure> {
        let url = self.url.join(path).map_err(|error| self.failed(&error.to_string()))?;
        let body = serde_json::to_vec(body).map_err(|error| self.failed(&error.to_string()))?;
        let mut request = self.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let remedy = if status == StatusCode::FORBIDDEN { self.key_remedy() } else { "" };
        Err(self.failed(&format!("answered {status}: {}{remedy}", message(&text))))
    }

    /// A failure that names the server.
    pub(super) fn failed(&self, what: &str) -> Failure {
        Failure::Other(format!("{}: {what}", self.url))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let remedy = if error.is_connect() { "; is it running? name another with --server" } else { "" };
        self.failed(&format!("{}{remedy}", chain(error)))
    }

    fn key_remedy(&self) -> &'static str {
        if self.key.is_some() {
            "; the key was signed with another secret, or has expired"
        } else {
            "; pass it by --key"
        }
    }
}

/// A key for this command alone; none where the secret cannot be read.
fn signed_key(config: &Config) -> Option<String> {
    match auth::kept_secret(config.jwt_secret.as_ref(), &config.data) {
        Ok(secret) => auth::service_key(&secret?, KEY_LIFETIME).ok(),
        Err(error) => {
            tracing::warn!(%error, "no service key could be signed");
            None
        }
    }
}

/// Where a server with this configuration answers on this machine; `None` where the port is chosen at its start.
pub(super) fn configured_url(config: &Config) -> Option<Url> {
    let scheme = if config.admin.listen.is_none() && config.tls.certificate.is_some() { "https" } else { "http" };
    let mut address = config.admin.listen.unwrap_or(config.listen);
    if address.ip().is_unspecified() {
        let loopback: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    Url::parse(&format!("{scheme}://{address}/")).ok().filter(|_| address.port() != 0)
}

/// What to say where a server holds the data folder that a command wants to itself.
pub(super) fn locked(error: AppError, config: &Config) -> Failure {
    match error {
        AppError::Locked { path } => {
            let server = configured_url(config).map_or_else(|| "http://…".to_owned(), |url| url.to_string());
            Failure::Other(format!(
                "a running tintype uses the data folder {}; let it do the work: pass --server {server}",
                path.display(),
            ))
        }
        error => error.into(),
    }
}

/// The message of a JSON error, else the beginning of the text.
fn message(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = json.as_ref().and_then(|json| json["message"].as_str());
    message.unwrap_or(text).chars().take(500).collect()
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(config: &Config) -> Option<String> {
        configured_url(config).map(|url| url.to_string())
    }

    #[test]
    fn a_server_is_reached_on_this_machine_and_by_its_admin_address_first() {
        let mut config = Config::default();
        assert_eq!(url(&config).as_deref(), Some("http://127.0.0.1:8787/"));
        config.listen = "[::]:443".parse().unwrap();
        config.tls.certificate = Some("cert.pem".into());
        assert_eq!(url(&config).as_deref(), Some("https://[::1]/"));
        config.admin.listen = Some("0.0.0.0:9000".parse().unwrap());
        assert_eq!(url(&config).as_deref(), Some("http://127.0.0.1:9000/"));
        config.admin.listen = Some("127.0.0.1:0".parse().unwrap());
        assert_eq!(url(&config), None);
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        assert_eq!(message(r#"{"message":"no such bucket"}"#), "no such bucket");
        assert_eq!(message("<html>"), "<html>");
    }
}

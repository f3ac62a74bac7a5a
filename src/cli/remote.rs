//! A running server, asked by its API with a service key.

mod key;
mod refused;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

pub(super) use key::{KeyOptions, signed_key};
pub(super) use refused::Refused;
use refused::{answered, unreached};

use super::Failure;
use crate::app::AppError;
use crate::config::{Config, Secret};

/// Options of the commands that can let a running server do the work.
#[derive(Args, Debug)]
pub(super) struct ServerOptions {
    /// A running server that does the work. Without it the variant store is used directly, unless a server holds it.
    #[arg(long, env = "TINTYPE_URL", value_name = "URL")]
    pub(super) server: Option<Url>,
    #[command(flatten)]
    pub(super) key: KeyOptions,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    url: Url,
    key: Option<Secret>,
    client: Client,
}

/// Longest silence of a server that is only asked, or is sent a part of a file.
const SILENCE: Duration = Duration::from_secs(300);
/// How often what a busy server refused is tried again.
const TRIES: u32 = 5;
/// Longest wait before a further try.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Server {
    /// The server at `url`, with the key of the options or one signed now.
    pub(super) fn at(url: Url, options: &ServerOptions, config: &Config) -> Result<Self, Failure> {
        let key = options.key.given()?.or_else(|| signed_key(config));
        Self::with_key(url, key, None)
    }

    /// A server that is asked for single things, and never silent for long.
    pub(super) fn prompt(url: Url, key: Option<Secret>) -> Result<Self, Failure> {
        Self::with_key(url, key, Some(SILENCE))
    }

    fn with_key(url: Url, key: Option<Secret>, silence: Option<Duration>) -> Result<Self, Failure> {
        let mut client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")));
        if let Some(silence) = silence {
            client = client.read_timeout(silence);
        }
        let client = client.build().map_err(|error| Failure::Other(error.to_string()))?;
        Ok(Self { url, key, client })
    }

    /// Posts JSON. A refusal is a failure with the server's own words.
    pub(super) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Response, Failure> {
        let request = self.request(Method::POST, path)?;
        let request = with_json(request, body)?;
        self.send(request).await.map_err(|refused| self.failure(&refused))
    }

    /// A request with the key, below the server's URL.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = self.url.join(path).map_err(|error| self.failed(&error.to_string()))?;
        let request = self.client.request(method, url);
        Ok(match &self.key {
            // A Supabase behind the server wants to see it in both.
            Some(key) => {
                request.header(AUTHORIZATION, format!("Bearer {}", key.reveal())).header("apikey", key.reveal())
            }
            None => request,
        })
    }

    /// Sends a request; a server that says it is busy is asked again.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Refused> {
        let mut wait = Duration::from_millis(500);
        for _ in 1..TRIES {
            let Some(again) = request.try_clone() else { break };
            let response = again.send().await.map_err(|error| unreached(&error))?;
            if response.status() != StatusCode::SERVICE_UNAVAILABLE {
                return answered(response).await;
            }
            tokio::time::sleep(retry_after(&response).unwrap_or(wait).min(LONGEST_WAIT)).await;
            wait *= 2;
        }
        answered(request.send().await.map_err(|error| unreached(&error))?).await
    }

    /// Asks, and reads the answer as JSON.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Refused> {
        let response = self.send(request).await?;
        let bytes = response.bytes().await.map_err(|error| unreached(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| Refused::Unreached {
            reason: format!("answered nonsense, is it tintype? {error}"),
            is_connect: false,
        })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// A failure that names the server.
    pub(super) fn failed(&self, what: &str) -> Failure {
        Failure::Other(format!("{}: {what}", self.url))
    }

    /// A refusal with what to do about it.
    pub(super) fn failure(&self, refused: &Refused) -> Failure {
        self.failed(&format!("{refused}{}", self.remedy(refused)))
    }

    pub(super) fn remedy(&self, refused: &Refused) -> &'static str {
        match refused {
            Refused::Answered { code, .. } if code == "InvalidKey" => {
                "; names have ASCII letters, digits and _/!-.*'() &$=@;:+,? unless storage.utf8_keys of the server is set"
            }
            Refused::Unreached { is_connect: true, .. } => {
                "; is it running? start it with `tintype serve`, or name another with --server or TINTYPE_URL"
            }
            Refused::Answered { status, .. }
                if self.key.is_none() && (*status == 400 || *status == 401 || *status == 403) =>
            {
                "; pass it by --key-file or TINTYPE_KEY: `tintype keys --service` prints one"
            }
            Refused::Answered { status, .. } if *status == 401 || *status == 403 => {
                if refused.is_bad_key() {
                    "; the key was signed with another secret, or has expired: `tintype keys --service` prints one"
                } else {
                    "; this key's user may not do it: use the service key, which `tintype keys --service` prints"
                }
            }
            Refused::Unreached { .. } | Refused::Answered { .. } => "",
        }
    }
}

/// A body of JSON.
pub(super) fn with_json(request: RequestBuilder, body: &impl Serialize) -> Result<RequestBuilder, Failure> {
    let body = serde_json::to_vec(body).map_err(|error| Failure::Other(error.to_string()))?;
    Ok(request.header(CONTENT_TYPE, "application/json").body(body))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
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
}

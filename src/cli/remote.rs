//! A running server, asked by its API with a service key.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::Failure;
use super::output::shown;
use crate::app::AppError;
use crate::auth;
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

/// The key that is presented to a server. Without one a service key is signed with the secret of the configuration or of the
/// data folder, where that can be read.
#[derive(Args, Debug)]
pub(super) struct KeyOptions {
    /// File with the key for the server, or the variable TINTYPE_KEY; `tintype keys --service` prints one.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    /// The key itself: others on this machine can read it in the list of processes.
    #[arg(long, value_name = "KEY", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(Secret::new(text)))]
    key: Option<Secret>,
}

/// Variables with the key, the first of them before the second.
const KEY_VARIABLES: [&str; 2] = ["TINTYPE_KEY", "TINTYPE_SERVICE_KEY"];

impl KeyOptions {
    /// The key that was given, if one was.
    pub(super) fn given(&self) -> Result<Option<Secret>, Failure> {
        if let Some(path) = &self.key_file {
            return key_of_file(path).map(Some);
        }
        if self.key.is_some() {
            eprintln!("tintype: --key shows the key to everyone on this machine; use --key-file or TINTYPE_KEY");
            return Ok(self.key.clone());
        }
        let mut set = KEY_VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        Ok(set.find(|key| !key.trim().is_empty()).map(|key| Secret::new(key.trim())))
    }
}

fn key_of_file(path: &Path) -> Result<Secret, Failure> {
    let unread = |error: std::io::Error| Failure::Usage(format!("the key file {}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(unread)?;
    let mode = std::fs::metadata(path).map_err(unread)?.permissions().mode();
    if mode & 0o077 != 0 {
        eprintln!("tintype: {0} may be read by others; run `chmod 600 {0}`", path.display());
    }
    Some(text.trim()).filter(|key| !key.is_empty()).map(Secret::new).ok_or_else(|| {
        Failure::Usage(format!("the key file {} is empty; `tintype keys --service` prints a key", path.display()))
    })
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    url: Url,
    key: Option<Secret>,
    client: Client,
}

/// How long a key that is signed for one command is good: a request is admitted when it begins.
const KEY_LIFETIME: Duration = Duration::from_secs(3600);
/// Longest silence of a server that is only asked, or is sent a part of a file.
const SILENCE: Duration = Duration::from_secs(300);
/// How often what a busy server refused is tried again.
const TRIES: u32 = 5;
/// Longest wait before a further try.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Why a server did not do what it was asked.
#[derive(Debug)]
pub(super) enum Refused {
    /// No answer came, or broke off.
    Unreached { reason: String, is_connect: bool },
    /// The true status, which Supabase's API hides in the body; and the server's own words.
    Answered { status: StatusCode, code: String, message: String },
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached { reason, .. } => formatter.write_str(reason),
            Self::Answered { status, message, .. } => write!(formatter, "answered {status}: {}", shown(message)),
        }
    }
}

impl Refused {
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Unreached { .. } => None,
            Self::Answered { status, .. } => Some(*status),
        }
    }

    pub(super) fn is_no_bucket(&self) -> bool {
        matches!(self, Self::Answered { code, message, .. } if code == "NoSuchBucket" || message == "Bucket not found")
    }

    /// Whether whatever else would be asked ends the same way.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Unreached { .. } => true,
            Self::Answered { status, .. } => {
                *status == StatusCode::UNAUTHORIZED || self.is_no_bucket() || self.is_bad_key()
            }
        }
    }

    /// Whether the key is none, and not only one that may not do this.
    fn is_bad_key(&self) -> bool {
        matches!(self, Self::Answered { status, message, .. }
            if *status == StatusCode::FORBIDDEN && !message.contains("policy"))
    }
}

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
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {}", key.reveal())),
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

fn unreached(error: &reqwest::Error) -> Refused {
    Refused::Unreached { reason: chain(error), is_connect: error.is_connect() }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn answered(response: Response) -> Result<Response, Refused> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let told = json["statusCode"].as_str().and_then(|told| told.parse().ok());
    let code = json["code"].as_str().unwrap_or_default().to_owned();
    Err(Refused::Answered { status: told.unwrap_or(status), code, message: message(&text) })
}

/// A key for this command alone; none where the secret cannot be read.
pub(super) fn signed_key(config: &Config) -> Option<Secret> {
    match auth::kept_secret(config.jwt_secret.as_ref(), &config.data) {
        Ok(secret) => Some(Secret::new(auth::service_key(&secret?, KEY_LIFETIME))),
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
    let message = json.as_ref().and_then(|json| json["message"].as_str().or_else(|| json["detail"].as_str()));
    message.unwrap_or(text).trim().chars().take(500).collect()
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

//! One event around: into a topic that nobody else knows, by the service key, and out of a socket again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::Client;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::Url;
use uuid::Uuid;

use super::Finding;
use crate::app::is_data_folder_used;
use crate::auth;
use crate::config::Config;
use crate::secret::Secret;

/// Longest time for all of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the key that is made for it is good.
const KEY_LIFETIME: Duration = Duration::from_secs(60);
/// Largest message that is read.
const MESSAGE_BYTES: usize = 100_000;
const EVENT: &str = "doctor";

type Socket = WebSocketStream<reqwest::Upgraded>;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    vec![match &config.upstream.url {
        Some(url) => match &config.upstream.service_key {
            Some(key) => tried("upstream's realtime", url, key).await,
            None => Finding::ok("realtime: without upstream.service_key no round trip was tried"),
        },
        None => own(config).await,
    }]
}

async fn own(config: &Config) -> Finding {
    if !config.realtime.enabled {
        return Finding::warning(
            "realtime: switched off, so browsers hear nothing of avatars",
            "set realtime.enabled = true",
        );
    }
    let Some(url) = own_url(config).filter(|_| is_data_folder_used(&config.data)) else {
        return Finding::ok("realtime: no server is running here, so no round trip was tried");
    };
    match auth::kept_secret(config.jwt_secret.as_ref(), &config.data) {
        Ok(Some(secret)) => tried("realtime", &url, &Secret::new(auth::service_key(&secret, KEY_LIFETIME))).await,
        // Told of where the secret is looked at.
        Ok(None) | Err(_) => Finding::ok("realtime: without the secret no round trip was tried"),
    }
}

/// Where the server answers on this machine; with TLS at its public URL, which its certificate names.
fn own_url(config: &Config) -> Option<Url> {
    if config.tls.certificate.is_some() {
        return config.public_urls().into_iter().next();
    }
    let mut address = config.listen;
    if address.ip().is_unspecified() {
        let loopback: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    Url::parse(&format!("http://{address}/")).ok().filter(|_| address.port() != 0)
}

async fn tried(name: &str, url: &Url, key: &Secret) -> Finding {
    let began = Instant::now();
    let around = tokio::time::timeout(PATIENCE, round_trip(url, key)).await;
    match around.unwrap_or_else(|_| Err(Trouble::Silent)) {
        Ok(()) => Finding::ok(format!("{name}: an event went around in {} ms", began.elapsed().as_millis())),
        Err(trouble) => Finding::fault(format!("{name} at {url}: {trouble}"), trouble.remedy()),
    }
}

/// Why nothing was heard. No text holds a key or a URL that has one.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("cannot be reached: {0}")]
    Unreachable(reqwest::Error),
    #[error("answered {0} instead of opening a websocket")]
    NoSocket(StatusCode),
    #[error("the socket broke off")]
    Broken,
    #[error("the private topic was refused: {0}")]
    Refused(String),
    #[error("the broadcast was answered with {0}")]
    Unsent(StatusCode),
    #[error("joined and sent, but nothing was heard within 10 s")]
    Silent,
}

impl Trouble {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "check the address, the network and its certificate",
            Self::NoSocket(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            | Self::Unsent(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            | Self::Refused(_) => {
                "check the service key: upstream.service_key, or the secret that the server runs with"
            }
            Self::NoSocket(_) | Self::Broken => {
                "let websockets through to /realtime/v1: a proxy in between must pass `Upgrade` on; then realtime.enabled, and on Supabase whether Realtime is on"
            }
            Self::Unsent(_) => "let POST /realtime/v1/api/broadcast through; 429 passes by itself",
            Self::Silent => "restart the realtime server; with several nodes, whether they share one bus",
        }
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url())
    }
}

async fn round_trip(base: &Url, key: &Secret) -> Result<(), Trouble> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).http1_only().build()?;
    let topic = format!("tintype:doctor:{}", Uuid::new_v4().simple());
    let mut socket = open(&client, base, key).await?;
    join(&mut socket, &topic, key).await?;
    let message = json!({"topic": topic, "event": EVENT, "payload": {"from": "doctor"}, "private": true});
    let sent = client
        .post(at(base, "realtime/v1/api/broadcast"))
        .bearer_auth(key.reveal())
        .header("apikey", key.reveal())
        .header(CONTENT_TYPE, "application/json")
        .body(json!({"messages": [message]}).to_string())
        .send()
        .await?;
    if !sent.status().is_success() {
        return Err(Trouble::Unsent(sent.status()));
    }
    let is_ours = |message: &Value| message["event"] == "broadcast" && message["payload"]["event"] == EVENT;
    heard(&mut socket, is_ours).await?;
    socket.close(None).await.ok();
    Ok(())
}

fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// The handshake as a browser does it, over the client that knows certificates.
async fn open(client: &Client, base: &Url, key: &Secret) -> Result<Socket, Trouble> {
    let mut url = at(base, "realtime/v1/websocket");
    url.query_pairs_mut().append_pair("apikey", key.reveal()).append_pair("vsn", "1.0.0");
    let answer = client
        .get(url)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, STANDARD.encode(Uuid::new_v4().as_bytes()))
        .send()
        .await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Trouble::NoSocket(answer.status()));
    }
    let limits = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES));
    Ok(WebSocketStream::from_raw_socket(answer.upgrade().await?, Role::Client, Some(limits)).await)
}

async fn join(socket: &mut Socket, topic: &str, key: &Secret) -> Result<(), Trouble> {
    let config = json!({"broadcast": {"self": true, "ack": false}, "presence": {"key": ""}, "postgres_changes": [], "private": true});
    let join = json!({
        "topic": format!("realtime:{topic}"),
        "event": "phx_join",
        "payload": {"config": config, "access_token": key.reveal()},
        "ref": "1",
        "join_ref": "1",
    });
    socket.send(Message::text(join.to_string())).await.map_err(|_| Trouble::Broken)?;
    let answer = heard(socket, |message| message["event"] == "phx_reply" && message["ref"] == "1").await?;
    if answer["payload"]["status"] == "ok" {
        return Ok(());
    }
    let reason = answer["payload"]["response"]["reason"].as_str().unwrap_or("no reason was given");
    Err(Trouble::Refused(reason.chars().filter(|c| !c.is_control()).take(200).collect()))
}

/// The first message that is such.
async fn heard(socket: &mut Socket, is_such: impl Fn(&Value) -> bool) -> Result<Value, Trouble> {
    while let Some(message) = socket.next().await {
        let Ok(Message::Text(text)) = message.map_err(|_| Trouble::Broken) else { continue };
        match serde_json::from_str::<Value>(&text) {
            Ok(message) if is_such(&message) => return Ok(message),
            _ => {}
        }
    }
    Err(Trouble::Broken)
}

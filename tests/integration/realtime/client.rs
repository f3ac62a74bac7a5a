//! A realtime client that shows every frame.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tintype::auth::{Keys, NewToken};
use tintype::config::Secret;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{Running, SECRET};

pub const V1: &str = "1.0.0";
pub const V2: &str = "2.0.0";

/// Longer than anything takes that is to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for what is not to come.
const SILENCE: Duration = Duration::from_millis(250);

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token of this role and subject that ends `lifetime` seconds from now.
pub fn token_for(role: &str, subject: Option<&str>, lifetime: u64) -> String {
    let keys = Keys::new(&Secret::new(SECRET));
    let expires = Some(now() + lifetime);
    keys.sign(&NewToken { role, subject, issuer: None, audience: None, issued: now(), expires })
}

pub fn anon() -> String {
    token_for("anon", None, 600)
}

pub fn user(subject: &str) -> String {
    token_for("authenticated", Some(subject), 600)
}

/// What came, in the words of the second version.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub join_ref: Value,
    pub reference: Value,
    pub topic: String,
    pub event: String,
    pub payload: Value,
}

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    version: &'static str,
    next: AtomicU64,
}

impl Socket {
    pub async fn connect(server: &Running, version: &'static str, key: &str) -> Self {
        Self::try_connect(server, version, key).await.unwrap()
    }

    pub async fn try_connect(server: &Running, version: &'static str, key: &str) -> Result<Self, Error> {
        Self::try_connect_from(server, version, key, None).await
    }

    /// `address`: of whom a proxy says that it is the client.
    pub async fn try_connect_from(
        server: &Running,
        version: &'static str,
        key: &str,
        address: Option<&str>,
    ) -> Result<Self, Error> {
        let url = format!("ws://{}/realtime/v1/websocket?apikey={key}&vsn={version}", server.address);
        let mut request = url.into_client_request()?;
        if let Some(address) = address {
            request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream, version, next: AtomicU64::new(1) })
    }

    /// Sends an event with a new reference, which it answers.
    pub async fn push(&mut self, topic: &str, event: &str, join_ref: Option<&str>, payload: Value) -> String {
        let reference = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let text = if self.version == V1 {
            json!({"topic": topic, "event": event, "payload": payload, "ref": reference, "join_ref": join_ref})
        } else {
            json!([join_ref, reference, topic, event, payload])
        };
        self.send(Message::text(text.to_string())).await;
        reference
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// The next message; `None` once the connection is closed, with the code.
    pub async fn next(&mut self) -> Result<Heard, Option<u16>> {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => return Ok(self.read(&text)),
                Some(Ok(Message::Binary(bytes))) => return Ok(read_binary(&bytes)),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub async fn heard(&mut self) -> Heard {
        self.next().await.unwrap()
    }

    /// The content of the broadcast that comes next.
    pub async fn broadcast(&mut self) -> Value {
        let heard = self.heard().await;
        assert_eq!(heard.event, "broadcast", "{heard:?}");
        heard.payload["payload"].clone()
    }

    /// What is told of an avatar's generation until it has ended.
    pub async fn generation(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let heard = self.heard().await;
            assert_eq!((&*heard.event, &heard.payload["event"]), ("broadcast", &json!("avatar_generation_progress")));
            let progress = heard.payload["payload"].clone();
            let is_last = progress["status"] == "completed" || progress["status"] == "error";
            all.push(progress);
            if is_last {
                return all;
            }
        }
    }

    /// Whether nothing comes for a while.
    pub async fn is_quiet(&mut self) -> bool {
        timeout(SILENCE, self.stream.next()).await.is_err()
    }

    /// Joins and returns the status and the response.
    pub async fn join(&mut self, topic: &str, payload: Value) -> (String, Value) {
        let reference = self.push(topic, "phx_join", None, payload).await;
        let reply = self.heard().await;
        assert_eq!((reply.event.as_str(), reply.reference), ("phx_reply", json!(reference)));
        (reply.payload["status"].as_str().unwrap().to_owned(), reply.payload["response"].clone())
    }

    pub async fn join_public(&mut self, name: &str) {
        let joined = self.join(&format!("realtime:{name}"), config(false, false, false, None)).await;
        assert_eq!(joined, ("ok".to_owned(), json!({"postgres_changes": []})));
    }

    pub async fn join_private(&mut self, name: &str, token: &str) {
        let joined = self.join(&format!("realtime:{name}"), config(true, false, false, Some(token))).await;
        assert_eq!(joined, ("ok".to_owned(), json!({"postgres_changes": []})));
    }

    /// Sends a broadcast in the text form of the version.
    pub async fn tell(&mut self, name: &str, event: &str, payload: Value) -> String {
        let whole = json!({"type": "broadcast", "event": event, "payload": payload});
        self.push(&format!("realtime:{name}"), "broadcast", Some("1"), whole).await
    }

    fn read(&self, text: &str) -> Heard {
        let value: Value = serde_json::from_str(text).unwrap();
        let (join_ref, reference, topic, event, payload) = if self.version == V1 {
            (&Value::Null, &value["ref"], &value["topic"], &value["event"], &value["payload"])
        } else {
            assert_eq!(value.as_array().map(Vec::len), Some(5), "{text}");
            (&value[0], &value[1], &value[2], &value[3], &value[4])
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (topic, event) = (text(topic), text(event));
        Heard { join_ref: join_ref.clone(), reference: reference.clone(), topic, event, payload: payload.clone() }
    }
}

/// A binary broadcast, with its content as a list of numbers.
fn read_binary(frame: &[u8]) -> Heard {
    let [4, topic, event, meta, 0, rest @ ..] = frame else { panic!("{frame:?}") };
    let (topic, rest) = rest.split_at(usize::from(*topic));
    let (event, rest) = rest.split_at(usize::from(*event));
    let content = &rest[usize::from(*meta)..];
    Heard {
        join_ref: Value::Null,
        reference: Value::Null,
        topic: String::from_utf8(topic.to_vec()).unwrap(),
        event: "broadcast".to_owned(),
        payload: json!({"event": String::from_utf8(event.to_vec()).unwrap(), "payload": content}),
    }
}

/// The statuses of a generation, each as often as it came anew.
pub fn statuses(told: &[Value]) -> Vec<&str> {
    let mut statuses: Vec<_> = told.iter().map(|progress| progress["status"].as_str().unwrap()).collect();
    statuses.dedup();
    statuses
}

/// A broadcast as Supabase's newer client sends it.
pub fn binary_push(name: &str, event: &str, encoding: u8, content: &[u8]) -> Message {
    let topic = format!("realtime:{name}");
    let parts = ["1", "77", &topic, event, ""];
    let mut frame = vec![3];
    frame.extend(parts.map(|part| part.len() as u8));
    frame.push(encoding);
    frame.extend(parts.concat().as_bytes());
    frame.extend(content);
    Message::binary(frame)
}

pub fn config(private: bool, ack: bool, own: bool, token: Option<&str>) -> Value {
    let config = json!({
        "broadcast": {"ack": ack, "self": own},
        "presence": {"key": "", "enabled": false},
        "postgres_changes": [],
        "private": private,
    });
    match token {
        Some(token) => json!({"config": config, "access_token": token}),
        None => json!({"config": config}),
    }
}

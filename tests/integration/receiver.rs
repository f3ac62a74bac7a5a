//! A receiver of webhooks on a real socket, which does as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tintype::auth::{SignedHeaders, SigningSecret};
use tintype::config::Secret;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A secret for tests, and nothing else.
pub const SIGNING_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// To another route of its own.
    Redirect,
    /// Nothing, for ever.
    Stall,
}

/// One message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Message {
    pub fn event(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// Panics unless [`SIGNING_SECRET`] signed exactly this.
    pub fn assert_signed(&self) {
        let secret = SigningSecret::parse(&Secret::new(SIGNING_SECRET)).unwrap();
        let timestamp = self.header("webhook-timestamp");
        let headers = SignedHeaders { id: self.id(), timestamp, signature: self.header("webhook-signature") };
        headers.verify(&[secret], &self.body, timestamp.parse().unwrap()).unwrap();
        assert_eq!(self.header("content-type"), "application/cloudevents+json");
        assert_eq!(self.event()["id"], self.id());
    }
}

struct Shared {
    answer: Mutex<Answer>,
    messages: Mutex<Vec<Message>>,
}

/// A running receiver; it stops listening when it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

impl Receiver {
    pub async fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    pub async fn start_at(address: SocketAddr, answer: Answer) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { answer: Mutex::new(answer), messages: Mutex::default() });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            stopped.await.ok();
        });
        let serving = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, shared, stop: Some(stop), serving: Some(serving) }
    }

    /// Closes the port, and waits until it is.
    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).ok();
        self.serving.take().unwrap().await.unwrap();
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    pub fn messages(&self) -> Vec<Message> {
        self.shared.messages.lock().unwrap().clone()
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    shared.messages.lock().unwrap().push(Message { headers, body });
    let answer = *shared.answer.lock().unwrap();
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response(),
        Answer::Stall => std::future::pending().await,
    }
}

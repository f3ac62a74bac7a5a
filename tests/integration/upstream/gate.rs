//! A relay before a stand-in that can be told to fail, to hang, or to lose an answer; every request is noted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, Request, StatusCode};

/// What becomes of the requests of a rule.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Answered here.
    Refused(u16, &'static str),
    /// Never answered, and never passed on.
    Hangs,
    /// Passed on, and never answered.
    IsLost,
    /// Passed on, and denied with this status.
    IsDenied(u16),
    /// Passed on, and answered this much later.
    IsLate(Duration),
    /// Passed on and answered, but not before it is told to.
    Waits(Arc<tokio::sync::Notify>),
}

/// One request that came by.
#[derive(Clone, Debug)]
pub struct Passed {
    pub method: Method,
    pub path: String,
    pub body: Bytes,
}

#[derive(Debug)]
struct Rule {
    method: Method,
    prefix: &'static str,
    fate: Fate,
    times: usize,
}

#[derive(Debug)]
struct Inner {
    target: SocketAddr,
    client: reqwest::Client,
    rules: Mutex<Vec<Rule>>,
    passed: Mutex<Vec<Passed>>,
}

#[derive(Clone, Debug)]
pub struct Gate {
    pub url: String,
    inner: Arc<Inner>,
}

impl Gate {
    /// A relay to this server.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner { target, client: reqwest::Client::new(), rules: Mutex::default(), passed: Mutex::default() };
        let inner = Arc::new(inner);
        let router = Router::new().fallback(relay).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    /// From now on, so many times.
    pub fn rule(&self, method: Method, prefix: &'static str, fate: Fate, times: usize) {
        self.inner.rules.lock().unwrap().push(Rule { method, prefix, fate, times });
    }

    pub fn heal(&self) {
        self.inner.rules.lock().unwrap().clear();
    }

    /// Everything that came by, passed on or not.
    pub fn passed(&self) -> Vec<Passed> {
        self.inner.passed.lock().unwrap().clone()
    }

    pub fn count(&self, method: &Method, prefix: &str) -> usize {
        self.passed().iter().filter(|passed| passed.method == *method && passed.path.starts_with(prefix)).count()
    }
}

impl Inner {
    fn fate(&self, head: &Parts) -> Option<Fate> {
        let mut rules = self.rules.lock().unwrap();
        let is_for =
            |rule: &&mut Rule| rule.times > 0 && rule.method == head.method && head.uri.path().starts_with(rule.prefix);
        let rule = rules.iter_mut().find(is_for)?;
        rule.times -= 1;
        Some(rule.fate.clone())
    }
}

async fn relay(State(inner): State<Arc<Inner>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    inner.passed.lock().unwrap().push(Passed {
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        body: body.clone(),
    });
    let fate = inner.fate(&head);
    match &fate {
        Some(Fate::Refused(status, body)) => {
            return (StatusCode::from_u16(*status).unwrap(), *body).into_response();
        }
        Some(Fate::Hangs) => return std::future::pending().await,
        Some(Fate::Waits(until)) => until.notified().await,
        Some(Fate::IsLost | Fate::IsDenied(_) | Fate::IsLate(_)) | None => {}
    }
    let mut headers = head.headers;
    for name in ["host", "content-length", "transfer-encoding", "connection"] {
        headers.remove(name);
    }
    let url = format!("http://{}{}", inner.target, head.uri);
    let answer = inner.client.request(head.method, url).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.unwrap();
    match fate {
        Some(Fate::IsDenied(status)) => return StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fate::IsLate(pause)) => tokio::time::sleep(pause).await,
        Some(Fate::IsLost) => return std::future::pending().await,
        Some(_) | None => {}
    }
    headers.remove("transfer-encoding");
    (status, headers, body).into_response()
}

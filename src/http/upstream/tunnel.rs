//! Websockets: once both sides have switched, bytes go both ways until a side ends or both are silent.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use super::bounded::Progress;
use super::fault::Fault;
use super::{Upstream, headers};

const WEBSOCKET: &str = "websocket";
/// Longest time from a side's word that it switches to the switch.
const SWITCHING: Duration = Duration::from_secs(10);
const BUFFER: usize = 16 << 10;

/// Whether the request wants to become a websocket. Any other upgrade is not heard.
pub(super) fn is_asked_for(request: &Parts) -> bool {
    let headers = &request.headers;
    let wants = headers::names(headers, CONNECTION, "upgrade") && headers::names(headers, UPGRADE, WEBSOCKET);
    wants && request.method == Method::GET && request.version == Version::HTTP_11
}

impl Upstream {
    /// Asks the upstream to switch; whatever else it answers is passed on.
    pub(super) async fn open_tunnel(
        &self,
        url: Url,
        parts: &mut Parts,
        mut sent: HeaderMap,
    ) -> Result<Response, Fault> {
        let permit = std::sync::Arc::clone(&self.tunnels).try_acquire_owned().map_err(|_| Fault::Busy)?;
        switching(&mut sent);
        let sending = self.upgrading.get(url.clone()).headers(sent).send();
        let response = self.answered(sending, &Progress::default()).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return self.answer(response, &url);
        }
        if !headers::names(response.headers(), UPGRADE, WEBSOCKET) {
            return Err(Fault::BadAnswer);
        }
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *answer.headers_mut() = headers::of_answer(response.headers(), &url);
        switching(answer.headers_mut());
        let client = upgrade_of(parts);
        // Not tracked: a websocket that nobody ends would hold up every shutdown.
        tokio::spawn(carry(client, response, self.limits.tunnel_silence, permit));
        Ok(answer)
    }
}

fn switching(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

/// The client's connection, once our answer has switched it.
fn upgrade_of(parts: &mut Parts) -> OnUpgrade {
    let mut request = Request::new(());
    std::mem::swap(request.extensions_mut(), &mut parts.extensions);
    hyper::upgrade::on(&mut request)
}

async fn carry(client: OnUpgrade, upstream: reqwest::Response, silence: Duration, permit: OwnedSemaphorePermit) {
    let switched = tokio::time::timeout(SWITCHING, async { tokio::join!(client, upstream.upgrade()) }).await;
    if let Ok((Ok(client), Ok(upstream))) = switched {
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let (from_upstream, to_upstream) = tokio::io::split(upstream);
        let moved = AtomicU64::new(0);
        let both =
            async { tokio::try_join!(pump(from_client, to_upstream, &moved), pump(from_upstream, to_client, &moved)) };
        tokio::select! {
            // How a websocket ends is between its two sides.
            _ = both => {}
            () = until_silent(&moved, silence) => {}
        }
    }
    drop(permit);
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, moved: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
        moved.fetch_add(1, Ordering::Relaxed);
    }
}

async fn until_silent(moved: &AtomicU64, silence: Duration) {
    loop {
        let before = moved.load(Ordering::Relaxed);
        tokio::time::sleep(silence).await;
        if moved.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

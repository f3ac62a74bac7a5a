//! TLS from two PEM files, read again when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Protocol;

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read: {reason}", path.display())]
    Read { path: PathBuf, reason: String },
    #[error("certificate and key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// A certificate chain and its key, read and found good.
#[derive(Debug)]
pub struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
    config: Arc<ServerConfig>,
    modified: Option<SystemTime>,
}

impl TlsFiles {
    /// Reads both files.
    pub fn read(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let modified = modified(&certificate, &key);
        let config = Arc::new(server_config(&certificate, &key)?);
        Ok(Self { certificate, key, config, modified })
    }

    /// An acceptor that follows changes of the files; a bad pair is logged and the old one stays.
    pub(super) fn into_acceptor(self) -> Acceptor {
        let current = Arc::new(ArcSwap::new(Arc::clone(&self.config)));
        tokio::spawn(follow(self, Arc::downgrade(&current)));
        Acceptor(current)
    }
}

async fn follow(mut files: TlsFiles, current: std::sync::Weak<ArcSwap<ServerConfig>>) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let Some(current) = current.upgrade() else { return };
        let now = modified(&files.certificate, &files.key);
        if now == files.modified {
            continue;
        }
        files.modified = now;
        match server_config(&files.certificate, &files.key) {
            Ok(config) => {
                current.store(Arc::new(config));
                tracing::info!(certificate = %files.certificate.display(), "the new certificate is in use");
            }
            Err(error) => tracing::error!(%error, "the new certificate cannot be used; the old one stays"),
        }
    }
}

/// The later of both files' times.
fn modified(certificate: &PathBuf, key: &PathBuf) -> Option<SystemTime> {
    let time = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    time(certificate).max(time(key))
}

fn server_config(certificate: &PathBuf, key: &PathBuf) -> Result<ServerConfig, TlsError> {
    let failed = |path: &PathBuf, error: rustls::pki_types::pem::Error| TlsError::Read {
        path: path.clone(),
        reason: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(certificate, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Accepts TLS with the current certificate.
#[derive(Clone, Debug)]
pub(super) struct Acceptor(Arc<ArcSwap<ServerConfig>>);

impl Acceptor {
    /// Shakes hands; the protocol is what ALPN agreed on. The caller bounds the time.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<(Protocol, TlsStream<TcpStream>)> {
        let acceptor = TlsAcceptor::from(self.0.load_full());
        let stream = acceptor.accept(stream).await.ok()?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Some((if is_h2 { Protocol::Http2 } else { Protocol::Http1 }, stream))
    }
}

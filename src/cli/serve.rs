//! `tintype serve`: configuration, ports, app, accept loop, drain.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, Done, Failure};
use crate::app::{App, Front};
use crate::config::Config;
use crate::http::Door;
use crate::server::{self, Entrance};
use crate::telemetry;

pub(super) fn run(common: &Common) -> Done {
    let config = common.load()?;
    serve(config, Front::Status)
}

/// Serves until SIGTERM or SIGINT.
pub(super) fn serve(mut config: Config, front: Front) -> Done {
    telemetry::start_logs(&config.log);
    let runtime = runtime()?;
    runtime.block_on(async {
        let listener = bind(config.listen).await?;
        // Port 0 asks for any free port; URLs that we write name the real one.
        config.listen = listener.local_addr().unwrap_or(config.listen);
        let app = App::build(&config, front).await?;
        app.examine_by(super::doctor::examiner(config.clone()));
        let mut entrances = vec![Entrance { listener, door: Door::Public, tls: app.take_tls() }];
        if let Some(address) = config.admin.listen {
            entrances.push(Entrance { listener: bind(address).await?, door: Door::Admin, tls: None });
        }
        // Whoever waits for the line below may end us at once, and gracefully.
        let shutdown = signalled();
        announce(&config);
        server::run(Arc::clone(&app.service), entrances, shutdown).await;
        Ok(ExitCode::SUCCESS)
    })
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    // One provider for every TLS connection of the process; a second install is refused and harmless.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("the runtime cannot be started: {error}")))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => "; stop what uses it, or choose another with --listen",
            std::io::ErrorKind::PermissionDenied => "; ports below 1024 need the right to bind them",
            _ => "",
        };
        Failure::Other(format!("cannot listen on {address}: {error}{remedy}"))
    })
}

/// One line that scripts can wait for.
fn announce(config: &Config) {
    let scheme = if config.tls.certificate.is_some() { "https" } else { "http" };
    println!("tintype {} listening on {scheme}://{}", env!("CARGO_PKG_VERSION"), config.listen);
}

/// Resolves at SIGTERM or SIGINT, from this call on.
fn signalled() -> impl Future<Output = ()> {
    let signals =
        signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    async {
        let Ok((mut terminate, mut interrupt)) = signals else {
            tracing::warn!("signals cannot be received; the process ends only when it is killed");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM received"),
            _ = interrupt.recv() => tracing::info!("SIGINT received"),
        }
    }
}

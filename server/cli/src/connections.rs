//! The connections of the process: how many there can be, how long a client can take, and the graceful shutdown.
//!
//! HTTP/1.1 only: TLS and HTTP/2 are the task of a proxy in front. `axum::serve` is not used, because it has no timeout for the
//! head of a request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::drain::Drain;

/// The limits of connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The greatest number of open connections. More clients wait in the queue of the kernel.
    pub(crate) connections: usize,
    /// How long a client may take to send the head of a request and to read a part of a response, and how long a connection
    /// may be idle between two requests.
    pub(crate) client_timeout: Duration,
    /// How long requests in progress may take after SIGTERM or SIGINT.
    pub(crate) shutdown_timeout: Duration,
}

const MAX_HEADERS: usize = 64;
/// The greatest number of bytes of the head of a request.
const MAX_HEAD: usize = 32 * 1024;
/// The least time between two lines in the log about the limit of connections.
const FULL_LOG_INTERVAL: Duration = Duration::from_secs(60);
/// The pause after an accept that failed, for example because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` ends, drains, and lets the requests in progress finish (S12).
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, limits: Limits) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.client_timeout)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD);
    let connections = GracefulShutdown::new();
    let mut slots = Slots::new(limits.connections);
    let drain = Drain::new();
    let router = drain.wrap(router);
    let mut stop = std::pin::pin!(async {
        stop.await;
        tracing::info!("stopping: new requests get 503, so that a proxy sends them to another node");
        drain.until_quiet().await;
    });
    loop {
        let (slot, stream, peer) = tokio::select! {
            accepted = async {
                let slot = slots.take().await;
                let (stream, peer) = accept(&listener).await;
                (slot, stream, peer)
            } => accepted,
            () = &mut stop => break,
        };
        let service = router.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let service = TowerToHyperService::new(service);
        // hyper has no timeout for a client that does not read its response; such a connection would keep its slot.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.client_timeout));
        let connection = connections.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
    }

    drop(listener);
    tracing::info!("stopping: waiting for the requests in progress");
    if tokio::time::timeout(limits.shutdown_timeout, connections.shutdown()).await.is_err() {
        tracing::warn!(timeout = ?limits.shutdown_timeout, "stopping: some requests did not finish before --shutdown-timeout");
    }
}

/// One slot for each open connection.
struct Slots {
    free: Arc<Semaphore>,
    count: usize,
    /// When the last line in the log about the limit was written.
    logged: Option<Instant>,
}

impl Slots {
    fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), count, logged: None }
    }

    /// Waits until a slot is free. If no slot is free, writes a line to the log, because the clients that wait get no response.
    /// Dropping the permit frees the slot.
    async fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        let recently_logged = self.logged.is_some_and(|logged| logged.elapsed() <= FULL_LOG_INTERVAL);
        if self.free.available_permits() == 0 && !recently_logged {
            self.logged = Some(Instant::now());
            tracing::warn!(
                connections = self.count,
                "the limit of --max-connections is reached: new connections wait until one closes"
            );
        }
        // An error means that the semaphore is closed, which never happens.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Each response is one small write. Without this option, responses arrive a little later.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

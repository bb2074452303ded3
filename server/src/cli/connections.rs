//! The connections of the process: so many at a time, with bounds on what a client may make us wait for, and drained at the
//! end.
//!
//! HTTP/1.1 only: a proxy in front speaks TLS and HTTP/2 to browsers. `axum::serve` would do, but sets no bound on how
//! long a client may take over its headers.

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

use super::drain::Drain;

/// How many connections there may be, and how long they may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Who comes when there are so many waits in the kernel's queue until another one is closed.
    pub(crate) connections: usize,
    /// How long a client may take to send the head of a request, and to take on more of an answer; and how long a connection
    /// may rest between two requests.
    pub(crate) patience: Duration,
    /// How long requests under way may take at the end.
    pub(crate) shutdown: Duration,
}

const MAX_HEADERS: usize = 64;
/// Bytes of one request's head.
const HEAD_LIMIT: usize = 32 * 1024;
/// Between two lines in the log about there being no place.
const FULL_AGAIN: Duration = Duration::from_secs(60);
/// What a full table of file descriptors needs to get better.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, sends new requests elsewhere, then lets those under way finish (S12).
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, bounds: Bounds) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.patience)
        .max_headers(MAX_HEADERS)
        .max_header_size(HEAD_LIMIT);
    let connections = GracefulShutdown::new();
    let mut places = Places::new(bounds.connections);
    let drain = Drain::new();
    let router = drain.around(router);
    let mut stop = std::pin::pin!(async {
        stop.await;
        tracing::info!("stopping: sending elsewhere whoever still comes");
        drain.until_quiet().await;
    });
    loop {
        let (place, stream, peer) = tokio::select! {
            accepted = async {
                let place = places.take().await;
                let (stream, peer) = accept(&listener).await;
                (place, stream, peer)
            } => accepted,
            () = &mut stop => break,
        };
        let service = router.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let service = TowerToHyperService::new(service);
        // hyper waits for ever for a client that takes nothing on, which would keep its place.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(bounds.patience));
        let connection = connections.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }

    drop(listener);
    tracing::info!("stopping: finishing the requests under way");
    if tokio::time::timeout(bounds.shutdown, connections.shutdown()).await.is_err() {
        tracing::warn!(deadline = ?bounds.shutdown, "some requests did not finish in time");
    }
}

/// One for each connection that there may be.
struct Places {
    free: Arc<Semaphore>,
    all: usize,
    /// When it was last said that there is none.
    told: Option<Instant>,
}

impl Places {
    fn new(all: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(all)), all, told: None }
    }

    /// Waits until there is one; says so now and then, because the clients who wait are told nothing. It is free again when
    /// dropped.
    async fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        if self.free.available_permits() == 0 && self.told.is_none_or(|told| told.elapsed() > FULL_AGAIN) {
            self.told = Some(Instant::now());
            tracing::warn!(connections = self.all, "there are as many connections as there may be; the next ones wait");
        }
        // It is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are one small write each; an error only leaves them a little slower.
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

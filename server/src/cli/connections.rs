//! The connections of the process: accepted with bounds on what a client may make us wait for, and drained at the end.
//!
//! HTTP/1.1 only: a proxy in front speaks TLS and HTTP/2 to browsers. `axum::serve` would do, but sets no bound on how
//! long a client may take over its headers.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::drain::Drain;

/// How long a client may take to send the headers of a request, and a connection may rest between two.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_HEADERS: usize = 64;
/// Bytes of one request's head.
const HEAD_LIMIT: usize = 32 * 1024;
/// What a full table of file descriptors needs to get better.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, sends new requests elsewhere, then lets those under way finish (S12).
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, deadline: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_header_size(HEAD_LIMIT);
    let connections = GracefulShutdown::new();
    let drain = Drain::new();
    let router = drain.around(router);
    let mut stop = std::pin::pin!(async {
        stop.await;
        tracing::info!("stopping: sending elsewhere whoever still comes");
        drain.until_quiet().await;
    });
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        let service = router.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let service = TowerToHyperService::new(service);
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }

    drop(listener);
    tracing::info!("stopping: finishing the requests under way");
    if tokio::time::timeout(deadline, connections.shutdown()).await.is_err() {
        tracing::warn!(?deadline, "some requests did not finish in time");
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

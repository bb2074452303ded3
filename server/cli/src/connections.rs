//! The connections of the process: how many there can be, how long a client can take, and the graceful shutdown.
//!
//! HTTP/1.1 only: TLS and HTTP/2 are the task of a proxy in front. `axum::serve` is not used, because it has no timeout for the
//! head of a request.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::drain::Drain;
use crate::slots::{Slot, Slots};

/// The limits of connections.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The greatest number of open connections. If it is reached, idle connections are closed for new ones; if none is idle, new
    /// clients wait in the queue of the kernel.
    pub(crate) connections: usize,
    /// The greatest number of open connections of one client.
    pub(crate) connections_per_client: usize,
    /// The proxies whose connections belong to many clients.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// How long a client may take to send the head of a request and to read a part of a response, and how long a connection
    /// may be idle between two requests.
    pub(crate) client_timeout: Duration,
    /// How long requests in progress may take after SIGTERM or SIGINT.
    pub(crate) shutdown_timeout: Duration,
}

const MAX_HEADERS: usize = 64;
/// The greatest number of bytes of the head of a request.
const MAX_HEAD: usize = 32 * 1024;
/// The greatest number of connections that wait in the kernel's queue, if the kernel allows as many (net.core.somaxconn). If the
/// queue is full, a client tries again after a second.
const BACKLOG: u32 = 4096;
/// The pause after an accept that failed, for example because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes an address, without accepting connections yet.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As `TcpListener::bind` does: a restarted server can use the port of the one before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts connections at the address of the socket.
pub(crate) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

/// Serves until `stop` ends, drains, and lets the requests in progress finish (S12).
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, limits: Limits) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.client_timeout)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD);
    let connections = GracefulShutdown::new();
    let slots = Slots::new(limits.connections, limits.connections_per_client, limits.trusted_proxies);
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
                let (stream, peer) = accept(&listener, &slots).await;
                (slots.take(peer.ip()).await, stream, peer)
            } => accepted,
            () = &mut stop => break,
        };
        let Some((slot, close)) = slot else { continue };
        let (slot, router) = (Arc::new(slot), router.clone());
        let place = Arc::clone(&slot);
        let service = service_fn(move |request| handle(router.clone(), Arc::clone(&slot), peer, request));
        // hyper has no timeout for a client that does not read its response; such a connection would keep its slot.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.client_timeout));
        let connection = connections.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            serve_connection(connection, close).await;
            // After the connection, so that its file descriptor is free when its place is.
            drop(place);
        });
    }

    drop(listener);
    tracing::info!("stopping: waiting for the requests in progress");
    if tokio::time::timeout(limits.shutdown_timeout, connections.shutdown()).await.is_err() {
        tracing::warn!(timeout = ?limits.shutdown_timeout, "stopping: some requests did not finish before --shutdown-timeout");
    }
}

/// Serves one connection until it ends, or until `close` tells it to close while it is idle.
async fn serve_connection(connection: impl Future<Output = hyper::Result<()>>, close: oneshot::Receiver<()>) {
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        // An error means that the place of the connection is gone, which happens after this only.
        _ = close => tracing::debug!("an idle connection was closed for a new one"),
    }
}

/// Handles a request. The connection is idle until the whole request has arrived, and again when the response has been written.
async fn handle(
    router: Router,
    slot: Arc<Slot>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> io::Result<Response<Tracked<axum::body::Body>>> {
    let busy = Busy(slot);
    if !busy.0.set_busy() {
        return Err(ErrorKind::ConnectionAborted.into());
    }
    if !request.body().is_end_stream() {
        busy.0.set_receiving();
    }
    let request_slot = Arc::clone(&busy.0);
    let mut request = request.map(|inner| Tracked { inner, at_end: AtEnd::SetBusy(request_slot) });
    request.extensions_mut().insert(ConnectInfo(peer));
    let Ok(response) = router.oneshot(request).await;
    busy.0.set_busy();
    Ok(response.map(|inner| Tracked { inner, at_end: AtEnd::Drop(busy) }))
}

/// A request that is being handled. Dropping it makes the connection idle.
struct Busy(Arc<Slot>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle();
    }
}

/// A body, and what follows when its last byte has passed.
struct Tracked<B> {
    inner: B,
    at_end: AtEnd,
}

enum AtEnd {
    /// The request has arrived.
    SetBusy(Arc<Slot>),
    /// The response has been written, or the client is gone: the drop of the body says so.
    Drop(#[expect(dead_code, reason = "its drop makes the connection idle")] Busy),
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.inner).poll_frame(context);
        if let (AtEnd::SetBusy(slot), true) = (&this.at_end, frame.is_ready() && this.inner.is_end_stream()) {
            slot.set_busy();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

async fn accept(listener: &TcpListener, slots: &Slots) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Each response is one small write. Without this option, responses arrive a little later.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                slots.not_accepted(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

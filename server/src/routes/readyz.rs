//! `GET /readyz`: whether a load balancer should send requests to this server.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::Guestpass;
use crate::store::CHANGES_READY;

/// The readiness of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether requests should be sent to this server.
    ready: bool,
    /// Whether the store accepts writes: one was committed within the last second.
    store: bool,
    /// Whether this server hears of the changes that other servers make, such as revocations.
    changes: bool,
    /// Whether the server is about to stop.
    draining: bool,
}

/// Whether requests should be sent to this server
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "The server is ready.", body = Readiness),
    (
        status = 503,
        description = "The server is not ready: the `store` accepts no writes, the server does not hear of the `changes` \
            of other servers, or it is `draining`.",
        body = Readiness
    ),
))]
pub(super) async fn readyz(State(Guestpass { inner }): State<Guestpass>) -> (StatusCode, Json<Readiness>) {
    let draining = inner.draining.load(Ordering::Relaxed);
    let store = inner.write_probe.accepts_writes(&inner.store).await;
    let changes = inner.store.changes_age() < CHANGES_READY;
    let ready = store && changes && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, store, changes, draining }))
}

//! `GET /readyz`: whether a load balancer should send requests to this server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::Guestpass;

/// How long the store may take to respond.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// The readiness of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether requests should be sent to this server.
    ready: bool,
    /// Whether the store responds.
    store: bool,
    /// Whether the server is about to stop.
    draining: bool,
}

/// Whether requests should be sent to this server
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "The server is ready.", body = Readiness),
    (
        status = 503,
        description = "The server is not ready: the `store` does not respond, or the server is `draining`.",
        body = Readiness
    ),
))]
pub(super) async fn readyz(State(Guestpass { inner }): State<Guestpass>) -> (StatusCode, Json<Readiness>) {
    let draining = inner.draining.load(Ordering::Relaxed);
    let store = match tokio::time::timeout(STORE_DEADLINE, inner.store.item_count()).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store failed");
            false
        }
        Err(_) => {
            tracing::warn!(deadline = ?STORE_DEADLINE, "not ready: the store did not respond in time");
            false
        }
    };
    let ready = store && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, store, draining }))
}

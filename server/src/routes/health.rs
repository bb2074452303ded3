//! `GET /healthz`, `GET /readyz` and `GET /metrics`: for operators.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::server::Guestpass;

/// How long the store may take to show that it answers.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "It does.", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// Which parts are ready.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether requests should be sent here.
    ready: bool,
    /// Whether the store answers.
    store: bool,
    /// Whether the server is about to stop.
    draining: bool,
}

/// Whether requests should be sent here
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "They should.", body = Readiness),
    (status = 503, description = "They should not: `store` does not answer, or the server is `draining`.", body = Readiness),
))]
pub(super) async fn readyz(State(Guestpass { inner }): State<Guestpass>) -> (StatusCode, Json<Readiness>) {
    let draining = inner.draining.load(Ordering::Relaxed);
    let store = match tokio::time::timeout(STORE_DEADLINE, inner.store.item_count()).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store does not answer");
            false
        }
        Err(_) => {
            tracing::warn!(deadline = ?STORE_DEADLINE, "not ready: the store does not answer in time");
            false
        }
    };
    let ready = store && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, store, draining }))
}

/// Not part of the contract: served at an address of its own.
pub(super) async fn metrics(
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let text = inner.metrics.encode(inner.activity.guests()).map_err(|_| Problem::unavailable())?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

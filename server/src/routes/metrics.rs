//! `GET /metrics`: the metrics for Prometheus. Not part of the contract: served at a separate address.

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;

use super::error::Problem;
use crate::server::Guestpass;

pub(super) async fn metrics(
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let text = inner.metrics.encode(inner.activity.guests()).map_err(|_| Problem::unavailable())?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

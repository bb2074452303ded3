//! Errors as `application/problem+json` (RFC 9457), as the API has them.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    (status, [(CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
}

pub(crate) fn unavailable() -> Response {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "The server cannot do this right now. Try again.");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(crate) fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "There is nothing here.")
}

//! `GET /healthz`: whether the process responds.

/// Whether the process responds
#[utoipa::path(get, path = "/healthz", tag = "operation", responses(
    (status = 200, description = "The process responds.", body = String),
))]
pub(super) async fn healthz() -> &'static str {
    "ok"
}

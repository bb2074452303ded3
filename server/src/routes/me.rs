//! `GET /me`: who the server takes the caller for.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::GuestErrors;
use crate::auth::{Guest, Rejection};
use crate::error::{Problem, Unauthorized};
use crate::server::Guestpass;

/// Who the server takes the caller for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The subject: `anonymous_` and a UUID.
    #[schema(pattern = "^anonymous_[0-9a-f-]{36}$")]
    id: String,
    #[schema(pattern = "^guest$", example = "guest")]
    kind: &'static str,
    /// When the guest was made.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    created_at: String,
    /// The guest's latest request, this one included.
    #[schema(format = DateTime, example = "2027-01-15T08:30:00.250Z")]
    last_active_at: String,
}

/// Who asks
#[utoipa::path(get, path = "/me", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "The caller.", body = Me),
    GuestErrors,
))]
pub(super) async fn me(guest: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<Response, Problem> {
    let Some(row) = inner.store.guest(guest.id()).await? else {
        return Ok(Unauthorized::from(Rejection::Revoked).into_response());
    };
    let me = Me {
        id: guest.subject(),
        kind: "guest",
        created_at: row.created_at.rfc3339(),
        last_active_at: row.last_active_at.max(guest.seen_at()).rfc3339(),
    };
    Ok(Json(me).into_response())
}

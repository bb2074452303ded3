//! `GET /me`: who the server takes the caller for.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::GuestErrors;
use crate::auth::{Guest, Rejection, Subject};
use crate::clock::Timestamp;
use crate::error::{Problem, Unauthorized};
use crate::server::Guestpass;

/// Who the server takes the caller for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The subject: `anonymous_` or `user_`, and a UUID.
    #[schema(pattern = "^(anonymous|user)_[0-9a-f-]{36}$")]
    id: String,
    /// `guest`, or `user` for a member.
    #[schema(pattern = "^(guest|user)$", example = "guest")]
    kind: &'static str,
    /// When the guest was made.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    created_at: String,
    /// The caller's latest request, this one included.
    #[schema(format = DateTime, example = "2027-01-15T08:30:00.250Z")]
    last_active_at: String,
    /// Since when they are a member. Null: a guest.
    #[schema(format = DateTime, example = "2027-01-15T08:15:00.250Z")]
    registered_at: Option<String>,
    /// A member's address, in lower case, if they have given one.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// How many passkeys a member can sign in with.
    passkeys: u64,
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
    let subject = Subject::new(row.id, row.registered_at.is_some());
    let me = Me {
        id: subject.to_string(),
        kind: subject.kind.name(),
        created_at: row.created_at.rfc3339(),
        last_active_at: row.last_active_at.max(guest.seen_at()).rfc3339(),
        registered_at: row.registered_at.map(Timestamp::rfc3339),
        email: row.email,
        passkeys: row.passkeys,
    };
    Ok(Json(me).into_response())
}

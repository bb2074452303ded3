//! `/me`: the caller, the data of the caller, and its erasure.

pub(super) mod collection;
pub(super) mod entry;
mod export;
mod sessions;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use guestpass_core::wire::ME_PATH;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Problem;
use super::openapi::{AccountCallerErrors, GuestErrors};
use crate::auth::{AccountCaller, Guest, Subject};
use crate::clock::Timestamp;
use crate::server::Guestpass;
use crate::store::DataError;

pub(super) fn routes() -> OpenApiRouter<Guestpass> {
    OpenApiRouter::new()
        .routes(routes!(me, erase))
        .routes(routes!(export::export))
        .routes(routes!(sessions::list, sessions::end_others))
        .routes(routes!(sessions::end))
        .routes(routes!(collection::list, collection::clear))
        .routes(routes!(entry::entry, entry::put, entry::patch, entry::add, entry::remove))
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The subject: `anonymous_` or `user_`, followed by a UUID.
    #[schema(pattern = "^(anonymous|user)_[0-9a-f-]{36}$")]
    id: String,
    /// `guest`, or `user` for a member.
    #[schema(pattern = "^(guest|user)$", example = "guest")]
    kind: &'static str,
    /// When the guest was created.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    created_at: String,
    /// When the caller sent the last request, including this one.
    #[schema(format = DateTime, example = "2027-01-15T08:30:00.250Z")]
    last_active_at: String,
    /// Since when the caller has been a member. Null: a guest.
    #[schema(format = DateTime, example = "2027-01-15T08:15:00.250Z")]
    registered_at: Option<String>,
    /// The e-mail address of a member, in lower case, if it is known.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// The number of passkeys with which the member can sign in.
    passkeys: u64,
}

/// The caller
#[utoipa::path(get, path = ME_PATH, tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "The caller.", body = Me),
    GuestErrors,
))]
pub(super) async fn me(guest: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<Json<Me>, Problem> {
    let row = inner.store.guest(guest.id()).await?.ok_or(DataError::NoGuest)?;
    let subject = Subject::of(&row);
    Ok(Json(Me {
        id: subject.to_string(),
        kind: subject.kind.name(),
        created_at: row.created_at.rfc3339(),
        last_active_at: row.last_active_at.max(guest.seen_at()).rfc3339(),
        registered_at: row.registered_at.map(Timestamp::rfc3339),
        email: row.email,
        passkeys: row.passkeys,
    }))
}

/// Erase the caller
///
/// Deletes all stored data about the caller and ends all sessions. From then on, none of the caller's tokens is accepted, and the
/// erasure cannot be undone. A second request gets 401, as every request with one of these tokens.
#[utoipa::path(delete, path = ME_PATH, tag = "guest", security(("refreshToken" = [])), responses(
    (status = 204, description = "All data about the caller is deleted."),
    GuestErrors,
    AccountCallerErrors,
))]
pub(super) async fn erase(
    caller: AccountCaller,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<StatusCode, Problem> {
    inner.sessions.erase(caller.subject.id, caller.session, inner.clock.now()).await??;
    Ok(StatusCode::NO_CONTENT)
}

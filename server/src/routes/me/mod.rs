//! `/me`: who the server takes the caller for, what is kept about them, and the end of all that.

pub(super) mod cart;
mod conditional;
mod export;
mod favorites;
mod history;
pub(super) mod paging;
pub(super) mod preferences;
mod sessions;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::GuestErrors;
use crate::auth::Guest;
use crate::clock::Timestamp;
use crate::error::Problem;
use crate::server::Guestpass;
use crate::store::DataError;

pub(super) fn routes() -> OpenApiRouter<Guestpass> {
    OpenApiRouter::new()
        .routes(routes!(me, erase))
        .routes(routes!(export::export))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(cart::cart, cart::add))
        .routes(routes!(cart::set, cart::remove))
        .routes(routes!(history::history, history::clear))
        .routes(routes!(history::see, history::forget))
        .routes(routes!(favorites::favorites))
        .routes(routes!(favorites::mark, favorites::unmark))
        .routes(routes!(preferences::preferences, preferences::replace, preferences::merge))
}

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
pub(super) async fn me(guest: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<Json<Me>, Problem> {
    let row = inner.store.guest(guest.id()).await?.ok_or(DataError::NoGuest)?;
    let subject = row.subject();
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
/// Everything that is kept about the caller goes, and all of their sessions end: from then on no token of theirs is accepted,
/// and nothing brings them back. A second time is answered with 401, as every request with a token of theirs.
#[utoipa::path(delete, path = "/me", tag = "guest", security(("guest" = [])), responses(
    (status = 204, description = "Nothing of the caller is left."),
    GuestErrors,
))]
pub(super) async fn erase(guest: Guest, State(Guestpass { inner }): State<Guestpass>) -> Result<StatusCode, Problem> {
    inner.sessions.erase(guest.id()).await??;
    Ok(StatusCode::NO_CONTENT)
}

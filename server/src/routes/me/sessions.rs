//! `/me/sessions`: where the caller is signed in, and ending that.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Guest;
use crate::clock::Timestamp;
use crate::error::Problem;
use crate::routes::openapi::GuestErrors;
use crate::server::Guestpass;
use crate::store::SessionRow;

/// The sessions of the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionList {
    /// The newest first, and at most 100.
    sessions: Vec<Session>,
}

/// A live session: one browser, usually.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    id: Uuid,
    /// When it began.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    created_at: String,
    /// When its tokens were last exchanged for new ones. Null: never yet.
    #[schema(format = DateTime, example = "2027-01-15T08:15:00.250Z")]
    last_refreshed_at: Option<String>,
    /// When it ends unless it is refreshed before.
    #[schema(format = DateTime, example = "2027-02-14T08:15:00.000Z")]
    expires_at: String,
    /// Whether this request came with a token of this session.
    current: bool,
}

impl Session {
    pub(super) fn of(row: SessionRow, caller: Guest) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at.rfc3339(),
            last_refreshed_at: row.rotated_at.map(Timestamp::rfc3339),
            expires_at: row.expires_at.rfc3339(),
            current: row.id == caller.session(),
        }
    }
}

/// Where the caller is signed in
#[utoipa::path(get, path = "/me/sessions", tag = "sessions", security(("guest" = [])), responses(
    (status = 200, description = "The caller's live sessions.", body = SessionList),
    GuestErrors,
))]
pub(super) async fn list(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<SessionList>, Problem> {
    let rows = inner.store.sessions_of(guest.id(), inner.clock.now()).await?;
    Ok(Json(SessionList { sessions: rows.into_iter().map(|row| Session::of(row, guest)).collect() }))
}

/// End one of the caller's sessions
///
/// Nothing of that session is accepted from then on. It may be the one that asks: that is signing out.
#[utoipa::path(
    delete,
    path = "/me/sessions/{id}",
    tag = "sessions",
    security(("guest" = [])),
    params(("id" = Uuid, Path, description = "The `id` in the list.")),
    responses(
        (status = 204, description = "The session has ended."),
        (
            status = 404,
            description = "The caller has no such live session.",
            body = crate::error::ProblemBody,
            content_type = "application/problem+json"
        ),
        GuestErrors,
    )
)]
pub(super) async fn end(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    session: Result<Path<Uuid>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "You have no such session.");
    let Path(session) = session.map_err(|_| unknown())?;
    let ended = inner.sessions.end(guest.id(), session, inner.clock.now()).await?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}

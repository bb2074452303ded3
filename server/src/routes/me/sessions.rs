//! `/me/sessions`: where the caller is signed in, and ending that.

use std::time::Duration;

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
    /// When its tokens were last exchanged for new ones, rounded down to the hour; of this hour, and of the one before, the one
    /// before. Null: never yet, or not before that.
    #[schema(format = DateTime, example = "2027-01-15T09:00:00.000Z")]
    last_refreshed_at: Option<String>,
    /// When it ends unless it is refreshed before, counted from `last_refreshed_at`, or else from `created_at`: it may be up to
    /// two hours later.
    #[schema(format = DateTime, example = "2027-02-14T09:00:00.000Z")]
    expires_at: String,
    /// Whether this request came with a token of this session.
    current: bool,
}

impl Session {
    pub(super) fn of(row: SessionRow, caller: Guest, now: Timestamp) -> Self {
        let told = row.rotated_at.map(|at| blurred(at, now)).filter(|told| *told >= row.created_at);
        // Whole seconds: the rest would tell the fraction of the refresh.
        let lifetime = row.expires_at.since(row.rotated_at.unwrap_or(row.created_at)).as_secs();
        let expires_at = told.unwrap_or(row.created_at) + Duration::from_secs(lifetime);
        Self {
            id: row.id,
            created_at: row.created_at.rfc3339(),
            last_refreshed_at: told.map(Timestamp::rfc3339),
            expires_at: expires_at.rounded_up_to_second().rfc3339(),
            current: row.id == caller.session(),
        }
    }
}

/// The time of a refresh as it is told. Whoever has stolen a refresh token would know by the exact one when to present it:
/// within the grace window after its owner, where it is no reuse. The hour alone would show the first refresh of each hour
/// to who keeps asking, so this hour and the one before are one.
fn blurred(refreshed_at: Timestamp, now: Timestamp) -> Timestamp {
    refreshed_at.min(now - Duration::from_secs(60 * 60)).rounded_down_to_hour()
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
    let now = inner.clock.now();
    let rows = inner.store.sessions_of(guest.id(), now).await?;
    Ok(Json(SessionList { sessions: rows.into_iter().map(|row| Session::of(row, guest, now)).collect() }))
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

//! `/me/sessions`: the caller's sessions.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::{AccountCaller, AccountCallerError};
use crate::clock::Timestamp;
use crate::routes::error::Problem;
use crate::routes::openapi::{AccountCallerErrors, GuestErrors};
use crate::server::Guestpass;
use crate::store::SessionRow;

/// The sessions of the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionList {
    /// The newest first, and at most 100.
    sessions: Vec<Session>,
}

/// A live session, usually of one browser.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    id: Uuid,
    /// When the session began.
    #[schema(format = DateTime, example = "2027-01-15T08:00:00.250Z")]
    created_at: String,
    /// When the tokens of the session were last refreshed, rounded down to the hour; a refresh in the current hour is given as
    /// the previous hour. Null: not refreshed before that time.
    #[schema(format = DateTime, example = "2027-01-15T09:00:00.000Z")]
    last_refreshed_at: Option<String>,
    /// When the session ends unless it is refreshed, counted from `last_refreshed_at` or else from `created_at`: the session may
    /// end up to two hours later.
    #[schema(format = DateTime, example = "2027-02-14T09:00:00.000Z")]
    expires_at: String,
    /// Browser and system of the client that opened the session, such as `Firefox on Windows`, `Chrome on Android` or `curl`, from
    /// its `User-Agent` header: the client's own claim, of at most 32 characters. Null if it sent none.
    #[schema(max_length = 32, example = "Firefox on Windows")]
    label: Option<String>,
    /// Whether the refresh token of this request belongs to the session.
    current: bool,
}

impl Session {
    pub(super) fn of(row: SessionRow, caller: AccountCaller, now: Timestamp) -> Self {
        let refreshed_at = row.rotated_at.map(|at| rounded(at, now)).filter(|at| *at >= row.created_at);
        // In whole seconds, because the fraction would reveal the fraction of the time of the refresh.
        let lifetime = row.expires_at.since(row.rotated_at.unwrap_or(row.created_at)).as_secs();
        let expires_at = refreshed_at.unwrap_or(row.created_at) + Duration::from_secs(lifetime);
        Self {
            id: row.id,
            created_at: row.created_at.rfc3339(),
            last_refreshed_at: refreshed_at.map(Timestamp::rfc3339),
            expires_at: expires_at.rounded_up_to_second().rfc3339(),
            label: row.label.map(|label| label.as_str().to_owned()),
            current: row.id == caller.session,
        }
    }
}

/// The time of a refresh, rounded. With the exact time, a thief of a refresh token could present it within the grace window
/// after the owner's refresh, where it does not count as reuse. With the hour alone, a thief that polls would see the first
/// refresh of each hour, so a refresh in the current hour is given as the previous hour.
fn rounded(refreshed_at: Timestamp, now: Timestamp) -> Timestamp {
    refreshed_at.min(now - Duration::from_secs(60 * 60)).rounded_down_to_hour()
}

/// The caller's sessions
#[utoipa::path(get, path = "/me/sessions", tag = "sessions", security(("refreshToken" = [])), responses(
    (status = 200, description = "The caller's live sessions.", body = SessionList),
    GuestErrors,
    AccountCallerErrors,
))]
pub(super) async fn list(
    caller: AccountCaller,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<SessionList>, Problem> {
    let now = inner.clock.now();
    let rows = inner.store.sessions_of(caller.subject.id, now).await?;
    Ok(Json(SessionList { sessions: rows.into_iter().map(|row| Session::of(row, caller, now)).collect() }))
}

/// End the caller's other sessions
///
/// Ends every live session of the caller except the session of this request, in one transaction. None of their tokens is accepted
/// from then on.
#[utoipa::path(
    delete,
    path = "/me/sessions",
    tag = "sessions",
    security(("refreshToken" = [])),
    responses(
        (status = 204, description = "The session of this request is the caller's only live session."),
        GuestErrors,
        AccountCallerErrors,
    )
)]
pub(super) async fn end_others(
    caller: AccountCaller,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<StatusCode, Problem> {
    if inner.sessions.end_others(caller, inner.clock.now()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(AccountCallerError::INVALID.into())
    }
}

/// End one of the caller's sessions
///
/// None of the tokens of the session is accepted from then on. Ending the session of this request is a sign-out.
#[utoipa::path(
    delete,
    path = "/me/sessions/{id}",
    tag = "sessions",
    security(("refreshToken" = [])),
    params(("id" = Uuid, Path, description = "The `id` of the session in the list.")),
    responses(
        (status = 204, description = "The session has ended."),
        (
            status = 404,
            description = "The caller has no such live session.",
            body = crate::routes::error::ProblemBody,
            content_type = "application/problem+json"
        ),
        GuestErrors,
        AccountCallerErrors,
    )
)]
pub(super) async fn end(
    caller: AccountCaller,
    State(Guestpass { inner }): State<Guestpass>,
    session: Result<Path<Uuid>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "The caller has no such live session.");
    let Path(session) = session.map_err(|_| unknown())?;
    let ended = inner.sessions.end(caller.subject.id, session, inner.clock.now()).await?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}

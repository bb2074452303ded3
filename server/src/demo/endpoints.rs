//! Where the lab orders faults and reads what has been counted. Not part of the API, and so not of its contract.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::faults::token_hash;
use super::stage::{Stage, Stages, locked};
use crate::error::Problem;
use crate::server::Guestpass;

/// How long an outage lasts.
const OUTAGE: Duration = Duration::from_secs(10);
/// How far the clock goes at once.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn router(stages: Arc<Stages>) -> Router<Guestpass> {
    Router::new()
        .route("/demo/stage", get(report).delete(clear))
        .route("/demo/faults/{fault}", post(order))
        .with_state(stages)
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// The access token that the request brings counts as expired.
    ExpireToken,
    /// The answer to the next renewal is lost.
    LoseAnswer,
    /// 503 for a while.
    Outage,
    /// A day goes by at the server.
    Tomorrow,
}

async fn order(State(stages): State<Arc<Stages>>, Path(fault): Path<Fault>, request: Request) -> Response {
    let stage = stages.of(request.headers(), request.extensions());
    let (parts, _) = request.into_parts();
    let mut stage = locked(&stage);
    match fault {
        Fault::ExpireToken => match token_hash(&parts) {
            Some(token) => stage.refuse(token),
            None => {
                let detail = "Send the token that is to expire as a Bearer token.";
                return Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
            }
        },
        Fault::LoseAnswer => stage.lose_next_renewals(),
        Fault::Outage => stage.begin_outage(OUTAGE),
        Fault::Tomorrow => stage.go_forward(DAY),
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn report(State(stages): State<Arc<Stages>>, request: Request) -> Response {
    let stage = stages.of(request.headers(), request.extensions());
    Json(locked(&stage).report()).into_response()
}

/// Ends all faults and counts from zero.
async fn clear(State(stages): State<Arc<Stages>>, request: Request) -> StatusCode {
    let stage = stages.of(request.headers(), request.extensions());
    *locked(&stage) = Stage::default();
    StatusCode::NO_CONTENT
}

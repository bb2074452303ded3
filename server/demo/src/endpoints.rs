//! `/demo/faults`: where the lab injects faults and reads the counts. It is not part of the API, and not in its contract.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use guestpass_server::Guestpass;
use serde::Deserialize;

use crate::fault_injector::{FaultInjector, FaultInjectors, locked};
use crate::faults::token_hash;
use crate::problem::problem;

const OUTAGE: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn router(injectors: Arc<FaultInjectors>) -> Router<Guestpass> {
    Router::new()
        .route("/demo/faults", get(report).delete(clear))
        .route("/demo/faults/{fault}", post(inject))
        .with_state(injectors)
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// The access token of the request counts as expired.
    ExpireToken,
    /// The response to the next renewal (a refresh; for the classic shop, a login) is lost.
    LoseAnswer,
    /// Each request gets 503, for [`OUTAGE`].
    Outage,
    /// The clock of the server is one more day ahead.
    Tomorrow,
}

async fn inject(State(injectors): State<Arc<FaultInjectors>>, Path(fault): Path<Fault>, request: Request) -> Response {
    let injector = injectors.of(request.headers(), request.extensions());
    let mut injector = locked(&injector);
    match fault {
        Fault::ExpireToken => match token_hash(request.headers()) {
            Some(token) => injector.expire(token),
            None => {
                let detail = "Send the access token that is to expire in the header Authorization, as a Bearer token.";
                return problem(StatusCode::BAD_REQUEST, detail);
            }
        },
        Fault::LoseAnswer => injector.lose_next_renewals(),
        Fault::Outage => injector.begin_outage(OUTAGE),
        Fault::Tomorrow => injector.go_forward(DAY),
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn report(State(injectors): State<Arc<FaultInjectors>>, request: Request) -> Response {
    let injector = injectors.of(request.headers(), request.extensions());
    Json(locked(&injector).report()).into_response()
}

async fn clear(State(injectors): State<Arc<FaultInjectors>>, request: Request) -> StatusCode {
    let injector = injectors.of(request.headers(), request.extensions());
    *locked(&injector) = FaultInjector::default();
    StatusCode::NO_CONTENT
}

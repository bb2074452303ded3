//! What every request of the API passes through on a stage.

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{LOGIN_PATH, TOKEN_PATH};
use serde_json::Value;

use super::lost::lost;
use super::stage::{AHEAD, Grant, Shop, Stage, Stages, locked};
use crate::auth::bearer_token;
use crate::error::{Problem, Unauthorized};
use crate::secret::sha256;

/// A token answer is a few hundred bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

pub(super) async fn strike(State(stages): State<Arc<Stages>>, request: Request, next: Next) -> Response {
    let stage = stages.of(request.headers(), request.extensions());
    let (parts, body) = request.into_parts();
    let (shop, grant) = (Shop::of(&parts.headers), grant_of(&parts));
    let (out, expired, ahead) = {
        let stage = locked(&stage);
        (stage.is_out(), token_hash(&parts).is_some_and(|token| stage.refuses(&token)), stage.ahead())
    };
    if out {
        return Problem::unavailable().into_response();
    }
    if expired {
        return Unauthorized::InvalidToken("the token has expired").into_response();
    }
    let response = AHEAD.scope(ahead, next.run(Request::from_parts(parts, body))).await;
    match grant {
        Some(grant) if response.status() == StatusCode::OK => granted(&stage, shop, grant, response).await,
        _ => response,
    }
}

/// The server has acted. The count is of what it did, whether or not the visitor hears of it.
async fn granted(stage: &Mutex<Stage>, shop: Shop, grant: Grant, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, ANSWER_LIMIT).await else { return Problem::unavailable().into_response() };
    let mut stage = locked(stage);
    stage.count(shop, grant, guest_in(&bytes));
    if stage.takes_loss(shop, grant) {
        return Response::from_parts(parts, lost(bytes));
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn grant_of(parts: &Parts) -> Option<Grant> {
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, LOGIN_PATH) => Some(Grant::Login),
        (&Method::POST, TOKEN_PATH) => Some(Grant::Refresh),
        _ => None,
    }
}

fn guest_in(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    Some(answer.get("anonymous_id")?.as_str()?.to_owned())
}

/// What is remembered of a token that is refused.
pub(super) fn token_hash(parts: &Parts) -> Option<[u8; 32]> {
    bearer_token(parts).ok().map(|token| sha256(token.as_bytes()))
}

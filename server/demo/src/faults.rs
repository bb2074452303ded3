//! The middleware around each route of the API: applies the faults of the client, and counts its guests.

use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use guestpass_server::Unauthorized;
use headers::authorization::Bearer;
use headers::{Authorization, HeaderMapExt};
use serde_json::Value;

use crate::fault_injector::{AHEAD, FaultInjector, FaultInjectors, Grant, Shop, locked};
use crate::lost::lost;
use crate::problem::unavailable;

/// A token response has a few hundred bytes.
const RESPONSE_LIMIT: usize = 64 * 1024;

pub(crate) async fn inject(State(injectors): State<Arc<FaultInjectors>>, request: Request, next: Next) -> Response {
    let injector = injectors.of(request.headers(), request.extensions());
    let (shop, grant) = (Shop::of(request.headers()), grant_of(&request));
    let (outage, expired, ahead) = {
        let injector = locked(&injector);
        let expired = token_hash(request.headers()).is_some_and(|token| injector.is_expired(&token));
        (injector.has_outage(), expired, injector.ahead())
    };
    if outage {
        return unavailable();
    }
    if expired {
        return Unauthorized::InvalidToken("the token has expired").into_response();
    }
    let response = AHEAD.scope(ahead, next.run(request)).await;
    match grant {
        Some(grant) if response.status() == StatusCode::OK => count_and_lose(&injector, shop, grant, response).await,
        _ => response,
    }
}

/// Counts a token response, whether or not the client receives it, and loses it if that fault is injected.
async fn count_and_lose(injector: &Mutex<FaultInjector>, shop: Shop, grant: Grant, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, RESPONSE_LIMIT).await else { return unavailable() };
    let mut injector = locked(injector);
    injector.count(shop, grant, guest_of(&bytes));
    if injector.take_loss(shop, grant) {
        return Response::from_parts(parts, lost(bytes));
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn grant_of(request: &Request) -> Option<Grant> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/anonymous-login") => Some(Grant::Login),
        (&Method::POST, "/token") => Some(Grant::Refresh),
        _ => None,
    }
}

fn guest_of(response: &[u8]) -> Option<String> {
    let response: Value = serde_json::from_slice(response).ok()?;
    Some(response.get("anonymous_id")?.as_str()?.to_owned())
}

/// SHA-256 of the access token of a request; tokens themselves are not kept.
pub(crate) fn token_hash(headers: &HeaderMap) -> Option<[u8; 32]> {
    let Authorization(bearer) = headers.typed_get::<Authorization<Bearer>>()?;
    digest(&SHA256, bearer.token().as_bytes()).as_ref().try_into().ok()
}

//! The middleware that sets the actor of a request, for the audit trail and the labels of sessions.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::USER_AGENT;
use axum::middleware::Next;
use axum::response::Response;

use super::extract::client_of;
use crate::actor::Actor;
use crate::limits::{ClientNetwork, Limits};

/// Sets the client as the actor of a request that can change something.
pub(super) async fn set_actor(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let network = client_of(&limits, request.headers(), request.extensions()).map(ClientNetwork::network);
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Actor::client(network, user_agent).scope(next.run(request)).await
}

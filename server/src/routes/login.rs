//! `POST /anonymous-login`: makes a guest.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use guestpass_core::wire::{ANONYMOUS_LOGIN_PATH, TokenResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::OptionalJsonBody;
use super::idempotency_key::idempotency_key;
use super::openapi::{BodyErrors, LoginLimits, refresh_link, revoke_link};
use crate::error::{Problem, ProblemBody};
use crate::server::Guestpass;

/// What kind of session a login is for.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct LoginBody {
    /// Whether the client refreshes: a short access token and a refresh token, instead of one long-lived token.
    #[serde(default)]
    pub(super) refresh: bool,
}

/// Make a guest
///
/// Without a body, or with `{"refresh": false}`: one long-lived access token (30 days by default) for simple clients.
/// With `{"refresh": true}`: a short access token (15 minutes by default) and a refresh token for `/token`.
#[utoipa::path(
    post,
    path = ANONYMOUS_LOGIN_PATH,
    tag = "sessions",
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = "128 or more random bits in base64url. The same key gives the same guest and session again, for 10 \
            minutes and until the first refresh: send it with every retry. It is as secret as a token.",
        min_length = 22,
        max_length = 128,
        nullable = false,
        pattern = "^[A-Za-z0-9_-]{22,128}$",
    ), (
        "Proof-Of-Work" = Option<String>,
        Header,
        description = "The answer to a 428: base64 of a JSON object with the `challenge` as it came and its `solution`. \
            Ignored where no proof is asked for.",
        max_length = 4096,
        nullable = false,
        pattern = "^[A-Za-z0-9+/]+=*$",
    )),
    request_body(content = Option<LoginBody>),
    responses(
        (status = 200, description = "A new guest, or the one that the same key has made.", body = TokenResponse, links(
            ("refresh" = (operation_id = "token", request_body = refresh_link)),
            ("revoke" = (operation_id = "revoke", request_body = revoke_link)),
        )),
        (
            status = 409,
            description = "The Idempotency-Key is too old, or its session has moved on or is gone.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        (
            status = 403,
            description = "The server was started with `--require-refresh`, and the body does not say `{\"refresh\": true}`.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyErrors,
        LoginLimits,
    )
)]
pub(super) async fn login(
    State(Guestpass { inner }): State<Guestpass>,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<LoginBody>,
) -> Result<Json<TokenResponse>, Problem> {
    let key = idempotency_key(&headers)?;
    let LoginBody { refresh } = body.unwrap_or_default();
    if inner.config.require_refresh && !refresh {
        let detail = "This server gives no long-lived tokens. Log in with the body {\"refresh\": true}.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let answer = inner.sessions.login(refresh, key, inner.clock.now()).await?;
    Ok(Json(answer))
}

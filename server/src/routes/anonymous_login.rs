//! `POST /anonymous-login`: makes a guest.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{ANONYMOUS_LOGIN_PATH, TokenResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::{Problem, ProblemBody};
use super::extract::{ClientAddress, OptionalJsonBody, given, idempotency_key};
use super::limits::{PROOF_OF_WORK, rate_limit_fields};
use super::openapi::{BodyErrors, LoginLimits, refresh_link, revoke_link};
use crate::limits::AdmittedLogin;
use crate::secret::sha256;
use crate::server::Guestpass;

/// The kind of session to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct LoginBody {
    /// True: a short-lived access token and a refresh token. False: one long-lived access token.
    #[serde(default)]
    pub(super) refresh: bool,
    /// The token of a CAPTCHA, if a 428 response asks for one. Ignored if the server requires none.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(super) captcha: Option<String>,
}

/// Make a guest
///
/// Without a body, or with `{"refresh": false}`, the response has one long-lived access token (30 days by default), for simple
/// clients. With `{"refresh": true}`, it has a short-lived access token (15 minutes by default) and a refresh token for
/// `/token`.
#[utoipa::path(
    post,
    path = ANONYMOUS_LOGIN_PATH,
    operation_id = "login",
    tag = "sessions",
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = "At least 128 random bits in base64url. Within 10 minutes and until the first refresh, the same key gives \
            the same guest and session: send it with every retry. Keep it secret, as a token.",
        min_length = 22,
        max_length = 128,
        nullable = false,
        pattern = "^[A-Za-z0-9_-]{22,128}$",
    ), (
        "Proof-Of-Work" = Option<String>,
        Header,
        description = "The solution of the challenge in a 428 response: base64 of a JSON object with the unchanged `challenge` \
            and its `solution`. Ignored if the server requires no proof.",
        max_length = 4096,
        nullable = false,
        pattern = "^[A-Za-z0-9+/]+=*$",
    )),
    request_body(content = Option<LoginBody>),
    responses(
        (status = 200, description = "A new guest, or the guest that a login with the same key made.", body = TokenResponse, links(
            ("refresh" = (operation_id = "token", request_body = refresh_link)),
            ("revoke" = (operation_id = "revoke", request_body = revoke_link)),
        )),
        (
            status = 409,
            description = "The Idempotency-Key is too old, or its session was refreshed or has ended.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        (
            status = 403,
            description = "The server was started with `--require-refresh`, and the body is not `{\"refresh\": true}`.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        BodyErrors,
        LoginLimits,
    )
)]
pub(super) async fn anonymous_login(
    State(Guestpass { inner }): State<Guestpass>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<LoginBody>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let LoginBody { refresh, captcha } = body.unwrap_or_default();
    if inner.config.require_refresh && !refresh {
        let detail = "This server issues no long-lived tokens. Log in with the body {\"refresh\": true}.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let proof = headers.get(PROOF_OF_WORK).map(HeaderValue::as_bytes);
    let key_hash = key.map(|key| sha256(key.as_bytes()));
    let AdmittedLogin { admitted, replacement_key } =
        match inner.limits.admit_login(address, key_hash, proof, captcha.as_deref()).await {
            Ok(admitted) => admitted,
            Err(limited) => return Ok(limited.into_response()),
        };
    let tokens = inner.sessions.login(refresh, replacement_key.as_deref().or(key), inner.clock.now()).await;
    let mut response = tokens.map(Json).map_err(Problem::from).into_response();
    if response.status().is_client_error() {
        // A login that is refused makes no guest.
        admitted.refund();
    } else {
        response.headers_mut().extend(rate_limit_fields(&admitted.states));
    }
    Ok(response)
}

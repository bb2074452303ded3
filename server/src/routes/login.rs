//! `POST /login`: signs the caller in to an account, and merges the data of the guest into it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{LOGIN_PATH, MembershipResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Problem;
use super::extract::{Client, JsonBodyBytes, given};
use super::membership::{KEY_DESCRIPTION, PasskeyBody, PasskeyChallengeResponse, UpgradeCall};
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{AccountError, EmailAddress, Password, UpgradeRequest};
use crate::auth::{AccountCaller, RefreshToken};
use crate::limits::ClientNetwork;
use crate::metrics::MembershipEndpoint;
use crate::server::{Guestpass, Inner};
use crate::store::Upgrade;

/// The proof that the caller owns the account: `email` and `password`, or `passkey`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberLoginBody {
    #[schema(example = "ada@example.com", max_length = 254, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    email: Option<String>,
    #[schema(example = "correct horse battery staple", max_length = 1024, format = Password, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    password: Option<String>,
    /// The response of the browser to the challenge of `/login/options`.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "given")]
    passkey: Option<PasskeyBody>,
}

/// Log in to an account
///
/// The data of the guest is merged into the account, once: an entry that only one of them has is kept, and of an entry that both
/// have, the declaration of its collection says which value remains. Of the default collections, the quantities in the carts are
/// added (at most 99), the latest view or mark counts, the history keeps its newest 100 entries, and where both have a preference,
/// that of the account stays. The response has the tokens of a new session of the account; all sessions that the guest had end,
/// with their tokens, and the other sessions of the account continue. Of a caller who is that member already, only the session of
/// the request is replaced. With an `Idempotency-Key`, the request is safe to repeat after a lost response. An error leaves the
/// guest unchanged.
#[utoipa::path(
    post,
    path = LOGIN_PATH,
    operation_id = "member_login",
    tag = "membership",
    security(("refreshToken" = [])),
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = KEY_DESCRIPTION,
        min_length = 22,
        max_length = 128,
        nullable = false,
        pattern = "^[A-Za-z0-9_-]{22,128}$",
    )),
    request_body = MemberLoginBody,
    responses(
        (status = 200, description = "The caller is that member. The tokens are those of a new session.", body = MembershipResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn login(
    token: RefreshToken,
    State(Guestpass { inner }): State<Guestpass>,
    Client(client): Client,
    headers: HeaderMap,
    JsonBodyBytes(body, bytes): JsonBodyBytes<MemberLoginBody>,
) -> Result<Json<MembershipResponse>, Response> {
    let endpoint = (MembershipEndpoint::Login, LOGIN_PATH);
    let call = UpgradeCall::new(&inner, endpoint, token, &headers, &bytes).map_err(IntoResponse::into_response)?;
    call.respond(|request| upgrade(&inner, &call, request, client, body)).await
}

async fn upgrade(
    inner: &Inner,
    call: &UpgradeCall<'_>,
    request: UpgradeRequest,
    client: Option<ClientNetwork>,
    body: MemberLoginBody,
) -> Result<Upgrade, Response> {
    let tried = body.email.clone();
    let failed = |error| call.attempt_failed(error, tried.as_deref());
    let signed_in = match (body.email, body.password, body.passkey) {
        (Some(email), Some(password), None) => {
            let email = EmailAddress::parse(&email).map_err(failed)?;
            let email = inner.accounts.stored_spelling(email).await.map_err(failed)?;
            let password = Password::new(password, client).map_err(failed)?;
            let attempt = inner.limits.admit_password_login(email.as_str(), client).await;
            let attempt = attempt.map_err(|limited| call.attempt_limited(limited, tried.as_deref()))?;
            let signed_in = inner.accounts.login_with_password(request, email, password).await;
            // Only wrong passwords count.
            if !matches!(signed_in, Err(AccountError::InvalidCredentials)) {
                attempt.refund();
            }
            signed_in
        }
        (None, None, Some(passkey)) => inner.accounts.login_with_passkey(request, passkey.into()).await,
        _ => {
            let detail = "Send either email and password, or passkey.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into_response());
        }
    };
    let upgrade = signed_in.map_err(failed)?;
    inner.limits.remember_network(upgrade.account.user, client).await;
    Ok(upgrade)
}

/// Begin to sign in with a passkey
///
/// Returns a challenge for `navigator.credentials.get`, valid for five minutes. The device of the caller finds a fitting
/// passkey. Send the response of the browser to `/login`.
#[utoipa::path(
    post,
    path = "/login/options",
    operation_id = "login_options",
    tag = "membership",
    security(("refreshToken" = [])),
    responses(
        (status = 200, description = "The challenge for the browser.", body = PasskeyChallengeResponse),
        GuestErrors,
        AccountErrors,
    )
)]
pub(super) async fn options(
    caller: AccountCaller,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<PasskeyChallengeResponse>, AccountError> {
    inner.accounts.start_passkey_login(caller, inner.clock.now()).await.map(|challenge| Json(challenge.into()))
}

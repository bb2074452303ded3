//! `POST /register`: makes the guest a member, with the same id and data.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{MembershipResponse, REGISTER_PATH};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Problem;
use super::extract::{Client, JsonBodyBytes, OptionalJsonBody, given};
use super::membership::{KEY_DESCRIPTION, PasskeyBody, PasskeyChallengeResponse, UpgradeCall};
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{AccountError, EmailAddress, Password, UpgradeRequest};
use crate::auth::{AccountCaller, RefreshToken};
use crate::limits::ClientNetwork;
use crate::metrics::MembershipEndpoint;
use crate::server::{Guestpass, Inner};
use crate::store::Upgrade;

/// The credential with which the new member will sign in: `email` and `password`, or `passkey`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterBody {
    /// Case is ignored. Optional with a passkey.
    #[schema(example = "ada@example.com", max_length = 254, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    email: Option<String>,
    /// At least 8 characters, and not easy to guess.
    #[schema(
        example = "correct horse battery staple",
        min_length = 8,
        max_length = 1024,
        format = Password,
        nullable = false
    )]
    #[serde(default, deserialize_with = "given")]
    password: Option<String>,
    /// The response of the browser to the challenge of `/register/options`.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "given")]
    passkey: Option<PasskeyBody>,
}

/// The name of the new passkey.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterOptionsBody {
    /// The name of the passkey in the browser. Send the same address to `/register`.
    #[schema(example = "ada@example.com", max_length = 254, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    email: Option<String>,
}

/// Become a member
///
/// The guest keeps the id and all data: `anonymous_…` becomes `user_…`. The response has the tokens of a new session; all
/// sessions that the guest had end, with their tokens. With an `Idempotency-Key`, the request is safe to repeat after a lost
/// response. An error leaves the guest unchanged.
#[utoipa::path(
    post,
    path = REGISTER_PATH,
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
    request_body = RegisterBody,
    responses(
        (status = 200, description = "The caller is a member. The tokens are those of a new session.", body = MembershipResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn register(
    token: RefreshToken,
    State(Guestpass { inner }): State<Guestpass>,
    Client(client): Client,
    headers: HeaderMap,
    JsonBodyBytes(body, bytes): JsonBodyBytes<RegisterBody>,
) -> Result<Json<MembershipResponse>, Response> {
    let endpoint = (MembershipEndpoint::Register, REGISTER_PATH);
    let call = UpgradeCall::new(&inner, endpoint, token, &headers, &bytes).map_err(IntoResponse::into_response)?;
    call.respond(|request| upgrade(&inner, &call, request, client, body)).await
}

async fn upgrade(
    inner: &Inner,
    call: &UpgradeCall<'_>,
    request: UpgradeRequest,
    client: Option<ClientNetwork>,
    body: RegisterBody,
) -> Result<Upgrade, Response> {
    let tried = body.email.clone();
    let failed = |error| call.attempt_failed(error, tried.as_deref());
    let email = read_email(inner, body.email.as_deref()).await.map_err(failed)?;
    let registered = match (email, body.password, body.passkey) {
        (Some(email), Some(password), None) => {
            let password = Password::new(password, client).map_err(failed)?;
            let attempt = inner.limits.admit_password_registration(email.as_str(), client);
            let attempt = attempt.map_err(|limited| call.attempt_limited(limited, tried.as_deref()))?;
            let registered = inner.accounts.register_with_password(request, email, password).await;
            if registered.is_ok() {
                attempt.refund();
            }
            registered
        }
        (email, None, Some(passkey)) => inner.accounts.register_with_passkey(request, email, passkey.into()).await,
        _ => {
            let detail = "Send either email and password, or passkey.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into_response());
        }
    };
    let upgrade = registered.map_err(failed)?;
    inner.limits.remember_network(upgrade.account.user, client).await;
    Ok(upgrade)
}

async fn read_email(inner: &Inner, text: Option<&str>) -> Result<Option<EmailAddress>, AccountError> {
    match text {
        Some(text) => inner.accounts.stored_spelling(EmailAddress::parse(text)?).await.map(Some),
        None => Ok(None),
    }
}

/// Begin to register with a passkey
///
/// Returns a challenge for `navigator.credentials.create`, valid for five minutes. Send the response of the browser to
/// `/register`.
#[utoipa::path(
    post,
    path = "/register/options",
    operation_id = "register_options",
    tag = "membership",
    security(("refreshToken" = [])),
    request_body(content = Option<RegisterOptionsBody>),
    responses(
        (status = 200, description = "The challenge for the browser.", body = PasskeyChallengeResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn options(
    caller: AccountCaller,
    State(Guestpass { inner }): State<Guestpass>,
    OptionalJsonBody(body): OptionalJsonBody<RegisterOptionsBody>,
) -> Result<Json<PasskeyChallengeResponse>, AccountError> {
    let email = read_email(&inner, body.unwrap_or_default().email.as_deref()).await?;
    inner.accounts.start_passkey(caller, email, inner.clock.now()).await.map(|challenge| Json(challenge.into()))
}

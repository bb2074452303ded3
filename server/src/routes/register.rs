//! `POST /register`: makes the guest a member, with the same id and data.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{MembershipResponse, REGISTER_PATH};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Problem;
use super::extract::{Client, JsonBody, OptionalJsonBody, given};
use super::membership::{PasskeyBody, PasskeyChallengeResponse};
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{AccountError, EmailAddress, Password};
use crate::auth::Guest;
use crate::metrics::MembershipEndpoint;
use crate::server::Guestpass;

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
/// The guest keeps the id, all data and all sessions: `anonymous_…` becomes `user_…` with the next refresh, in every tab and on
/// every device. Access tokens issued before stay valid. The request is safe to repeat after a lost response.
#[utoipa::path(
    post,
    path = REGISTER_PATH,
    tag = "membership",
    security(("guest" = [])),
    request_body = RegisterBody,
    responses(
        (status = 200, description = "The caller is a member, by this registration or by an earlier one with the same data.", body = MembershipResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn register(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    Client(client): Client,
    JsonBody(body): JsonBody<RegisterBody>,
) -> Result<Json<MembershipResponse>, Response> {
    let failed = |error: AccountError| {
        inner.metrics.membership_requested(MembershipEndpoint::Register, error.code());
        error.into_response()
    };
    let (accounts, now) = (&inner.accounts, inner.clock.now());
    let email = body.email.as_deref().map(EmailAddress::parse).transpose().map_err(failed)?;
    let registered = match (email, body.password, body.passkey) {
        (Some(email), Some(password), None) => {
            let password = Password::new(password).map_err(failed)?;
            inner.limits.admit_password_registration(email.as_str(), client).map_err(IntoResponse::into_response)?;
            accounts.register_with_password(guest, email, password, now).await
        }
        (email, None, Some(passkey)) => accounts.register_with_passkey(guest, email, passkey.into(), now).await,
        _ => {
            let detail = "Send either email and password, or passkey.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into_response());
        }
    };
    let signed_in = registered.map_err(failed)?;
    inner.metrics.membership_requested(MembershipEndpoint::Register, signed_in.outcome_name());
    Ok(Json(signed_in.into()))
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
    security(("guest" = [])),
    request_body(content = Option<RegisterOptionsBody>),
    responses(
        (status = 200, description = "The challenge for the browser.", body = PasskeyChallengeResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn options(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    OptionalJsonBody(body): OptionalJsonBody<RegisterOptionsBody>,
) -> Result<Json<PasskeyChallengeResponse>, AccountError> {
    let email = body.unwrap_or_default().email.as_deref().map(EmailAddress::parse).transpose()?;
    inner.accounts.start_passkey(guest, email, inner.clock.now()).await.map(|challenge| Json(challenge.into()))
}

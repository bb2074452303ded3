//! `POST /login`: signs the caller in to an account, and merges the data of the guest into it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{LOGIN_PATH, MembershipResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Problem;
use super::extract::{Client, JsonBody, given};
use super::membership::{PasskeyBody, PasskeyChallengeResponse};
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{AccountError, EmailAddress, Password};
use crate::auth::Guest;
use crate::metrics::MembershipEndpoint;
use crate::server::Guestpass;

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
/// The data of the guest is merged into the account, once: quantities in the carts are added (at most 99 of one item),
/// favourites are united, histories are joined (the latest view counts, and the newest 100 items stay), and where both have a
/// preference, that of the account stays. All sessions of the guest belong to the account from then on; access tokens issued
/// before stay valid, for the account. The request is safe to repeat after a lost response. An error leaves the guest
/// unchanged.
#[utoipa::path(
    post,
    path = LOGIN_PATH,
    operation_id = "member_login",
    tag = "membership",
    security(("guest" = [])),
    request_body = MemberLoginBody,
    responses(
        (status = 200, description = "The caller is that member.", body = MembershipResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn login(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    Client(client): Client,
    JsonBody(body): JsonBody<MemberLoginBody>,
) -> Result<Json<MembershipResponse>, Response> {
    let failed = |error: AccountError| {
        inner.metrics.membership_requested(MembershipEndpoint::Login, error.code());
        error.into_response()
    };
    let (accounts, now) = (&inner.accounts, inner.clock.now());
    let signed_in = match (body.email, body.password, body.passkey) {
        (Some(email), Some(password), None) => {
            let email = EmailAddress::parse(&email).map_err(failed)?;
            let password = Password::new(password).map_err(failed)?;
            inner.limits.admit_password_login(email.as_str(), client).map_err(IntoResponse::into_response)?;
            accounts.login_with_password(guest, email, password, now).await
        }
        (None, None, Some(passkey)) => accounts.login_with_passkey(guest, passkey.into(), now).await,
        _ => {
            let detail = "Send either email and password, or passkey.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into_response());
        }
    };
    let signed_in = signed_in.map_err(failed)?;
    inner.metrics.membership_requested(MembershipEndpoint::Login, signed_in.outcome_name());
    Ok(Json(signed_in.into()))
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
    security(("guest" = [])),
    responses(
        (status = 200, description = "The challenge for the browser.", body = PasskeyChallengeResponse),
        GuestErrors,
        AccountErrors,
    )
)]
pub(super) async fn options(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<PasskeyChallengeResponse>, AccountError> {
    inner.accounts.start_passkey_login(guest, inner.clock.now()).await.map(|challenge| Json(challenge.into()))
}

//! `POST /register`: the guest becomes a member, and keeps the id and everything else.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{JsonBody, OptionalJsonBody, given};
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{EmailAddress, Membership, PasskeyAnswer, PasskeyOptions, Password, AccountError};
use crate::auth::Guest;
use crate::error::Problem;
use crate::limits::Client;
use crate::metrics::MembershipEndpoint;
use crate::server::Guestpass;

/// What the new member will sign in with: `email` and `password`, or `passkey`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterBody {
    /// Case does not matter in it. With a passkey it may be left out.
    #[schema(example = "ada@example.com", max_length = 254, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    email: Option<String>,
    /// 8 characters or more, and none that is easily guessed.
    #[schema(
        example = "correct horse battery staple",
        min_length = 8,
        max_length = 1024,
        format = Password,
        nullable = false
    )]
    #[serde(default, deserialize_with = "given")]
    password: Option<String>,
    /// The answer to `/register/options`.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "given")]
    passkey: Option<PasskeyAnswer>,
}

/// For whom a passkey is to be made.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterOptionsBody {
    /// What the browser calls the passkey; and the address that is to be sent with it.
    #[schema(example = "ada@example.com", max_length = 254, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    email: Option<String>,
}

/// Become a member
///
/// The guest keeps the id, every row and all sessions: `anonymous_…` becomes `user_…` with the next refresh, in every tab and
/// on every device. Access tokens from before go on working. Safe to repeat when the answer was lost.
#[utoipa::path(
    post,
    path = "/register",
    tag = "membership",
    security(("guest" = [])),
    request_body = RegisterBody,
    responses(
        (status = 200, description = "The caller is a member now, or was by the same registration.", body = Membership),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn register(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    client: Client,
    JsonBody(body): JsonBody<RegisterBody>,
) -> Result<Json<Membership>, Response> {
    let refused = |refused: AccountError| {
        inner.metrics.became_member(MembershipEndpoint::Register, refused.code());
        refused.into_response()
    };
    let (accounts, now) = (&inner.accounts, inner.clock.now());
    let email = body.email.as_deref().map(EmailAddress::parse).transpose().map_err(refused)?;
    let registered = match (email, body.password, body.passkey) {
        (Some(email), Some(password), None) => {
            let password = Password::new(password).map_err(refused)?;
            inner.limits.count_password_registration(email.as_str(), client)?;
            accounts.register_with_password(guest, email, password, now).await
        }
        (email, None, Some(answer)) => accounts.register_with_passkey(guest, email, answer, now).await,
        _ => {
            let detail = "Send email and password, or passkey.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into_response());
        }
    };
    let membership = registered.map_err(refused)?;
    inner.metrics.became_member(MembershipEndpoint::Register, membership.outcome_name());
    Ok(Json(membership))
}

/// Begin to sign up with a passkey
///
/// Gives a challenge for `navigator.credentials.create`, good for five minutes. The answer goes to `/register`.
#[utoipa::path(
    post,
    path = "/register/options",
    operation_id = "register_options",
    tag = "membership",
    security(("guest" = [])),
    request_body(content = Option<RegisterOptionsBody>),
    responses(
        (status = 200, description = "What to ask the browser for.", body = PasskeyOptions),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn options(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    OptionalJsonBody(body): OptionalJsonBody<RegisterOptionsBody>,
) -> Result<Json<PasskeyOptions>, AccountError> {
    let email = body.unwrap_or_default().email.as_deref().map(EmailAddress::parse).transpose()?;
    inner.accounts.start_passkey(guest, email, inner.clock.now()).await.map(Json)
}

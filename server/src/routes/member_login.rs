//! `POST /login`: the guest logs in to an account, and what they have is merged into it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{JsonBody, given};
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{EmailAddress, Membership, PasskeyAnswer, PasskeyOptions, Password, AccountError};
use crate::auth::Guest;
use crate::error::Problem;
use crate::limits::Client;
use crate::metrics::MembershipEndpoint;
use crate::server::Guestpass;

/// What proves that the account is the caller's: `email` and `password`, or `passkey`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberLoginBody {
    #[schema(example = "ada@example.com", max_length = 254, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    email: Option<String>,
    #[schema(example = "correct horse battery staple", max_length = 1024, format = Password, nullable = false)]
    #[serde(default, deserialize_with = "given")]
    password: Option<String>,
    /// The answer to `/login/options`.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "given")]
    passkey: Option<PasskeyAnswer>,
}

/// Log in to an account
///
/// What the guest has is merged into the account, once: carts are added up (at most 99 of one item), favourites united,
/// histories joined (the latest view counts, the newest 100 stay), and of preferences the account's win. All sessions of
/// the guest are the account's from then on; access tokens from before go on working, for the account. Safe to repeat when
/// the answer was lost. A refusal leaves the guest as it was.
#[utoipa::path(
    post,
    path = "/login",
    operation_id = "member_login",
    tag = "membership",
    security(("guest" = [])),
    request_body = MemberLoginBody,
    responses(
        (status = 200, description = "The caller is that member.", body = Membership),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn login(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    client: Client,
    JsonBody(body): JsonBody<MemberLoginBody>,
) -> Result<Json<Membership>, Response> {
    let refused = |refused: AccountError| {
        inner.metrics.became_member(MembershipEndpoint::Login, refused.code());
        refused.into_response()
    };
    let (accounts, now) = (&inner.accounts, inner.clock.now());
    let entered = match (body.email, body.password, body.passkey) {
        (Some(email), Some(password), None) => {
            let email = EmailAddress::parse(&email).map_err(refused)?;
            let password = Password::new(password).map_err(refused)?;
            inner.limits.count_password_login(email.as_str(), client)?;
            accounts.login_with_password(guest, email, password, now).await
        }
        (None, None, Some(answer)) => accounts.login_with_passkey(guest, answer, now).await,
        _ => {
            let detail = "Send email and password, or passkey.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).into_response());
        }
    };
    let membership = entered.map_err(refused)?;
    inner.metrics.became_member(MembershipEndpoint::Login, membership.outcome_name());
    Ok(Json(membership))
}

/// Begin to sign in with a passkey
///
/// Gives a challenge for `navigator.credentials.get`, good for five minutes; the caller's device knows which passkey fits. The
/// answer goes to `/login`.
#[utoipa::path(
    post,
    path = "/login/options",
    operation_id = "login_options",
    tag = "membership",
    security(("guest" = [])),
    responses(
        (status = 200, description = "What to ask the browser for.", body = PasskeyOptions),
        GuestErrors,
        AccountErrors,
    )
)]
pub(super) async fn options(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Json<PasskeyOptions>, AccountError> {
    inner.accounts.start_passkey_login(guest, inner.clock.now()).await.map(Json)
}

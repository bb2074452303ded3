//! `POST /link`: the guest signs up or in with the ID token of another issuer.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{Membership, AccountError};
use crate::auth::Guest;
use crate::metrics::MembershipEndpoint;
use crate::server::Guestpass;

/// What the issuer has given the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    /// An ID token (OpenID Connect Core §2) of an issuer that this server was told of with `--oidc-issuer`.
    #[schema(max_length = 8192, example = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl")]
    id_token: String,
    /// The nonce that the app has sent with its authentication request. The token must carry the same, or there is none in
    /// both.
    #[schema(nullable = false)]
    nonce: Option<String>,
}

/// Sign up or in with another issuer
///
/// An identity that is known here logs in, as `/login` does; an unknown one registers, as `/register` does. An ID token is
/// good once, for ten minutes after it was issued; the caller who has used it may repeat it. Who is a member already uses
/// it all the same.
#[utoipa::path(
    post,
    path = "/link",
    tag = "membership",
    security(("guest" = [])),
    request_body = LinkBody,
    responses(
        (status = 200, description = "The caller is that member.", body = Membership),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn link(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    JsonBody(LinkBody { id_token, nonce }): JsonBody<LinkBody>,
) -> Result<Json<Membership>, AccountError> {
    let linked = inner.accounts.link(guest, &id_token, nonce.as_deref(), inner.clock.now()).await;
    let outcome = linked.as_ref().map_or_else(AccountError::code, Membership::outcome_name);
    inner.metrics.became_member(MembershipEndpoint::Link, outcome);
    linked.map(Json)
}

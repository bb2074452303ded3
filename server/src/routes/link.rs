//! `POST /link`: registers the guest, or signs the caller in, with the ID token of another issuer.

use axum::Json;
use axum::extract::State;
use guestpass_core::wire::{LINK_PATH, MembershipResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::JsonBody;
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::accounts::{AccountError, SignedIn};
use crate::auth::Guest;
use crate::metrics::MembershipEndpoint;
use crate::server::Guestpass;

/// The ID token that the app got from the issuer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    /// An ID token (OpenID Connect Core §2) of an issuer that is configured with `--oidc-issuer`.
    #[schema(max_length = 8192, example = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl")]
    id_token: String,
    /// The nonce that the app sent in its authentication request. It must equal the nonce in the token; omit it if the token has
    /// none.
    #[schema(nullable = false)]
    nonce: Option<String>,
}

/// Register or sign in with another issuer
///
/// If an account has the identity, this signs in to it, as `/login` does; otherwise it registers the guest, as `/register`
/// does. An ID token can be used once, within ten minutes of its issuance; the caller that used it may repeat the request. A
/// caller that is already a member uses up the token too.
#[utoipa::path(
    post,
    path = LINK_PATH,
    tag = "membership",
    security(("guest" = [])),
    request_body = LinkBody,
    responses(
        (status = 200, description = "The caller is that member.", body = MembershipResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn link(
    guest: Guest,
    State(Guestpass { inner }): State<Guestpass>,
    JsonBody(LinkBody { id_token, nonce }): JsonBody<LinkBody>,
) -> Result<Json<MembershipResponse>, AccountError> {
    let linked = inner.accounts.link(guest, &id_token, nonce.as_deref(), inner.clock.now()).await;
    let outcome = linked.as_ref().map_or_else(AccountError::code, SignedIn::outcome_name);
    inner.metrics.membership_requested(MembershipEndpoint::Link, outcome);
    Ok(Json(linked?.into()))
}

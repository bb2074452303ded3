//! `POST /link`: registers the guest, or signs the caller in, with the ID token of another issuer.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{LINK_PATH, MembershipResponse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::JsonBodyBytes;
use super::membership::{KEY_DESCRIPTION, UpgradeCall};
use super::openapi::{AccountErrors, BodyErrors, GuestErrors};
use crate::auth::RefreshToken;
use crate::metrics::MembershipEndpoint;
use crate::server::Guestpass;

/// The ID token that the app got from the issuer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    /// An ID token (OpenID Connect Core §2) of an issuer that is configured with `--oidc-issuer`.
    #[schema(max_length = 8192, example = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl")]
    id_token: String,
    /// The nonce whose SHA-256, in base64url without padding or in hexadecimal, the app sent in its authentication request. The
    /// nonce itself in the authentication request is accepted, too, unless the server requires the hash. Omit it if the token
    /// has none.
    #[schema(nullable = false)]
    nonce: Option<String>,
}

/// Register or sign in with another issuer
///
/// If an account has the identity, this signs in to it, as `/login` does; otherwise it registers the guest, as `/register`
/// does, and the response has the tokens of a new session. An ID token can be used once, within ten minutes of its issuance, also
/// by a caller that is already a member. With an `Idempotency-Key`, the request is safe to repeat after a lost response.
#[utoipa::path(
    post,
    path = LINK_PATH,
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
    request_body = LinkBody,
    responses(
        (status = 200, description = "The caller is that member. The tokens are those of a new session.", body = MembershipResponse),
        GuestErrors,
        BodyErrors,
        AccountErrors,
    )
)]
pub(super) async fn link(
    token: RefreshToken,
    State(Guestpass { inner }): State<Guestpass>,
    headers: HeaderMap,
    JsonBodyBytes(LinkBody { id_token, nonce }, bytes): JsonBodyBytes<LinkBody>,
) -> Result<Json<MembershipResponse>, Response> {
    let endpoint = (MembershipEndpoint::Link, LINK_PATH);
    let call = UpgradeCall::new(&inner, endpoint, token, &headers, &bytes).map_err(IntoResponse::into_response)?;
    call.respond(async |request| {
        let linked = inner.accounts.link(request, &id_token, nonce.as_deref()).await;
        linked.map_err(|error| call.attempt_failed(error, None))
    })
    .await
}

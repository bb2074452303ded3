//! `GET /.well-known/jwks.json`: the public keys (RFC 7517 §5).

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use serde_json::Value;
use utoipa::ToSchema;

use crate::server::Guestpass;

/// The public keys
///
/// A JWK Set (RFC 7517 §5): other services verify access tokens with it, without asking this server about each. A
/// token's `kid` names its key. Fetch it again when a token names a key that it does not have.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "keys", responses(
    (
        status = 200,
        description = "Every key that verifies, the one that signs among them. Empty with HS256, which has no public key.",
        body = JwkSet,
        headers(("Cache-Control" = String, description = "`public, max-age=300`: may be kept for five minutes."))
    ),
))]
pub(super) async fn jwks(
    State(Guestpass { inner }): State<Guestpass>,
) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    ([(CACHE_CONTROL, "public, max-age=300")], Json(inner.keys.current().jwks(inner.clock.now())))
}

/// A JWK Set (RFC 7517 §5).
#[derive(ToSchema)]
#[expect(dead_code, reason = "the set is kept as JSON; this describes it")]
struct JwkSet {
    /// One object for each key.
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517 §4). Further members depend on `kty`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the set is kept as JSON; this describes it")]
struct Jwk {
    /// The family of the key (RFC 7518 §6.1, RFC 8037 §2).
    #[schema(example = "OKP")]
    kty: String,
    /// What it is for: signatures.
    #[schema(rename = "use", pattern = "^sig$", example = "sig")]
    usage: String,
    /// The one algorithm that it is used with.
    #[schema(example = "EdDSA")]
    alg: String,
    /// The name under which tokens refer to it.
    #[schema(example = "019a3c5e7b6a7c1d8e2f3a4b5c6d7e8f")]
    kid: String,
}

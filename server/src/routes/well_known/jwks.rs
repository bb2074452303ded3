//! `GET /.well-known/jwks.json`: the public keys (RFC 7517 §5).

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use serde_json::Value;
use utoipa::ToSchema;

use crate::server::Guestpass;

/// The path of the keys.
pub(in crate::routes) const JWKS_PATH: &str = "/.well-known/jwks.json";

/// The public keys
///
/// A JWK Set (RFC 7517 §5), with which other services verify access tokens without a request to this server for each. The `kid`
/// of a token names its key. Fetch the set again when a token names a key that it lacks.
#[utoipa::path(get, path = JWKS_PATH, tag = "keys", responses(
    (
        status = 200,
        description = "All keys that verify, including the signing key. Empty with HS256, which has no public key.",
        body = JwkSet,
        headers(("Cache-Control" = String, description = "`public, max-age=300`: may be cached for five minutes."))
    ),
))]
pub(in crate::routes) async fn jwks(
    State(Guestpass { inner }): State<Guestpass>,
) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    ([(CACHE_CONTROL, "public, max-age=300")], Json(inner.keys.current().jwks(inner.clock.now())))
}

/// A JWK Set (RFC 7517 §5).
#[derive(ToSchema)]
#[expect(dead_code, reason = "the set is stored as JSON; this type documents it")]
struct JwkSet {
    /// One object for each key.
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517 §4). Further members depend on `kty`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the set is stored as JSON; this type documents it")]
struct Jwk {
    /// The family of the key (RFC 7518 §6.1, RFC 8037 §2).
    #[schema(example = "OKP")]
    kty: String,
    /// The use of the key: signatures.
    #[schema(rename = "use", pattern = "^sig$", example = "sig")]
    usage: String,
    /// The only algorithm of the key.
    #[schema(example = "EdDSA")]
    alg: String,
    /// The name of the key in tokens.
    #[schema(example = "019a3c5e7b6a7c1d8e2f3a4b5c6d7e8f")]
    kid: String,
}

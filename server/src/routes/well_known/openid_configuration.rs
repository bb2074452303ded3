//! `GET /.well-known/openid-configuration`: the metadata for clients that look for that of OpenID Connect.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use super::oauth_authorization_server::{Cached, Metadata, issuer_path, metadata_of};
use crate::config::Config;
use crate::routes::error::Problem;
use crate::server::Guestpass;

/// The path of this document.
pub(in crate::routes) const OPENID_CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";

/// The metadata of RFC 8414, and the members that OpenID Connect Discovery 1.0 §3 requires. This server issues access tokens and
/// no ID tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct OpenIdConfiguration {
    #[serde(flatten)]
    metadata: Metadata,
    /// Required by OpenID Connect Discovery. Nothing is there: no client is redirected to this server.
    #[schema(example = "https://api.shop.example/authorize")]
    authorization_endpoint: String,
    /// `public`: a guest has the same `sub` for every client.
    #[schema(example = json!(["public"]))]
    subject_types_supported: [&'static str; 1],
    /// The algorithm that signs access tokens.
    #[schema(example = json!(["EdDSA"]))]
    id_token_signing_alg_values_supported: [&'static str; 1],
}

/// The endpoints of this server, for OpenID Connect
///
/// For clients and libraries that find the keys of an issuer by OpenID Connect Discovery. The issuer's path, if it has one, may
/// follow.
#[utoipa::path(get, path = OPENID_CONFIGURATION_PATH, tag = "keys", responses(
    (
        status = 200,
        description = "The metadata.",
        body = OpenIdConfiguration,
        headers(("Cache-Control" = String, description = "`public, max-age=300`: may be cached for five minutes."))
    ),
))]
pub(in crate::routes) async fn configuration(
    State(Guestpass { inner }): State<Guestpass>,
) -> Cached<OpenIdConfiguration> {
    document(&inner.config)
}

/// The same after the well-known path and the path of the issuer (RFC 8414 §5).
pub(in crate::routes) async fn configuration_of_path(
    State(Guestpass { inner }): State<Guestpass>,
    uri: Uri,
    Path(_): Path<String>,
) -> Result<Cached<OpenIdConfiguration>, Problem> {
    // Not decoded, so that other spellings are refused.
    let path = uri.path().strip_prefix(OPENID_CONFIGURATION_PATH).unwrap_or_default();
    if path != issuer_path(&inner.config.issuer) {
        return Err(Problem::not_found());
    }
    Ok(document(&inner.config))
}

fn document(config: &Config) -> Cached<OpenIdConfiguration> {
    let document = OpenIdConfiguration {
        metadata: metadata_of(config),
        authorization_endpoint: format!("{}/authorize", config.issuer.trim_end_matches('/')),
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: [config.algorithm.name()],
    };
    ([(CACHE_CONTROL, "public, max-age=300")], Json(document))
}

//! `GET /.well-known/oauth-authorization-server`: the endpoints of this server, for OAuth clients (RFC 8414).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use guestpass_core::wire::{GRANT_TYPE_REFRESH, REVOKE_PATH, TOKEN_PATH};
use serde::Serialize;
use utoipa::ToSchema;

use super::JWKS_PATH;
use crate::config::Config;
use crate::routes::error::{Problem, ProblemBody};
use crate::routes::introspect::INTROSPECT_PATH;
use crate::server::Guestpass;

/// The path of this document, for an issuer without a path.
pub(in crate::routes) const AUTHORIZATION_SERVER_PATH: &str = "/.well-known/oauth-authorization-server";

/// The endpoints and capabilities of this server (RFC 8414 §2). Members that do not apply are omitted.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::routes) struct Metadata {
    /// The `iss` of every token, exactly.
    #[schema(example = "https://api.shop.example")]
    issuer: String,
    #[schema(example = "https://api.shop.example/token")]
    token_endpoint: String,
    #[schema(example = "https://api.shop.example/.well-known/jwks.json")]
    jwks_uri: String,
    /// Required by RFC 8414. `none`, because this server has no authorization endpoint.
    #[schema(example = json!(["none"]))]
    response_types_supported: [&'static str; 1],
    #[schema(example = json!(["refresh_token"]))]
    grant_types_supported: [&'static str; 1],
    /// `none`, because clients are public.
    #[schema(example = json!(["none"]))]
    token_endpoint_auth_methods_supported: [&'static str; 1],
    #[schema(example = "https://api.shop.example/revoke")]
    revocation_endpoint: String,
    #[schema(example = json!(["none"]))]
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://api.shop.example/introspect")]
    introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["client_secret_basic"]))]
    introspection_endpoint_auth_methods_supported: Option<[&'static str; 1]>,
}

/// A document that may be cached.
pub(super) type Cached<T> = ([(HeaderName, &'static str); 1], Json<T>);

/// The endpoints of this server
///
/// Authorization server metadata (RFC 8414), for OAuth clients that discover the endpoints. If the issuer has a path, the
/// document is only at `/.well-known/oauth-authorization-server` followed by that path.
#[utoipa::path(get, path = AUTHORIZATION_SERVER_PATH, tag = "keys", responses(
    (
        status = 200,
        description = "The metadata.",
        body = Metadata,
        headers(("Cache-Control" = String, description = "`public, max-age=300`: may be cached for five minutes."))
    ),
    (
        status = 404,
        description = "The issuer has a path, so the metadata is at another path.",
        body = ProblemBody,
        content_type = "application/problem+json"
    ),
))]
pub(in crate::routes) async fn metadata(
    State(Guestpass { inner }): State<Guestpass>,
) -> Result<Cached<Metadata>, Problem> {
    metadata_at(&inner.config, "")
}

/// The metadata of an issuer with a path, which follows the well-known path (RFC 8414 §3.1).
pub(in crate::routes) async fn metadata_of_path(
    State(Guestpass { inner }): State<Guestpass>,
    uri: Uri,
    Path(_): Path<String>,
) -> Result<Cached<Metadata>, Problem> {
    // Not decoded, so that other spellings are refused.
    metadata_at(&inner.config, uri.path().strip_prefix(AUTHORIZATION_SERVER_PATH).unwrap_or_default())
}

fn metadata_at(config: &Config, path: &str) -> Result<Cached<Metadata>, Problem> {
    if path != issuer_path(&config.issuer) {
        return Err(Problem::not_found());
    }
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(metadata_of(config))))
}

pub(super) fn metadata_of(config: &Config) -> Metadata {
    let base = config.issuer.trim_end_matches('/');
    let introspects = !config.introspection_secrets.is_empty();
    Metadata {
        issuer: config.issuer.clone(),
        token_endpoint: format!("{base}{TOKEN_PATH}"),
        jwks_uri: format!("{base}{JWKS_PATH}"),
        response_types_supported: ["none"],
        grant_types_supported: [GRANT_TYPE_REFRESH],
        token_endpoint_auth_methods_supported: ["none"],
        revocation_endpoint: format!("{base}{REVOKE_PATH}"),
        revocation_endpoint_auth_methods_supported: ["none"],
        introspection_endpoint: introspects.then(|| format!("{base}{INTROSPECT_PATH}")),
        introspection_endpoint_auth_methods_supported: introspects.then_some(["client_secret_basic"]),
    }
}

/// The path of the issuer without a slash at its end.
pub(super) fn issuer_path(issuer: &str) -> &str {
    let authority = issuer.split_once("://").map_or("", |(_, rest)| rest);
    authority.find('/').map_or("", |slash| &authority[slash..]).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_issuer_has_no_slash_at_its_end() {
        for (issuer, path) in [
            ("https://a.example", ""),
            ("https://a.example/", ""),
            ("https://a.example:8443/tenant", "/tenant"),
            ("http://localhost:8000/a/b/", "/a/b"),
        ] {
            assert_eq!(issuer_path(issuer), path, "{issuer}");
        }
    }
}

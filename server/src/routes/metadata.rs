//! `GET /.well-known/oauth-authorization-server`: where everything is, for OAuth clients (RFC 8414).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{StatusCode, Uri};
use guestpass_core::wire::{GRANT_TYPE_REFRESH, REVOKE_PATH, TOKEN_PATH};
use serde::Serialize;
use utoipa::ToSchema;

use super::introspect::INTROSPECT_PATH;
use crate::config::Config;
use crate::error::Problem;
use crate::server::Guestpass;

/// What this server is and does (RFC 8414 §2). What it does not have is left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Metadata {
    /// The `iss` of every token, exactly.
    #[schema(example = "https://api.shop.example")]
    issuer: String,
    #[schema(example = "https://api.shop.example/token")]
    token_endpoint: String,
    #[schema(example = "https://api.shop.example/.well-known/jwks.json")]
    jwks_uri: String,
    /// RFC 8414 asks for it, of servers without an authorization endpoint, too: `none` gives nothing.
    #[schema(example = json!(["none"]))]
    response_types_supported: [&'static str; 1],
    #[schema(example = json!(["refresh_token"]))]
    grant_types_supported: [&'static str; 1],
    /// `none`: clients are public.
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

type Answer = ([(HeaderName, &'static str); 1], Json<Metadata>);

/// Where everything is
///
/// Authorization server metadata (RFC 8414), for OAuth clients that find their way by themselves. If the issuer has a
/// path, the document is at `/.well-known/oauth-authorization-server` followed by that path, and only there.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "keys", responses(
    (
        status = 200,
        description = "The metadata.",
        body = Metadata,
        headers(("Cache-Control" = String, description = "`public, max-age=300`: may be kept for five minutes."))
    ),
    (
        status = 404,
        description = "The issuer has a path, and the metadata are elsewhere.",
        body = crate::error::ProblemBody,
        content_type = "application/problem+json"
    ),
))]
pub(super) async fn metadata(State(Guestpass { inner }): State<Guestpass>) -> Result<Answer, Problem> {
    answer(&inner.config, "")
}

/// The same for an issuer with a path: that is inserted after the well-known one (RFC 8414 §3.1).
pub(super) async fn metadata_of_path(
    State(Guestpass { inner }): State<Guestpass>,
    uri: Uri,
    Path(_): Path<String>,
) -> Result<Answer, Problem> {
    // As it was sent: decoding it would let other spellings in.
    answer(&inner.config, uri.path().strip_prefix("/.well-known/oauth-authorization-server").unwrap_or_default())
}

fn answer(config: &Config, path: &str) -> Result<Answer, Problem> {
    if path != issuer_path(&config.issuer) {
        return Err(Problem::new(StatusCode::NOT_FOUND, "There is nothing here."));
    }
    let base = config.issuer.trim_end_matches('/');
    let introspects = config.introspection_secret.is_some();
    let metadata = Metadata {
        issuer: config.issuer.clone(),
        token_endpoint: format!("{base}{TOKEN_PATH}"),
        jwks_uri: format!("{base}/.well-known/jwks.json"),
        response_types_supported: ["none"],
        grant_types_supported: [GRANT_TYPE_REFRESH],
        token_endpoint_auth_methods_supported: ["none"],
        revocation_endpoint: format!("{base}{REVOKE_PATH}"),
        revocation_endpoint_auth_methods_supported: ["none"],
        introspection_endpoint: introspects.then(|| format!("{base}{INTROSPECT_PATH}")),
        introspection_endpoint_auth_methods_supported: introspects.then_some(["client_secret_basic"]),
    };
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(metadata)))
}

/// The path of the issuer without a slash at its end.
fn issuer_path(issuer: &str) -> &str {
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

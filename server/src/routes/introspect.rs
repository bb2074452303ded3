//! `POST /introspect`: the state of a token, for services that cannot verify it themselves (RFC 7662).

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::{OAuthError, OAuthErrorBody, ProblemBody};
use super::extract::OAuthForm;
use super::openapi::OAuthErrors;
use crate::auth::{ActiveToken, UnavailableError};
use crate::config::IntrospectionSecret;
use crate::server::Guestpass;
use crate::store::CHANGES_TRUSTED;

pub(super) const INTROSPECT_PATH: &str = "/introspect";

/// The state of a token (RFC 7662 §2.2).
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Introspection)]
pub(super) struct IntrospectionResponse {
    /// Whether the token would be accepted now. If not, the response has no other members.
    active: bool,
    #[serde(flatten)]
    #[schema(value_type = TokenFacts)]
    facts: Option<TokenFacts>,
}

/// The content of a valid token. Times are seconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Facts)]
struct TokenFacts {
    /// `Bearer` for an access token, `refresh_token` for a refresh token, which no resource may accept.
    #[schema(required = false)]
    token_type: &'static str,
    #[schema(required = false)]
    iss: String,
    #[schema(required = false)]
    sub: String,
    /// The API that an access token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    aud: Option<String>,
    #[schema(required = false)]
    client_id: &'static str,
    #[schema(required = false)]
    iat: i64,
    #[schema(required = false)]
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    jti: Option<String>,
    /// The session of the token. The token is revoked with it.
    #[schema(required = false)]
    sid: Uuid,
}

impl From<Option<ActiveToken>> for IntrospectionResponse {
    fn from(token: Option<ActiveToken>) -> Self {
        let facts = token.map(|token| {
            let ActiveToken { token_type, iss, sub, aud, client_id, iat, exp, nbf, jti, sid } = token;
            TokenFacts { token_type, iss, sub, aud, client_id, iat, exp, nbf, jti, sid }
        });
        Self { active: facts.is_some(), facts }
    }
}

/// Look up the state of a token
///
/// Token introspection (RFC 7662), for services of the operator. Available only if the server was started with
/// `--introspection-secret`, which the caller sends as the password of HTTP Basic (with any user name) or as a Bearer token.
/// Services that can verify a JWT can use `/.well-known/jwks.json` instead; but only this endpoint takes revocation into
/// account.
#[utoipa::path(
    post,
    path = INTROSPECT_PATH,
    tag = "keys",
    security(("introspection" = []), ("introspectionBearer" = [])),
    request_body(content = IntrospectForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (
            status = 200,
            description = "The content of the token if it is valid now; otherwise only `active`, which is false.",
            body = IntrospectionResponse
        ),
        (
            status = 401,
            description = "The caller did not send the introspection secret: `invalid_client`.",
            body = OAuthErrorBody,
            headers(("WWW-Authenticate" = String, description = "The accepted schemes."))
        ),
        (
            status = 404,
            description = "The server was started without `--introspection-secret`.",
            body = ProblemBody,
            content_type = "application/problem+json"
        ),
        OAuthErrors,
    )
)]
pub(super) async fn introspect(
    _: IntrospectionCaller,
    State(Guestpass { inner }): State<Guestpass>,
    form: OAuthForm,
) -> Result<Json<IntrospectionResponse>, OAuthError> {
    let token = form
        .parameter("token")?
        .ok_or(OAuthError::InvalidRequest("token is missing; send an access token or a refresh token"))?;
    if inner.store.changes_age() > CHANGES_TRUSTED {
        return Err(OAuthError::Unavailable(UnavailableError::Changes));
    }
    let now = inner.clock.now();
    let token = inner.sessions.introspect(token, now).await.map_err(OAuthError::Unavailable)?;
    Ok(Json(token.into()))
}

/// The token to look up (RFC 7662 §2.1). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parameters are read one by one, each with its own error; this type documents them")]
struct IntrospectForm {
    /// An access token or a refresh token.
    #[schema(
        min_length = 1,
        example = "gpr_AQGTyVezbHYyoOvNlGm5eN8AAAAAAAAAAHtWqFJr1YHn0E3yVvZ3cV2kQ9p8sXbT4mLwJzRkNfDh"
    )]
    token: String,
    /// Ignored: the type of a token is recognized by its form.
    #[schema(nullable = false, example = "access_token")]
    token_type_hint: Option<String>,
}

/// Proof that the caller has the introspection secret. Checked before the body is read.
pub(super) struct IntrospectionCaller;

impl FromRequestParts<Guestpass> for IntrospectionCaller {
    type Rejection = OAuthError;

    async fn from_request_parts(parts: &mut Parts, server: &Guestpass) -> Result<Self, OAuthError> {
        let secrets = &server.inner.config.introspection_secrets;
        if secrets.is_empty() {
            return Err(OAuthError::NotFound);
        }
        let is_secret = |given: &[u8]| IntrospectionSecret::any_matches(secrets, given);
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (headers.next(), headers.next()) else { return Err(OAuthError::InvalidClient) };
        let is_caller =
            header.to_str().ok().and_then(|header| header.split_once(' ')).is_some_and(|(scheme, given)| {
                if scheme.eq_ignore_ascii_case("Bearer") {
                    is_secret(given.trim().as_bytes())
                } else if scheme.eq_ignore_ascii_case("Basic") {
                    basic_password(given)
                        .is_some_and(|password| is_secret(&password) || is_secret(&form_decoded(&password)))
                } else {
                    false
                }
            });
        if is_caller { Ok(Self) } else { Err(OAuthError::InvalidClient) }
    }
}

/// The password of HTTP Basic (RFC 7617 §2): what follows the first colon.
fn basic_password(credentials: &str) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

/// The decoded password: OAuth clients form-encode it first (RFC 6749 §2.3.1), other clients do not.
fn form_decoded(password: &[u8]) -> Vec<u8> {
    // An encoded password has no `&`, so it parses as one name without a value.
    form_urlencoded::parse(password).next().map(|(name, _)| name.into_owned().into_bytes()).unwrap_or_default()
}

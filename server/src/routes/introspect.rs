//! `POST /introspect`: what a token is worth, for services that cannot verify it themselves (RFC 7662).

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use utoipa::ToSchema;

use super::body::OAuthForm;
use super::openapi::OAuthErrors;
use crate::auth::Introspection;
use crate::error::TokenError;
use crate::server::Guestpass;

pub(super) const INTROSPECT_PATH: &str = "/introspect";

/// Ask what a token is worth
///
/// Token introspection (RFC 7662), for services of the operator. There only if the server was started with
/// `--introspection-secret`, which is the password of HTTP Basic (with any user name) or the Bearer token of the caller.
/// Services that can verify a JWT need not ask: see `/.well-known/jwks.json`. But only this answer knows of revocation.
#[utoipa::path(
    post,
    path = INTROSPECT_PATH,
    tag = "keys",
    security(("introspection" = []), ("introspectionBearer" = [])),
    request_body(content = IntrospectForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (
            status = 200,
            description = "What the token says if it is valid now; else `active` is false and alone.",
            body = Introspection
        ),
        (
            status = 401,
            description = "The caller did not prove that it may ask: `invalid_client`.",
            body = crate::error::OAuthError,
            headers(("WWW-Authenticate" = String, description = "How to."))
        ),
        (
            status = 404,
            description = "The server was started without `--introspection-secret`.",
            body = crate::error::ProblemBody,
            content_type = "application/problem+json"
        ),
        OAuthErrors,
    )
)]
pub(super) async fn introspect(
    _: Caller,
    State(Guestpass { inner }): State<Guestpass>,
    form: OAuthForm,
) -> Result<Json<Introspection>, TokenError> {
    let token = form.parameter("token")?.ok_or(TokenError::InvalidRequest("token is missing"))?;
    let now = inner.clock.now();
    inner.sessions.introspect(token, now).await.map(Json).map_err(TokenError::Unavailable)
}

/// What to look at (RFC 7662 §2.1). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parameters are read one by one, each with an error of its own; this describes them")]
struct IntrospectForm {
    /// An access token or a refresh token.
    #[schema(
        min_length = 1,
        example = "gpr_AQGTyVezbHYyoOvNlGm5eN8AAAAAAAAAAHtWqFJr1YHn0E3yVvZ3cV2kQ9p8sXbT4mLwJzRkNfDh"
    )]
    token: String,
    /// Not read: a token shows by itself what it is.
    #[schema(nullable = false, example = "access_token")]
    token_type_hint: Option<String>,
}

/// Proof that the caller has the introspection secret. Looked at before the body.
pub(super) struct Caller;

impl FromRequestParts<Guestpass> for Caller {
    type Rejection = TokenError;

    async fn from_request_parts(parts: &mut Parts, server: &Guestpass) -> Result<Self, TokenError> {
        let secret = server.inner.config.introspection_secret.as_ref().ok_or(TokenError::NotFound)?;
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (headers.next(), headers.next()) else { return Err(TokenError::InvalidClient) };
        let is_caller =
            header.to_str().ok().and_then(|header| header.split_once(' ')).is_some_and(|(scheme, given)| {
                if scheme.eq_ignore_ascii_case("Bearer") {
                    secret.is(given.trim().as_bytes())
                } else if scheme.eq_ignore_ascii_case("Basic") {
                    basic_password(given)
                        .is_some_and(|password| secret.is(&password) || secret.is(&form_decoded(&password)))
                } else {
                    false
                }
            });
        if is_caller { Ok(Self) } else { Err(TokenError::InvalidClient) }
    }
}

/// The password of HTTP Basic (RFC 7617 §2): what follows the first colon.
fn basic_password(credentials: &str) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

/// OAuth clients encode the password before they put it there (RFC 6749 §2.3.1); others do not.
fn form_decoded(password: &[u8]) -> Vec<u8> {
    // A value cannot have an `&` any more if it is encoded, so the whole of it is one name without a value.
    form_urlencoded::parse(password).next().map(|(name, _)| name.into_owned().into_bytes()).unwrap_or_default()
}

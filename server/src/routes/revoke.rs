//! `POST /revoke`: token revocation (RFC 7009).

use axum::extract::State;
use axum::http::StatusCode;
use guestpass_core::wire::REVOKE_PATH;
use utoipa::ToSchema;

use super::body::OAuthForm;
use super::openapi::OAuthErrors;
use crate::error::TokenError;
use crate::server::Guestpass;

/// End a session
///
/// Token revocation (RFC 7009): an access token or a refresh token ends the session that it belongs to, with all of its
/// tokens. A token that is none ends nothing, and gets the same answer.
#[utoipa::path(
    post,
    path = REVOKE_PATH,
    tag = "sessions",
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Nothing of that session is accepted from now on."),
        OAuthErrors,
    )
)]
pub(super) async fn revoke(
    State(Guestpass { inner }): State<Guestpass>,
    form: OAuthForm,
) -> Result<StatusCode, TokenError> {
    let token = form.parameter("token")?.ok_or(TokenError::InvalidRequest("token is missing"))?;
    inner.sessions.revoke(token, inner.clock.now()).await.map_err(TokenError::Unavailable)?;
    Ok(StatusCode::OK)
}

/// A revocation (RFC 7009 §2.1). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parameters are read one by one, each with an error of its own; this describes them")]
struct RevokeForm {
    /// An access token or a refresh token.
    #[schema(
        min_length = 1,
        example = "gpr_AQGTyVezbHYyoOvNlGm5eN8AAAAAAAAAAHtWqFJr1YHn0E3yVvZ3cV2kQ9p8sXbT4mLwJzRkNfDh"
    )]
    token: String,
    /// Not read: a token shows by itself what it is.
    #[schema(nullable = false, example = "refresh_token")]
    token_type_hint: Option<String>,
}

//! `POST /revoke`: token revocation (RFC 7009).

use axum::extract::State;
use axum::http::StatusCode;
use guestpass_core::wire::REVOKE_PATH;
use utoipa::ToSchema;

use super::error::OAuthError;
use super::extract::OAuthForm;
use super::openapi::OAuthErrors;
use crate::server::Guestpass;

/// End a session
///
/// Token revocation (RFC 7009): an access token or a refresh token ends its session, with all tokens of the session. An invalid
/// token ends no session and gets the same response.
#[utoipa::path(
    post,
    path = REVOKE_PATH,
    tag = "sessions",
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The session has ended, and none of its tokens is accepted."),
        OAuthErrors,
    )
)]
pub(super) async fn revoke(
    State(Guestpass { inner }): State<Guestpass>,
    form: OAuthForm,
) -> Result<StatusCode, OAuthError> {
    let token = form
        .parameter("token")?
        .ok_or(OAuthError::InvalidRequest("token is missing; send an access token or a refresh token"))?;
    inner.sessions.revoke(token, inner.clock.now()).await.map_err(OAuthError::Unavailable)?;
    Ok(StatusCode::OK)
}

/// A revocation (RFC 7009 §2.1). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parameters are read one by one, each with its own error; this type documents them")]
struct RevokeForm {
    /// An access token or a refresh token.
    #[schema(
        min_length = 1,
        example = "gpr_AQGTyVezbHYyoOvNlGm5eN8AAAAAAAAAAHtWqFJr1YHn0E3yVvZ3cV2kQ9p8sXbT4mLwJzRkNfDh"
    )]
    token: String,
    /// Ignored: the type of a token is recognized by its form.
    #[schema(nullable = false, example = "refresh_token")]
    token_type_hint: Option<String>,
}

//! `POST /token`: the OAuth token endpoint (RFC 6749 §6).

use axum::Json;
use axum::extract::State;
use guestpass_core::wire::{GRANT_TYPE_REFRESH, TOKEN_PATH, TokenResponse};
use utoipa::ToSchema;

use super::body::OAuthForm;
use super::openapi::{OAuthErrors, RefreshLimits, refresh_link, revoke_link};
use crate::error::TokenError;
use crate::server::Guestpass;

/// Exchange a refresh token for its successor
///
/// The OAuth token endpoint (RFC 6749 §6). Every refresh token is good for one rotation. Using it again within
/// the grace window (60 s by default) gives the same successor again; later it is reuse, and ends its session.
#[utoipa::path(
    post,
    path = TOKEN_PATH,
    tag = "sessions",
    request_body(content = RefreshForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A new access token and the next refresh token.", body = TokenResponse, links(
            ("refresh" = (operation_id = "token", request_body = refresh_link)),
            ("revoke" = (operation_id = "revoke", request_body = revoke_link)),
        )),
        OAuthErrors,
        RefreshLimits,
    )
)]
pub(super) async fn token(
    State(Guestpass { inner }): State<Guestpass>,
    form: OAuthForm,
) -> Result<Json<TokenResponse>, TokenError> {
    let grant_type = form.parameter("grant_type")?.ok_or(TokenError::InvalidRequest("grant_type is missing"))?;
    if grant_type != GRANT_TYPE_REFRESH {
        return Err(TokenError::UnsupportedGrantType);
    }
    let token = form.parameter("refresh_token")?.ok_or(TokenError::InvalidRequest("refresh_token is missing"))?;
    let answer = inner.sessions.refresh(token, inner.clock.now()).await?;
    Ok(Json(answer))
}

/// A refresh (RFC 6749 §6). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parameters are read one by one, each with an error of its own; this describes them")]
struct RefreshForm {
    #[schema(pattern = "^refresh_token$", example = "refresh_token")]
    grant_type: String,
    /// The latest refresh token of the session.
    #[schema(example = "gpr_AQGTyVezbHYyoOvNlGm5eN8AAAAAAAAAAHtWqFJr1YHn0E3yVvZ3cV2kQ9p8sXbT4mLwJzRkNfDh")]
    refresh_token: String,
}

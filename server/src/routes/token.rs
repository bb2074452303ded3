//! `POST /token`: the OAuth token endpoint (RFC 6749 §6).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::{GRANT_TYPE_REFRESH, TOKEN_PATH, TokenResponse};
use utoipa::ToSchema;

use super::error::OAuthError;
use super::extract::{Client, OAuthForm};
use super::limits::{rate_limit_fields, refresh_limited};
use super::openapi::{OAuthErrors, RefreshLimits, refresh_link, revoke_link};
use crate::auth::{RefreshError, UnavailableError};
use crate::server::Guestpass;

/// Exchange a refresh token for its successor
///
/// The OAuth token endpoint (RFC 6749 §6). Each refresh token can be exchanged once. Within the grace window (60 s by default),
/// the same token gives the same successor again; later, its use counts as reuse and ends the session.
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
    Client(client): Client,
    form: OAuthForm,
) -> Result<Response, OAuthError> {
    let grant_type = form
        .parameter("grant_type")?
        .ok_or(OAuthError::InvalidRequest("grant_type is missing; send grant_type=refresh_token"))?;
    if grant_type != GRANT_TYPE_REFRESH {
        return Err(OAuthError::UnsupportedGrantType);
    }
    let token = form
        .parameter("refresh_token")?
        .ok_or(OAuthError::InvalidRequest("refresh_token is missing; send the latest refresh token of the session"))?;
    let now = inner.clock.now();
    // By session and not by network: neither guesses nor other guests behind the same address use up the limit of a guest.
    let admitted = match inner.sessions.session_of_refresh_token(token, now).await {
        Some(session) => inner.limits.admit_refresh(session),
        None => inner.limits.admit_failed_refresh(client),
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(limited) => return Ok(refresh_limited(&limited)),
    };
    let refreshed = match inner.sessions.refresh(token, now).await {
        Err(RefreshError::InvalidToken)
            if inner.is_refused_for_the_clock(token, now).await.map_err(RefreshError::from)? =>
        {
            Err(RefreshError::from(UnavailableError::Clock))
        }
        refreshed => refreshed,
    };
    let mut response = refreshed.map(Json).map_err(OAuthError::from).into_response();
    response.headers_mut().extend(rate_limit_fields(&admitted.states));
    Ok(response)
}

/// A refresh (RFC 6749 §6). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parameters are read one by one, each with its own error; this type documents them")]
struct RefreshForm {
    #[schema(pattern = "^refresh_token$", example = "refresh_token")]
    grant_type: String,
    /// The latest refresh token of the session.
    #[schema(example = "gpr_AQGTyVezbHYyoOvNlGm5eN8AAAAAAAAAAHtWqFJr1YHn0E3yVvZ3cV2kQ9p8sXbT4mLwJzRkNfDh")]
    refresh_token: String,
}

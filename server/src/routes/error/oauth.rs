//! Errors of the OAuth endpoints (RFC 6749 §5.2).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::error_code;
use serde::Serialize;
use utoipa::ToSchema;

use super::Problem;
use crate::auth::{RefreshError, UnavailableError};

/// An error of an OAuth endpoint.
#[derive(Debug)]
pub(in crate::routes) enum OAuthError {
    InvalidRequest(&'static str),
    InvalidGrant,
    UnsupportedGrantType,
    TooManyRequests,
    /// 401: the caller of the introspection endpoint is not authenticated.
    InvalidClient,
    /// The endpoint is not enabled.
    NotFound,
    Unavailable(UnavailableError),
    /// 408: the client sends the body too slowly.
    SlowBody(Problem),
}

/// An error of an OAuth endpoint (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(in crate::routes) struct OAuthErrorBody {
    /// The code. `invalid_grant`: the session has ended; only a new login helps.
    #[schema(
        pattern = "^(invalid_request|invalid_grant|unsupported_grant_type|invalid_client|temporarily_unavailable)$",
        example = "invalid_grant"
    )]
    error: &'static str,
    /// A text for the developer of the client.
    #[schema(example = "the refresh token is invalid, expired or revoked; make a new guest")]
    error_description: &'static str,
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut status = StatusCode::BAD_REQUEST;
        let (error, error_description) = match self {
            Self::InvalidRequest(reason) => (error_code::INVALID_REQUEST, reason),
            Self::InvalidGrant => {
                (error_code::INVALID_GRANT, "the refresh token is invalid, expired or revoked; make a new guest")
            }
            Self::UnsupportedGrantType => {
                (error_code::UNSUPPORTED_GRANT_TYPE, "the only supported grant_type is refresh_token")
            }
            Self::TooManyRequests => {
                status = StatusCode::TOO_MANY_REQUESTS;
                (error_code::TEMPORARILY_UNAVAILABLE, "too many refreshes; try again after the time in Retry-After")
            }
            Self::InvalidClient => {
                let error_description = "send the introspection secret, as the password of Basic or as a Bearer token";
                let body = Json(OAuthErrorBody { error: "invalid_client", error_description });
                let challenge = "Basic realm=\"guestpass introspection\", Bearer realm=\"guestpass introspection\"";
                let headers = [(CACHE_CONTROL, "no-store"), (WWW_AUTHENTICATE, challenge)];
                return (StatusCode::UNAUTHORIZED, headers, body).into_response();
            }
            Self::NotFound => return Problem::not_found().into_response(),
            Self::Unavailable(error) => return Problem::from(error).into_response(),
            Self::SlowBody(problem) => return problem.into_response(),
        };
        (status, [(CACHE_CONTROL, "no-store")], Json(OAuthErrorBody { error, error_description })).into_response()
    }
}

impl From<RefreshError> for OAuthError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::InvalidToken => Self::InvalidGrant,
            RefreshError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

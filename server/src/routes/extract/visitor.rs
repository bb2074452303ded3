//! The extractor of a visitor in a service that uses a [`ResourceServer`].

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::bearer::bearer_token;
use crate::auth::{ResourceServer, VerifyError, Visitor};
use crate::routes::error::Problem;

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    ResourceServer: FromRef<S>,
{
    type Rejection = VerifyError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, VerifyError> {
        let token = bearer_token(parts).map_err(|error| VerifyError::Unauthorized(error.into()))?;
        ResourceServer::from_ref(state).verify(token).await
    }
}

impl IntoResponse for VerifyError {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized(unauthorized) => unauthorized.into_response(),
            Self::KeysUnavailable => Problem::unavailable().into_response(),
        }
    }
}

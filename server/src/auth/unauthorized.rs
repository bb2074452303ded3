//! The error of a request that does not authenticate a user.

use super::verify::AccessTokenError;

/// A request that needs a user and does not authenticate one (RFC 6750 §3). The texts are plain ASCII without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthorized {
    /// 401 without an error code: the client sent no credentials.
    NoCredentials,
    /// 401 `invalid_token`: the token is invalid, expired or revoked.
    InvalidToken(&'static str),
    /// 400 `invalid_request`: the request is malformed, or has the token in more than one place.
    InvalidRequest(&'static str),
    /// 503: this server has not heard for some seconds which sessions other servers have revoked.
    Unavailable,
}

impl From<AccessTokenError> for Unauthorized {
    fn from(error: AccessTokenError) -> Self {
        Self::InvalidToken(error.describe())
    }
}

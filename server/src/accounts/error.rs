//! Why somebody has not become a member. The guest is as before (C18).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::auth::{AccessTokenError, UnavailableError};
use crate::error::{Problem, Unauthorized};
use crate::store::StoreError;

/// Each has a stable code, the member `code` of the problem.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("These credentials are not right.")]
    InvalidCredentials,
    #[error("There is an account with this e-mail address already. Log in to it.")]
    EmailTaken,
    #[error("The caller is a member already, with another account or with other data. Sign out first.")]
    AlreadyMember,
    #[error("The e-mail address cannot be read as one.")]
    InvalidEmail,
    #[error("The password must have at least 8 characters.")]
    PasswordTooShort,
    #[error("The password must have at most 1024 bytes.")]
    PasswordTooLong,
    #[error("The password is too easily guessed: it is a common one, or made of such, or of the e-mail address.")]
    PasswordTooCommon,
    #[error("The passkey does not fit its challenge, this server or the page that it was used on.")]
    InvalidPasskey,
    #[error("The challenge is unknown, too old, or has been used. Ask for another one.")]
    ChallengeExpired,
    #[error("This server has no passkeys: they need a domain, which --issuer or --passkey-domain gives it.")]
    NoPasskeys,
    #[error("The ID token is refused: {0}.")]
    InvalidIdToken(&'static str),
    /// The keys of the token's issuer could not be fetched.
    #[error("The issuer of the ID token does not answer. Try again.")]
    IssuerSilent,
    /// 401: the access token is no good any more.
    #[error("The session of the access token has ended.")]
    SessionOver,
    /// Too many passwords are being checked.
    #[error("The server cannot do this right now. Try again.")]
    Busy,
    #[error("The server cannot do this right now. Try again.")]
    Unavailable(#[from] UnavailableError),
}

/// Every code that an answer may carry.
pub(crate) const ACCOUNT_ERROR_CODES: [&str; 11] = [
    "invalid_credentials",
    "email_taken",
    "already_member",
    "invalid_email",
    "password_too_short",
    "password_too_long",
    "password_too_common",
    "invalid_passkey",
    "challenge_expired",
    "passkeys_unavailable",
    "invalid_id_token",
];

impl AccountError {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::EmailTaken => "email_taken",
            Self::AlreadyMember => "already_member",
            Self::InvalidEmail => "invalid_email",
            Self::PasswordTooShort => "password_too_short",
            Self::PasswordTooLong => "password_too_long",
            Self::PasswordTooCommon => "password_too_common",
            Self::InvalidPasskey => "invalid_passkey",
            Self::ChallengeExpired => "challenge_expired",
            Self::NoPasskeys => "passkeys_unavailable",
            Self::InvalidIdToken(_) => "invalid_id_token",
            Self::SessionOver => "session_over",
            Self::Busy | Self::IssuerSilent | Self::Unavailable(_) => "unavailable",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidCredentials | Self::InvalidIdToken(_) => StatusCode::FORBIDDEN,
            Self::EmailTaken | Self::AlreadyMember => StatusCode::CONFLICT,
            Self::InvalidEmail
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::PasswordTooCommon
            | Self::InvalidPasskey
            | Self::ChallengeExpired
            | Self::NoPasskeys => StatusCode::UNPROCESSABLE_ENTITY,
            Self::SessionOver => StatusCode::UNAUTHORIZED,
            Self::Busy | Self::IssuerSilent | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl IntoResponse for AccountError {
    fn into_response(self) -> Response {
        match self {
            Self::SessionOver => Unauthorized::from(AccessTokenError::Revoked).into_response(),
            Self::Unavailable(error) => Problem::from(error).into_response(),
            Self::Busy => Problem::unavailable().into_response(),
            error => {
                let problem = Problem::new(error.status(), error.to_string());
                problem.with("code", error.code().into()).into_response()
            }
        }
    }
}

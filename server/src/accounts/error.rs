//! Errors of requests to become a member or to sign in as one. The guest is unchanged (C18).

use guestpass_core::wire::problem_code;

use super::oidc::IdTokenError;
use crate::auth::UnavailableError;
use crate::store::StoreError;

/// A request to become a member, or to sign in as one, that failed. The text is for the developer of the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("The credentials are wrong.")]
    InvalidCredentials,
    #[error("Another account has this e-mail address. Log in to that account, or use another address.")]
    EmailTaken,
    #[error("The caller is already a member, with another account or with other data. Sign out first.")]
    AlreadyMember,
    #[error("The e-mail address is not valid. Send an address such as ada@example.com.")]
    InvalidEmail,
    #[error("The password is too short. Choose one with at least 8 characters.")]
    PasswordTooShort,
    #[error("The password is too long. Choose one with at most 1024 bytes.")]
    PasswordTooLong,
    #[error(
        "The password is too easy to guess. Choose one that is not a common password and does not contain the e-mail address."
    )]
    PasswordTooCommon,
    #[error(
        "The password has a character that not every device sends alike, such as a control character or an emoji that is joined of \
         several. Choose another one."
    )]
    PasswordNotAllowed,
    #[error("The passkey does not match the challenge, this server or the origin of the page.")]
    InvalidPasskey,
    #[error("The challenge is unknown, expired or used. Request a new challenge.")]
    ChallengeExpired,
    #[error("Passkeys are not configured on this server: they need a domain, from --issuer or --passkey-domain.")]
    PasskeysUnavailable,
    #[error("The ID token is refused: {0}.")]
    InvalidIdToken(#[from] IdTokenError),
    /// The keys of the token's issuer could not be fetched.
    #[error("The keys of the ID token's issuer could not be fetched. Try again later.")]
    IssuerUnavailable,
    #[error("The Idempotency-Key was used with another request. Send a new key with each new request.")]
    KeyReused,
    #[error("The Idempotency-Key is too old, or the session that it opened was refreshed or has ended.")]
    KeyExpired,
    /// 401: the refresh token is no longer valid.
    #[error("The session of the refresh token has ended.")]
    SessionEnded,
    /// Too many passwords are being checked.
    #[error("The server cannot handle the request at the moment. Try again later.")]
    Busy,
    #[error("The server cannot handle the request at the moment. Try again later.")]
    Unavailable(#[from] UnavailableError),
}

/// Every code in the member `code` of a problem.
pub(crate) const ACCOUNT_ERROR_CODES: [&str; 15] = [
    "invalid_credentials",
    "email_taken",
    "already_member",
    "invalid_email",
    "password_too_short",
    "password_too_long",
    "password_too_common",
    "password_not_allowed",
    "invalid_passkey",
    "challenge_expired",
    "passkeys_unavailable",
    "invalid_id_token",
    problem_code::REFRESH_TOKEN_REQUIRED,
    problem_code::IDEMPOTENCY_KEY_REUSED,
    problem_code::IDEMPOTENCY_KEY_EXPIRED,
];

impl AccountError {
    /// The stable code, for clients and metrics.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::EmailTaken => "email_taken",
            Self::AlreadyMember => "already_member",
            Self::InvalidEmail => "invalid_email",
            Self::PasswordTooShort => "password_too_short",
            Self::PasswordTooLong => "password_too_long",
            Self::PasswordTooCommon => "password_too_common",
            Self::PasswordNotAllowed => "password_not_allowed",
            Self::InvalidPasskey => "invalid_passkey",
            Self::ChallengeExpired => "challenge_expired",
            Self::PasskeysUnavailable => "passkeys_unavailable",
            Self::InvalidIdToken(_) => "invalid_id_token",
            Self::KeyReused => problem_code::IDEMPOTENCY_KEY_REUSED,
            Self::KeyExpired => problem_code::IDEMPOTENCY_KEY_EXPIRED,
            Self::SessionEnded => "session_over",
            Self::Busy | Self::IssuerUnavailable | Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

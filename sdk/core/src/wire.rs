//! HTTP names and shapes that the server and the session manager (`sdk/session`) share.
//!
//! The token response is that of RFC 6749 §5.1, the error response of the token endpoint that of RFC 6749 §5.2, every other
//! error a problem of RFC 9457. The member `anonymous_id` and the membership response are Guestpass's own.

/// `POST`: creates a guest. Without a body, the response has a long-lived access token; with `{"refresh": true}`, a
/// short-lived one and a refresh token.
pub const ANONYMOUS_LOGIN_PATH: &str = "/anonymous-login";
/// `POST`, form-encoded: the OAuth token endpoint (RFC 6749 §6).
pub const TOKEN_PATH: &str = "/token";
/// `POST`, form-encoded: token revocation (RFC 7009).
pub const REVOKE_PATH: &str = "/revoke";
/// `POST`: the guest becomes a member. Responds with [`MembershipResponse`].
pub const REGISTER_PATH: &str = "/register";
/// `POST`: the guest logs in to the account of a member. Responds with [`MembershipResponse`].
pub const LOGIN_PATH: &str = "/login";
/// `POST`: the guest registers or logs in with an OpenID Connect identity. Responds with [`MembershipResponse`].
pub const LINK_PATH: &str = "/link";
/// `DELETE`: erases the visitor and everything that belongs to it. Responds with status 204.
pub const ME_PATH: &str = "/me";

/// Response header: when to try again (RFC 9110 §10.2.3).
pub const RETRY_AFTER: &str = "Retry-After";
/// Request header of [`ANONYMOUS_LOGIN_PATH`], [`REGISTER_PATH`], [`LOGIN_PATH`] and [`LINK_PATH`]: at least 128 random bits,
/// base64url without padding. As secret as a token.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// Request header of [`ANONYMOUS_LOGIN_PATH`]: the solution of a challenge, as base64 of JSON.
pub const PROOF_OF_WORK: &str = "Proof-Of-Work";
/// The least length of an idempotency key in characters: 128 bits in base64url.
pub const IDEMPOTENCY_KEY_MIN: usize = 22;
/// The greatest length of an idempotency key in characters.
pub const IDEMPOTENCY_KEY_MAX: usize = 128;

/// `grant_type` of [`TOKEN_PATH`].
pub const GRANT_TYPE_REFRESH: &str = "refresh_token";

/// Prefix of a guest's subject; a UUID follows.
pub const GUEST_PREFIX: &str = "anonymous_";
/// Prefix of a member's subject; the UUID that the guest had follows.
pub const USER_PREFIX: &str = "user_";
/// Prefix of every refresh token. Account requests ([`REGISTER_PATH`], [`LOGIN_PATH`], [`LINK_PATH`], `DELETE` [`ME_PATH`], the
/// export and the list of sessions) take the refresh token as the bearer token, and do not rotate it.
pub const REFRESH_TOKEN_PREFIX: &str = "gpr_";

/// The member [`code`](member::CODE) of problems that account requests get beside those of their own.
pub mod problem_code {
    /// 403: an account request came with an access token. It needs the refresh token of its session.
    pub const REFRESH_TOKEN_REQUIRED: &str = "refresh_token_required";
    /// 409: the idempotency key belongs to another request: another session, path or body.
    pub const IDEMPOTENCY_KEY_REUSED: &str = "idempotency_key_reused";
    /// 409: the idempotency key is too old, or the session that it opened was refreshed or has ended.
    pub const IDEMPOTENCY_KEY_EXPIRED: &str = "idempotency_key_expired";
}

/// The members of response bodies that the session manager reads.
pub mod member {
    /// Of [`TokenResponse`](super::TokenResponse) and [`MembershipResponse`](super::MembershipResponse).
    pub const ACCESS_TOKEN: &str = "access_token";
    /// Of [`TokenResponse`](super::TokenResponse) and [`MembershipResponse`](super::MembershipResponse).
    pub const EXPIRES_IN: &str = "expires_in";
    /// Of [`TokenResponse`](super::TokenResponse) and [`MembershipResponse`](super::MembershipResponse).
    pub const REFRESH_TOKEN: &str = "refresh_token";
    /// Of [`TokenResponse`](super::TokenResponse).
    pub const ANONYMOUS_ID: &str = "anonymous_id";
    /// Of [`MembershipResponse`](super::MembershipResponse).
    pub const ID: &str = "id";
    /// Of an error response of [`TOKEN_PATH`](super::TOKEN_PATH) (RFC 6749 §5.2): one of [`error_code`](super::error_code).
    pub const ERROR: &str = "error";
    /// Of a problem (RFC 9457): the stable code of the error, where the status alone does not identify it.
    pub const CODE: &str = "code";
}

/// The error codes of RFC 6749 §5.2 that the token endpoint responds with.
pub mod error_code {
    /// The session has ended. No other response ends the session of a client.
    pub const INVALID_GRANT: &str = "invalid_grant";
    /// A parameter is missing, malformed or repeated.
    pub const INVALID_REQUEST: &str = "invalid_request";
    /// `grant_type` is not `refresh_token`.
    pub const UNSUPPORTED_GRANT_TYPE: &str = "unsupported_grant_type";
    /// Too many requests: with status 429 and `Retry-After`. RFC 6749 §4.1.2.1 defines the code for another endpoint.
    pub const TEMPORARILY_UNAVAILABLE: &str = "temporarily_unavailable";
}

/// Response body of [`ANONYMOUS_LOGIN_PATH`] and [`TOKEN_PATH`]: RFC 6749 §5.1, and the subject of the token.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenResponse {
    /// The access token.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$", max_length = 4096))]
    pub access_token: String,
    /// `bearer`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^bearer$", example = "bearer"))]
    pub token_type: String,
    /// The lifetime of the access token in seconds. Classic servers leave it out; then the
    /// client learns of the expiry by a 401.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    #[cfg_attr(feature = "openapi", schema(nullable = false, example = 900))]
    pub expires_in: Option<u64>,
    /// The refresh token for the next request to [`TOKEN_PATH`]. If absent, the session cannot be refreshed.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    #[cfg_attr(feature = "openapi", schema(nullable = false, pattern = r"^gpr_[\w-]+$"))]
    pub refresh_token: Option<String>,
    /// The subject: [`GUEST_PREFIX`] or [`USER_PREFIX`] and a UUID. The name is the classic one and stays after an upgrade.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    #[cfg_attr(feature = "openapi", schema(nullable = false, pattern = "^(anonymous|user)_[0-9a-f-]{36}$"))]
    pub anonymous_id: Option<String>,
}

impl core::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .field("anonymous_id", &self.anonymous_id)
            .finish_non_exhaustive()
    }
}

/// Response body of [`REGISTER_PATH`], [`LOGIN_PATH`] and [`LINK_PATH`]: the member that the visitor is afterwards, and the
/// tokens of a new session. The session of the request has ended.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Membership))]
pub struct MembershipResponse {
    /// The subject of the tokens.
    #[cfg_attr(feature = "openapi", schema(pattern = "^user_[0-9a-f-]{36}$"))]
    pub id: String,
    /// `user`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^user$", example = "user"))]
    pub kind: String,
    /// In lower case.
    #[cfg_attr(feature = "openapi", schema(example = "ada@example.com"))]
    pub email: Option<String>,
    /// Whether the account is new.
    pub outcome: MembershipOutcome,
    /// Whether the data of the guest were merged into an account that existed before.
    pub merged: bool,
    /// The access token of the new session.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^[\w-]+\.[\w-]+\.[\w-]+$", max_length = 4096))]
    pub access_token: String,
    /// `bearer`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^bearer$", example = "bearer"))]
    pub token_type: String,
    /// The lifetime of the access token in seconds.
    #[cfg_attr(feature = "openapi", schema(example = 900))]
    pub expires_in: u64,
    /// The refresh token of the new session.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^gpr_[\w-]+$"))]
    pub refresh_token: String,
}

impl core::fmt::Debug for MembershipResponse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MembershipResponse")
            .field("id", &self.id)
            .field("outcome", &self.outcome)
            .field("merged", &self.merged)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Whether an upgrade created an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum MembershipOutcome {
    /// The guest has become a member, with the same UUID.
    Registered,
    /// The visitor is logged in to an account that existed before.
    LoggedIn,
}

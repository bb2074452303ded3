//! The wire: the paths, names and shapes that the server and the session manager (`sdk/session`) agree on.
//!
//! The shapes are RFC 6749 §5.1 (token response) and §5.2 (error response); `anonymous_id` is Guestpass's own.

/// `POST`: makes a guest. Without a body, a long-lived token; with `{"refresh": true}`, a short one and a refresh token.
pub const LOGIN_PATH: &str = "/anonymous-login";
/// `POST`, form-encoded: the OAuth token endpoint (RFC 6749 §6).
pub const TOKEN_PATH: &str = "/token";
/// `POST`, form-encoded: token revocation (RFC 7009).
pub const REVOKE_PATH: &str = "/revoke";

/// Request header of [`LOGIN_PATH`]: 128 or more random bits, base64url without padding. As secret as a token.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The least length of an idempotency key in characters: 128 bits in base64url.
pub const IDEMPOTENCY_KEY_MIN: usize = 22;
/// The greatest length of an idempotency key in characters.
pub const IDEMPOTENCY_KEY_MAX: usize = 128;

/// `grant_type` of [`TOKEN_PATH`].
pub const GRANT_TYPE_REFRESH: &str = "refresh_token";

/// What the subject of a guest starts with; a UUID follows.
pub const GUEST_PREFIX: &str = "anonymous_";
/// What the subject of a registered user starts with; the UUID that the guest had follows.
pub const USER_PREFIX: &str = "user_";
/// What every refresh token starts with.
pub const REFRESH_TOKEN_PREFIX: &str = "gpr_";

/// The error codes of RFC 6749 §5.2 that the token endpoint answers with.
pub mod error_code {
    /// The session is over: the only answer that ends it at the client.
    pub const INVALID_GRANT: &str = "invalid_grant";
    /// A parameter is missing, malformed or repeated.
    pub const INVALID_REQUEST: &str = "invalid_request";
    /// `grant_type` is not `refresh_token`.
    pub const UNSUPPORTED_GRANT_TYPE: &str = "unsupported_grant_type";
    /// Too many requests: with status 429 and `Retry-After`. RFC 6749 §4.1.2.1 has the code, for another endpoint.
    pub const TEMPORARILY_UNAVAILABLE: &str = "temporarily_unavailable";
}

/// What [`LOGIN_PATH`] and [`TOKEN_PATH`] answer with: RFC 6749 §5.1, and who the token is for.
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
    /// The access token's lifetime in seconds. Servers of the classic kind leave it out: then only a 401 tells its end.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    #[cfg_attr(feature = "openapi", schema(nullable = false, example = 900))]
    pub expires_in: Option<u64>,
    /// The successor to use at [`TOKEN_PATH`]. Absent: the session cannot be refreshed, only acquired anew.
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

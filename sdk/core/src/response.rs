use crate::{Handle, Request, SessionError, Subject};

/// A response of the session server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` (RFC 9110 §10.2.3), in milliseconds from now.
    pub retry_after: Option<u64>,
    /// The body, decoded.
    pub body: ResponseBody,
}

/// The body of a response, as far as the session manager could decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseBody {
    /// A token response (RFC 6749 §5.1).
    Token(TokenResponse),
    /// An error response: the member `error` (RFC 6749 §5.2), or the member `code` of a problem (RFC 9457).
    Error(Handle),
    /// The response to an upgrade.
    Member(MembershipResponse),
    /// Empty, incomplete, HTML, or JSON of another shape.
    Other,
}

/// The parts of [`wire::TokenResponse`](crate::wire::TokenResponse) that the session needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Handle,
    /// Its lifetime in seconds.
    pub expires_in: Option<u64>,
    /// The refresh token, if the server issued one.
    pub refresh_token: Option<Handle>,
    /// The subject, if the server has sent it.
    pub subject: Option<Subject>,
}

/// The parts of [`wire::MembershipResponse`](crate::wire::MembershipResponse) that the session needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MembershipResponse {
    /// The subject of the access tokens from the next refresh on.
    pub subject: Subject,
    /// The whole body, for the caller.
    pub text: Handle,
}

/// What the response to a token request means.
#[derive(Debug)]
pub(crate) enum TokenOutcome {
    /// A credential.
    Token(TokenResponse),
    /// `invalid_grant`: the session has ended.
    Ended,
    /// 409: the guest of this idempotency key has been used since, so the key is not accepted again.
    AcquireKeyRejected,
    /// A temporary error: the session is kept, and the attempt is repeated.
    Transient(SessionError),
    /// An error that time does not remove. The session is kept.
    Rejected(SessionError),
}

impl Response {
    pub(crate) fn classify_token(self, request: &Request) -> TokenOutcome {
        let status = self.status;
        match (status, self.body, request) {
            (200..=299, ResponseBody::Token(token), _) => TokenOutcome::Token(token),
            (400 | 401, ResponseBody::Error(Handle::INVALID_GRANT), Request::Refresh { .. }) => TokenOutcome::Ended,
            (409, _, Request::Acquire { .. }) => TokenOutcome::AcquireKeyRejected,
            (400..=499, _, _) if !matches!(status, 408 | 425 | 429) => {
                TokenOutcome::Rejected(SessionError::Rejected { status })
            }
            // Such a response may come from an intermediary: a captive portal responds with 200 or 302, and HTML.
            _ => TokenOutcome::Transient(SessionError::Unavailable { status }),
        }
    }
}

/// What the response to an account request means.
#[derive(Debug)]
pub(crate) enum AccountOutcome {
    Member(MembershipResponse),
    Erased,
    /// 401: the access token was refused.
    Unauthorized,
    /// The server has refused the request, and gives a reason.
    Refused {
        status: u16,
        reason: Handle,
    },
    /// The server has refused the request without a reason.
    Rejected(SessionError),
    /// It is unknown whether the server has done it: send it again.
    Unknown(SessionError),
}

impl Response {
    pub(crate) fn classify_account(self, erases: bool) -> AccountOutcome {
        let status = self.status;
        match (status, self.body) {
            (204, _) if erases => AccountOutcome::Erased,
            (200..=299, ResponseBody::Member(member)) if !erases => AccountOutcome::Member(member),
            (401, _) => AccountOutcome::Unauthorized,
            (400..=499, ResponseBody::Error(reason)) => AccountOutcome::Refused { status, reason },
            (400..=499, _) if !matches!(status, 408 | 425 | 429) => {
                AccountOutcome::Rejected(SessionError::Rejected { status })
            }
            _ => AccountOutcome::Unknown(SessionError::Unavailable { status }),
        }
    }
}

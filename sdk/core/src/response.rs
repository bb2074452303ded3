use crate::{AccountRequestKind, Handle, Outcome, Request, SessionError, Subject};

/// A response of the session server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` (RFC 9110 §10.2.3), in milliseconds from now.
    pub retry_after: Option<u64>,
    /// The body, decoded.
    pub body: ResponseBody,
    /// The JSON text of the body of a successful response, without tokens, or of a response with status 428.
    pub text: Option<Handle>,
}

/// The body of a response, as far as the session manager could decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseBody {
    /// A token response (RFC 6749 §5.1), or the response to an upgrade.
    Token(TokenResponse),
    /// An error response: the member `error` (RFC 6749 §5.2), or the member `code` of a problem (RFC 9457).
    Error(Handle),
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

/// What the response to a token request means.
#[derive(Debug)]
pub(crate) enum TokenOutcome {
    /// A credential.
    Token(TokenResponse),
    /// `invalid_grant`: the session has ended.
    Ended,
    /// 409: the guest of this idempotency key has been used since, so the key is not accepted again.
    AcquireKeyRejected,
    /// 428: the server demands a proof of work or a CAPTCHA for this idempotency key.
    Challenge { key: Handle, problem: Handle },
    /// A temporary error: the session is kept, and the attempt is repeated.
    Transient(SessionError),
    /// An error that time does not remove. The session is kept.
    Rejected(SessionError),
}

impl Response {
    pub(crate) fn classify_token(self, request: &Request) -> TokenOutcome {
        let status = self.status;
        if let (428, Some(problem), &Request::Acquire { key, .. }) = (status, self.text, request) {
            return TokenOutcome::Challenge { key, problem };
        }
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
    /// The tokens of the new session, and the text for the caller.
    Upgraded(TokenResponse, Handle),
    Erased,
    /// 401: the refresh token was refused.
    Unauthorized,
    /// The server has done the request, or has refused it.
    Settled(Outcome),
    /// It is unknown whether the server has done it: send it again.
    Unknown(SessionError),
}

impl Response {
    pub(crate) fn classify_account(self, kind: AccountRequestKind) -> AccountOutcome {
        use AccountRequestKind::{Erase, Other, Upgrade};
        let status = self.status;
        match (status, self.body, self.text) {
            (200..=299, ResponseBody::Token(token), Some(text)) if kind == Upgrade => {
                AccountOutcome::Upgraded(token, text)
            }
            (204, ..) if kind == Erase => AccountOutcome::Erased,
            (204, ..) if kind == Other => AccountOutcome::Settled(Outcome::Done),
            (200..=299, _, Some(text)) if kind == Other => AccountOutcome::Settled(Outcome::Response(text)),
            (401, ..) => AccountOutcome::Unauthorized,
            (400..=499, ResponseBody::Error(reason), _) => AccountOutcome::Settled(Outcome::Refused { status, reason }),
            (400..=499, ..) if !matches!(status, 408 | 425 | 429) => {
                AccountOutcome::Settled(Outcome::Failed(SessionError::Rejected { status }))
            }
            _ => AccountOutcome::Unknown(SessionError::Unavailable { status }),
        }
    }
}

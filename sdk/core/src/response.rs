use crate::{Handle, Request, SessionError, Subject};

/// An answer of the session server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, in milliseconds from now, whichever form it had.
    pub retry_after: Option<u64>,
    /// What the body current.
    pub body: ResponseBody,
}

/// The body of an response, as far as it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseBody {
    /// RFC 6749 §5.1.
    Token(TokenResponse),
    /// RFC 6749 §5.2: the code in `error`. Of a problem (RFC 9457): that in its member `code`.
    Error(Handle),
    /// What an upgrade is answered with.
    Member(MembershipResponse),
    /// Empty, cut short, HTML, or JSON of another kind.
    Other,
}

/// A token response: [`wire::TokenResponse`](crate::wire::TokenResponse), as far as it concerns the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Handle,
    /// Its lifetime in seconds.
    pub expires_in: Option<u64>,
    /// Its successor's price.
    pub refresh_token: Option<Handle>,
    /// Whom it is for.
    pub subject: Option<Subject>,
}

/// Who the visitor is after an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MembershipResponse {
    /// The subject that the next access token has.
    pub subject: Subject,
    /// The whole response, for the caller.
    pub text: Handle,
}

/// What an answer means for the session.
#[derive(Debug)]
pub(crate) enum TokenOutcome {
    /// A credential.
    Token(TokenResponse),
    /// `invalid_grant`: the session is over.
    Ended,
    /// 409: the idempotency key has been used up, and its guest has moved on.
    AcquireKeyRejected,
    /// It may pass: keep the session, wait, try again.
    Transient(SessionError),
    /// Waiting does not mend it. The session is kept all the same.
    Rejected(SessionError),
}

impl Response {
    pub(crate) fn classify_token(self, request: &Request) -> TokenOutcome {
        let status = self.status;
        match (status, self.body, request) {
            (200..=299, ResponseBody::Token(token), _) => TokenOutcome::Token(token),
            (400 | 401, ResponseBody::Error(Handle::INVALID_GRANT), Request::Refresh { .. }) => TokenOutcome::Ended,
            (409, _, Request::Acquire { .. }) => TokenOutcome::AcquireKeyRejected,
            // Anything that is not a client error may come from what stands between: a captive portal answers 200 or
            // 302 with HTML.
            (400..=499, _, _) if !matches!(status, 408 | 425 | 429) => {
                TokenOutcome::Rejected(SessionError::Rejected { status })
            }
            _ => TokenOutcome::Transient(SessionError::Unavailable { status }),
        }
    }
}

/// What an answer means for an account_request.
#[derive(Debug)]
pub(crate) enum AccountOutcome {
    Member(MembershipResponse),
    Erased,
    /// 401: the access token is no good.
    Unauthorized,
    /// No, and why.
    Refused {
        status: u16,
        reason: Handle,
    },
    /// No, and nothing that says why.
    Rejected(SessionError),
    /// Whether it was done is not known: ask again.
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

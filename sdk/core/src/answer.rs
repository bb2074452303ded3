use crate::{Failure, Request, Subject, Text};

/// An answer of the session server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, in milliseconds from now, whichever form it had.
    pub retry_after: Option<u64>,
    /// What the body held.
    pub body: Body,
}

/// The body of an answer, as far as it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// RFC 6749 §5.1.
    Token(Token),
    /// RFC 6749 §5.2: the code in `error`. Of a problem (RFC 9457): that in its member `code`.
    Error(Text),
    /// What an upgrade is answered with.
    Member(Member),
    /// Empty, cut short, HTML, or JSON of another kind.
    Other,
}

/// A token answer: [`wire::TokenAnswer`](crate::wire::TokenAnswer), as far as it concerns the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// The access token.
    pub access_token: Text,
    /// Its lifetime in seconds.
    pub expires_in: Option<u64>,
    /// Its successor's price.
    pub refresh_token: Option<Text>,
    /// Whom it is for.
    pub subject: Option<Subject>,
}

/// Who the visitor is after an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The subject that the next access token has.
    pub subject: Subject,
    /// The whole answer, for the caller.
    pub text: Text,
}

/// What an answer means for the session.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// A credential.
    Token(Token),
    /// `invalid_grant`: the session is over.
    Ended,
    /// 409: the idempotency key has been used up, and its guest has moved on.
    KeySpent,
    /// It may pass: keep the session, wait, try again.
    Transient(Failure),
    /// Waiting does not mend it. The session is kept all the same.
    Rejected(Failure),
}

impl Answer {
    pub(crate) fn verdict(self, request: &Request) -> Verdict {
        let status = self.status;
        match (status, self.body, request) {
            (200..=299, Body::Token(token), _) => Verdict::Token(token),
            (400 | 401, Body::Error(Text::INVALID_GRANT), Request::Refresh { .. }) => Verdict::Ended,
            (409, _, Request::Acquire { .. }) => Verdict::KeySpent,
            // Anything that is not a client error may come from what stands between: a captive portal answers 200 or
            // 302 with HTML.
            (400..=499, _, _) if !matches!(status, 408 | 425 | 429) => Verdict::Rejected(Failure::Rejected { status }),
            _ => Verdict::Transient(Failure::Unavailable { status }),
        }
    }
}

/// What an answer means for an errand.
#[derive(Debug)]
pub(crate) enum Reply {
    Member(Member),
    Erased,
    /// 401: the access token is no good.
    Unauthorized,
    /// No, and why.
    Refused {
        status: u16,
        reason: Text,
    },
    /// No, and nothing that says why.
    Rejected(Failure),
    /// Whether it was done is not known: ask again.
    Unknown(Failure),
}

impl Answer {
    pub(crate) fn reply(self, erases: bool) -> Reply {
        let status = self.status;
        match (status, self.body) {
            (204, _) if erases => Reply::Erased,
            (200..=299, Body::Member(member)) if !erases => Reply::Member(member),
            (401, _) => Reply::Unauthorized,
            (400..=499, Body::Error(reason)) => Reply::Refused { status, reason },
            (400..=499, _) if !matches!(status, 408 | 425 | 429) => Reply::Rejected(Failure::Rejected { status }),
            _ => Reply::Unknown(Failure::Unavailable { status }),
        }
    }
}

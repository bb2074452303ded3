use crate::{Handle, Op, Record, TabMessage, Version, WaiterId};

/// An action for the session manager. One with an `op` is completed by an input with the same `op`, named in its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the record: `Loaded` or `StorageFailed`. The loads and stores of a tab must take effect in their order.
    Load {
        /// For the completion.
        op: Op,
    },
    /// Write the record: `Saved` or `StorageFailed`.
    Store {
        /// For the completion.
        op: Op,
        /// What to write.
        record: Record,
    },
    /// Request the lock that all tabs share, without stealing it: `LockGranted` or `LockUnavailable`.
    TakeLock {
        /// For the completion.
        op: Op,
    },
    /// Release the lock, or withdraw the request for it.
    ReleaseLock {
        /// Of the `TakeLock`.
        op: Op,
    },
    /// Make an acquire key: `KeyMade`.
    MakeKey {
        /// For the completion.
        op: Op,
    },
    /// Send a request of the session itself, without the interception that the app's requests pass: `Responded` or `SendFailed`.
    Send {
        /// For the completion.
        op: Op,
        /// What to send.
        request: Request,
    },
    /// Do what the server demands before it makes a guest, such as a proof of work: `Solved` or `SolveFailed`.
    Solve {
        /// For the completion.
        op: Op,
        /// The problem of the response with status 428 (RFC 9457), as JSON text.
        problem: Handle,
    },
    /// Abort a request or a `Solve`, or stop waiting for a load or store that does not respond: later ones start without it.
    Cancel {
        /// Of the `Send`, `Solve`, `Load` or `Store`.
        op: Op,
    },
    /// Send a message to the other tabs.
    Publish(TabMessage),
    /// End a call.
    Settle {
        /// The call.
        waiter: WaiterId,
        /// Its outcome.
        outcome: Outcome,
    },
    /// Free every timer and listener: the machine is closed.
    Shutdown,
}

/// A request of the session: a token request, or an account request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Create a guest.
    Acquire {
        /// The idempotency key: the same key gives the same guest.
        key: Handle,
        /// The answer to the challenge of the server.
        answer: Option<Handle>,
    },
    /// Refresh the access token (RFC 6749 §6).
    Refresh {
        /// The newest known refresh token.
        refresh_token: Handle,
    },
    /// Revoke a token (RFC 7009).
    Revoke {
        /// The refresh token; without one, the access token.
        token: Handle,
    },
    /// An account request: the refresh token authorises it, and is not rotated by it.
    Account {
        /// The call, whose method, path and body the session manager keeps.
        waiter: WaiterId,
        /// The newest known refresh token.
        refresh_token: Handle,
        /// The idempotency key of an upgrade: the same key gives the same session.
        key: Option<Handle>,
    },
}

/// What the response to an account request changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountRequestKind {
    /// To register, log in or link: the visitor is a member, and has a new session, whose tokens are in the response. Without a
    /// credential, a guest is acquired first.
    Upgrade,
    /// The server has erased the visitor: the session ends in every tab.
    Erase,
    /// Nothing: an export, the list of sessions, the end of another session. It is sent once.
    Other,
}

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A token for the request.
    Token(Grant),
    /// Return the 401 to the caller unchanged.
    PassThrough,
    /// Started, signed out or erased.
    Done,
    /// The server has done the account request. The handle is that of the response body, without tokens. After an upgrade, the
    /// credential is that of the member.
    Response(Handle),
    /// The server has refused the request, or would refuse it. The session is unchanged.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code of the problem.
        reason: Handle,
    },
    /// The call has failed.
    Failed(SessionError),
}

/// A token, and the values that [`Input::Unauthorized`](crate::Input::Unauthorized) takes if a resource refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The access token.
    pub access_token: Handle,
    /// The version of the credential.
    pub version: Version,
    /// 0 for the first send of a request, 1 for its replay.
    pub attempt: u8,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionError {
    /// The server was not reached, or its response was incomplete.
    Network,
    /// The deadline of the call, or of a request, has passed.
    Timeout,
    /// The server responded with 408, 425, 429 or 5xx, or with a body of another shape. The attempt is repeated.
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// The server refused for a reason that time does not remove. The attempt is not repeated by itself.
    Rejected {
        /// The HTTP status.
        status: u16,
    },
    /// The storage of the browser has failed, and other tabs may have the session: it cannot be renewed. The attempt is repeated.
    Storage,
    /// The server has ended the session, and the policy is [`OnIdentityLost::Stop`](crate::OnIdentityLost::Stop).
    SessionEnded,
    /// The session was signed out.
    SignedOut,
    /// The caller has aborted the call.
    Aborted,
    /// The session is closed.
    Closed,
}

impl SessionError {
    /// A challenge of the server was not answered. The next call gets a new one.
    pub const UNSOLVED: Self = Self::Rejected { status: 428 };

    /// The stable code of the error, for logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Unavailable { .. } => "unavailable",
            Self::Rejected { .. } => "rejected",
            Self::Storage => "storage",
            Self::SessionEnded => "session_ended",
            Self::SignedOut => "signed_out",
            Self::Aborted => "aborted",
            Self::Closed => "closed",
        }
    }
}

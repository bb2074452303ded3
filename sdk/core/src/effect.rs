use crate::{Handle, Op, Record, TabMessage, Version, WaiterId};

/// What the session manager is to do. Those with an `op` are completed by an input with the same `op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the record: `Loaded` or `StorageFailed`. Loads and stores of one tab take effect in their order.
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
    /// Ask for the lock that all tabs share, without stealing it: `LockGranted` or `LockUnavailable`.
    TakeLock {
        /// For the completion.
        op: Op,
    },
    /// Release the lock, or stop asking for it.
    ReleaseLock {
        /// That of `TakeLock`.
        op: Op,
    },
    /// Make an idempotency key: `KeyMade`.
    MakeKey {
        /// For the completion.
        op: Op,
    },
    /// Send a request of the session's own, outside of the authenticated path: `Responded` or `SendFailed`.
    Send {
        /// For the completion.
        op: Op,
        /// What to send.
        request: Request,
    },
    /// Nobody waits for this request any more.
    Cancel {
        /// That of `Send`.
        op: Op,
    },
    /// Tell the other tabs.
    Publish(TabMessage),
    /// A call has its outcome.
    Settle {
        /// Whose.
        waiter: WaiterId,
        /// What came of it.
        outcome: Outcome,
    },
    /// Free every timer and listener: no further input counts.
    Shutdown,
}

/// The token requests, and those that change who the visitor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Make a guest, under this idempotency key.
    Acquire {
        /// The same key again gives the same guest.
        key: Handle,
    },
    /// RFC 6749 §6.
    Refresh {
        /// The newest that is known.
        refresh_token: Handle,
    },
    /// RFC 7009.
    Revoke {
        /// The refresh token, or the access token where there is none.
        token: Handle,
    },
    /// Become a member. Idempotent: the same again is answered with the same.
    Upgrade {
        /// In which way.
        upgrade: Upgrade,
        /// The visitor's.
        access_token: Handle,
        /// As the caller gave it.
        body: Handle,
    },
    /// Be erased.
    Erase {
        /// The visitor's.
        access_token: Handle,
    },
}

/// The ways to become a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upgrade {
    /// The guest becomes a member.
    Register,
    /// The guest is merged into an account.
    Login,
    /// One or the other, by the word of a third party.
    Link,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A token to send the request with.
    Token(Grant),
    /// Give the 401 to the caller as it is.
    PassThrough,
    /// Started, signed out or erased.
    Done,
    /// A member: what the server answered, as it is. The credential that is held shows it.
    Member(Handle),
    /// The server said no, and nothing has changed.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        reason: Handle,
    },
    /// It did not work out.
    Failed(SessionError),
}

/// A token, and what the machine wants to hear again should it be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The access token.
    pub access_token: Handle,
    /// Which credential it is of.
    pub version: Version,
    /// 0 for the first send of a request, 1 for its replay.
    pub attempt: u8,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionError {
    /// The server was not reached, or its answer was cut short.
    Network,
    /// No credential by the deadline.
    Timeout,
    /// The server answered 408, 429 or 5xx, or something that is not a token response.
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// The server refused for a reason that waiting does not mend.
    Rejected {
        /// The HTTP status.
        status: u16,
    },
    /// The server ended the session, and the policy is to stop.
    SessionEnded,
    /// Signed out while the call waited.
    SignedOut,
    /// The caller's own abort.
    Aborted,
    /// The session is closed.
    Closed,
}

impl SessionError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Unavailable { .. } => "unavailable",
            Self::Rejected { .. } => "rejected",
            Self::SessionEnded => "session_ended",
            Self::SignedOut => "signed_out",
            Self::Aborted => "aborted",
            Self::Closed => "closed",
        }
    }
}

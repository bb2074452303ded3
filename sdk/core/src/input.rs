use crate::{AccountRequestKind, EndReason, Handle, Record, Response, Version};

/// Identifies an effect whose completion the machine waits for. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op(pub u64);

/// Identifies a call that waits for an outcome. Chosen by the session manager; unique while the call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub u32);

/// An input of the machine: a call of the app, the completion of an effect, or a change outside of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Read the storage. After the server has ended the session: allow a new guest. Settles with `Done`.
    Start {
        /// The call.
        waiter: WaiterId,
        /// Allow a new guest also after a permanent sign-out.
        reset: bool,
    },
    /// A call wants a token. Settles with `Token` or `Failed`.
    TokenWanted {
        /// The call.
        waiter: WaiterId,
        /// When the call fails: monotonic time.
        deadline: u64,
        /// Whether the token must not be about to end, because the request cannot be replayed.
        fresh: bool,
    },
    /// A resource has responded with 401. Settles with `Token` (replay the request), `PassThrough` (return the 401 to the caller)
    /// or `Failed`.
    Unauthorized {
        /// The call.
        waiter: WaiterId,
        /// When the call fails: monotonic time.
        deadline: u64,
        /// The version of the grant that the request was sent with.
        version: Version,
        /// The attempt of that grant.
        attempt: u8,
        /// Whether the request's body can be sent again.
        replayable: bool,
    },
    /// The caller of a waiting call has aborted it. Settles with `Failed(Aborted)`.
    Abandon {
        /// The call.
        waiter: WaiterId,
    },
    /// Treat the access token as expired.
    Expire,
    /// Sign out in every tab, and revoke the session. Settles with `Done` when the sign-out is stored.
    SignOut {
        /// The call.
        waiter: WaiterId,
        /// Whether no tab acquires a guest before `Start` with `reset`, or an upgrade.
        permanent: bool,
    },
    /// Send a request that needs the refresh token. The session manager keeps the method, the path and the body. Settles with
    /// `Response`, `Done`, `Refused` or `Failed`.
    AccountRequest {
        /// The call.
        waiter: WaiterId,
        /// When the call fails: monotonic time.
        deadline: u64,
        /// What its response changes.
        kind: AccountRequestKind,
    },
    /// Close the session in this tab. A closed machine stays closed.
    Close,

    /// `Load` is done.
    Loaded {
        /// Of the effect.
        op: Op,
        /// The content of the storage.
        stored: Stored,
    },
    /// `Store` is done.
    Saved {
        /// Of the effect.
        op: Op,
    },
    /// `Load` or `Store` has failed: the storage is blocked, full or deleted.
    StorageFailed {
        /// Of the effect.
        op: Op,
    },
    /// `TakeLock` is done.
    LockGranted {
        /// Of the effect.
        op: Op,
        /// Whether another tab had or awaited the lock when this tab requested it.
        contended: bool,
    },
    /// `TakeLock` has failed, there is no lock API, or the lock that was granted is lost.
    LockUnavailable {
        /// Of the effect.
        op: Op,
    },
    /// `MakeKey` is done.
    KeyMade {
        /// Of the effect.
        op: Op,
        /// At least 128 random bits, in base64url.
        key: Handle,
    },
    /// The server has responded to a `Send`.
    Responded {
        /// Of the effect.
        op: Op,
        /// The response.
        response: Response,
    },
    /// `Send` has failed before the whole response had arrived.
    SendFailed {
        /// Of the effect.
        op: Op,
    },

    /// `Solve` is done.
    Solved {
        /// Of the effect.
        op: Op,
        /// The answer for the server. Without tokens.
        answer: Handle,
    },
    /// `Solve` has failed: there is no solver, or the visitor has declined.
    SolveFailed {
        /// Of the effect.
        op: Op,
    },

    /// Another tab has published this message.
    TabMessage(TabMessage),
    /// The browser reports that it is online.
    Online,
    /// The browser reports that it is offline.
    Offline,
    /// The page is about to be hidden or closed: if other code has emptied the storage, the session is written again.
    Hidden,
    /// The page is visible again, restored from the back/forward cache, or woken from sleep.
    Visible,
    /// The timer has fired. Every other input checks the time too, so a timer may fire late.
    Tick,
}

/// The content of the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Nothing.
    Empty,
    /// Not a record of this version of Guestpass.
    Corrupt,
    /// A record.
    Record(Record),
}

/// A message to the other tabs. It has no secret: the other tabs read the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TabMessage {
    /// This version is stored.
    Committed(Version),
    /// The sessions of all older epochs have ended.
    SignedOut {
        /// The epoch that has begun.
        epoch: u64,
        /// How the epoch before has ended.
        end_reason: EndReason,
    },
}

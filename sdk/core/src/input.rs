use crate::{EndReason, Handle, Record, Response, Upgrade, Version};

/// Names an effect whose completion the machine waits for. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op(pub u64);

/// Names a call that waits for an outcome. Chosen by the session manager, unique while the call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub u32);

/// What happens to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Read what is stored. After an ended session: allow a fresh guest. Settles with `Done`.
    Start {
        /// Who waits.
        waiter: WaiterId,
        /// Allow one also after a sign-out for good: whoever asks knows of it.
        reset: bool,
    },
    /// Somebody wants a token. Settles with `Token` or `Failed`.
    TokenWanted {
        /// Who waits.
        waiter: WaiterId,
        /// The monotonic time at which it gives up.
        deadline: u64,
        /// The request cannot be replayed, so a token that is about to end will not do.
        fresh: bool,
    },
    /// The answer to a request was 401. Settles with `Token` (replay), `PassThrough` (give the 401 to the caller) or `Failed`.
    Unauthorized {
        /// Who waits.
        waiter: WaiterId,
        /// The monotonic time at which it gives up.
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
        /// Who no longer waits.
        waiter: WaiterId,
    },
    /// Treat the access token as expired.
    Expire,
    /// SignOut the session in every tab and revoke it. Settles with `Done` once it is stored.
    SignOut {
        /// Who waits.
        waiter: WaiterId,
        /// Nobody becomes a guest again, in any tab, until `Start` or `Upgrade`.
        permanent: bool,
    },
    /// Become a member. Where there is nobody yet, a guest is acquired first. Settles with `Member`, `Refused` or
    /// `Failed`.
    Upgrade {
        /// Who waits.
        waiter: WaiterId,
        /// The monotonic time at which it gives up.
        deadline: u64,
        /// In which way.
        upgrade: Upgrade,
        /// What the server is sent. Kept in memory only, and only while it may have to be sent again.
        body: Handle,
    },
    /// Have the server erase the visitor, and forget the session in every tab. Settles with `Done` once that is stored,
    /// `Refused` or `Failed`.
    Erase {
        /// Who waits.
        waiter: WaiterId,
        /// The monotonic time at which it gives up.
        deadline: u64,
    },
    /// Stop for good.
    Close,

    /// `Load` is done.
    Loaded {
        /// Of the effect.
        op: Op,
        /// What was found.
        stored: Stored,
    },
    /// `Store` is done.
    Saved {
        /// Of the effect.
        op: Op,
    },
    /// `Load` or `Store` failed: the storage is blocked, full or gone.
    StorageFailed {
        /// Of the effect.
        op: Op,
    },
    /// `TakeLock` is done.
    LockGranted {
        /// Of the effect.
        op: Op,
        /// Another tab had it when it was asked for.
        contended: bool,
    },
    /// `TakeLock` failed, there is no lock API, or the lock that was granted is lost.
    LockUnavailable {
        /// Of the effect.
        op: Op,
    },
    /// `MakeKey` is done.
    KeyMade {
        /// Of the effect.
        op: Op,
        /// At least 128 random bits, base64url.
        key: Handle,
    },
    /// `Send` was answered.
    Responded {
        /// Of the effect.
        op: Op,
        /// What the server said.
        response: Response,
    },
    /// `Send` failed before a whole answer was there.
    SendFailed {
        /// Of the effect.
        op: Op,
    },

    /// Another tab published this.
    TabMessage(TabMessage),
    /// The browser says that it is online.
    Online,
    /// The browser says that it is offline.
    Offline,
    /// The page is visible again, restored from the back/forward cache, or woken from sleep.
    Visible,
    /// The timer fired. Timers are hints: every input checks the time.
    Tick,
}

/// What a load found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Nothing.
    Empty,
    /// Something that is not a record of this version of Guestpass.
    Corrupt,
    /// A record.
    Record(Record),
}

/// What a tab tells the others. Never a secret: whoever is interested loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TabMessage {
    /// This version is in the storage now.
    Committed(Version),
    /// Every session of an older epoch is over.
    SignedOut {
        /// The epoch that begins.
        epoch: u64,
        /// How the last one has ended.
        end_reason: EndReason,
    },
}

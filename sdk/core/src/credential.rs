use core::num::NonZeroU32;

/// One moment on the two clocks of a browser, in milliseconds.
///
/// The monotonic clock measures; the wall clock is what tabs and page loads have in common, and it goes on in sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Since any fixed moment, never back.
    pub mono: u64,
    /// Since the Unix epoch, as far as the machine's owner set it right.
    pub wall: u64,
}

/// A text that the session manager keeps, by the number that it gave it: a token, a key, or a part of an id or a response.
/// Equal texts have equal numbers.
///
/// The machine tells texts apart and never reads one, so a token is never in its memory. The session manager may forget a
/// text that [`Machine::references`](crate::Machine::references) denies, once effects and events are drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub NonZeroU32);

impl Handle {
    /// The session manager has this number for `invalid_grant`, the one code that ends a session.
    pub const INVALID_GRANT: Self = Self(NonZeroU32::MIN);
}

/// Whom a token is for: `anonymous_<uuid>` or `user_<uuid>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// What the subject starts with; `None` where that is neither.
    pub kind: Option<Kind>,
    /// The rest, which stays when a guest becomes a user.
    pub visitor: Handle,
}

/// What kind of visitor a session stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Kind {
    /// A visitor without an account.
    Guest,
    /// A member: a visitor with an account.
    User,
}

impl Subject {
    /// Whether a guest has become a user.
    pub(crate) fn is_upgrade(self, new: Self) -> bool {
        self.kind == Some(Kind::Guest) && new.kind == Some(Kind::User)
    }
}

/// The age of a credential: of two versions, the greater is the newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Raised by every sign-out.
    pub epoch: u64,
    /// Raised by every commit.
    pub generation: u64,
}

/// What a visitor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential {
    /// The access token, as it goes behind `Bearer`.
    pub access_token: Handle,
    /// Without it, the credential cannot be refreshed, only acquired anew.
    pub refresh_token: Option<Handle>,
    /// Where the server tells.
    pub subject: Option<Subject>,
    /// When the access token ends; `None` when only a 401 will tell.
    pub expiry: Option<Expiry>,
}

/// When an access token ends: counted from its receipt, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expiry {
    /// The lifetime that the server gave, in milliseconds.
    pub lifetime: u64,
    /// The end. Whichever clock reaches it first, ends it: the monotonic one may stop in sleep, and the wall clock may
    /// be set back. A wall clock that is set forward costs one refresh, after which this is counted anew.
    pub end: Timestamp,
}

impl Expiry {
    /// The end of a token that was received now.
    pub fn received(now: Timestamp, lifetime: u64) -> Self {
        let end = Timestamp { mono: now.mono.saturating_add(lifetime), wall: now.wall.saturating_add(lifetime) };
        Self { lifetime, end }
    }

    /// The end of a token that another page stored. The wall clock is all that the two pages share; it may have been
    /// set since, so the remaining time never exceeds the lifetime.
    pub fn restored(now: Timestamp, lifetime: u64, wall_end: u64) -> Self {
        let remaining = wall_end.saturating_sub(now.wall).min(lifetime);
        Self { lifetime, end: Timestamp { mono: now.mono.saturating_add(remaining), wall: wall_end } }
    }

    /// Whether less than `margin` milliseconds remain.
    pub(crate) fn within(&self, now: Timestamp, margin: u64) -> bool {
        now.mono.saturating_add(margin) >= self.end.mono || now.wall.saturating_add(margin) >= self.end.wall
    }

    /// What a request needs to arrive before the token ends: a tenth of the lifetime, at most five seconds.
    pub(crate) fn travel_margin(&self) -> u64 {
        (self.lifetime / 10).min(5_000)
    }
}

/// How a visitor has left a session. Of two that are said at once, the greater counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EndReason {
    /// Signed out; the next use starts a fresh guest.
    #[default]
    SignedOut,
    /// Erased by the server, at the visitor's wish; the next use starts a fresh guest.
    Erased,
    /// Signed out, and nobody follows until somebody asks for it.
    Permanent,
}

/// What is stored for all tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The version of what the record holds, or last current.
    pub version: Version,
    /// How the epoch before this one has ended.
    pub end_reason: EndReason,
    /// The acquire_key: the idempotency key under which a guest is being acquired. Whoever acquires, uses it.
    pub acquire_key: Option<Handle>,
    /// `None` before the first acquisition and after a sign-out.
    pub credential: Option<Credential>,
}

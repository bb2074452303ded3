use core::num::NonZeroU32;

/// One moment on the two clocks of a browser, in milliseconds.
///
/// The monotonic clock measures durations. The wall clock is shared by all tabs and page loads, and goes on during sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Since an arbitrary moment; never decreases.
    pub mono: u64,
    /// Since the Unix epoch. The user of the computer may set it wrong, or change it.
    pub wall: u64,
}

/// The number of a text that the session manager keeps: a token, a key, or a part of an id or of a response. Equal texts have
/// equal handles.
///
/// The machine only compares handles, so no token is in its memory. When effects and events are drained, the session manager may
/// drop each text whose handle the machine does not reference ([`Machine::references`](crate::Machine::references)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub NonZeroU32);

impl Handle {
    /// The handle of the text `invalid_grant`, the only error code that ends a session.
    pub const INVALID_GRANT: Self = Self(NonZeroU32::MIN);
    /// The handle of the text `refresh_token_required`.
    pub const REFRESH_TOKEN_REQUIRED: Self = Self(NonZeroU32::MIN.saturating_add(1));
}

/// The subject of a token: `anonymous_<uuid>` or `user_<uuid>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// By the prefix of the subject; `None` if it has neither prefix.
    pub kind: Option<Kind>,
    /// The rest of the subject. It stays the same when a guest becomes a member.
    pub visitor: Handle,
}

/// The kind of a visitor.
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
    /// Whether this is a guest and `new` is a member.
    pub(crate) fn is_upgrade(self, new: Self) -> bool {
        self.kind == Some(Kind::Guest) && new.kind == Some(Kind::User)
    }
}

/// The age of a credential: the greater of two versions is the newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Increased by every sign-out.
    pub epoch: u64,
    /// Increased by every commit; 0 after a sign-out.
    pub generation: u64,
}

/// The tokens of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential {
    /// The access token (RFC 6750).
    pub access_token: Handle,
    /// Without one, the credential cannot be refreshed: another guest must be acquired. Account requests are refused.
    pub refresh_token: Option<Handle>,
    /// `None` if the server has not sent it.
    pub subject: Option<Subject>,
    /// When the access token expires; `None` if the server has not sent it.
    pub expiry: Option<Expiry>,
}

/// When an access token expires: counted from its receipt, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expiry {
    /// The lifetime that the server gave, in milliseconds.
    pub lifetime: u64,
    /// The token expires when the first of the two clocks reaches this time: the monotonic clock may stop during sleep, and
    /// the wall clock may be set back. A wall clock that is set forward causes one refresh, whose token has a new expiry.
    pub end: Timestamp,
}

impl Expiry {
    /// The expiry of a token that was received now.
    pub fn received(now: Timestamp, lifetime: u64) -> Self {
        let end = Timestamp { mono: now.mono.saturating_add(lifetime), wall: now.wall.saturating_add(lifetime) };
        Self { lifetime, end }
    }

    /// The expiry of a token that another page has stored. The pages share only the wall clock, which may have been set
    /// since, so the remaining time never exceeds the lifetime.
    pub fn restored(now: Timestamp, lifetime: u64, wall_end: u64) -> Self {
        let remaining = wall_end.saturating_sub(now.wall).min(lifetime);
        Self { lifetime, end: Timestamp { mono: now.mono.saturating_add(remaining), wall: wall_end } }
    }

    /// Whether less than `margin` milliseconds remain.
    pub(crate) fn ends_within(&self, now: Timestamp, margin: u64) -> bool {
        now.mono.saturating_add(margin) >= self.end.mono || now.wall.saturating_add(margin) >= self.end.wall
    }

    /// The time that a request may need to reach the server: a tenth of the lifetime, at most five seconds.
    pub(crate) fn travel_margin(&self) -> u64 {
        (self.lifetime / 10).min(5_000)
    }
}

/// How an epoch has ended. If two tabs sign out at the same time, the stricter reason counts: the variants are in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EndReason {
    /// Signed out; the next use acquires a new guest.
    #[default]
    SignedOut,
    /// The server has erased the visitor on request; the next use acquires a new guest.
    Erased,
    /// Signed out, and no guest is acquired before `Start` with `reset`, or an upgrade.
    Permanent,
}

/// The stored state, shared by all tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The version of the credential; without one, of the last credential or sign-out.
    pub version: Version,
    /// How the epoch before that of the version has ended.
    pub end_reason: EndReason,
    /// Without a credential: the idempotency key of the acquisition that is under way. Every tab that acquires uses it. Beside a
    /// credential: that of an upgrade, which may have ended the session.
    pub acquire_key: Option<Handle>,
    /// `None` before the first acquisition and after a sign-out.
    pub credential: Option<Credential>,
    /// The revocations that the server has not answered yet, of this epoch and of older ones.
    pub revocations: [Option<PendingRevocation>; MAX_REVOCATIONS],
}

impl Record {
    /// Whether nothing has been stored. Without a sign-out, the end reason has no meaning.
    pub(crate) fn is_empty(&self) -> bool {
        self.version == Version::default()
            && self.acquire_key.is_none()
            && self.credential.is_none()
            && self.revocations.iter().all(Option::is_none)
    }
}

/// The most revocations that wait at a time. The oldest is dropped for a further one.
pub const MAX_REVOCATIONS: usize = 4;

/// A session that was signed out, and that the server has not revoked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PendingRevocation {
    /// The refresh token; without one, the access token.
    pub token: Handle,
    /// When the revocation is dropped, because the token has expired: wall clock.
    pub until: u64,
}

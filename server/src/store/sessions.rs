//! Sessions, and the rules that hold for them in every database: which login repeats another, and what the server does with a
//! refresh token that is not the current one.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use ipnet::IpNet;
use uuid::Uuid;

use super::StoreError;
use crate::actor::Label;
use crate::clock::Timestamp;

/// Stores the sessions.
#[async_trait]
pub(crate) trait SessionStore: fmt::Debug + Send + Sync {
    /// Makes a guest and a session, or finds those that a login with the same idempotency key made.
    async fn login(&self, login: Login) -> Result<LoginOutcome, StoreError>;

    /// Rotates the refresh token of one session. One atomic conditional update decides which of several concurrent
    /// rotations succeeds (S1). A counter ahead of the stored one is from before a backup was restored: the session continues
    /// from it. Reuse revokes the session, and that revocation is committed (S3).
    async fn rotate(&self, rotation: Rotation) -> Result<RotationOutcome, StoreError>;

    /// Revokes a session. `None` if the session does not exist.
    async fn revoke(&self, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError>;

    /// Looks up a session in any state.
    async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, StoreError>;

    /// The live sessions of one user, the newest first, and at most [`SESSIONS_LISTED`].
    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>, StoreError>;

    /// Revokes a session if it is live and belongs to that user; otherwise returns `None`.
    async fn end_session(&self, user: Uuid, session: Uuid, now: Timestamp) -> Result<Option<Revocation>, StoreError>;

    /// Revokes the live sessions of that user except `kept`. `None` if `kept` is not a live session of that user; then no session
    /// is revoked, so that two devices that end each other's sessions at once leave one of the two.
    async fn end_other_sessions(
        &self,
        user: Uuid,
        kept: Uuid,
        now: Timestamp,
    ) -> Result<Option<Vec<Revocation>>, StoreError>;

    /// Confirms generations of sessions: their clients have the tokens. Confirming an older generation than the current one, or
    /// one of a session that has ended, changes nothing. A confirmation that is lost only delays the detection of reuse. Returns
    /// the sessions that another transaction has locked, and whose generation is not confirmed.
    async fn confirm(&self, generations: Vec<(Uuid, u64)>) -> Result<Vec<Uuid>, StoreError>;

    /// The revoked sessions that still have unexpired access tokens.
    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError>;
}

/// How long the same idempotency key gives the same guest.
pub(crate) const LOGIN_KEY_WINDOW: Duration = Duration::from_secs(10 * 60);

/// How long an idempotency key is kept. Longer than [`LOGIN_KEY_WINDOW`], so that a late retry gets an error instead
/// of a second guest.
pub(crate) const LOGIN_KEY_RETENTION: Duration = Duration::from_secs(60 * 60);

/// How long the sessions of an erased guest are kept after the expiry of their last access token: longer than the
/// clocks of two nodes differ.
pub(crate) const ERASED_SESSION_MARGIN: Duration = Duration::from_secs(5 * 60);

/// The greatest number of sessions of one user in a list. A person has fewer browsers; a program that logs in often may have
/// more sessions.
pub(crate) const SESSIONS_LISTED: u32 = 100;

/// A request to make a guest and a session, unless a login with the same key has made them already.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// SHA-256 of the idempotency key.
    pub(crate) key: Option<[u8; 32]>,
    pub(crate) user: Uuid,
    pub(crate) session: Uuid,
    pub(crate) refreshable: bool,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) access_expires_at: Timestamp,
}

/// The result of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// A new session, or the session that a login with the same key made.
    Open(OpenSession),
    /// The key is too old, or its session was refreshed or has ended, or its guest has become a member.
    KeyExpired,
    /// The key was used with a login of the other kind (with or without refresh tokens).
    KeyReused,
}

/// A session for which an access token may be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenSession {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    /// Whether that user is a member.
    pub(crate) registered: bool,
    /// The counter of its current refresh token.
    pub(crate) counter: u64,
    /// Since when that token has been the current one. It decides which key signs the token, so that the token is the same
    /// text each time.
    pub(crate) current_since: Timestamp,
    /// The latest expiry of an access token of the session: not after the session itself.
    pub(crate) access_expires_at: Timestamp,
}

/// A session as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    /// Whether that user is a member.
    pub(crate) registered: bool,
    pub(crate) refreshable: bool,
    pub(crate) counter: u64,
    /// Whether the client may not have the current tokens: no access token of this generation has been seen yet.
    pub(crate) unconfirmed: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) rotated_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked: bool,
    /// The network of the client that opened the session.
    pub(crate) network: Option<IpNet>,
    /// Browser and system of that client.
    pub(crate) label: Option<Label>,
}

impl SessionRow {
    /// Neither revoked nor past its idle expiry.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && now < self.expires_at
    }

    /// The last activity of the user that this session tells: its opening, or its last refresh. A refresh is written nowhere else.
    pub(crate) fn active_at(&self) -> Timestamp {
        self.rotated_at.unwrap_or(self.created_at)
    }

    pub(super) fn open_until(&self, access_expires_at: Timestamp) -> OpenSession {
        OpenSession {
            id: self.id,
            user: self.user,
            registered: self.registered,
            counter: self.counter,
            current_since: self.active_at(),
            access_expires_at: access_expires_at.min(self.expires_at),
        }
    }

    /// The result of a repeated `login`, whose key made this session at `key_made_at`.
    pub(crate) fn repeat(&self, login: &Login, key_made_at: Timestamp) -> LoginOutcome {
        if self.refreshable != login.refreshable {
            LoginOutcome::KeyReused
        } else if self.counter == 0
            && !self.registered
            && self.is_live(login.now)
            && login.now < key_made_at + LOGIN_KEY_WINDOW
        {
            LoginOutcome::Open(self.open_until(login.access_expires_at))
        } else {
            LoginOutcome::KeyExpired
        }
    }

    /// Whether `rotation` would get a successor of its refresh token.
    pub(crate) fn would_refresh(&self, rotation: &Rotation) -> bool {
        let this = self.limited(rotation.max_age);
        let current = rotation.presented >= self.counter && this.is_live(rotation.now);
        self.refreshable && (current || matches!(self.classify_stale(rotation), StaleToken::Parent(_)))
    }

    /// The session with the expiry that the greatest age allows. It can be earlier than the stored one: the operator may have
    /// turned the limit on since.
    pub(crate) fn limited(mut self, max_age: Option<Duration>) -> Self {
        if let Some(max_age) = max_age {
            self.expires_at = self.expires_at.min(self.created_at + max_age);
        }
        self
    }

    /// Classifies a refresh token that is not the current one.
    pub(crate) fn classify_stale(&self, rotation: &Rotation) -> StaleToken {
        let this = self.limited(rotation.max_age);
        let in_grace = self.rotated_at.is_some_and(|rotated_at| rotation.now < rotated_at + rotation.grace);
        let unconfirmed = self.unconfirmed && rotation.seen.is_none_or(|seen| seen < self.counter);
        let is_current = self.refreshable && rotation.presented >= self.counter;
        if !this.is_live(rotation.now) {
            StaleToken::Invalid
        } else if is_current && self.active_at() > rotation.now {
            StaleToken::AheadOfClock(self.active_at())
        } else if rotation.presented >= self.counter {
            StaleToken::Invalid
        } else if rotation.presented + 1 == self.counter && (in_grace || unconfirmed) {
            StaleToken::Parent(this.open_until(rotation.access_expires_at))
        } else {
            StaleToken::Reused(if rotation.presented + 1 == self.counter {
                Reuse::ParentPastWindow
            } else {
                Reuse::Older
            })
        }
    }
}

/// The greatest counter of a refresh token that can be exchanged: both databases store counters as signed integers.
pub(crate) const MAX_COUNTER: u64 = i64::MAX as u64 - 1;

/// A request to exchange a refresh token for its successor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    pub(crate) session: Uuid,
    /// The counter in the token presented.
    pub(crate) presented: u64,
    pub(crate) now: Timestamp,
    /// How long after a rotation the parent of the current token still gets the same successor, confirmed or not.
    pub(crate) grace: Duration,
    /// The highest generation that this node has seen and not yet confirmed in the store.
    pub(crate) seen: Option<u64>,
    /// The longest time from the creation of a session to its end.
    pub(crate) max_age: Option<Duration>,
    /// The idle expiry after a rotation.
    pub(crate) expires_at: Timestamp,
    pub(crate) access_expires_at: Timestamp,
}

impl Rotation {
    pub(crate) fn max_age_millis(&self) -> Option<i64> {
        self.max_age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A refresh token that did not match the conditional update: it is not the current token of a live session, or the clock of this
/// server is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StaleToken {
    /// The parent of the current token, within the grace window or while the current token is unconfirmed: a response was
    /// lost, or two tabs refreshed concurrently. It gets the same successor again (S2).
    Parent(OpenSession),
    /// An old token: the session must be revoked (S3).
    Reused(Reuse),
    /// The current token of a session that was last active at this time, which is in the future by the clock of this server. The
    /// time must be written to the row of the user before the session tells an earlier one (S7).
    AheadOfClock(Timestamp),
    /// The session has ended or does not exist.
    Invalid,
}

/// Which old refresh token was used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// The parent of the current token, after the grace window, although the current token is confirmed.
    ParentPastWindow,
    /// An ancestor of the parent.
    Older,
}

/// The result of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotationOutcome {
    /// This call made the successor.
    Rotated(OpenSession),
    /// An earlier call made the successor; it is issued again.
    Replayed(OpenSession),
    /// Reuse: this call revoked the session.
    Revoked(Revocation, Reuse),
    /// The session has ended or does not exist.
    Invalid,
}

/// A session that ended before its access tokens expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) session: Uuid,
    /// When its last access token will have expired.
    pub(crate) access_expires_at: Timestamp,
}

/// When the last access token of the ended sessions will have expired.
pub(crate) fn last_expiry(ended: &[Revocation], now: Timestamp) -> Timestamp {
    ended.iter().map(|one| one.access_expires_at).max().unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// A session whose third refresh token has been current since second 100.
    fn session() -> SessionRow {
        SessionRow {
            id: Uuid::from_u128(1),
            user: Uuid::from_u128(2),
            registered: false,
            refreshable: true,
            counter: 2,
            unconfirmed: false,
            created_at: at(10),
            rotated_at: Some(at(100)),
            expires_at: at(1000),
            revoked: false,
            network: None,
            label: None,
        }
    }

    fn present(counter: u64, now: Timestamp) -> Rotation {
        Rotation {
            session: Uuid::from_u128(1),
            presented: counter,
            now,
            grace: 60 * SECOND,
            seen: None,
            max_age: None,
            expires_at: now + 900 * SECOND,
            access_expires_at: now + 50 * SECOND,
        }
    }

    #[test]
    fn s02_the_parent_gets_the_successor_until_the_window_closes() {
        let last_moment = at(160) - Duration::from_millis(1);

        let StaleToken::Parent(open) = session().classify_stale(&present(1, last_moment)) else {
            panic!("refused inside the window")
        };
        assert_eq!(open.counter, 2);
        assert_eq!(session().classify_stale(&present(1, at(160))), StaleToken::Reused(Reuse::ParentPastWindow));
    }

    #[test]
    fn s03_a_grandparent_is_reuse_even_inside_the_window() {
        assert_eq!(session().classify_stale(&present(0, at(101))), StaleToken::Reused(Reuse::Older));
    }

    #[test]
    fn an_ended_session_refuses_and_is_not_revoked_again() {
        let revoked = SessionRow { revoked: true, ..session() };

        assert_eq!(revoked.classify_stale(&present(0, at(101))), StaleToken::Invalid);
        assert_eq!(session().classify_stale(&present(0, at(1000))), StaleToken::Invalid);
    }

    #[test]
    fn s02_the_parent_gets_the_successor_while_it_is_unconfirmed() {
        let unconfirmed = SessionRow { unconfirmed: true, ..session() };
        let seen = |generation| Rotation { seen: Some(generation), ..present(1, at(900)) };

        for rotation in [present(1, at(900)), seen(1)] {
            let StaleToken::Parent(open) = unconfirmed.classify_stale(&rotation) else { panic!("refused") };
            assert_eq!(open.counter, 2);
        }
        assert_eq!(unconfirmed.classify_stale(&seen(2)), StaleToken::Reused(Reuse::ParentPastWindow));
        assert_eq!(unconfirmed.classify_stale(&present(0, at(101))), StaleToken::Reused(Reuse::Older));
        assert_eq!(unconfirmed.classify_stale(&present(1, at(1000))), StaleToken::Invalid);
    }

    #[test]
    fn a_counter_ahead_would_be_refreshed_if_the_session_is_live() {
        let revoked = SessionRow { revoked: true, ..session() };

        assert!(session().would_refresh(&present(7, at(101))));
        assert!(!session().would_refresh(&present(7, at(1000))));
        assert!(!revoked.would_refresh(&present(7, at(101))));
        assert!(!SessionRow { refreshable: false, ..session() }.would_refresh(&present(7, at(101))));
    }

    #[test]
    fn s07_a_rotation_under_a_clock_that_is_behind_loses_no_activity() {
        let current = |now| session().classify_stale(&present(2, now));

        assert_eq!(current(at(99)), StaleToken::AheadOfClock(at(100)));
        assert_eq!(current(at(100)), StaleToken::Invalid, "another condition of the update did not match");
        assert_eq!(session().classify_stale(&present(0, at(99))), StaleToken::Reused(Reuse::Older));
        let ended = SessionRow { revoked: true, ..session() };
        assert_eq!(ended.classify_stale(&present(2, at(99))), StaleToken::Invalid);
    }

    #[test]
    fn an_access_token_never_outlives_its_session() {
        let ending = SessionRow { expires_at: at(120), ..session() };

        let StaleToken::Parent(open) = ending.classify_stale(&present(1, at(110))) else { panic!("refused") };
        assert_eq!(open.access_expires_at, at(120));
    }
}

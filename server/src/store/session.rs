//! The rules of a session, the same for every database: what a login may repeat, and what a refresh token is worth.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Timestamp;

/// For how long the same idempotency key gives the same guest.
pub(crate) const LOGIN_KEY_WINDOW: Duration = Duration::from_secs(10 * 60);

/// For how long an idempotency key is remembered. Longer than [`LOGIN_KEY_WINDOW`], so that a late retry hears that it
/// is late instead of making a second guest.
pub(crate) const LOGIN_KEY_RETENTION: Duration = Duration::from_secs(60 * 60);

/// For how long past their last access token the sessions of an erased guest are remembered: more than the clocks of two
/// nodes differ.
pub(crate) const ERASED_SESSION_MARGIN: Duration = Duration::from_secs(5 * 60);

/// Sessions of one user that are listed. Nobody has as many browsers; a program that logs in all day may.
pub(crate) const SESSIONS_LISTED: u32 = 100;

/// A guest and a session to be made, unless a login with the same key has already made them.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// A new session, or the one that the same key has made.
    Open(OpenSession),
    /// The key is too old, or its session has moved on or ended.
    TooLate,
    /// The key came with a login of the other form.
    OtherForm,
}

/// A session that may have an access token now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenSession {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    /// Whether that user is a member.
    pub(crate) registered: bool,
    /// The counter of its current refresh token.
    pub(crate) counter: u64,
    /// Since when that token has been the current one: decides which key signs it, so that it is the same text each time.
    pub(crate) current_since: Timestamp,
    /// The latest that an access token of it may expire: never after the session itself.
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
    pub(crate) created_at: Timestamp,
    pub(crate) rotated_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked: bool,
}

impl SessionRow {
    /// Neither revoked nor past its idle expiry.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && now < self.expires_at
    }

    fn open_until(&self, access_expires_at: Timestamp) -> OpenSession {
        OpenSession {
            id: self.id,
            user: self.user,
            registered: self.registered,
            counter: self.counter,
            current_since: self.rotated_at.unwrap_or(self.created_at),
            access_expires_at: access_expires_at.min(self.expires_at),
        }
    }

    /// What `login` gets, whose key made this session at `key_made_at`.
    pub(crate) fn repeat(&self, login: &Login, key_made_at: Timestamp) -> LoginOutcome {
        if self.refreshable != login.refreshable {
            LoginOutcome::OtherForm
        } else if self.counter == 0 && self.is_live(login.now) && login.now < key_made_at + LOGIN_KEY_WINDOW {
            LoginOutcome::Open(self.open_until(login.access_expires_at))
        } else {
            LoginOutcome::TooLate
        }
    }

    /// Whether a refresh token would get a successor.
    pub(crate) fn would_refresh(&self, rotation: &Rotation) -> bool {
        let current = rotation.presented == self.counter && self.is_live(rotation.now);
        self.refreshable && (current || matches!(self.judge(rotation), StaleToken::Successor(_)))
    }

    /// What a refresh token that is not the current one is worth.
    pub(crate) fn judge(&self, rotation: &Rotation) -> StaleToken {
        let grace_ends = self.rotated_at.map(|rotated_at| rotated_at + rotation.grace);
        if !self.is_live(rotation.now) || rotation.presented >= self.counter {
            // A counter ahead of ours is one that a restored backup has forgotten: no proof of theft.
            StaleToken::Refused
        } else if rotation.presented + 1 == self.counter && grace_ends.is_some_and(|end| rotation.now < end) {
            StaleToken::Successor(self.open_until(rotation.access_expires_at))
        } else {
            StaleToken::Reuse(if rotation.presented + 1 == self.counter { Reuse::ParentPastWindow } else { Reuse::Older })
        }
    }
}

/// A refresh token to be exchanged for its successor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    pub(crate) session: Uuid,
    /// The counter in the token presented.
    pub(crate) presented: u64,
    pub(crate) now: Timestamp,
    /// For how long after a rotation the token before it still gets the same successor.
    pub(crate) grace: Duration,
    /// The idle expiry after a rotation.
    pub(crate) expires_at: Timestamp,
    pub(crate) access_expires_at: Timestamp,
}

/// What a token that lost the conditional update gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StaleToken {
    /// Its answer was lost, or two tabs raced: the same successor again (S2).
    Successor(OpenSession),
    /// Somebody keeps an old token: the session is to be revoked (S3).
    Reuse(Reuse),
    /// The session is over, or was never there.
    Refused,
}

/// Which old token was used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// The one before the current one, after the window has closed.
    ParentPastWindow,
    /// One from before that.
    Older,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotationOutcome {
    /// The successor, made by this call.
    Open(OpenSession),
    /// The successor, made by an earlier one.
    Replayed(OpenSession),
    /// Reuse: the session has been revoked.
    Revoked(Revocation, Reuse),
    /// The session is over, or was never there.
    Refused,
}

/// A session that has ended before its access tokens have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revocation {
    pub(crate) session: Uuid,
    /// When its last access token will have expired.
    pub(crate) access_expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// A session whose third refresh token is current since second 100.
    fn session() -> SessionRow {
        SessionRow {
            id: Uuid::from_u128(1),
            user: Uuid::from_u128(2),
            registered: false,
            refreshable: true,
            counter: 2,
            created_at: at(10),
            rotated_at: Some(at(100)),
            expires_at: at(1000),
            revoked: false,
        }
    }

    fn present(counter: u64, now: Timestamp) -> Rotation {
        Rotation {
            session: Uuid::from_u128(1),
            presented: counter,
            now,
            grace: 60 * SECOND,
            expires_at: now + 900 * SECOND,
            access_expires_at: now + 50 * SECOND,
        }
    }

    #[test]
    fn s02_the_parent_gets_the_successor_until_the_window_closes() {
        let last_moment = at(160) - Duration::from_millis(1);

        let StaleToken::Successor(open) = session().judge(&present(1, last_moment)) else {
            panic!("refused inside the window")
        };
        assert_eq!(open.counter, 2);
        assert_eq!(session().judge(&present(1, at(160))), StaleToken::Reuse(Reuse::ParentPastWindow));
    }

    #[test]
    fn s03_a_grandparent_is_reuse_even_inside_the_window() {
        assert_eq!(session().judge(&present(0, at(101))), StaleToken::Reuse(Reuse::Older));
    }

    #[test]
    fn a_dead_session_refuses_and_is_not_revoked_again() {
        let revoked = SessionRow { revoked: true, ..session() };

        assert_eq!(revoked.judge(&present(0, at(101))), StaleToken::Refused);
        assert_eq!(session().judge(&present(0, at(1000))), StaleToken::Refused);
    }

    #[test]
    fn a_counter_from_the_future_is_refused_without_revoking() {
        assert_eq!(session().judge(&present(3, at(101))), StaleToken::Refused);
        assert_eq!(session().judge(&present(u64::MAX, at(101))), StaleToken::Refused);
    }

    #[test]
    fn an_access_token_never_outlives_its_session() {
        let ending = SessionRow { expires_at: at(120), ..session() };

        let StaleToken::Successor(open) = ending.judge(&present(1, at(110))) else { panic!("refused") };
        assert_eq!(open.access_expires_at, at(120));
    }
}

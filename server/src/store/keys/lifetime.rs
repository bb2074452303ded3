//! The lifetime of a key, and the state that follows from it at a given time.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;

/// How much longer than its last token a key is kept. A node whose clock is behind, or that learns of the new key a moment
/// later, still signs with the old key for that long.
pub(super) const MARGIN: Duration = Duration::from_secs(60);

/// When a key signs, and how long the tokens that it signs are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyLifetime {
    pub(crate) created_at: Timestamp,
    pub(crate) signs_from: Timestamp,
    /// The longest lifetime of a token that it may have signed.
    pub(crate) token_ttl: Duration,
}

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that every verifier has it before the first token is signed with it. Does not sign yet.
    Next,
    /// Signs every new token.
    Signing,
    /// Does not sign; verifies until its last token has expired.
    Verifying,
    /// Neither signs nor verifies.
    Expired,
}

impl KeyLifetime {
    pub(super) fn order(&self) -> (Timestamp, Timestamp) {
        (self.signs_from, self.created_at)
    }

    pub(super) fn bring_forward(&mut self, signs_from: Timestamp) {
        self.signs_from = self.signs_from.min(signs_from);
    }
}

/// The index of the key that signs at `now`. If the clock has been set back to before the start of every key, the oldest signs.
pub(crate) fn signing_index(lifetimes: &[KeyLifetime], now: Timestamp) -> usize {
    lifetimes.iter().rposition(|lifetime| lifetime.signs_from <= now).unwrap_or(0)
}

/// When the last token of a key will have expired. `None` for the newest key, which has no successor yet.
pub(crate) fn verifies_until(lifetimes: &[KeyLifetime], index: usize) -> Option<Timestamp> {
    let (lifetime, successor) = (lifetimes.get(index)?, lifetimes.get(index + 1)?);
    Some(successor.signs_from + lifetime.token_ttl + MARGIN)
}

/// The state of the key at `index`.
pub(crate) fn key_state(lifetimes: &[KeyLifetime], index: usize, now: Timestamp) -> KeyState {
    let signing = signing_index(lifetimes, now);
    match verifies_until(lifetimes, index) {
        _ if index == signing => KeyState::Signing,
        _ if index > signing => KeyState::Next,
        Some(until) if until <= now => KeyState::Expired,
        _ => KeyState::Verifying,
    }
}

/// Keeps the keys that sign at `now` or later at least as long as tokens with the lifetime `ttl`.
pub(super) fn extend(mut lifetimes: Vec<&mut KeyLifetime>, ttl: Duration, now: Timestamp) {
    let copies: Vec<KeyLifetime> = lifetimes.iter().map(|lifetime| **lifetime).collect();
    for lifetime in lifetimes.iter_mut().skip(signing_index(&copies, now)) {
        lifetime.token_ttl = lifetime.token_ttl.max(ttl);
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Next => "next",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Expired => "expired",
        })
    }
}

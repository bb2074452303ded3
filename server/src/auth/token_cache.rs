//! Access tokens that have been verified, so that each is verified once and not at every request.
//!
//! Only tokens that are good get in: nobody can fill it with bad ones. An entry only ever says yes, and only as long as
//! the keys are the ones it was verified with and the clock is inside the token's times; else the token is verified anew.
//! Revocation is not its business: that is asked at each request, cached or not.

use quick_cache::sync::Cache;

use super::verify::Verified;
use crate::clock::Timestamp;
use crate::secret::sha256;

/// Tokens kept, at some 150 bytes each. What is used least makes room.
const CAPACITY: usize = 100_000;

/// SHA-256 of a whole token. The token itself is not kept.
pub(super) type TokenHash = [u8; 32];

pub(super) fn hash(token: &str) -> TokenHash {
    sha256(token.as_bytes())
}

#[derive(Debug)]
pub(super) struct TokenCache(Cache<TokenHash, Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    verified: Verified,
    /// Of the keys that verified it.
    generation: u64,
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// Whom the token speaks for, if it was good with these keys, and by the clock still is.
    pub(super) fn find(&self, token: &TokenHash, generation: u64, now: Timestamp) -> Option<Verified> {
        let Entry { verified, generation: verified_with } = self.0.get(token)?;
        (verified_with == generation && verified.is_within_its_times(now)).then_some(verified)
    }

    pub(super) fn insert(&self, token: TokenHash, generation: u64, verified: Verified) {
        self.0.insert(token, Entry { verified, generation });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::auth::guest::Subject;

    fn verified() -> Verified {
        Verified {
            subject: Subject::new(Uuid::from_u128(1), false),
            session: Uuid::from_u128(2),
            not_before: Timestamp::from_secs(100),
            expires_at: Timestamp::from_secs(200),
        }
    }

    #[test]
    fn an_entry_is_good_with_its_keys_and_inside_its_times() {
        let cache = TokenCache::new();
        cache.insert(hash("token"), 1, verified());

        let found = |token, generation, now| cache.find(&hash(token), generation, now).is_some();

        assert!(found("token", 1, Timestamp::from_secs(100)));
        assert!(found("token", 1, Timestamp::from_secs(200) - Duration::from_millis(1)));
        assert!(!found("token", 1, Timestamp::from_secs(200)), "expired");
        assert!(!found("token", 1, Timestamp::from_secs(94)), "not valid yet");
        assert!(!found("token", 2, Timestamp::from_secs(100)), "other keys");
        assert!(!found("tokem", 1, Timestamp::from_secs(100)), "another token");
    }

    #[test]
    fn it_holds_no_more_than_its_capacity() {
        let cache = TokenCache::new();

        for number in 0..CAPACITY + 5000 {
            cache.insert(hash(&number.to_string()), 1, verified());
        }

        assert!(cache.0.len() <= CAPACITY);
    }
}

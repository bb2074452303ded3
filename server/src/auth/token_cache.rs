//! A cache of verified access tokens, so that each token is verified once and not at every request.
//!
//! Only valid tokens are cached, so clients cannot fill the cache with invalid ones. An entry counts only while the keys are
//! those that verified it and the clock is within the token's times; otherwise the token is verified again. Revocation is
//! checked at each request, cached or not.

use quick_cache::sync::Cache;

use super::verify::Verified;
use crate::clock::Timestamp;
use crate::secret::sha256;

/// The greatest number of entries, of about 150 bytes each. The least used entry is dropped first.
const CAPACITY: usize = 100_000;

/// SHA-256 of a whole token. The token itself is not stored.
pub(super) type TokenHash = [u8; 32];

pub(super) fn hash(token: &str) -> TokenHash {
    sha256(token.as_bytes())
}

#[derive(Debug)]
pub(super) struct TokenCache(Cache<TokenHash, Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    verified: Verified,
    /// The generation of the keys that verified the token.
    generation: u64,
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// The verified token, if it was verified with these keys and `now` is within its times.
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
            generation: Some(0),
        }
    }

    #[test]
    fn an_entry_counts_with_its_keys_and_within_its_times() {
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
    fn the_cache_has_at_most_its_capacity_of_entries() {
        let cache = TokenCache::new();

        for number in 0..CAPACITY + 5000 {
            cache.insert(hash(&number.to_string()), 1, verified());
        }

        assert!(cache.0.len() <= CAPACITY);
    }
}

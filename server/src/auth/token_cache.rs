//! A cache of verified access tokens, so that each token is verified once and not at every request.
//!
//! Only valid tokens are cached, so clients cannot fill the cache with invalid ones. An entry counts only while the keys are
//! those that verified it. The times and the revocation of a token are checked at each request, cached or not.
//!
//! An entry is found by POLYVAL of the whole token (RFC 8452 §3) under a random key that never leaves the process. Two different
//! tokens have the same hash with a probability of at most 257 / 2^128, which docs/decisions/verified-token-cache.md proves.

use std::collections::hash_map::RandomState;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand;
use polyval::{Block, Polyval, universal_hash::UniversalHash as _};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::verify::{MAX_LENGTH, Verified};
use crate::clock::Timestamp;

/// The greatest number of entries, of about 150 bytes each. The least used entry is dropped first. With fewer entries than guests who
/// are there at once, almost every request would verify a signature.
const CAPACITY: usize = 1_000_000;
/// After this number of new entries, those of expired tokens are dropped: otherwise any server would reach the capacity in time.
const NEW_ENTRIES: usize = 100_000;

/// The hash of a whole token. The token itself is not stored. Compared as one number, in constant time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct TokenHash(u128);

#[derive(Debug)]
pub(super) struct TokenCache {
    /// With the key of this cache, before the first block.
    hasher: Polyval,
    /// The table hashes each hash again with SipHash under random keys. So its layout, and the time that a look-up takes,
    /// tell nothing about the hashes.
    entries: Cache<TokenHash, Entry, UnitWeighter, RandomState>,
    /// The number of entries that were ever inserted.
    inserted: AtomicUsize,
    new_entries: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    verified: Verified,
    /// The generation of the keys that verified the token.
    generation: u64,
}

impl TokenCache {
    /// An empty cache with a new key. `None` if the operating system's random generator fails.
    pub(super) fn new() -> Option<Self> {
        Self::with_capacity(CAPACITY, NEW_ENTRIES)
    }

    /// Allocates no entries in advance.
    fn with_capacity(capacity: usize, new_entries: usize) -> Option<Self> {
        let mut key = [0; polyval::KEY_SIZE];
        rand::fill(&mut key).ok()?;
        let (hashes, lifecycle) = (RandomState::new(), DefaultLifecycle::default());
        let entries = Cache::with(capacity, capacity as u64, UnitWeighter, hashes, lifecycle);
        Some(Self { hasher: Polyval::new(&key.into()), entries, inserted: AtomicUsize::new(0), new_entries })
    }

    /// The content of a token that was verified with these keys.
    pub(super) fn find(&self, token: &[u8], generation: u64) -> Option<Verified> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let Entry { verified, generation: verified_with } = self.entries.get(&self.hash(token))?;
        (verified_with == generation).then_some(verified)
    }

    /// Adds a token that has just been verified with these keys.
    pub(super) fn insert(&self, token: &[u8], generation: u64, verified: Verified, now: Timestamp) {
        self.entries.insert(self.hash(token), Entry { verified, generation });
        if (self.inserted.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.new_entries) {
            self.entries.retain(|_, entry| now < entry.verified.expires_at);
        }
    }

    /// The blocks of the token, the last one filled up with zeros, and a block with the length: different texts are different
    /// sequences of blocks, and none begins with the other.
    fn hash(&self, token: &[u8]) -> TokenHash {
        let mut hasher = self.hasher.clone();
        hasher.update_padded(token);
        hasher.update(&[Block::from((token.len() as u128).to_le_bytes())]);
        TokenHash(u128::from_le_bytes(hasher.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::auth::guest::Subject;

    const BLOCK: usize = polyval::BLOCK_SIZE;
    const NOW: Timestamp = Timestamp::from_millis(100_000);

    fn verified() -> Verified {
        Verified {
            subject: Subject::new(Uuid::from_u128(1), false),
            session: Uuid::from_u128(2),
            not_before: Timestamp::from_secs(100),
            expires_at: Timestamp::from_secs(200),
            generation: Some(0),
        }
    }

    /// A cache with one entry.
    fn cache_of(token: &[u8]) -> TokenCache {
        let cache = TokenCache::new().unwrap();
        cache.insert(token, 1, verified(), NOW);
        assert_eq!(cache.find(token, 1), Some(verified()));
        cache
    }

    /// As long as a token of this server: 32 blocks and two bytes.
    fn token() -> Vec<u8> {
        (0..514_usize).map(|index| b"abcdefghijklmnopqrstuvwxyz0123456789"[index * 7 % 36]).collect()
    }

    #[test]
    fn s09_an_entry_counts_only_with_the_keys_that_verified_it() {
        let cache = cache_of(&token());

        assert_eq!(cache.find(&token(), 2), None);
    }

    #[test]
    fn s09_a_token_with_any_bit_flipped_is_not_found() {
        let token = token();
        let cache = cache_of(&token);

        for (index, bit) in (0..token.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut flipped = token.clone();
            flipped[index] ^= 1 << bit;
            assert_eq!(cache.find(&flipped, 1), None, "bit {bit} of byte {index}");
        }
    }

    #[test]
    fn s09_a_part_or_an_extension_of_a_token_is_not_found() {
        let token = token();
        let cache = cache_of(&token);

        for length in 0..token.len() {
            assert_eq!(cache.find(&token[..length], 1), None, "a prefix of {length} bytes");
            assert_eq!(cache.find(&token[token.len() - length..], 1), None, "a suffix of {length} bytes");
        }
        for byte in 0..=u8::MAX {
            assert_eq!(cache.find(&[&token[..], &[byte]].concat(), 1), None, "{byte} after the token");
            assert_eq!(cache.find(&[&[byte], &token[..]].concat(), 1), None, "{byte} before the token");
        }
        for blocks in 1..3 {
            let zeros = vec![0; blocks * BLOCK];
            assert_eq!(cache.find(&[&zeros[..], &token[..]].concat(), 1), None, "zeros before the token");
            assert_eq!(cache.find(&[&token[..], &zeros[..]].concat(), 1), None, "zeros after the token");
        }
        assert_eq!(cache.find(&[&token[..], &token[..]].concat(), 1), None, "twice the token");
    }

    #[test]
    fn s09_a_token_with_two_blocks_exchanged_is_not_found() {
        let token = token();
        let cache = cache_of(&token);

        for (one, other) in (0..32).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let mut exchanged = token.clone();
            for byte in 0..BLOCK {
                exchanged.swap(one * BLOCK + byte, other * BLOCK + byte);
            }
            if exchanged != token {
                assert_eq!(cache.find(&exchanged, 1), None, "blocks {one} and {other}");
            }
        }
    }

    #[test]
    fn s09_blocks_of_zeros_count() {
        // A polynomial whose highest coefficients are zero would have the hash of a shorter text.
        for (one, other) in [(0, 1), (1, BLOCK), (BLOCK, BLOCK + 1), (BLOCK, 2 * BLOCK)] {
            assert_eq!(cache_of(&vec![0; one]).find(&vec![0; other], 1), None, "{one} and {other} zeros");
        }
    }

    #[test]
    fn s09_a_text_longer_than_any_token_is_not_hashed() {
        let long = vec![b'a'; MAX_LENGTH + 1];
        let cache = TokenCache::new().unwrap();
        cache.insert(&long, 1, verified(), NOW);

        assert_eq!(cache.find(&long, 1), None);
    }

    #[test]
    fn s09_each_cache_has_a_key_of_its_own() {
        let [one, other] = [(); 2].map(|()| TokenCache::new().unwrap().hash(&token()));

        assert!(one != other);
    }

    #[test]
    fn the_hash_is_polyval_of_the_blocks_and_the_length() {
        // H and X_1 of RFC 8452, appendix A.
        let key = 0x25629347589242761d31f826ba4b757b_u128.to_be_bytes();
        let x_1 = 0x4f4f95668c83dfb6401762bb2d01a262_u128.to_be_bytes();
        let cache = TokenCache { hasher: Polyval::new(&key.into()), ..TokenCache::new().unwrap() };
        let mut expected = Polyval::new(&key.into());
        expected.update(&[x_1.into(), 16_u128.to_le_bytes().into()]);

        assert!(cache.hash(&x_1) == TokenHash(u128::from_le_bytes(expected.finalize().into())));
    }

    #[test]
    fn debug_shows_neither_the_key_nor_hashes() {
        let cache = cache_of(b"token");

        assert_eq!(
            format!("{cache:?}"),
            "TokenCache { hasher: Polyval { .. }, entries: Cache { .. }, inserted: 1, new_entries: 100000 }"
        );
    }

    #[test]
    fn s10_the_cache_has_at_most_its_capacity_of_entries() {
        let cache = TokenCache::with_capacity(1000, NEW_ENTRIES).unwrap();

        for number in 0..1500 {
            cache.insert(number.to_string().as_bytes(), 1, verified(), NOW);
        }

        assert!(cache.entries.len() <= 1000);
    }

    #[test]
    fn s10_expired_tokens_are_dropped_after_a_number_of_new_ones() {
        let cache = TokenCache::with_capacity(1000, 10).unwrap();
        let until = |secs| Verified { expires_at: Timestamp::from_secs(secs), ..verified() };
        for number in 0..9_u8 {
            cache.insert(&[number], 1, until(200 + i64::from(number % 2)), NOW);
        }

        cache.insert(&[9], 1, until(300), Timestamp::from_secs(200));

        assert_eq!(cache.entries.len(), 5, "four that end at 201, and the last one");
        assert_eq!(cache.find(&[1], 1), Some(until(201)));
    }

    proptest! {
        #[test]
        fn s09_no_other_text_is_found(
            token in prop::collection::vec(any::<u8>(), 0..600),
            other in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            prop_assume!(token != other);

            prop_assert_eq!(cache_of(&token).find(&other, 1), None);
        }
    }
}

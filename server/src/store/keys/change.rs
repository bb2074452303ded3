//! Changes of the keys: which keys a change adds, and which ones it removes.

use std::time::Duration;

use super::lifetime::extend;
use super::{KeyLifetime, KeySet, NewSigningKey};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// A change of the keys. A store applies it to its keys in one transaction, serialized with all other changes of keys.
#[derive(Debug, Clone)]
pub(crate) enum KeyChange {
    /// A server starts: makes the missing keys, and keeps every key at least as long as the tokens of this server live.
    Prepare {
        /// Signs at once, unless the newest key has the same algorithm.
        signing: Option<NewSigningKey>,
        /// Signs at once, unless the store has a refresh token key.
        refresh: Secret,
        access_ttl: Duration,
        refresh_ttl: Duration,
        now: Timestamp,
    },
    /// New keys of both kinds sign from `signs_from` on. If a key of a kind waits already, its start is brought forward
    /// instead.
    Rotate { signing: NewSigningKey, refresh: Secret, signs_from: Timestamp, now: Timestamp },
    /// Keys have leaked: the new keys sign at once, and all others are dropped, so that every token signed by them is
    /// refused. Without a new refresh token key, the refresh token keys stay.
    Replace { signing: NewSigningKey, refresh: Option<Secret>, now: Timestamp },
    /// Drops the keys whose last token has expired.
    DropExpired { now: Timestamp },
    /// Encrypts the keys that are plain, or encrypted with another than the first key-encryption key of this process.
    Encrypt { now: Timestamp },
    /// Stores all keys in plain text.
    Decrypt { now: Timestamp },
}

/// Which keys a change encrypts or decrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    EncryptNew,
    EncryptAll,
    DecryptAll,
}

impl KeyChange {
    pub(super) fn storage(&self) -> Storage {
        match self {
            Self::Encrypt { .. } => Storage::EncryptAll,
            Self::Decrypt { .. } => Storage::DecryptAll,
            _ => Storage::EncryptNew,
        }
    }

    /// Applies the change to the keys of a store.
    pub(crate) fn apply(self, keys: &mut KeySet) {
        match self {
            Self::Prepare { signing, refresh, access_ttl, refresh_ttl, now } => {
                let lifetime = |token_ttl| KeyLifetime { created_at: now, signs_from: now, token_ttl };
                if let Some(new) = signing
                    && keys.algorithm() != Some(new.algorithm)
                {
                    keys.add_signing(new, lifetime(access_ttl));
                }
                if keys.refresh.is_empty() {
                    keys.add_refresh(refresh, lifetime(refresh_ttl));
                }
                extend(keys.signing.iter_mut().map(|key| &mut key.lifetime).collect(), access_ttl, now);
                extend(keys.refresh.iter_mut().map(|key| &mut key.lifetime).collect(), refresh_ttl, now);
            }
            Self::Rotate { signing, refresh, signs_from, now } => {
                keys.drop_expired(now);
                match keys.signing.last_mut() {
                    Some(last) if last.lifetime.signs_from > now => last.lifetime.bring_forward(signs_from),
                    // A key of another algorithm would be replaced when the next server starts.
                    Some(last) if last.algorithm == signing.algorithm => {
                        let lifetime = KeyLifetime { created_at: now, signs_from, token_ttl: last.lifetime.token_ttl };
                        keys.add_signing(signing, lifetime);
                    }
                    _ => {}
                }
                match keys.refresh.last_mut() {
                    Some(last) if last.lifetime.signs_from > now => last.lifetime.bring_forward(signs_from),
                    Some(last) => {
                        let lifetime = KeyLifetime { created_at: now, signs_from, token_ttl: last.lifetime.token_ttl };
                        keys.add_refresh(refresh, lifetime);
                    }
                    None => {}
                }
            }
            Self::Replace { signing, refresh, now } => {
                let lifetime = |lifetime: KeyLifetime| KeyLifetime { created_at: now, signs_from: now, ..lifetime };
                if let Some(last) = keys.signing.last()
                    && last.algorithm == signing.algorithm
                {
                    let lifetime = lifetime(last.lifetime);
                    keys.signing.clear();
                    keys.add_signing(signing, lifetime);
                }
                if let (Some(refresh), Some(last)) = (refresh, keys.refresh.last()) {
                    let lifetime = lifetime(last.lifetime);
                    // First makes room: the version of the new key must differ only from that of the last key.
                    keys.refresh.drain(..keys.refresh.len() - 1);
                    keys.add_refresh(refresh, lifetime);
                    keys.refresh.drain(..keys.refresh.len() - 1);
                }
            }
            Self::DropExpired { now } => keys.drop_expired(now),
            Self::Encrypt { .. } | Self::Decrypt { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lifetime::MARGIN;
    use super::super::{KeyState, key_state, verifies_until};
    use super::*;
    use crate::settings::Algorithm;

    const ACCESS_TTL: Duration = Duration::from_secs(900);
    const REFRESH_TTL: Duration = Duration::from_secs(10_000);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn new_key(kid: &str, algorithm: Algorithm) -> NewSigningKey {
        NewSigningKey { kid: kid.to_owned(), algorithm, material: Secret::from(vec![1; 32]) }
    }

    fn prepare(keys: &mut KeySet, kid: &str, algorithm: Algorithm, now: Timestamp) {
        let signing = Some(new_key(kid, algorithm));
        let refresh = Secret::from(vec![2; 32]);
        KeyChange::Prepare { signing, refresh, access_ttl: ACCESS_TTL, refresh_ttl: REFRESH_TTL, now }.apply(keys);
    }

    fn rotate(keys: &mut KeySet, kid: &str, signs_from: Timestamp, now: Timestamp) {
        let (signing, refresh) = (new_key(kid, Algorithm::EdDsa), Secret::from(vec![3; 32]));
        KeyChange::Rotate { signing, refresh, signs_from, now }.apply(keys);
    }

    fn kids(keys: &KeySet) -> Vec<&str> {
        keys.signing.iter().map(|key| key.kid.as_str()).collect()
    }

    fn versions(keys: &KeySet) -> Vec<u8> {
        keys.refresh.iter().map(|key| key.version).collect()
    }

    fn states(keys: &KeySet, now: Timestamp) -> Vec<KeyState> {
        let lifetimes = keys.signing_lifetimes();
        (0..lifetimes.len()).map(|index| key_state(&lifetimes, index, now)).collect()
    }

    #[test]
    fn a_first_start_makes_one_key_of_each_kind_and_a_second_start_none() {
        let mut keys = KeySet::default();

        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        prepare(&mut keys, "b", Algorithm::EdDsa, at(200));

        assert_eq!((kids(&keys), versions(&keys)), (vec!["a"], vec![1]));
        assert_eq!(states(&keys, at(100)), [KeyState::Signing]);
    }

    #[test]
    fn another_algorithm_signs_at_once() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));

        prepare(&mut keys, "b", Algorithm::Es256, at(200));

        assert_eq!(kids(&keys), ["a", "b"]);
        assert_eq!(states(&keys, at(200)), [KeyState::Verifying, KeyState::Signing]);
    }

    #[test]
    fn a_rotation_announces_then_signs_then_drops_the_old_key_after_its_last_token() {
        use KeyState::{Expired, Next, Signing, Verifying};
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));

        rotate(&mut keys, "b", at(500), at(200));

        assert_eq!((kids(&keys), versions(&keys)), (vec!["a", "b"], vec![1, 2]));
        let last_token_expires = at(500) + ACCESS_TTL + MARGIN;
        for (now, expected) in [
            (at(499), [Signing, Next]),
            (at(500), [Verifying, Signing]),
            (last_token_expires - Duration::from_millis(1), [Verifying, Signing]),
            (last_token_expires, [Expired, Signing]),
        ] {
            assert_eq!(states(&keys, now), expected, "{now:?}");
        }
    }

    #[test]
    fn only_expired_keys_are_dropped() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        rotate(&mut keys, "b", at(500), at(200));
        let (access, refresh) = (at(500) + ACCESS_TTL + MARGIN, at(500) + REFRESH_TTL + MARGIN);

        for (now, expected) in [
            (access - Duration::from_millis(1), (vec!["a", "b"], vec![1, 2])),
            (access, (vec!["b"], vec![1, 2])),
            (refresh, (vec!["b"], vec![2])),
        ] {
            assert_eq!(keys.has_expired(now), kids(&keys) != expected.0 || versions(&keys) != expected.1);
            KeyChange::DropExpired { now }.apply(&mut keys);
            assert_eq!((kids(&keys), versions(&keys)), expected);
        }
    }

    #[test]
    fn rotating_again_brings_the_waiting_key_forward_and_never_back() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        rotate(&mut keys, "b", at(500), at(200));

        rotate(&mut keys, "c", at(900), at(210));
        assert_eq!((kids(&keys), keys.signing[1].lifetime.signs_from), (vec!["a", "b"], at(500)));
        rotate(&mut keys, "c", at(300), at(220));

        assert_eq!((kids(&keys), versions(&keys)), (vec!["a", "b"], vec![1, 2]));
        assert_eq!((keys.signing[1].lifetime.signs_from, keys.refresh[1].lifetime.signs_from), (at(300), at(300)));
    }

    #[test]
    fn a_key_is_kept_for_the_longest_life_that_any_server_gave_its_tokens() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        let long = 10 * ACCESS_TTL;
        let prepared = |access_ttl, now| KeyChange::Prepare {
            signing: None,
            refresh: Secret::from(vec![2; 32]),
            access_ttl,
            refresh_ttl: REFRESH_TTL,
            now,
        };

        prepared(long, at(150)).apply(&mut keys);
        prepared(ACCESS_TTL, at(160)).apply(&mut keys);
        rotate(&mut keys, "b", at(500), at(200));

        assert_eq!(verifies_until(&keys.signing_lifetimes(), 0), Some(at(500) + long + MARGIN));
        // A key that no longer signs keeps its lifetime.
        prepared(20 * long, at(600)).apply(&mut keys);
        assert_eq!(verifies_until(&keys.signing_lifetimes(), 0), Some(at(500) + long + MARGIN));
    }

    #[test]
    fn a_rotation_adds_no_key_of_another_algorithm_than_the_newest() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::Es256, at(100));

        rotate(&mut keys, "b", at(500), at(200));

        assert_eq!(kids(&keys), ["a"]);
    }

    #[test]
    fn versions_of_refresh_keys_wrap_around_without_collisions() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        for rotation in 0..300 {
            let now = at(200 + 10 * rotation);
            rotate(&mut keys, &format!("k{rotation}"), now, now);
        }
        assert_eq!(keys.refresh.len(), 255);
        let mut all = versions(&keys);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 255);

        // All keys but the newest have expired, so their versions are free again.
        let later = at(100_000);
        rotate(&mut keys, "late", later, later);

        assert_eq!(versions(&keys), [255, 1]);
    }

    #[test]
    fn after_a_leak_only_new_keys_exist_and_sign() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        rotate(&mut keys, "b", at(500), at(200));
        let replace =
            |kid, refresh| KeyChange::Replace { signing: new_key(kid, Algorithm::EdDsa), refresh, now: at(210) };

        replace("c", None).apply(&mut keys);
        assert_eq!((kids(&keys), versions(&keys)), (vec!["c"], vec![1, 2]));
        replace("d", Some(Secret::from(vec![4; 32]))).apply(&mut keys);

        assert_eq!((kids(&keys), versions(&keys)), (vec!["d"], vec![3]));
        assert_eq!(states(&keys, at(210)), [KeyState::Signing]);
        assert_eq!(
            keys.signing[0].lifetime,
            KeyLifetime { created_at: at(210), signs_from: at(210), token_ttl: ACCESS_TTL }
        );
    }
}

//! The rules of keys, the same for every database: which key signs, which ones verify, and when one is dropped.
//!
//! Nothing switches a key on or off. Each says from when it signs and how long its tokens live, and the clock does the
//! rest, in the same way on every node: the newest key that has begun signs, one that has not begun is only announced, and
//! an older one verifies until its last token has expired.

use std::time::Duration;

use crate::auth::Algorithm;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// How much longer than its last token a key is kept: a node whose clock is behind, or that has heard of the new key a
/// moment later, goes on signing with the old one for that long.
const MARGIN: Duration = Duration::from_secs(60);

/// When a key signs, and how long what it signs is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyLife {
    pub(crate) created_at: Timestamp,
    pub(crate) signs_from: Timestamp,
    /// The longest life of a token that it may have signed.
    pub(crate) token_ttl: Duration,
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that whoever verifies knows it in time. Does not sign yet.
    Next,
    /// Signs every new token.
    Signing,
    /// Signs no more; verifies until its last token has expired.
    Verifying,
    /// Neither signs nor verifies.
    Expired,
}

/// A key that signs and verifies access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningKeyRow {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// HS256: the secret itself. Everything else: PKCS#8.
    pub(crate) material: Secret,
    pub(crate) life: KeyLife,
}

/// A key that authenticates refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshKeyRow {
    /// From 1; the token names it.
    pub(crate) version: u8,
    pub(crate) material: Secret,
    pub(crate) life: KeyLife,
}

/// All keys of a store, each kind in the order in which they sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeySet {
    pub(crate) signing: Vec<SigningKeyRow>,
    pub(crate) refresh: Vec<RefreshKeyRow>,
}

/// A new key for access tokens.
#[derive(Debug, Clone)]
pub(crate) struct NewSigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) material: Secret,
}

/// What is to be done to the keys. A store applies it to what it holds, in one transaction that no other one overlaps.
#[derive(Debug, Clone)]
pub(crate) enum KeyChange {
    /// A server starts: keys of both kinds must be there, and be kept as long as its tokens live.
    Prepare {
        /// Signs at once, unless the newest key is of its algorithm.
        signing: Option<NewSigningKey>,
        /// Signs unless there is a key.
        refresh: Secret,
        access_ttl: Duration,
        refresh_ttl: Duration,
        now: Timestamp,
    },
    /// New keys of both kinds sign from `signs_from` on. A key that already waits is brought forward instead.
    Rotate { signing: NewSigningKey, refresh: Secret, signs_from: Timestamp, now: Timestamp },
    /// Keys have leaked: the new ones sign at once, and all others are dropped with every token that they have signed.
    /// Without a new key for refresh tokens, those stay.
    Replace { signing: NewSigningKey, refresh: Option<Secret>, now: Timestamp },
    /// Drops the keys whose last token has expired.
    DropExpired { now: Timestamp },
}

impl KeyChange {
    pub(crate) fn apply(self, keys: &mut KeySet) {
        match self {
            Self::Prepare { signing, refresh, access_ttl, refresh_ttl, now } => {
                let life = |token_ttl| KeyLife { created_at: now, signs_from: now, token_ttl };
                if let Some(new) = signing
                    && keys.algorithm() != Some(new.algorithm)
                {
                    keys.add_signing(new, life(access_ttl));
                }
                if keys.refresh.is_empty() {
                    keys.add_refresh(refresh, life(refresh_ttl));
                }
                raise(keys.signing.iter_mut().map(|key| &mut key.life).collect(), access_ttl, now);
                raise(keys.refresh.iter_mut().map(|key| &mut key.life).collect(), refresh_ttl, now);
            }
            Self::Rotate { signing, refresh, signs_from, now } => {
                keys.drop_expired(now);
                match keys.signing.last_mut() {
                    Some(last) if last.life.signs_from > now => last.life.bring_forward(signs_from),
                    // An algorithm that is not the servers' would be replaced when the next one starts.
                    Some(last) if last.algorithm == signing.algorithm => {
                        let life = KeyLife { created_at: now, signs_from, token_ttl: last.life.token_ttl };
                        keys.add_signing(signing, life);
                    }
                    _ => {}
                }
                match keys.refresh.last_mut() {
                    Some(last) if last.life.signs_from > now => last.life.bring_forward(signs_from),
                    Some(last) => {
                        let life = KeyLife { created_at: now, signs_from, token_ttl: last.life.token_ttl };
                        keys.add_refresh(refresh, life);
                    }
                    None => {}
                }
            }
            Self::Replace { signing, refresh, now } => {
                let life = |life: KeyLife| KeyLife { created_at: now, signs_from: now, ..life };
                if let Some(last) = keys.signing.last()
                    && last.algorithm == signing.algorithm
                {
                    let life = life(last.life);
                    keys.signing.clear();
                    keys.add_signing(signing, life);
                }
                if let (Some(refresh), Some(last)) = (refresh, keys.refresh.last()) {
                    let life = life(last.life);
                    // Room first: the version of the new key must differ from that of the last one, and of no other.
                    keys.refresh.drain(..keys.refresh.len() - 1);
                    keys.add_refresh(refresh, life);
                    keys.refresh.drain(..keys.refresh.len() - 1);
                }
            }
            Self::DropExpired { now } => keys.drop_expired(now),
        }
    }
}

impl KeySet {
    /// Brings rows that came from a database into the order in which they sign.
    pub(crate) fn sorted(mut signing: Vec<SigningKeyRow>, mut refresh: Vec<RefreshKeyRow>) -> Self {
        signing.sort_by(|a, b| (a.life.order(), &a.kid).cmp(&(b.life.order(), &b.kid)));
        refresh.sort_by_key(|key| (key.life.order(), key.version));
        Self { signing, refresh }
    }

    /// That of the newest key for access tokens.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.signing.last().map(|key| key.algorithm)
    }

    /// Whether [`KeyChange::DropExpired`] would drop one.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        let expired = |lives: &[KeyLife]| (0..lives.len()).any(|index| stage(lives, index, now) == KeyState::Expired);
        expired(&self.signing_lives()) || expired(&self.refresh_lives())
    }

    pub(crate) fn signing_lives(&self) -> Vec<KeyLife> {
        self.signing.iter().map(|key| key.life).collect()
    }

    pub(crate) fn refresh_lives(&self) -> Vec<KeyLife> {
        self.refresh.iter().map(|key| key.life).collect()
    }

    fn add_signing(&mut self, NewSigningKey { kid, algorithm, material }: NewSigningKey, life: KeyLife) {
        self.signing.push(SigningKeyRow { kid, algorithm, material, life });
    }

    /// Adds nothing if every version is in use: a token could not say which of two keys is meant.
    fn add_refresh(&mut self, material: Secret, life: KeyLife) {
        let newest = self.refresh.last().map_or(0, |key| key.version);
        let following = (newest..u8::MAX).map(|version| version + 1).chain(1..=newest);
        let free = |version: &u8| self.refresh.iter().all(|key| key.version != *version);
        if let Some(version) = following.into_iter().find(free) {
            self.refresh.push(RefreshKeyRow { version, material, life });
        }
    }

    fn drop_expired(&mut self, now: Timestamp) {
        let (signing, refresh) = (self.signing_lives(), self.refresh_lives());
        let mut index = 0..;
        self.signing.retain(|_| index.next().is_none_or(|index| stage(&signing, index, now) != KeyState::Expired));
        let mut index = 0..;
        self.refresh.retain(|_| index.next().is_none_or(|index| stage(&refresh, index, now) != KeyState::Expired));
    }
}

impl KeyLife {
    fn order(&self) -> (Timestamp, Timestamp) {
        (self.signs_from, self.created_at)
    }

    fn bring_forward(&mut self, signs_from: Timestamp) {
        self.signs_from = self.signs_from.min(signs_from);
    }
}

/// Which of the keys signs at `now`. Where the clock has been set back to before all of them, the oldest does.
pub(crate) fn signing_index(lives: &[KeyLife], now: Timestamp) -> usize {
    lives.iter().rposition(|life| life.signs_from <= now).unwrap_or(0)
}

/// When the last token of a key will have expired. `None` for the newest: nothing is to follow it yet.
pub(crate) fn verifies_until(lives: &[KeyLife], index: usize) -> Option<Timestamp> {
    let (life, successor) = (lives.get(index)?, lives.get(index + 1)?);
    Some(successor.signs_from + life.token_ttl + MARGIN)
}

pub(crate) fn stage(lives: &[KeyLife], index: usize, now: Timestamp) -> KeyState {
    let signing = signing_index(lives, now);
    match verifies_until(lives, index) {
        _ if index == signing => KeyState::Signing,
        _ if index > signing => KeyState::Next,
        Some(until) if until <= now => KeyState::Expired,
        _ => KeyState::Verifying,
    }
}

/// Keeps the keys that sign now or later at least as long as tokens that live for `ttl`.
fn raise(mut lives: Vec<&mut KeyLife>, ttl: Duration, now: Timestamp) {
    let copies: Vec<KeyLife> = lives.iter().map(|life| **life).collect();
    for life in lives.iter_mut().skip(signing_index(&copies, now)) {
        life.token_ttl = life.token_ttl.max(ttl);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn stages(keys: &KeySet, now: Timestamp) -> Vec<KeyState> {
        let lives = keys.signing_lives();
        (0..lives.len()).map(|index| stage(&lives, index, now)).collect()
    }

    #[test]
    fn a_first_start_makes_one_key_of_each_kind_and_a_second_start_none() {
        let mut keys = KeySet::default();

        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        prepare(&mut keys, "b", Algorithm::EdDsa, at(200));

        assert_eq!((kids(&keys), versions(&keys)), (vec!["a"], vec![1]));
        assert_eq!(stages(&keys, at(100)), [KeyState::Signing]);
    }

    #[test]
    fn another_algorithm_signs_at_once() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));

        prepare(&mut keys, "b", Algorithm::Es256, at(200));

        assert_eq!(kids(&keys), ["a", "b"]);
        assert_eq!(stages(&keys, at(200)), [KeyState::Verifying, KeyState::Signing]);
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
            assert_eq!(stages(&keys, now), expected, "{now:?}");
        }
    }

    #[test]
    fn only_what_has_expired_is_dropped() {
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
        assert_eq!((kids(&keys), keys.signing[1].life.signs_from), (vec!["a", "b"], at(500)));
        rotate(&mut keys, "c", at(300), at(220));

        assert_eq!((kids(&keys), versions(&keys)), (vec!["a", "b"], vec![1, 2]));
        assert_eq!((keys.signing[1].life.signs_from, keys.refresh[1].life.signs_from), (at(300), at(300)));
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

        assert_eq!(verifies_until(&keys.signing_lives(), 0), Some(at(500) + long + MARGIN));
        // What signs no more keeps what it had.
        prepared(20 * long, at(600)).apply(&mut keys);
        assert_eq!(verifies_until(&keys.signing_lives(), 0), Some(at(500) + long + MARGIN));
    }

    #[test]
    fn a_key_of_an_algorithm_that_no_server_uses_is_not_added() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::Es256, at(100));

        rotate(&mut keys, "b", at(500), at(200));

        assert_eq!(kids(&keys), ["a"]);
    }

    #[test]
    fn versions_of_refresh_keys_come_round_and_never_collide() {
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

        // All but the newest have expired: their versions are free again.
        let later = at(100_000);
        rotate(&mut keys, "late", later, later);

        assert_eq!(versions(&keys), [255, 1]);
    }

    #[test]
    fn after_a_leak_only_new_keys_are_left_and_sign() {
        let mut keys = KeySet::default();
        prepare(&mut keys, "a", Algorithm::EdDsa, at(100));
        rotate(&mut keys, "b", at(500), at(200));
        let replace =
            |kid, refresh| KeyChange::Replace { signing: new_key(kid, Algorithm::EdDsa), refresh, now: at(210) };

        replace("c", None).apply(&mut keys);
        assert_eq!((kids(&keys), versions(&keys)), (vec!["c"], vec![1, 2]));
        replace("d", Some(Secret::from(vec![4; 32]))).apply(&mut keys);

        assert_eq!((kids(&keys), versions(&keys)), (vec!["d"], vec![3]));
        assert_eq!(stages(&keys, at(210)), [KeyState::Signing]);
        assert_eq!(keys.signing[0].life, KeyLife { created_at: at(210), signs_from: at(210), token_ttl: ACCESS_TTL });
    }
}

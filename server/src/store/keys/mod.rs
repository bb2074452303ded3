//! Keys of access tokens and of refresh tokens, and the rules that hold for them in every database.
//!
//! No statement activates or deactivates a key. Each key has a time from which it signs and the lifetime of its tokens, so the
//! clock alone decides its state, in the same way on every node: the newest key whose time has come signs, a key whose time has
//! not come is published only, and an older key verifies until its last token has expired.

mod change;
mod lifetime;

use std::fmt;

use async_trait::async_trait;

pub use self::lifetime::KeyState;

pub(crate) use self::change::KeyChange;
pub(crate) use self::lifetime::{KeyLifetime, key_state, signing_index, verifies_until};

use super::StoreError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::settings::Algorithm;

/// Stores the keys.
#[async_trait]
pub(crate) trait KeyStore: fmt::Debug + Send + Sync {
    /// All keys. The server calls it every few seconds, because another process may have rotated them.
    async fn keys(&self) -> Result<KeySet, StoreError>;

    /// Applies `change` to the keys and returns the result. Changes are serialized across processes and nodes.
    async fn change_keys(&self, change: KeyChange) -> Result<KeySet, StoreError>;
}

/// A key that signs and verifies access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningKeyRow {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// HS256: the secret itself. All other algorithms: PKCS#8.
    pub(crate) material: Secret,
    pub(crate) lifetime: KeyLifetime,
}

/// A key that authenticates refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshKeyRow {
    /// From 1 to 255. Each refresh token contains the version of its key.
    pub(crate) version: u8,
    pub(crate) material: Secret,
    pub(crate) lifetime: KeyLifetime,
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

impl KeySet {
    /// Brings rows that came from a database into the order in which they sign.
    pub(crate) fn sorted(mut signing: Vec<SigningKeyRow>, mut refresh: Vec<RefreshKeyRow>) -> Self {
        signing.sort_by(|a, b| (a.lifetime.order(), &a.kid).cmp(&(b.lifetime.order(), &b.kid)));
        refresh.sort_by_key(|key| (key.lifetime.order(), key.version));
        Self { signing, refresh }
    }

    /// The algorithm of the newest key for access tokens.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.signing.last().map(|key| key.algorithm)
    }

    /// Whether [`KeyChange::DropExpired`] would drop a key.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        let expired = |lifetimes: &[KeyLifetime]| {
            (0..lifetimes.len()).any(|index| key_state(lifetimes, index, now) == KeyState::Expired)
        };
        expired(&self.signing_lifetimes()) || expired(&self.refresh_lifetimes())
    }

    pub(crate) fn signing_lifetimes(&self) -> Vec<KeyLifetime> {
        self.signing.iter().map(|key| key.lifetime).collect()
    }

    pub(crate) fn refresh_lifetimes(&self) -> Vec<KeyLifetime> {
        self.refresh.iter().map(|key| key.lifetime).collect()
    }

    pub(super) fn add_signing(
        &mut self,
        NewSigningKey { kid, algorithm, material }: NewSigningKey,
        lifetime: KeyLifetime,
    ) {
        self.signing.push(SigningKeyRow { kid, algorithm, material, lifetime });
    }

    /// Adds nothing if every version is in use: a token names its key only by the version.
    pub(super) fn add_refresh(&mut self, material: Secret, lifetime: KeyLifetime) {
        let newest = self.refresh.last().map_or(0, |key| key.version);
        let following = (newest..u8::MAX).map(|version| version + 1).chain(1..=newest);
        let free = |version: &u8| self.refresh.iter().all(|key| key.version != *version);
        if let Some(version) = following.into_iter().find(free) {
            self.refresh.push(RefreshKeyRow { version, material, lifetime });
        }
    }

    pub(super) fn drop_expired(&mut self, now: Timestamp) {
        let (signing, refresh) = (self.signing_lifetimes(), self.refresh_lifetimes());
        let mut index = 0..;
        self.signing.retain(|_| index.next().is_none_or(|index| key_state(&signing, index, now) != KeyState::Expired));
        let mut index = 0..;
        self.refresh.retain(|_| index.next().is_none_or(|index| key_state(&refresh, index, now) != KeyState::Expired));
    }
}

//! Keys of access tokens and of refresh tokens, and the rules that hold for them in every database.
//!
//! No statement activates or deactivates a key. Each key has a time from which it signs and the lifetime of its tokens, so the
//! clock alone decides its state, in the same way on every node: the newest key whose time has come signs, a key whose time has
//! not come is published only, and an older key verifies until its last token has expired.

mod change;
mod encryption;
mod lifetime;

use std::fmt;

use async_trait::async_trait;

pub use self::encryption::KeyEncryptionError;
pub use self::lifetime::KeyState;

pub(crate) use self::change::KeyChange;
pub(crate) use self::encryption::{KeyEncryption, encrypted_by};
pub(crate) use self::lifetime::{KeyLifetime, key_state, signing_index, verifies_until};

use self::change::Storage;
use self::encryption::RowIdentity;
use super::StoreError;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::settings::Algorithm;

/// Stores the keys.
#[async_trait]
pub(crate) trait KeyStore: fmt::Debug + Send + Sync {
    /// All keys. The server calls it every few seconds, because another process may have rotated them.
    async fn keys(&self) -> Result<KeySet, StoreError>;

    /// Applies `change` to the keys and returns the result (see [`KeySet::changed`]). Changes are serialized across processes
    /// and nodes.
    async fn change_keys(&self, change: KeyChange, encryption: &KeyEncryption) -> Result<KeySet, StoreError>;

    /// Removes what the last change has overwritten from the files of the database, where it could still be read.
    async fn discard_old_keys(&self) -> Result<(), StoreError>;
}

/// A key that signs and verifies access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningKeyRow {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// The key as it is stored: plain, or encrypted. Plain, it is the secret itself for HS256, and PKCS#8 for all other
    /// algorithms.
    pub(crate) material: Secret,
    pub(crate) lifetime: KeyLifetime,
}

/// A key that authenticates refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshKeyRow {
    /// From 1 to 255. Each refresh token contains the version of its key.
    pub(crate) version: u8,
    /// The key as it is stored: plain, or encrypted.
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

impl SigningKeyRow {
    fn identity(&self) -> RowIdentity {
        let Self { kid, algorithm, .. } = self;
        RowIdentity {
            bytes: format!("guestpass key of access tokens\0{}\0{kid}", algorithm.name()).into_bytes(),
            name: format!("signing key {kid}"),
        }
    }

    /// The plain key.
    pub(crate) fn decrypted(&self, encryption: &KeyEncryption) -> Result<Secret, KeyEncryptionError> {
        encryption.decrypt(&self.identity(), &self.material)
    }
}

impl RefreshKeyRow {
    fn identity(&self) -> RowIdentity {
        RowIdentity {
            bytes: format!("guestpass key of refresh tokens\0{}", self.version).into_bytes(),
            name: format!("key {} of refresh tokens", self.version),
        }
    }

    /// The plain key.
    pub(crate) fn decrypted(&self, encryption: &KeyEncryption) -> Result<Secret, KeyEncryptionError> {
        encryption.decrypt(&self.identity(), &self.material)
    }
}

impl KeySet {
    /// Brings rows that came from a database into the order in which they sign.
    pub(crate) fn sorted(mut signing: Vec<SigningKeyRow>, mut refresh: Vec<RefreshKeyRow>) -> Self {
        signing.sort_by(|a, b| (a.lifetime.order(), &a.kid).cmp(&(b.lifetime.order(), &b.kid)));
        refresh.sort_by_key(|key| (key.lifetime.order(), key.version));
        Self { signing, refresh }
    }

    /// The keys after `change`. New keys are encrypted if this process has a key-encryption key.
    ///
    /// # Errors
    /// This process cannot read each of the remaining keys, or has no key-encryption key for a store with encrypted keys. It would
    /// then add a plain key beside the encrypted ones, or a key that the other nodes cannot read.
    pub(crate) fn changed(&self, change: KeyChange, encryption: &KeyEncryption) -> Result<Self, KeyEncryptionError> {
        if let Some(id) = self.materials().into_iter().find_map(encrypted_by)
            && !encryption.is_on()
        {
            return Err(KeyEncryptionError::NoKey(id));
        }
        let storage = change.storage();
        let mut keys = self.clone();
        change.apply(&mut keys);
        let is_new = |material: &Secret| !self.materials().into_iter().any(|old| old == material);
        for (identity, material) in keys.materials_mut() {
            let plain = encryption.decrypt(&identity, material)?;
            match storage {
                Storage::EncryptNew if is_new(material) => *material = encryption.encrypt(&identity, &plain)?,
                Storage::EncryptNew => {}
                Storage::EncryptAll if !encryption.is_on() => return Err(KeyEncryptionError::NoneGiven),
                Storage::EncryptAll if encryption.is_current(material) => {}
                Storage::EncryptAll => *material = encryption.encrypt(&identity, &plain)?,
                Storage::DecryptAll => *material = plain,
            }
        }
        Ok(keys)
    }

    /// How many keys are stored in plain text.
    pub(crate) fn plain_count(&self) -> usize {
        self.materials().into_iter().filter(|material| encrypted_by(material).is_none()).count()
    }

    fn materials(&self) -> Vec<&Secret> {
        let signing = self.signing.iter().map(|key| &key.material);
        signing.chain(self.refresh.iter().map(|key| &key.material)).collect()
    }

    fn materials_mut(&mut self) -> Vec<(RowIdentity, &mut Secret)> {
        let signing = self.signing.iter_mut().map(|key| (key.identity(), &mut key.material));
        signing.chain(self.refresh.iter_mut().map(|key| (key.identity(), &mut key.material))).collect()
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
